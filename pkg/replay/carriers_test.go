package replay_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/journal"
	"auditreplay/pkg/ingest/syslog"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/schema"
)

// detect is what the commands find a file's kind with.
func detect(data []byte) ingest.Kind {
	head := data[:min(len(data), 64<<10)]
	if kind, _ := ingest.DetectAudit(head); kind != ingest.UnknownKind {
		return kind
	}
	if kind := journal.Detect(head); kind != ingest.UnknownKind {
		return kind
	}
	kind, _ := syslog.Detect(head)
	return kind
}

// TestCarriers gives the same host's sshd log in every form: the same events
// are attributed, alike in all that the form can hold.
func TestCarriers(t *testing.T) {
	t.Parallel()
	india, newfoundland := time.FixedZone("IST", 5*3600+1800), time.FixedZone("NST", -3*3600-1800)
	for _, c := range []struct {
		host  string
		zone  *time.Location
		forms []string
	}{
		{"bookworm-A", time.UTC, carrierNames()},
		{"trixie-A", india, []string{"verbose", "short", "short-precise", "short-iso", "short-full", "with-unit"}},
		{"bookworm-0", newfoundland, []string{"rfc3164", "rfc5424", "with-unit"}},
	} {
		if testing.Short() && c.host != "bookworm-0" {
			continue // what is left shows races as well
		}
		h := host(t, c.host)
		base, _ := run(t, h.with("sshd.export").sources(), true)
		all := forms(t, h.sshd["sshd.export"].data, c.zone)
		for _, form := range c.forms {
			t.Run(c.host+"/"+form, func(t *testing.T) {
				t.Parallel()
				f := file{"sshd." + form, detect(all[form]), all[form]}
				got, sum := run(t, append(slices.Clone(h.audit), f).sources(), true)
				s := h.against(got, h.excused(true))
				if !carriers[form].program {
					if len(s.wrong)+len(s.invented) > 0 || s.recall() < 0.85 {
						t.Errorf("recall %.4f, %d wrong, %d invented", s.recall(), len(s.wrong), len(s.invented))
					}
					return
				}
				if len(s.wrong)+len(s.missing)+len(s.invented) > 0 || s.recall() < 1 {
					t.Errorf("recall %.4f, %d wrong, %d missing, %d invented: %v", s.recall(), len(s.wrong), len(s.missing), len(s.invented), sum.Sources[len(sum.Sources)-1])
				}
				sameBut(t, carriers[form], base, got)
			})
		}
	}
}

// sameBut compares events by what a form can hold.
func sameBut(t *testing.T, c carries, want, got []event) {
	t.Helper()
	count := make(map[string]int)
	for _, e := range comparable(t, c, want) {
		count[e]++
	}
	for _, e := range comparable(t, c, got) {
		count[e]--
	}
	var differ []string
	for e, n := range count {
		if n != 0 {
			differ = append(differ, fmt.Sprintf("%s\n%+d", e, -n))
		}
	}
	slices.Sort(differ)
	if len(differ) > 0 {
		t.Errorf("%d differ, such as\n%s", len(differ), strings.Join(differ[:min(4, len(differ))], "\n"))
	}
}

// comparable gives the events without what a form cannot hold, sorted.
func comparable(t *testing.T, c carries, events []event) []string {
	t.Helper()
	out := make([]string, 0, len(events))
	for i := range events {
		var v map[string]any
		if err := json.Unmarshal([]byte(events[i].text), &v); err != nil {
			t.Fatal(err)
		}
		meta := v["metadata"].(map[string]any)
		extra := meta["extra"].(map[string]any)
		session, _ := extra["session"].(map[string]any)
		if !c.boot {
			if v["type"] == schema.TypeLogin || v["type"] == schema.TypeLogout {
				delete(meta, "auditId")
			}
			delete(session, "boot")
			delete(session, "login")
		}
		if ev, ok := session["evidence"].([]any); ok && !c.session {
			session["evidence"] = slices.DeleteFunc(ev, func(e any) bool { return e == "session" })
		}
		if !c.session && (v["type"] == schema.TypeLogin || v["type"] == schema.TypeLogout) {
			delete(session, "id") // where no LOGIN record gives it
		}
		if target, ok := v["target"].(map[string]any); ok && !c.machine {
			delete(target, "machine-id")
		}
		if v["type"] == schema.TypeLogin || v["type"] == schema.TypeLogout {
			switch {
			case !c.sent:
				delete(v, "loggedAt")
			case !c.fraction:
				v["loggedAt"] = v["loggedAt"].(string)[:len("2006-01-02T15:04:05")]
			}
		}
		line, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(line))
	}
	slices.Sort(out)
	return out
}

// TestWrongZone gives logs without zone a wrong one, and a wrong year: it is
// told, and no event gets a wrong name.
func TestWrongZone(t *testing.T) {
	t.Parallel()
	for _, name := range someHosts() {
		h := host(t, name)
		f := file{"sshd.short", ingest.SyslogText, forms(t, h.sshd["sshd.export"].data, time.UTC)["short"]}
		for _, hours := range []float64{-12, -0.25, 1, 5.75} {
			t.Run(fmt.Sprint(name, "/", hours), func(t *testing.T) {
				t.Parallel()
				rec := &recorder{}
				sum, err := replay.Run(append(slices.Clone(h.audit), f).sources(), rec,
					replay.Options{Zone: time.FixedZone("wrong", int(hours*3600))})
				if err != nil {
					t.Fatal(err)
				}
				if s := h.against(rec.events, h.excused(true)); len(s.wrong) > 0 {
					t.Errorf("%d wrong names, such as %s", len(s.wrong), s.wrong[0])
				}
				clock := sum.Sources[len(sum.Sources)-1].Clock
				if clock == nil || len(clock.Zones) != 1 || !strings.Contains(clock.Zones[0].From, "say +00:00") {
					t.Errorf("clock %+v", clock)
				}
			})
		}
	}
}

// TestAuditRecordsOfTheJournal: what the kernel sent while auditd was down
// stands in the journal alone; all else stands in both and is told once.
func TestAuditRecordsOfTheJournal(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long under the race detector; runs without -short")
	}
	t.Parallel()
	h := host(t, "bookworm-0")
	in := open(t, replay.EvidenceOptions{Paths: []string{"../../testdata/host/bookworm-0/host.export.xz", "../../testdata/host/bookworm-0/var/log/audit"}})
	events, sum := run(t, in.Sources, false)
	s := h.against(events, h.excused(true))
	if len(s.wrong)+len(s.missing)+len(s.invented)+len(s.twice) > 0 || s.recall() < 1 {
		t.Errorf("recall %.4f, wrong %d, missing %d, invented %d, twice %v", s.recall(), len(s.wrong), len(s.missing), len(s.invented), s.twice)
	}
	alone, _ := run(t, h.with("sshd.export").sources(), false)
	more := len(events) - len(alone)
	if less := h.against(alone, h.excused(true)); s.execs <= less.execs || more < 1000 {
		t.Errorf("the journal's records gave %d events and %d commands more", more, s.execs-less.execs)
	}
	var duplicate int64
	for i := range sum.Sources {
		duplicate += sum.Sources[i].Counts.Duplicate
	}
	if duplicate < 40000 {
		t.Errorf("%d duplicates", duplicate)
	}
}
