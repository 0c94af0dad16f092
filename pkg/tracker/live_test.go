package tracker_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/schema"
	sessiontracker "auditreplay/pkg/tracker"

	"github.com/google/go-cmp/cmp"
	"github.com/metal-toolbox/auditevent"
)

// These tests use the rich inputs while evidence comes in, without Resolve.

// rich makes an event of record lines; {T:N} stands for msg=audit(time:serial).
func rich(t testing.TB, serial int, when time.Time, lines ...string) *auditd.Event {
	t.Helper()
	var recs []*auditd.Record
	for _, line := range lines {
		rec := new(auditd.Record)
		typ, body, _ := strings.Cut(line, " ")
		full := fmt.Sprintf("type=%s msg=audit(%d.%03d:%d): %s", typ, when.Unix(), when.UnixMilli()%1000, serial, body)
		if err := auditd.ParseLine([]byte(full), rec); err != nil {
			t.Fatal(err)
		}
		rec.Pos = ingest.Pos{Source: auditSource, Line: int64(serial)}
		recs = append(recs, rec)
	}
	ev := new(auditd.Event)
	auditd.NewBuilder().Build(recs, ev)
	return ev
}

var auditSource = &ingest.Source{Name: "audit.log", Path: "/var/log/audit/audit.log"}

func richLogin(t testing.TB, serial, ses, pid int, when time.Time) *auditd.Event {
	return rich(t, serial, when, fmt.Sprintf("LOGIN pid=%d uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=%d res=1", pid, ses))
}

func richPAM(t testing.TB, typ string, serial, ses, pid int, when time.Time, exe, op, acct, addr string) *auditd.Event {
	return rich(t, serial, when, fmt.Sprintf(`%s pid=%d uid=0 auid=1000 ses=%d msg='op=PAM:%s acct="%s" exe="%s" hostname=%s addr=%s terminal=ssh res=success'`,
		typ, pid, ses, op, acct, exe, addr, addr))
}

func richExec(t testing.TB, serial, ses, pid int, when time.Time) *auditd.Event {
	return rich(t, serial, when, fmt.Sprintf(`SYSCALL arch=c000003e syscall=59 success=yes exit=0 items=0 ppid=1 pid=%d auid=1000 uid=1000 euid=1000 ses=%d comm="id" exe="/usr/bin/id" key=(null)`, pid, ses))
}

func accepted(person string, pid int, when time.Time) *sshd.Login {
	return &sshd.Login{PID: pid, Time: when, Received: when, Accepted: true, Account: "core", Addr: "10.0.0.5", Port: 4000, Method: "publickey",
		Algorithm: "ED25519", Fingerprint: "SHA256:" + person, KeyID: person, Text: "Accepted " + person, N: 1}
}

