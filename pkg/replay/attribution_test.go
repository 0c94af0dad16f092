package replay_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/schema"

	"github.com/google/go-cmp/cmp"
)

// TestAttribution scores the replay of the recorded hosts against what their
// clients did: no event under a wrong name, no login missing or invented, and
// every event of the clients' sessions attributed.
func TestAttribution(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		logs    []string
		recall  float64
		journal bool // alone: a hard reset cost it two Accepted lines
	}{
		{[]string{"sshd.export"}, 1, true},
		{[]string{"sshd.json"}, 1, true},
		{[]string{"sshd.export", "auth.log"}, 1, false},
		{[]string{"sshd.export", "sshd.json", "auth.log"}, 1, false},
		{[]string{"auth.log"}, 0.98, false},
	} {
		for _, name := range someHosts() {
			t.Run(name+"/"+strings.Join(c.logs, "+"), func(t *testing.T) {
				t.Parallel()
				h := host(t, name)
				events, _ := run(t, h.with(c.logs...).sources(), false)
				s := h.against(events, h.excused(c.journal))
				for what, rows := range map[string][]string{"wrong": s.wrong, "missing": s.missing, "invented": s.invented,
					"written twice": s.twice, "refused and not heard": s.unheard} {
					if len(rows) > 0 {
						t.Errorf("%s: %d, such as %s", what, len(rows), rows[0])
					}
				}
				if s.due < 3000 {
					t.Errorf("only %d events of the clients' sessions", s.due)
				}
				if s.recall() < c.recall {
					t.Errorf("recall %.4f of %d events, such as %s", s.recall(), s.due, s.lost[0])
				}
				if s.execs < 400 || len(s.inexact)*50 > s.execs {
					t.Errorf("%d of %d commands have not their exact argv: %s", len(s.inexact), s.execs, s.inexact)
				}
			})
		}
	}
}

func (h *recorded) excused(journal bool) map[string]bool {
	out := make(map[string]bool)
	for _, l := range h.truth.Logins {
		if journal && l.Lost {
			out[l.ID] = true
		}
	}
	return out
}

// TestAuditLogAlone holds what audit.log says by itself: the account and
// address of every session that has a USER_START or USER_LOGIN of sshd, and
// no credential that it does not name.
func TestAuditLogAlone(t *testing.T) {
	t.Parallel()
	for _, name := range someHosts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := host(t, name)
			events, _ := run(t, h.audit.sources(), false)
			s := h.against(events, nil)
			if len(s.wrong) > 0 {
				t.Errorf("wrong: %d, such as %s", len(s.wrong), s.wrong[0])
			}
			identified := make(map[string]bool)
			for i := range events {
				e := &events[i]
				key := fmt.Sprint(h.truth.boot(e.at), "/", e.ses)
				switch {
				case e.typ != schema.TypeAction && e.typ != schema.TypeSystem:
					t.Errorf("%s %s without sshd's log", e.typ, e.pos)
				case e.fingerprint != "" || e.keyID != "":
					t.Errorf("%s: credential %s %s", e.id, e.fingerprint, e.keyID)
				case e.attribution == schema.ByAudit && e.addr != "":
					identified[key] = true
				}
			}
			for _, ses := range h.started() {
				if !identified[ses] {
					t.Errorf("session %s is not identified", ses)
				}
			}
		})
	}
}

// started gives the sessions (boot/id) of the truth logins that have a
// USER_START of PAM or a USER_LOGIN.
func (h *recorded) started() []string {
	owned := h.owned()
	seen := make(map[string]bool)
	for _, f := range h.audit {
		for line := range strings.Lines(string(f.data)) {
			start := strings.Contains(line, "type=USER_START ") && strings.Contains(line, "op=PAM:session_open")
			if !start && !strings.Contains(line, "type=USER_LOGIN ") || !strings.Contains(line, "/sshd") {
				continue
			}
			m := stampOf.FindStringSubmatch(line)
			if l := owned[m[1]+"."+m[2]+":"+m[3]]; l != nil {
				seen[fmt.Sprint(l.Boot, "/", *l.Session)] = true
			}
		}
	}
	var out []string
	for ses := range seen {
		out = append(out, ses)
	}
	slices.Sort(out)
	return out
}

// TestSameOutputHoweverTheFilesLie replays the same evidence with its files in
// another order, split in two, and given twice: the events are the same, each
// once, but for where they stand.
func TestSameOutputHoweverTheFilesLie(t *testing.T) {
	t.Parallel()
	for _, name := range someHosts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := host(t, name)
			whole := h.with("sshd.export", "auth.log")
			want, _ := run(t, whole.sources(), true)
			reversed := whole.sources()
			slices.Reverse(reversed)
			got, _ := run(t, reversed, true)
			sameEvents(t, "reversed", want, got, true)

			var split evidence
			for _, f := range whole {
				if f.kind == ingest.JournalExport {
					split = append(split, f)
					continue
				}
				cut := bytes.IndexByte(f.data[len(f.data)/3:], '\n') + len(f.data)/3 + 1
				split = append(split, file{"a-" + f.name, f.kind, f.data[:cut]}, file{"b-" + f.name, f.kind, f.data[cut:]})
			}
			got, _ = run(t, split.sources(), true)
			sameEvents(t, "split", want, got, false)

			twice := slices.Clone(whole)
			for _, f := range whole {
				twice = append(twice, file{"copy-" + f.name, f.kind, f.data})
			}
			got, _ = run(t, twice.sources(), true)
			sameEvents(t, "given twice", want, got, false)
		})
	}
}

func sameEvents(t *testing.T, how string, want, got []event, pos bool) {
	t.Helper()
	if len(want) != len(got) {
		t.Errorf("%s: %d events, want %d", how, len(got), len(want))
	}
	for i := range min(len(want), len(got)) {
		if want[i].text != got[i].text || pos && want[i].pos != got[i].pos {
			t.Errorf("%s: event %d differs:\n%s", how, i, cmp.Diff(want[i].text, got[i].text))
			return
		}
	}
}
