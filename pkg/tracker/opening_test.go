package tracker_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/schema"
)

// resolved is what a replay's events say of the session of these events, and
// what agreed in all.
func resolved(t testing.TB, events []*auditd.Event, login *sshd.Login) (*schema.Session, []string) {
	t.Helper()
	w := newWritten()
	st := richTracker(w)
	reader := auditd.NewFacts()
	for _, ev := range events {
		for _, r := range ev.Records {
			if auditd.FactType(r.Type) {
				var f auditd.Fact
				reader.Read(r, &f)
				st.Learn(&f)
			}
		}
	}
	feed(t, st, login)
	st.Resolve()
	feed(t, st, events[0])
	sessions, _ := st.Decisions()
	all := w.events(t)
	return schema.Of(all[len(all)-1]).Session, sessions[0].Evidence
}

// TestOpening: what is said of a session after its opening is no evidence that
// its events list, and a contradiction all the same.
func TestOpening(t *testing.T) {
	t.Parallel()
	const start = "boot pid time account address"
	opening := []*auditd.Event{richLogin(t, 1, 5, 7, at(1)), richPAM(t, "USER_START", 2, 5, 7, at(18), sshdExe, "session_open", "core", "10.0.0.5")}
	child := func(seconds float64) *auditd.Event {
		return richPAM(t, "CRED_ACQ", 3, 5, 8, at(seconds), sshdExe, "setcred", "core", "10.0.0.5")
	}
	tty := func(seconds float64) *auditd.Event {
		return rich(t, 4, at(seconds), `USER_LOGIN pid=7 uid=0 auid=1000 ses=5 msg='op=login id=1000 exe="`+sshdExe+`" hostname=10.0.0.5 addr=10.0.0.5 terminal=/dev/pts/0 res=success'`)
	}
	end := func(addr string) *auditd.Event {
		return richPAM(t, "CRED_DISP", 5, 5, 7, at(300), sshdExe, "setcred", "core", addr)
	}
	none := func(*sshd.Login) {}
	named := func(seconds float64) func(*sshd.Login) {
		return func(d *sshd.Login) { d.ChildPID, d.ChildAt = 8, at(seconds).UnixMicro() }
	}
	verbose := func(seconds float64) func(*sshd.Login) {
		return func(d *sshd.Login) {
			named(seconds)(d)
			d.ConnTime = at(-1)
			d.Sessions = []sshd.Started{{Kind: "shell", TTY: "pts/0", Time: at(18), Received: at(seconds)}}
		}
	}
	journal := func(seconds float64) func(*sshd.Login) {
		return func(d *sshd.Login) { d.AuditSes, d.AuditSesAt = "5", at(seconds).UnixMicro() }
	}
	for _, c := range []struct {
		name   string
		events []*auditd.Event
		login  func(*sshd.Login)
		want   string
	}{
		{"nothing more", nil, none, start},
		{"child", []*auditd.Event{child(20)}, named(20), start + " child"},
		{"its record comes late", []*auditd.Event{child(24)}, named(20), start},
		{"its line comes late", []*auditd.Event{child(20)}, named(24), start},
		{"its line is the goodbye", []*auditd.Event{child(20)}, func(d *sshd.Login) { named(20)(d); d.ChildLate = true }, start},
		{"journald is behind", []*auditd.Event{child(20), tty(21)}, verbose(30), start + " child terminal"},
		{"journald is far behind", []*auditd.Event{child(20), tty(21)}, verbose(34), start},
		{"a terminal comes late", []*auditd.Event{child(20), tty(60)}, verbose(20), start + " child"},
		{"the journal's session", nil, journal(19), start + " session"},
		{"the journal's session comes late", nil, journal(24), start},
		{"the journal contradicts itself late", nil, func(d *sshd.Login) { journal(19)(d); d.SesConflict, d.SesConflictAt = true, at(300).UnixMicro() }, start + " session"},
		{"the journal contradicts itself", nil, func(d *sshd.Login) { journal(19)(d); d.SesConflict, d.SesConflictAt = true, at(20).UnixMicro() }, start},
		{"the end agrees", []*auditd.Event{end("10.0.0.5")}, none, start},
		{"the end contradicts", []*auditd.Event{end("10.0.0.9")}, none, "none: conflict: address 10.0.0.5 != 10.0.0.9"},
	} {
		d := accepted("alice", 7, at(0))
		c.login(d)
		s, agreed := resolved(t, append(slices.Clone(opening), c.events...), d)
		got := strings.Join(s.Evidence, " ")
		if slices.Contains(agreed, "child") != (d.ChildPID != 0) {
			t.Errorf("%s: in all, %s agree", c.name, agreed)
		}
		if s.Attribution != schema.BySSHD {
			got = s.Attribution + ": " + s.Reason
		}
		if got != c.want {
			t.Errorf("%s: %s, not %s", c.name, got, c.want)
		}
	}
	// Where the opening is lost, all counts.
	d := accepted("alice", 7, at(0))
	journal(200)(d)
	d.End = &sshd.End{How: sshd.Logout, Time: at(300)}
	if s, _ := resolved(t, []*auditd.Event{end("10.0.0.5")}, d); strings.Join(s.Evidence, " ") != start+" session" {
		t.Errorf("lost opening: %s %s", s.Attribution, s.Evidence)
	}
}

// loginNames is the session that the UserLogin of the first of these logins
// names, with a replay or live, of a boot whose audit log has nothing of it.
func loginNames(t testing.TB, replay bool, logins ...*sshd.Login) string {
	t.Helper()
	w := newWritten()
	st := richTracker(w)
	feed(t, st, richExec(t, 1, 9, 90, at(-50)))
	if replay {
		st = richTracker(w)
	}
	for _, l := range logins {
		feed(t, st, l)
	}
	if replay {
		st.Resolve()
	} else {
		st.NameSession(logins[0])
	}
	if err := st.WriteLogin(logins[0]); err != nil {
		t.Fatal(err)
	}
	for _, e := range w.events(t) {
		if e.Type == schema.TypeLogin {
			return schema.Of(e).Session.ID
		}
	}
	t.Fatal("no UserLogin")
	return ""
}

// TestLoginNamesItsSession: where the audit log has nothing of a session, its
// login names it if the journal alone did within a minute.
func TestLoginNamesItsSession(t *testing.T) {
	t.Parallel()
	says := func(pid int, ses string, after time.Duration) *sshd.Login {
		d := accepted("alice", pid, at(0))
		d.AuditSes, d.AuditSesAt = ses, d.Received.Add(after).UnixMicro()
		return d
	}
	conflict := says(7, "5", time.Second)
	conflict.SesConflict = true
	for name, c := range map[string]struct {
		logins []*sshd.Login
		want   string
	}{
		"named":         {[]*sshd.Login{says(7, "5", time.Minute)}, "5"},
		"named late":    {[]*sshd.Login{says(7, "5", time.Minute+time.Second)}, ""},
		"not named":     {[]*sshd.Login{accepted("alice", 7, at(0))}, ""},
		"contradicted":  {[]*sshd.Login{conflict}, ""},
		"named by two":  {[]*sshd.Login{says(7, "5", time.Second), says(8, "5", time.Second)}, ""},
		"others' is no": {[]*sshd.Login{says(7, "5", time.Second), says(8, "6", time.Second)}, "5"},
	} {
		for _, replay := range []bool{true, false} {
			if got := loginNames(t, replay, c.logins...); got != c.want {
				t.Errorf("%s (replay %v): session %q, not %q", name, replay, got, c.want)
			}
		}
	}
}
