package replay_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/replay"

	"github.com/google/go-cmp/cmp"
	"github.com/metal-toolbox/auditevent"
)

func TestParseMoment(t *testing.T) {
	t.Parallel()
	berlin := time.FixedZone("CET", 3600)
	log := replay.Log{
		Start: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC),
		End:   time.Date(2026, 11, 25, 23, 50, 10, 500e6, time.UTC), // a Wednesday; the 26th in Berlin
		Boot:  time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC),
	}
	for _, test := range []struct {
		in   string
		zone *time.Location
		want string
	}{
		{"2026-11-22T23:31:57+01:00", nil, "2026-11-22T22:31:57Z"},
		{"2026-11-22T23:31:57.25Z", berlin, "2026-11-22T23:31:57.25Z"},
		{"2026-11-22", nil, "2026-11-22T00:00:00Z"},
		{"2026-11-22", berlin, "2026-11-21T23:00:00Z"},
		{"2026-11-22 23:31", berlin, "2026-11-22T22:31:00Z"},
		{"2026-11-22 23:31:57", nil, "2026-11-22T23:31:57Z"},
		{"2026-11-22T23:31:57", nil, "2026-11-22T23:31:57Z"},
		{"@1795390317", nil, "2026-11-22T23:31:57Z"},
		{"@1795390317.5", nil, "2026-11-22T23:31:57.5Z"},
		{"-2h", nil, "2026-11-25T21:50:10.5Z"},
		{"-1h30m10s", nil, "2026-11-25T22:20:00.5Z"},
		{"-2w", nil, "2026-11-11T23:50:10.5Z"},
		{"now", nil, "2026-11-25T23:50:10.5Z"},
		{"recent", nil, "2026-11-25T23:40:10.5Z"},
		{"this-hour", nil, "2026-11-25T23:00:00Z"},
		{"today", nil, "2026-11-25T00:00:00Z"},
		{"today", berlin, "2026-11-25T23:00:00Z"},
		{"yesterday", nil, "2026-11-24T00:00:00Z"},
		{"this-week", nil, "2026-11-22T00:00:00Z"},
		{"week-ago", nil, "2026-11-18T00:00:00Z"},
		{"this-month", nil, "2026-11-01T00:00:00Z"},
		{"this-year", nil, "2026-01-01T00:00:00Z"},
		{"boot", nil, "2026-11-24T06:00:00Z"},
	} {
		m, err := replay.ParseMoment(test.in, test.zone)
		if err != nil {
			t.Errorf("%s: %v", test.in, err)
			continue
		}
		if got := m.In(log, test.zone).Format(time.RFC3339Nano); got != test.want {
			t.Errorf("%s: %s, want %s", test.in, got, test.want)
		}
	}
	for _, bad := range []string{"", "tomorrow", "checkpoint", "2026-13-01", "2026-11-22 25:00", "@", "@x", "@-1", "@99999999999999", "-", "-2", "-2y", "-h", "-99999999999w", "11/22/2026", "2h"} {
		if m, err := replay.ParseMoment(bad, nil); err == nil {
			t.Errorf("%q is taken: %v", bad, m)
		}
	}
}