// feed gives a tracker what it gets, in order.
func feed(t testing.TB, st *sessiontracker.SessionTracker, what ...any) {
	t.Helper()
	for i, v := range what {
		var err error
		switch v := v.(type) {
		case *auditd.Event:
			err = st.Event(v)
		case *sshd.Login:
			err = st.Login(v, 0)
		case time.Time:
			st.DeleteUsersWithoutLoginsBefore(v)
		}
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

// actions are the UserActions that were written, one line each.
func actions(t testing.TB, w *written, want ...string) {
	t.Helper()
	got := []string{}
	for _, e := range w.events(t) {
		if x := schema.Of(e); e.Type == schema.TypeAction {
			who := e.Subjects["userID"]
			if x.Session.Attribution == schema.ByAudit {
				who = e.Subjects["loggedAs"] + " " + e.Source.Value
			}
			got = append(got, fmt.Sprintf("%s %s %s%s", x.Event.ID[strings.Index(x.Event.ID, ":")+1:], who, x.Session.Attribution, orReason(x.Session.Reason)))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
}

func richTracker(w *written) *sessiontracker.SessionTracker {
	return sessiontracker.New(auditevent.NewAuditEventWriter(w), nil, liveOptions())
}

const sshdExe = "/usr/sbin/sshd"

func TestLiveWaitsForTheProgramOfASession(t *testing.T) {
	t.Parallel()
	w := newWritten()
	st := richTracker(w)
	feed(t, st, accepted("alice", 7, at(0)), richLogin(t, 1, 5, 7, at(1)), richExec(t, 2, 5, 8, at(1)))
	if n := w.buf.Len(); n != 0 {
		t.Errorf("written before it was known that sshd opened the session")
	}
	feed(t, st, richPAM(t, "USER_START", 3, 5, 7, at(1), sshdExe, "session_open", "core", "10.0.0.5"))
	actions(t, w, "1 alice sshd", "2 alice sshd", "3 alice sshd")
}

func TestLiveLocalSessionsTakeNoLogin(t *testing.T) {
	t.Parallel()
	w := newWritten()
	feed(t, richTracker(w), accepted("alice", 7, at(0)), richLogin(t, 1, 5, 7, at(1)),
		richPAM(t, "USER_START", 2, 5, 7, at(1), "/usr/sbin/cron", "session_open", "core", "?"), richExec(t, 3, 5, 8, at(2)), at(100))
	actions(t, w, "1 unknown local", "2 unknown local", "3 unknown local")
}

func TestLiveUnclaimedSessionHasTheAuditLogsIdentity(t *testing.T) {
	t.Parallel()
	w := newWritten()
	st := richTracker(w)
	feed(t, st, richLogin(t, 1, 5, 7, at(1)), richPAM(t, "USER_START", 2, 5, 7, at(1), sshdExe, "session_open", "core", "10.0.0.5"), richLogin(t, 3, 6, 9, at(2)), at(100))
	feed(t, st, accepted("late", 7, at(1)), richExec(t, 4, 5, 8, at(101)), richExec(t, 5, 6, 8, at(101)))
	actions(t, w, "1 core 10.0.0.5 audit", "2 core 10.0.0.5 audit", "3  none: no login", "4 core 10.0.0.5 audit", "5  none: no login")
}

func TestLiveConflictIsSaid(t *testing.T) {
	t.Parallel()
	w := newWritten()
	feed(t, richTracker(w), accepted("alice", 7, at(0)), richLogin(t, 1, 5, 7, at(1)),
		richPAM(t, "USER_START", 2, 5, 7, at(1), sshdExe, "session_open", "core", "10.0.0.9"), at(100))
	actions(t, w, "1  none: conflict: address 10.0.0.9 != 10.0.0.5", "2  none: conflict: address 10.0.0.9 != 10.0.0.5")
}

func TestLiveSecondAcceptedTakesTheNameOff(t *testing.T) {
	t.Parallel()
	w := newWritten()
	st := richTracker(w)
	alice := accepted("alice", 7, at(0))
	feed(t, st, alice, richLogin(t, 1, 5, 7, at(1)), richPAM(t, "USER_START", 2, 5, 7, at(1), sshdExe, "session_open", "core", "10.0.0.5"))
	alice.Conflict = []ingest.Pos{{Source: auditSource, Line: 8}, {Source: auditSource, Line: 9}}
	if err := st.Learned(alice); err != nil {
		t.Fatal(err)
	}
	feed(t, st, richExec(t, 3, 5, 8, at(3)))
	actions(t, w, "1 alice sshd", "2 alice sshd", "3  none: conflict: two Accepted of one pid: audit.log:8 audit.log:9")
}

func TestLiveSessionThatTheJournalNames(t *testing.T) {
	t.Parallel()
	w := newWritten()
	st := richTracker(w)
	alice := accepted("alice", 7, at(0))
	feed(t, st, alice, richExec(t, 1, 5, 8, at(3)), richPAM(t, "CRED_ACQ", 2, 5, 9, at(4), sshdExe, "setcred", "core", "10.0.0.5"))
	alice.AuditSes, alice.AuditUID = "5", "1000"
	if err := st.Learned(alice); err != nil {
		t.Fatal(err)
	}
	feed(t, st, richExec(t, 3, 5, 8, at(5)))
	actions(t, w, "1 alice sshd", "2 alice sshd", "3 alice sshd")
}

func TestAnotherLoginUIDIsNotTheSessions(t *testing.T) {
	t.Parallel()
	w := newWritten()
	damaged := rich(t, 4, at(3), `SYSCALL arch=c000003e syscall=59 success=yes exit=0 items=0 ppid=1 pid=8 auid=1001 uid=1000 ses=5 comm="id" exe="/usr/bin/id" key=(null)`)
	cut := rich(t, 5, at(3), `SYSCALL arch=c000003e syscall=59 success=yes exit=0 items=0 ppid=1 pid=8 auid=1000 uid=1000 ses=5`)
	feed(t, richTracker(w), accepted("alice", 7, at(0)), richLogin(t, 1, 5, 7, at(1)),
		richPAM(t, "USER_START", 2, 5, 7, at(1), sshdExe, "session_open", "core", "10.0.0.5"), richExec(t, 3, 5, 8, at(2)), damaged, cut)
	actions(t, w, "1 alice sshd", "2 alice sshd", "3 alice sshd", "4  none: conflict: auid 1000 != 1001", "5  none: its session id is cut off")
}

// TestEarlierThanTheLOGIN: an event that is earlier than its session's LOGIN,
// with a higher serial, came after it and before the clock was set back, or it
// is another boot's. Where nothing set the clock, it is not the session's, be
// that known by sshd's log or by the audit log alone.
func TestEarlierThanTheLOGIN(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{true, false} {
		for _, steady := range []bool{false, true} {
			w := newWritten()
			opt := liveOptions()
			opt.Steady = steady
			st := sessiontracker.New(auditevent.NewAuditEventWriter(w), nil, opt)
			facts := auditd.NewFacts()
			for _, ev := range []*auditd.Event{richLogin(t, 10, 5, 7, at(100)), richPAM(t, "USER_START", 11, 5, 7, at(100), sshdExe, "session_open", "core", "10.0.0.5")} {
				var f auditd.Fact
				facts.Read(ev.Records[0], &f)
				st.Learn(&f)
			}
			who := "core 10.0.0.5 audit"
			if known {
				feed(t, st, accepted("alice", 7, at(99)))
				who = "alice sshd"
			}
			st.Resolve()
			// The last has the serial of a kernel that began to count again.
			feed(t, st, richExec(t, 90, 5, 8, at(20)), richExec(t, 91, 5, 8, at(101)), richExec(t, 3, 5, 8, at(102)))
			early, again := "90 "+who, "3 "+who
			if steady {
				early = "90  none: conflict: an event before the session began"
				again = "3  none: conflict: an event before the session began"
			}
			actions(t, w, early, "91 "+who, again)
		}
	}
}

// TestKeyWithTwoNames: a key that two files give to two people is neither's,
// in whatever order they were named; one that both give to one is.
func TestKeyWithTwoNames(t *testing.T) {
	t.Parallel()
	for want, names := range map[string][]string{"unknown": {"bob", "alice"}, "bob": {"bob", "bob"}} {
		w := newWritten()
		opt := liveOptions()
		opt.Names = func(string, bool) (all []schema.Name) {
			for _, n := range names {
				all = append(all, schema.Name{Name: n, From: n + ".csv:1"})
			}
			return all
		}
		login := accepted("", 7, at(0))
		login.Fingerprint = "SHA256:K6zkQOa3QoD23nV7RlImeoOuTZ/FmD0FZI6QPKe1O4M"
		feed(t, sessiontracker.New(auditevent.NewAuditEventWriter(w), nil, opt), login, richLogin(t, 1, 5, 7, at(1)),
			richPAM(t, "USER_START", 2, 5, 7, at(1), sshdExe, "session_open", "core", "10.0.0.5"))
		actions(t, w, "1 "+want+" sshd", "2 "+want+" sshd")
		for _, e := range w.events(t) {
			if c := schema.Of(e).Credential; c == nil || len(c.Names) != len(names) {
				t.Errorf("%v: names are not all shown: %+v", names, c)
			}
		}
	}
}

// TestNestedHasNoSessionOfItsOwn: a USER_END with a damaged pid makes another
// sshd end in bob's session. That pid's login opened a session of its own,
// keeps that, and gives bob's its name no more than before.
func TestNestedHasNoSessionOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newWritten()
	st := richTracker(w)
	facts := auditd.NewFacts()
	for _, ev := range []*auditd.Event{
		richLogin(t, 1, 5, 7, at(1)), richPAM(t, "USER_START", 2, 5, 7, at(1), sshdExe, "session_open", "core", "10.0.0.5"),
		richLogin(t, 3, 6, 8, at(2)), richPAM(t, "USER_START", 4, 6, 8, at(2), sshdExe, "session_open", "core", "10.0.0.5"),
		richPAM(t, "USER_END", 6, 6, 7, at(3), sshdExe, "session_close", "core", "10.0.0.5"),
	} {
		var f auditd.Fact
		facts.Read(ev.Records[0], &f)
		st.Learn(&f)
	}
	feed(t, st, accepted("alice", 7, at(0)), accepted("bob", 8, at(1)))
	st.Resolve()
	feed(t, st, richExec(t, 7, 5, 20, at(2)), richPAM(t, "USER_END", 6, 6, 7, at(3), sshdExe, "session_close", "core", "10.0.0.5"))
	actions(t, w, "7 alice sshd", "6  none: shared session")
}

// TestDecisions holds what verify and explain read.
func TestDecisions(t *testing.T) {
	t.Parallel()
	w := newWritten()
	st := richTracker(w)
	alice, bob := accepted("alice", 7, at(0)), accepted("bob", 9, at(0))
	alice.Pos = ingest.Pos{Source: auditSource, Line: 77}
	feed(t, st, alice, bob, richLogin(t, 1, 5, 7, at(1)), richPAM(t, "USER_START", 2, 5, 7, at(1), sshdExe, "session_open", "core", "10.0.0.5"),
		richLogin(t, 3, 6, 9, at(2)), richPAM(t, "USER_START", 4, 6, 9, at(2), sshdExe, "session_open", "core", "10.0.0.9"), at(100))
	sessions, logins := st.Decisions()
	if len(sessions) != 2 || len(logins) != 2 {
		t.Fatalf("%d sessions, %d logins", len(sessions), len(logins))
	}
	s := sessions[0]
	if s.Login == nil || s.Login.Pos.String() != "audit.log:77" || s.Attribution != schema.BySSHD || s.Leader != 7 || !s.HasLogin {
		t.Errorf("session 5: %+v", s)
	}
	var cited []string
	for _, c := range s.Records {
		cited = append(cited, c.What+" "+c.Pos.String())
	}
	if diff := cmp.Diff([]string{"LOGIN audit.log:1", "USER_START audit.log:2"}, cited); diff != "" {
		t.Error(diff)
	}
	if s := sessions[1]; s.Attribution != schema.None || s.Reason != "conflict: address 10.0.0.9 != 10.0.0.5" || len(s.Rejected) != 1 || s.Rejected[0].LoginID != logins[1].ID {
		t.Errorf("session 6: %+v", s)
	}
	if l := logins[1]; l.Session != "" || l.Why != "address 10.0.0.9 != 10.0.0.5" || l.Login != bob {
		t.Errorf("bob: %+v", l)
	}
}
