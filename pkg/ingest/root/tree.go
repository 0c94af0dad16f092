package root

import (
	"errors"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"auditreplay/pkg/ingest"
)

// Patterns are paths below the top, with path.Match's wildcards in each
// component; a last component ** is everything below.
var (
	logs = []string{
		"var/log/audit/**", "var/log/journal/**", "run/log/journal/**",
		"var/log/auth.log*", "var/log/secure*", "var/log/messages*", "var/log/syslog*",
	}
	fallback = []string{"var/log/messages*", "var/log/syslog*"}
	plain    = []string{
		"etc/passwd", "etc/group", "etc/machine-id", "etc/hostname", "etc/HOSTNAME", "etc/os-release", "usr/lib/os-release",
		"var/lib/dbus/machine-id", "etc/localtime", "etc/timezone", "etc/audit/auditd.conf",
		"etc/ssh/sshd_config", "etc/ssh/sshd_config.d/*", "etc/ssh/*.pub", "etc/ssh/authorized_keys*",
	}
	homeKeys = []string{"home/*/.ssh/authorized_keys*", "root/.ssh/authorized_keys*"}
)

const (
	maxFile  = 16 << 20 // of a configuration file
	maxLinks = 64
)

// tree is what is known of a host's files, growing from round to round.
type tree struct {
	name    string // of the directory or archive
	archive bool
	logs    []string
	plain   []string
	homes   []string          // authorized_keys of any home
	links   map[string]string // path of a link -> path it leads to

	prefix   string // folder of an archive that is the top, with its slash
	inputs   *ingest.Inputs
	files    map[string]textFile
	evidence map[string]*ingest.Source
}

type textFile struct {
	name string // as positions give it
	text string
}

func newTree(name string, archive bool) *tree {
	return &tree{
		name: name, archive: archive,
		logs: slices.Clone(logs), plain: slices.Clone(plain), homes: slices.Clone(homeKeys), links: make(map[string]string),
	}
}

// take is ingest.Options.Take. The top of an archive may be any folder: there
// what is left of a path behind some folders must be one of the places.
func (t *tree) take(rel string, dir bool) ingest.Taking {
	for {
		if dir && t.above(rel) {
			return ingest.TakeEvidence
		}
		if !dir {
			if _, taking := t.at(rel); taking != ingest.TakeNothing {
				return taking
			}
		}
		_, below, ok := strings.Cut(rel, "/")
		if !ok || !t.archive {
			return ingest.TakeNothing
		}
		rel = below
	}
}

// above reports whether one of the places may be below a folder.
func (t *tree) above(rel string) bool {
	for p := range t.aliases(rel) {
		if above(t.logs, p) || above(t.plain, p) || above(t.homes, p) {
			return true
		}
	}
	for _, target := range t.links {
		if strings.HasPrefix(target, rel+"/") {
			return true
		}
	}
	return false
}

// at gives the place that a path below the top is, links resolved.
func (t *tree) at(rel string) (string, ingest.Taking) {
	for p := range t.aliases(rel) {
		switch {
		case matches(t.plain, p) || matches(t.homes, p):
			return p, ingest.TakeAnyway
		case matches(t.logs, p):
			return p, ingest.TakeEvidence
		}
	}
	return "", ingest.TakeNothing
}

// aliases yields a path, and what it is called through the links to it.
func (t *tree) aliases(rel string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		names := []string{rel}
		for i := 0; i < len(names) && i < maxLinks; i++ {
			if !yield(names[i]) {
				return
			}
			for _, from := range slices.Sorted(maps.Keys(t.links)) {
				below, ok := strings.CutPrefix(names[i], t.links[from])
				if ok && (below == "" || below[0] == '/') && !slices.Contains(names, from+below) {
					names = append(names, from+below)
				}
			}
		}
	}
}

// read takes over what a round found.
func (t *tree) read(in *ingest.Inputs) error {
	t.inputs = in
	t.files = make(map[string]textFile)
	t.evidence = make(map[string]*ingest.Source)
	t.prefix = t.top(in)
	for _, s := range in.Sources {
		rel, ok := strings.CutPrefix(t.below(s.Path), t.prefix)
		if !ok {
			continue
		}
		p, taking := t.at(rel)
		switch taking {
		case ingest.TakeEvidence:
			t.evidence[rel] = s
		case ingest.TakeAnyway:
			text, err := readText(s)
			if err != nil {
				return err
			}
			t.files[p] = textFile{s.Path, text}
		}
	}
	return nil
}