func TestParseZone(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for in, want := range map[string]string{"UTC": "+0000", "+02:00": "+0200", "-0330": "-0330", "+05": "+0500", "Europe/Berlin": "+0200"} {
		zone, err := replay.ParseZone(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := at.In(zone).Format("-0700"); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	for _, bad := range []string{"Local", "local", "Nowhere/City", "+99:00", "CEST2", "../etc/passwd"} {
		if zone, err := replay.ParseZone(bad); err == nil {
			t.Errorf("%q is taken: %v", bad, zone)
		}
	}
}

func TestSelectionRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sel  replay.Selection
		want string
	}{
		{replay.Selection{Since: "x"}, "--since: "},
		{replay.Selection{Until: "x"}, "--until: "},
		{replay.Selection{IPs: []string{"10.0.0.0/33"}}, "--ip: "},
		{replay.Selection{IPs: []string{"host"}}, "--ip: "},
		{replay.Selection{Fingerprints: []string{"SHA256:x"}}, "--fingerprint: "},
		{replay.Selection{Fingerprints: []string{"MD5:aa"}}, "--fingerprint: "},
		{replay.Selection{Sessions: []string{"x"}}, "--session: "},
		{replay.Selection{Outcomes: []string{"success"}}, "--outcome: "},
		{replay.Selection{Types: []string{"EXECV"}}, "--type: "},
		{replay.Selection{PIDs: []int{0}}, "--pid: "},
		{replay.Selection{Users: []string{""}}, "--user: "},
	} {
		if err := test.sel.Check(); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
	late := replay.Selection{Since: "2026-01-02", Until: "2026-01-01"}
	if err := late.Check(); err != nil {
		t.Fatal(err)
	}
	if err := late.Settle(replay.Log{}); err == nil {
		t.Error("--until before --since is taken")
	}
}

// selected replays a host with a selection.
func selected(t *testing.T, in *replay.Evidence, sel *replay.Selection) ([]event, *replay.Filter) {
	t.Helper()
	if err := sel.Check(); err != nil {
		t.Fatal(err)
	}
	rec := &recorder{text: true}
	f := &replay.Filter{Scope: replay.ScopeAll, Select: sel, Next: rec}
	sources := make([]*ingest.Source, len(in.Sources)) // a run counts in its sources, and others run beside this one
	for i, src := range in.Sources {
		own := *src
		sources[i] = &own
	}
	_, err := replay.Run(sources, f, replay.Options{Scope: replay.ScopeAll, Paths: sel.WantsPaths(), Known: sel.Settle, Keys: in.Keys, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	return rec.events, f
}

// TestSelection: a selection is exactly those events of all that it asks for,
// unchanged.
func TestSelection(t *testing.T) {
	t.Parallel()
	dir := "../../testdata/host/bookworm-A/"
	in := open(t, replay.EvidenceOptions{Paths: []string{dir + "var/log/audit", dir + "sshd.export.gz"}, KeyFiles: []string{dir + "keys/h1.pub"}})
	all, _ := selected(t, in, &replay.Selection{})
	end := all[len(all)-1].at
	has := func(parts ...string) func(*event) bool {
		return func(e *event) bool {
			return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(e.text, p) })
		}
	}
	for _, test := range []struct {
		name string
		sel  replay.Selection
		want func(*event) bool
	}{
		{"person", replay.Selection{Users: []string{"alice@laptop"}}, func(e *event) bool { return e.userID == "alice@laptop" }},
		{"account", replay.Selection{Users: []string{"carol"}}, func(e *event) bool { return e.account == "carol" }},
		{"uid", replay.Selection{Users: []string{"1005"}}, has(`"id":"1005"`)},
		{"key id", replay.Selection{KeyIDs: []string{"hugo@*"}}, func(e *event) bool { return strings.HasPrefix(e.keyID, "hugo@") }},
		{"fingerprint", replay.Selection{Fingerprints: []string{"X7PjgjdUaP+tgI3wM/qpqPZM+tGRP66iAlD/ez1nwMo"}}, has(`"fingerprint":"SHA256:X7PjgjdUaP`)},
		{"prefix", replay.Selection{IPs: []string{"203.0.113.8/29"}}, has(`"203.0.113.8"`, `"203.0.113.9"`, `"203.0.113.10"`, `"203.0.113.11"`, `"203.0.113.12"`, `"203.0.113.13"`, `"203.0.113.14"`, `"203.0.113.15"`)},
		{"session", replay.Selection{Sessions: []string{all[len(all)/2].boot + "/4"}}, func(e *event) bool { return e.ses == "4" && e.boot == all[len(all)/2].boot }},
		{"exe", replay.Selection{Exes: []string{"sudo"}}, has(`"exe":"/usr/bin/sudo"`)},
		{"key", replay.Selection{Keys: []string{"exec"}}, has(`"keys":["exec"`)},
		{"action", replay.Selection{Actions: []string{"executed"}}, has(`"action":"executed"`)},
		{"outcome", replay.Selection{Outcomes: []string{"failed"}}, func(e *event) bool { return e.outcome == "failed" }},
		{"type", replay.Selection{Types: []string{"userlogin", "USER_CMD"}}, func(e *event) bool { return e.typ == "UserLogin" || strings.Contains(e.text, `"type":"USER_CMD"`) }},
		{"since", replay.Selection{Since: "-5m"}, func(e *event) bool {
			return !e.at.Before(end.Add(-6*time.Minute)) && !e.at.Before(sinceOf(all, 5*time.Minute))
		}},
		{"and", replay.Selection{Users: []string{"carol"}, Outcomes: []string{"failed"}}, func(e *event) bool { return e.account == "carol" && e.outcome == "failed" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var want, got []string
			for i := range all {
				if test.want(&all[i]) {
					want = append(want, all[i].text)
				}
			}
			events, f := selected(t, in, &test.sel)
			for i := range events {
				got = append(got, events[i].text)
			}
			if len(want) == 0 || len(want) == len(all) {
				t.Fatalf("asks nothing: %d of %d", len(want), len(all))
			}
			if len(want) != len(got) {
				t.Errorf("%d events, want %d", len(got), len(want))
			}
			for i := range min(len(want), len(got)) {
				if diff := cmp.Diff(want[i], got[i]); diff != "" {
					t.Fatalf("event %d: %s", i, diff)
				}
			}
			if f.Written != int64(len(got)) || f.Unselected != int64(len(all)-len(got)) {
				t.Errorf("counted %d written and %d left out of %d", f.Written, f.Unselected, len(all))
			}
		})
	}
}

// TestChooser: what is left out before it is complete is what would be left out
// afterwards, and counts the same, on hosts with nested logins too.
func TestChooser(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"bookworm-A", "trixie-A"} {
		dir := "../../testdata/host/" + host + "/"
		in := open(t, replay.EvidenceOptions{Paths: []string{dir + "var/log/audit", dir + "sshd.export.gz"}})
		for name, f := range map[string]replay.Filter{
			"ssh":     {Scope: replay.ScopeSSH},
			"person":  {Scope: replay.ScopeAll, Select: &replay.Selection{Users: []string{"root", "carol"}}},
			"session": {Select: &replay.Selection{Sessions: []string{"3", "4", "unset"}}},
			"two":     {Select: &replay.Selection{IPs: []string{"203.0.113.0/24", "2001:db8::/32"}, Exes: []string{"sudo", "bash"}}},
			"type":    {Scope: replay.ScopeAll, Select: &replay.Selection{Types: []string{"SYSCALL", "EXECVE"}, Outcomes: []string{"failed"}}},
		} {
			t.Run(host+"/"+name, func(t *testing.T) {
				t.Parallel()
				run := func(hide bool) ([]event, *replay.Filter, *replay.Summary) {
					rec, f := &recorder{text: true}, f
					f.Next = rec
					opt := replay.Options{Scope: f.Scope, Workers: 1}
					if f.Select != nil {
						sel := *f.Select
						if err := sel.Check(); err != nil {
							t.Fatal(err)
						}
						f.Select, opt.Known = &sel, sel.Settle
					}
					var enc auditevent.EventEncoder = &f
					if hide {
						enc = struct{ auditevent.EventEncoder }{&f}
					}
					var sources []*ingest.Source
					for _, src := range in.Sources {
						own := *src
						sources = append(sources, &own)
					}
					sum, err := replay.Run(sources, enc, opt)
					if err != nil {
						t.Fatal(err)
					}
					return rec.events, &f, sum
				}
				want, all, wantSum := run(true)
				got, early, gotSum := run(false)
				if len(want) == 0 || all.LeftOut == 0 {
					t.Fatalf("asks nothing: %d events, %d left out", len(want), all.LeftOut)
				}
				for i := range min(len(want), len(got)) {
					if want[i].text != got[i].text {
						t.Fatalf("event %d:\n%s, want\n%s", i, got[i].text, want[i].text)
					}
				}
				if early.Written != all.Written || early.LeftOut != all.LeftOut || early.Unselected != all.Unselected || len(got) != len(want) {
					t.Errorf("written %d, left out %d (%d), want %d, %d (%d)", early.Written, early.LeftOut, early.Unselected, all.Written, all.LeftOut, all.Unselected)
				}
				if diff := cmp.Diff(wantSum, gotSum); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// sinceOf is that long before the end of the log, which may be a message that
// is no event.
func sinceOf(all []event, back time.Duration) time.Time {
	end := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for i := range all {
		if all[i].at.After(end) {
			end = all[i].at
		}
	}
	return end.Add(-back)
}

// TestSelectionByPath: an event is found by any of its PATH records, by what
// a relative name means too.
func TestSelectionByPath(t *testing.T) {
	t.Parallel()
	s := newStory()
	s.login(0, 7, 500)
	s.rec(1, "SYSCALL", `arch=c000003e syscall=82 success=yes exit=0 ppid=1 pid=501 auid=1000 uid=0 euid=0 ses=7 comm="mv" exe="/usr/bin/mv" key="w"`)
	s.rec(1, "+CWD", `cwd="/home/alice"`)
	s.rec(1, "+PATH", `item=0 name="/etc/" nametype=PARENT`)
	s.rec(1, "+PATH", `item=1 name="notes.txt" nametype=DELETE`)
	s.rec(1, "+PATH", `item=2 name="/etc/shadow-" nametype=CREATE`)
	for path, want := range map[string]int{
		"/home/alice/notes.txt": 1, "notes.txt": 1, "/etc/shadow-": 1, "/etc/": 1, "/etc/shad*": 1, "/home/": 1,
		"/etc/shadow": 0, "/etc": 0, "/var/": 0,
	} {
		sel := &replay.Selection{Paths: []string{path}}
		if err := sel.Check(); err != nil {
			t.Fatal(err)
		}
		rec := &recorder{}
		f := &replay.Filter{Select: sel, Next: rec}
		sources := evidence{file{"audit.log", detect(s.audit.Bytes()), s.audit.Bytes()}}.sources()
		if _, err := replay.Run(sources, f, replay.Options{Paths: true, Known: sel.Settle}); err != nil {
			t.Fatal(err)
		}
		if len(rec.events) != want {
			t.Errorf("--path %s: %d events, want %d", path, len(rec.events), want)
		}
	}
}
