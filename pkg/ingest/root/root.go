// Package root reads a host as it lay on its disk: a mounted image, a
// collected tree of files, or an archive of one (tar, compressed or not; zip).
// It finds the evidence at its standard places, and beside it what the host
// says of itself: its names for users and groups, its own name, id and time
// zone, and whose the keys are that may log in.
//
// Nothing else of the tree is opened. A link is followed only within the tree,
// an absolute one from the tree's own top, so that nothing of the machine that
// reads it is taken for evidence: not its users, not its zone.
//
// # Places
//
//	var/log/audit, log_file of etc/audit/auditd.conf   audit.log and its rotations
//	var/log/journal, run/log/journal                   binary journals
//	var/log/auth.log*, var/log/secure*                 sshd's lines in syslog
//	var/log/messages*, var/log/syslog*                 the same, where neither of those is there
//	etc/passwd, etc/group                              names of ids
//	etc/machine-id, etc/hostname, etc/os-release       the host
//	etc/localtime, etc/timezone                        its zone, by its own zone data
//	etc/ssh/sshd_config, etc/ssh/sshd_config.d         where keys are kept
//	authorized_keys of every home, TrustedUserCAKeys   keys
//
// An archive may hold all this below a folder: the highest that has any of it
// is the tree's top.
package root

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/keys"
)

// Root is one host.
type Root struct {
	Path      string
	Hostname  string // "" unknown
	MachineID string // 32 hex digits, or ""
	OS        string // PRETTY_NAME of os-release
	ZoneName  string // "Europe/Berlin", or ""
	// Zone is the zone by the tree's own data; nil where it has none, even if
	// it names one: another machine's data of that name may differ.
	Zone   *time.Location
	Users  map[string]Name // by uid, in decimal
	Groups map[string]Name // by gid
	Keys   []keys.Key

	// Files are the paths of those that tell all this, in order: not evidence,
	// but the names in an output come from them.
	Files []string

	Sources []*ingest.Source // named among themselves; a run of several names them all
	Skipped []ingest.Skipped
	Damaged []*ingest.Damage

	inputs *ingest.Inputs
}

// Name is what a file calls something, and where.
type Name struct {
	Name string
	From string // FILE:LINE
}

// Close closes the sources.
func (r *Root) Close() error { return r.inputs.Close() }

// rounds is how often the tree is looked at again because links, auditd.conf
// or sshd_config said where else to look.
const rounds = 5

// ErrNone says that a tree has nothing of a host.
var ErrNone = errors.New("no host's files (etc/passwd, var/log/audit) in it")

// Open reads the tree or archive at name. opt.Take is not used.
func Open(name string, opt ingest.Options) (*Root, error) {
	if name == "-" {
		return nil, errors.New("-: standard input cannot be a root")
	}
	info, err := os.Stat(name)
	t := newTree(filepath.Clean(name), err == nil && !info.IsDir()) // Discover tells of an error
	opt.Take = t.take
	for round := 1; ; round++ {
		in, err := ingest.Discover([]string{name}, opt)
		if err != nil {
			return nil, err
		}
		if err := t.read(in); err != nil {
			in.Close()
			return nil, err
		}
		if round == rounds || !t.learn() {
			break
		}
		if err := in.Close(); err != nil {
			return nil, err
		}
	}
	if len(t.files) == 0 && len(t.evidence) == 0 {
		t.inputs.Close()
		return nil, t.inputs.None(name, ErrNone)
	}
	return t.root(), nil
}