// below is what of a path stands below the directory or archive.
func (t *tree) below(p string) string {
	if t.name == "." {
		return p
	}
	return strings.TrimLeft(strings.TrimPrefix(p, t.name), "/!")
}

// top gives the shortest folder that any of the places stands below.
func (t *tree) top(in *ingest.Inputs) string {
	best, found := "", false
	for _, s := range in.Sources {
		rel := t.below(s.Path)
		for i := 0; ; {
			prefix := rel[:i]
			if _, taking := t.at(rel[i:]); taking != ingest.TakeNothing &&
				(!found || depth(prefix) < depth(best) || depth(prefix) == depth(best) && prefix < best) {
				best, found = prefix, true
			}
			next := strings.IndexByte(rel[i:], '/')
			if next < 0 || !t.archive {
				break
			}
			i += next + 1
		}
	}
	return best
}

func depth(prefix string) int { return strings.Count(prefix, "/") }

func readText(s *ingest.Source) (string, error) {
	r, err := s.OpenRaw()
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxFile))
	if damage := (*ingest.Damage)(nil); err != nil && !errors.As(err, &damage) {
		return "", err
	}
	return string(b), nil
}

// learn looks for further places in what was read; true if there are any.
func (t *tree) learn() bool {
	before := len(t.logs) + len(t.plain) + len(t.homes) + len(t.links)
	for _, s := range t.inputs.Skipped {
		if s.Link == "" || len(t.links) >= maxLinks {
			continue
		}
		rel, ok := strings.CutPrefix(t.below(s.Path), t.prefix)
		if !ok {
			continue
		}
		if target, ok := resolve(rel, s.Link); ok && target != rel && !strings.HasPrefix(rel, target+"/") {
			t.links[rel] = target
		}
	}
	if f := t.setting("etc/audit/auditd.conf", "log_file"); f != "" {
		add(&t.logs, strings.TrimPrefix(path.Clean("/"+f), "/")+"*")
	}
	for _, p := range t.config("trustedusercakeys") {
		add(&t.plain, p)
	}
	for _, p := range t.config("authorizedkeysfile") {
		add(&t.homes, p)
	}
	return len(t.logs)+len(t.plain)+len(t.homes)+len(t.links) > before
}

// add adds a pattern that is not yet covered.
func add(list *[]string, pattern string) {
	if pattern != "" && !slices.Contains(*list, pattern) && !matches(*list, pattern) {
		*list = append(*list, pattern)
	}
}

// resolve gives where a link leads within the tree, which no .. leaves.
func resolve(rel, link string) (string, bool) {
	if !strings.HasPrefix(link, "/") {
		link = "/" + path.Dir(rel) + "/" + link
	}
	link = strings.TrimPrefix(path.Clean(link), "/")
	return link, link != ""
}

// matches reports whether a pattern matches the path.
func matches(patterns []string, p string) bool {
	for _, pattern := range patterns {
		if tree, ok := strings.CutSuffix(pattern, "/**"); ok {
			if strings.HasPrefix(p, tree+"/") {
				return true
			}
			continue
		}
		if ok, _ := path.Match(pattern, p); ok {
			return true
		}
		// What an archive at such a place holds: rotated logs, packed.
		if member, _, ok := strings.Cut(p, "!"); ok {
			if ok, _ := path.Match(pattern, member); ok {
				return true
			}
		}
	}
	return false
}

// above reports whether something below the folder could match.
func above(patterns []string, dir string) bool {
	for _, pattern := range patterns {
		tree, everything := strings.CutSuffix(pattern, "/**")
		n := strings.Count(dir, "/") + 1
		parts := strings.Split(tree, "/")
		if n > len(parts) {
			if everything && strings.HasPrefix(dir, tree+"/") {
				return true
			}
			continue
		}
		if ok, _ := path.Match(strings.Join(parts[:n], "/"), dir); ok && (everything || n < len(parts)) {
			return true
		}
	}
	return false
}

func (t *tree) sorted() []string { return slices.Sorted(maps.Keys(t.files)) }
