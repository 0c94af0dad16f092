package replay_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"auditreplay/pkg/replay"
	"auditreplay/pkg/schema"

	"github.com/google/go-cmp/cmp"
	"github.com/metal-toolbox/auditevent"
)

// rawEvents keeps the records of every event.
type rawEvents map[string]*rawEvent

type rawEvent struct {
	records []string
	login   bool
	args    []string
}

func (r rawEvents) Encode(v any) error {
	a := v.(*auditevent.AuditEvent)
	x := schema.Of(a)
	if a.Type == schema.TypeLogin || a.Type == schema.TypeLogout {
		return nil
	}
	id := x.Event.ID
	if strings.HasPrefix(x.Event.Type, "DAEMON_") {
		id += "daemon"
	}
	e := &rawEvent{login: x.Event.Type == "LOGIN", args: slices.Clone(x.ProcessArgs)}
	for _, line := range x.Event.Raw {
		e.records = append(e.records, strings.TrimRight(line, "\x1d")) // an enrichment of nothing
	}
	r[id] = e
	return nil
}

// TestSameRecordsAsAusearch holds that we read what ausearch reads of the
// recorded hosts, record by record, and make the same events of them. Where it
// differs, ausearch 3.0.9 is what differs: it drops AppArmor's AVC records and
// a record behind a run of NUL bytes, and it closes an event at LOGIN.
func TestSameRecordsAsAusearch(t *testing.T) {
	t.Parallel()
	ausearch := installed(t, "ausearch")
	for _, name := range someHosts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := host(t, name)
			ours := make(rawEvents)
			if _, err := replay.Run(h.audit.sources(), ours, replay.Options{Scope: replay.ScopeAll, Raw: true}); err != nil {
				t.Fatal(err)
			}
			log := h.joined(t)
			records := lines(t, ausearch, "--raw", "-if", log)
			split := 0
			var have []string
			for _, e := range ours {
				have = append(have, e.records...)
			}
			slices.Sort(have)
			slices.Sort(records)
			only := missingFrom(records, have)
			for _, r := range only {
				if !strings.Contains(r, "type=AVC ") && !strings.Contains(r, "type=DAEMON_START ") {
					t.Errorf("ausearch has not %s", r)
				}
			}
			for _, r := range missingFrom(have, records) {
				t.Errorf("we have not %s", r)
			}
			if len(records) < 30000 || len(only) > 10 {
				t.Errorf("%d records, %d of them ours alone", len(records), len(only))
			}
			// The same events: ausearch shows some in two parts, never two as one.
			parts := make(map[string]int)
			head := ""
			for _, line := range lines(t, ausearch, "-if", log) {
				m := eventName.FindString(line)
				if line == "----" {
					head = ""
				} else if m != "" && head == "" {
					head = m
					parts[m]++
				} else if m != "" && m != head {
					t.Errorf("ausearch puts %s and %s together", head, m)
				}
			}
			for id, e := range ours {
				m := "audit(" + strings.TrimSuffix(id, "daemon") + ")"
				switch n := parts[m]; {
				case n == 0 && len(missingFrom(only, e.records)) > 0:
					t.Errorf("ausearch has not %s", m)
				case n > 1 && (!e.login || len(e.records) == 1):
					split++
				}
				delete(parts, m)
			}
			for m := range parts {
				t.Errorf("we have not %s", m)
			}
			if split > 2 { // records far apart in the file
				t.Errorf("ausearch splits %d events that have no LOGIN", split)
			}
		})
	}
}

var (
	eventName   = regexp.MustCompile(`audit\(\d+\.\d+:\d+\)`)
	interpreted = regexp.MustCompile(`^(?:node=\S+ )?type=EXECVE msg=audit\(.*\.(\d+:\d+)\) : argc=(\d+) (.*?) *$`)
	argument    = regexp.MustCompile(`(?:^| )a\d+=`)
)

// TestSameArgumentsAsAusearch holds argv against ausearch's interpretation,
// where that can be told apart: it neither quotes nor escapes.
func TestSameArgumentsAsAusearch(t *testing.T) {
	t.Parallel()
	ausearch := installed(t, "ausearch")
	for _, name := range someHosts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := host(t, name)
			ours := make(rawEvents)
			if _, err := replay.Run(h.audit.sources(), ours, replay.Options{Scope: replay.ScopeAll}); err != nil {
				t.Fatal(err)
			}
			bySerial := make(map[string][][]string)
			for id, e := range ours {
				if _, serial, ok := strings.Cut(id, "."); ok {
					bySerial[serial] = append(bySerial[serial], e.args)
				}
			}
			compared := 0
			for _, line := range lines(t, ausearch, "-i", "-m", "EXECVE", "-if", h.joined(t)) {
				m := interpreted.FindStringSubmatch(line)
				if m == nil || strings.Contains(line, "_len=") {
					continue
				}
				args := argument.Split(m[3], -1)[1:]
				if len(args) > 20 { // it cuts long ones
					continue
				}
				compared++
				if !slices.ContainsFunc(bySerial[m[1]], func(a []string) bool { return same(a, args) }) {
					t.Errorf("%s: %s", line, cmp.Diff(args, bySerial[m[1]]))
				}
			}
			if compared < 1000 {
				t.Errorf("only %d compared", compared)
			}
		})
	}
}

// same compares argv with what ausearch printed of it: it escapes nothing but
// shows control characters in its own way, and ends a line at a newline.
func same(ours, theirs []string) bool {
	a, b := strings.Join(ours, " "), strings.Join(theirs, " ")
	if strings.ContainsAny(a, "\n\t\x1b\x01") || strings.Contains(a, "=") {
		return true
	}
	return strings.TrimRight(a, " ") == strings.TrimRight(b, " ")
}

// installed finds a peer, or skips the test.
func installed(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// joined writes the host's audit logs into one file, oldest first.
func (h *recorded) joined(t *testing.T) string {
	t.Helper()
	all := slices.Clone(h.audit)
	slices.SortFunc(all, func(a, b file) int { return bytes.Compare(firstStamp(a.data), firstStamp(b.data)) })
	var b bytes.Buffer
	for _, f := range all {
		b.Write(f.data)
	}
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func firstStamp(data []byte) []byte {
	i := bytes.Index(data, []byte("audit("))
	return data[i : i+24]
}

func lines(t *testing.T, name string, args ...string) []string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	cmd.Stdin = nil
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	all := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	for i := range all {
		all[i] = strings.TrimRight(all[i], "\x1d")
	}
	return all
}

// missingFrom gives the elements of b that a, both sorted, lacks.
func missingFrom(a, b []string) []string {
	var out []string
	for _, s := range b {
		if _, ok := slices.BinarySearch(a, s); !ok {
			out = append(out, s)
		}
	}
	return out
}