// root makes of what was read what is told.
func (t *tree) root() *Root {
	r := &Root{
		Path: t.name, inputs: t.inputs, Skipped: t.inputs.Skipped, Damaged: t.inputs.Damaged,
		Users: make(map[string]Name), Groups: make(map[string]Name),
	}
	auth := false
	for p := range t.evidence {
		base := path.Base(p)
		auth = auth || strings.HasPrefix(base, "auth.log") || strings.HasPrefix(base, "secure")
	}
	for p, s := range t.evidence {
		if auth && matches(fallback, p) {
			continue
		}
		s.Root = r.Path
		r.Sources = append(r.Sources, s)
	}
	ingest.NameSources(r.Sources)
	for _, f := range t.files {
		r.Files = append(r.Files, f.name)
	}
	slices.Sort(r.Files)
	if f, ok := t.files["etc/passwd"]; ok {
		r.Users, _ = ParseNames(f.name, strings.NewReader(f.text))
	}
	if f, ok := t.files["etc/group"]; ok {
		r.Groups, _ = ParseNames(f.name, strings.NewReader(f.text))
	}
	r.Hostname = t.word("etc/hostname", "etc/HOSTNAME")
	if id := t.word("etc/machine-id", "var/lib/dbus/machine-id"); len(id) == 32 && strings.Trim(id, "0123456789abcdef") == "" {
		r.MachineID = id
	}
	r.OS = t.osRelease()
	r.ZoneName, r.Zone = t.zone()
	r.Keys = t.keys()
	return r
}

// word gives the first word of the first of the files that has one.
func (t *tree) word(files ...string) string {
	for _, f := range files {
		for line := range strings.Lines(t.files[f].text) {
			if w := strings.Fields(line); len(w) > 0 && !strings.HasPrefix(w[0], "#") {
				return w[0]
			}
		}
	}
	return ""
}

// osRelease gives PRETTY_NAME (os-release(5)).
func (t *tree) osRelease() string {
	for _, f := range []string{"etc/os-release", "usr/lib/os-release"} {
		for line := range strings.Lines(t.files[f].text) {
			if v, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
				return strings.Trim(v, `"'`)
			}
		}
	}
	return ""
}

// zone gives the zone's name, by the link that etc/localtime usually is or by
// etc/timezone (Debian), and its rules, by the bytes of etc/localtime.
func (t *tree) zone() (string, *time.Location) {
	name, ok := strings.CutPrefix(t.links["etc/localtime"], "usr/share/zoneinfo/")
	if !ok {
		name = t.word("etc/timezone")
	}
	if data := t.files["etc/localtime"].text; data != "" {
		called := name
		if called == "" {
			called = "localtime"
		}
		if zone, err := time.LoadLocationFromTZData(called, []byte(data)); err == nil {
			return name, zone
		}
	}
	switch name {
	case "UTC", "Etc/UTC", "Etc/UCT", "UCT", "Zulu", "Etc/Zulu", "Universal", "Etc/Universal":
		return name, time.UTC
	}
	return name, nil
}

// keys reads the key files, in the order of their paths.
func (t *tree) keys() []keys.Key {
	var out []keys.Key
	cas := t.config("trustedusercakeys")
	for _, p := range t.sorted() {
		ca := slices.Contains(cas, p)
		if !ca && !t.isKeys(p) {
			continue
		}
		f := t.files[p]
		found, _ := keys.Parse(f.name, strings.NewReader(f.text)) // sshd too reads over a bad line
		for _, k := range found {
			k.CA = k.CA || ca
			out = append(out, k)
		}
	}
	return out
}

// ParseNames reads a file of the form of passwd(5) or group(5): the name in
// the first field, the id in the third. The first entry of an id counts, as
// for the host itself. name is what positions are given with.
func ParseNames(name string, r io.Reader) (map[string]Name, error) {
	names := make(map[string]Name)
	lines := ingest.NewLines(r)
	for {
		line, number, _, err := lines.Next()
		if err == io.EOF {
			return names, nil
		}
		if err != nil {
			return names, fmt.Errorf("%s: %w", name, err)
		}
		f := strings.SplitN(string(line), ":", 4)
		if len(f) < 4 || f[0] == "" || f[2] == "" || strings.Trim(f[2], "0123456789") != "" || f[0][0] == '#' {
			continue
		}
		if _, ok := names[f[2]]; !ok {
			names[f[2]] = Name{f[0], fmt.Sprintf("%s:%d", name, number)}
		}
	}
}
