package explain_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"auditreplay/pkg/explain"
	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/journal"
	"auditreplay/pkg/ingest/syslog"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/safe"
	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
	"github.com/ulikunitz/xz"
)

func sources(t testing.TB, paths ...string) *ingest.Inputs {
	t.Helper()
	in, err := ingest.Discover(paths, ingest.Options{Detect: []func([]byte) (ingest.Kind, string){
		func(head []byte) (ingest.Kind, string) { return journal.Detect(head), "" }, syslog.Detect}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	return in
}

// together is several explainers that watch one replay.
type together []*explain.Explainer

func (all together) Record(node int, rec *auditd.Record) {
	for _, x := range all {
		x.Record(node, rec)
	}
}

func (all together) Entry(node int, e *ingest.Entry, untrusted string) {
	for _, x := range all {
		x.Entry(node, e, untrusted)
	}
}

func (all together) Concluded(c *replay.Conclusions) {
	for _, x := range all {
		x.Concluded(c)
	}
}

func (all together) Encode(v any) error {
	for _, x := range all {
		if err := x.Encode(v); err != nil {
			return err
		}
	}
	return nil
}

func explained(t testing.TB, id string, opt explain.Options, paths ...string) (*explain.Explanation, error) {
	t.Helper()
	target, err := explain.ParseTarget(id)
	if err != nil {
		t.Fatal(err)
	}
	x := explain.New(target, opt)
	if _, err := replay.Run(sources(t, paths...).Sources, x, replay.Options{Scope: replay.ScopeAll, Observer: x}); err != nil {
		t.Fatal(err)
	}
	return x.Explain()
}

// picker picks events to be explained: every n-th of each attribution.
type picker struct {
	seen  map[string]int
	ids   map[string]string // event id -> the address that its explanation must name
	boot  map[string]string
	order []string
}

func (p *picker) Encode(v any) error {
	e := v.(*auditevent.AuditEvent)
	x := schema.Of(e)
	if e.Type != schema.TypeAction {
		return nil
	}
	kind := x.Session.Attribution
	every := map[string]int{schema.BySSHD: 1733, schema.Local: 1499, schema.ByAudit: 31, schema.None: 31}[kind]
	if p.seen[kind]++; p.seen[kind]%every != 1 {
		return nil
	}
	p.order = append(p.order, x.Event.ID)
	p.ids[x.Event.ID], p.boot[x.Event.ID] = "", x.Session.Boot
	if kind == schema.BySSHD {
		p.ids[x.Event.ID] = e.Source.Value
	}
	return nil
}

// For a sample of events of each recorded host, with each sort of sshd log:
// the explanation leads from sshd's line to the record, and each line that it
// shows stands in the file at the place that it names.
func TestEveryPlaceHoldsItsLine(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"bookworm-A", "trixie-A", "bookworm-0"} {
		dir := filepath.Join("..", "..", "testdata", "host", host)
		for _, log := range []string{"sshd.export.gz", "auth.log.gz", "sshd.json.gz", "host.export.*", "bundle.tar.gz"} {
			t.Run(host+" "+log, func(t *testing.T) {
				t.Parallel()
				if testing.Short() && (host != "trixie-A" || log != "sshd.export.gz") {
					t.Skip("one host and log will do with -short")
				}
				paths := []string{filepath.Join(dir, "var", "log", "audit"), filepath.Join(dir, log)}
				switch log {
				case "host.export.*":
					found, err := filepath.Glob(paths[1])
					if err != nil || len(found) != 1 {
						t.Fatal(found, err)
					}
					paths[1] = found[0]
				case "bundle.tar.gz":
					paths = []string{bundle(t, paths[0], filepath.Join(dir, "sshd.export.gz"))}
				}
				p := &picker{seen: make(map[string]int), ids: make(map[string]string), boot: make(map[string]string)}
				if _, err := replay.Run(sources(t, paths...).Sources, p, replay.Options{}); err != nil {
					t.Fatal(err)
				}
				files := linesOf(t, paths)
				var all together
				for _, id := range p.order {
					all = append(all, explain.New(explain.Target{Sort: explain.Event, ID: id}, explain.Options{Boot: p.boot[id]}))
				}
				if _, err := replay.Run(sources(t, paths...).Sources, all, replay.Options{Scope: replay.ScopeAll, Observer: all}); err != nil {
					t.Fatal(err)
				}
				for i, id := range p.order {
					e, err := all[i].Explain()
					if err != nil {
						t.Fatal(id, err)
					}
					holds(t, files, e)
					if address := p.ids[id]; address != "" {
						leads(t, e, address)
					}
				}
			})
		}
	}
}

// bundle packs files and those of folders into an archive, as they are.
func bundle(t *testing.T, paths ...string) string {
	t.Helper()
	var all bytes.Buffer
	z := gzip.NewWriter(&all)
	w := tar.NewWriter(z)
	for _, name := range filesOf(t, paths) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.WriteHeader(&tar.Header{Name: "var/log/" + filepath.Base(name), Mode: 0o644, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "bundle.tar.gz")
	if err := errors.Join(w.Close(), z.Close(), os.WriteFile(path, all.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
	return path
}

// filesOf gives files, and those that folders hold.
func filesOf(t *testing.T, paths []string) (all []string) {
	t.Helper()
	for _, path := range paths {
		inside, err := filepath.Glob(filepath.Join(path, "*"))
		if err != nil || len(inside) == 0 {
			inside = []string{path}
		}
		all = append(all, inside...)
	}
	return all
}

// linesOf reads all lines of files, by the name that positions have.
func linesOf(t *testing.T, paths []string) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	for _, name := range filesOf(t, paths) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		data = unpacked(t, name, data)
		if !strings.HasSuffix(name, ".tar.gz") {
			all[filepath.Base(name)] = strings.Split(string(data), "\n")
			continue
		}
		for r := tar.NewReader(bytes.NewReader(data)); ; {
			h, err := r.Next()
			if err == io.EOF {
				break
			}
			member, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.Base(name)+"!"+h.Name] = strings.Split(string(unpacked(t, h.Name, member)), "\n")
		}
	}
	return all
}

func unpacked(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	var r io.Reader
	var err error
	switch filepath.Ext(name) {
	case ".gz":
		r, err = gzip.NewReader(bytes.NewReader(data))
	case ".xz":
		r, err = xz.NewReader(bytes.NewReader(data))
	default:
		return data
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// holds checks that every line shown stands where it is said to.
func holds(t *testing.T, files map[string][]string, e *explain.Explanation) {
	t.Helper()
	check := func(pos string, lines []explain.Line, shown map[string]bool) {
		if pos != "" && len(lines) == 0 && !shown[pos] {
			t.Errorf("%s: nothing was read at %s", e.ID, pos)
		}
		shown[pos] = true
		for _, l := range lines {
			name, number, _ := strings.Cut(l.Pos, ":")
			n := 0
			fmt.Sscan(number, &n)
			if n < 1 || n > len(files[name]) || strings.TrimLeft(files[name][n-1], "\x00") != l.Text {
				t.Errorf("%s: %s does not hold %q", e.ID, l.Pos, l.Text)
			}
		}
	}
	shown := make(map[string]bool)
	for _, s := range e.Steps {
		check(s.Pos, s.Lines, shown)
	}
	for _, c := range e.Rejected {
		check(c.Pos, c.Lines, shown)
	}
}

// leads checks that a chain begins with sshd's Accepted line of that address
// and ends with a record of the event.
func leads(t *testing.T, e *explain.Explanation, address string) {
	t.Helper()
	accepted, record := -1, -1
	_, serial, _ := strings.Cut(e.ID, ":") // journald keeps a record's id in a field of its own
	for i, s := range e.Steps {
		for _, l := range s.Lines {
			if accepted < 0 && strings.Contains(l.Text, "Accepted ") && strings.Contains(l.Text, " from "+address+" ") {
				accepted = i
			}
			if strings.Contains(l.Text, "audit("+e.ID+")") || l.Text == "_AUDIT_ID="+serial {
				record = i
			}
		}
	}
	if accepted < 0 || record <= accepted || len(e.Overturn) == 0 {
		t.Errorf("%s: Accepted line in step %d, record in step %d", e.ID, accepted, record)
	}
	var text strings.Builder
	if err := e.WriteText(&text, 0); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text.String()) {
		if line = strings.TrimSuffix(line, "\n"); safe.Width(line) > 80 || safe.Terminal(line) != line {
			t.Errorf("%s: %q", e.ID, line)
		}
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]explain.Target{
		"1679060258.126:30361":                 {Sort: explain.Event, ID: "1679060258.126:30361"},
		"audit(1679060258.126:30361)":          {Sort: explain.Event, ID: "1679060258.126:30361"},
		"67":                                   {Sort: explain.Session, ID: "67"},
		"570D79C7-888b-591e-9b9e-29c3ad921c81": {Sort: explain.Login, ID: "570d79c7-888b-591e-9b9e-29c3ad921c81"},
	} {
		if got, err := explain.ParseTarget(id); err != nil || got != want {
			t.Errorf("%q: %v, error %v", id, got, err)
		}
	}
	for _, id := range []string{"", "x", "-1", "1.5:3", "67 68", "../67"} {
		if got, err := explain.ParseTarget(id); err == nil {
			t.Errorf("%q: %v", id, got)
		}
	}
}

// An id that several boots have is refused with all of them named; a session,
// a login and the login's refusal are explained.
func TestSessionsAndLogins(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "..", "testdata", "host", "bookworm-A")
	paths := []string{filepath.Join(dir, "var"), filepath.Join(dir, "sshd.export.gz")}
	if _, err := explained(t, "13", explain.Options{}, paths...); err == nil || !strings.Contains(err.Error(), "2 times") {
		t.Errorf("ambiguous: %v", err)
	}
	if _, err := explained(t, "99999", explain.Options{}, paths...); !errors.Is(err, explain.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	e, err := explained(t, "13", explain.Options{Boot: "c9b8", Host: "WEB01.example"}, paths...)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(e.Conclusion, "RSA SHA256:Kyw2V7UEE3E/mRPfMYZi5PQODdx7B55zrS3l4owLXaU, from 203.0.113.11 port 41967") {
		t.Errorf("%q", e.Conclusion)
	}
	var other string
	for _, c := range e.Rejected {
		if regexp.MustCompile(`^address .* != `).MatchString(c.Why) && c.Login != "" {
			other = c.Login
		}
	}
	if other == "" {
		t.Fatalf("the other login of the same pid is not named: %+v", e.Rejected)
	}
	l, err := explained(t, other, explain.Options{}, paths...)
	if err != nil || !strings.HasPrefix(l.Conclusion, "Session 98 is that of the login of account deploy by publickey") {
		t.Errorf("%+v, error %v", l, err)
	}
}

// An event that the file begins in the middle of says why it is nobody's.
func TestFragment(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	text := "type=PATH msg=audit(1679060258.126:30361): item=2 name=\"/tmp/x\" inode=9 dev=00:27 mode=040755 ouid=1002 ogid=1002 rdev=00:00 nametype=PARENT\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	e, err := explained(t, "1679060258.126:30361", explain.Options{}, path)
	if err != nil || !strings.Contains(e.Conclusion, "given to nobody") || !strings.Contains(e.Steps[len(e.Steps)-1].What, "The SYSCALL record, which would, is not in the evidence") {
		t.Errorf("%+v, error %v", e, err)
	}
}
