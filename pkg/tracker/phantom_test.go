package tracker_test

import (
	"testing"
	"time"

	"auditreplay/pkg/ingest/auditd"
	sessiontracker "auditreplay/pkg/tracker"

	"github.com/metal-toolbox/auditevent"
)

// learnAll tells the tracker what the first records of the events say.
func learnAll(st *sessiontracker.SessionTracker, evs ...*auditd.Event) {
	facts := auditd.NewFacts()
	for _, ev := range evs {
		var f auditd.Fact
		facts.Read(ev.Records[0], &f)
		st.Learn(&f)
	}
}

// TestOneRecordIsNoSession: a CRED_ACQ or USER_LOGIN whose ses= was damaged
// names nobody, unless the log begins so late that nothing else can be there.
func TestOneRecordIsNoSession(t *testing.T) {
	t.Parallel()
	login := func(serial int, when time.Time) *auditd.Event {
		return rich(t, serial, when, `USER_LOGIN pid=9 uid=0 auid=1000 ses=7 msg='op=login id=1000 exe="/usr/sbin/sshd" hostname=10.0.0.5 addr=10.0.0.5 terminal=/dev/pts/0 res=success'`)
	}
	cred := func(serial, pid int, when time.Time) *auditd.Event {
		return richPAM(t, "CRED_ACQ", serial, 7, pid, when, sshdExe, "setcred", "core", "10.0.0.5")
	}
	end := func(serial int, when time.Time) *auditd.Event {
		return richPAM(t, "USER_END", serial, 7, 9, when, sshdExe, "session_close", "core", "10.0.0.5")
	}
	before := richLogin(t, 1, 6, 3, at(0))
	for _, test := range []struct {
		name    string
		records []*auditd.Event
		want    string
	}{
		{"CRED_ACQ alone", []*auditd.Event{before, cred(2, 10, at(5))}, "20  none: no login"},
		{"USER_LOGIN alone", []*auditd.Event{before, login(2, at(5))}, "20  none: no login"},
		{"both", []*auditd.Event{before, cred(2, 10, at(5)), login(3, at(5))}, "20 core 10.0.0.5 audit"},
		{"two processes", []*auditd.Event{before, cred(2, 10, at(5)), cred(3, 11, at(5))}, "20 core 10.0.0.5 audit"},
		{"and the leader's end", []*auditd.Event{before, cred(2, 10, at(5)), end(3, at(7))}, "20 core 10.0.0.5 audit"},
		{"the log begins there", []*auditd.Event{cred(2, 10, at(5))}, "20 core 10.0.0.5 audit"},
		{"the log begins there, CRED_ACQ lost", []*auditd.Event{login(2, at(5))}, "20  10.0.0.5 audit"},
	} {
		for _, steady := range []bool{false, true} {
			w := newWritten()
			opt := liveOptions()
			opt.Steady = steady
			st := sessiontracker.New(auditevent.NewAuditEventWriter(w), nil, opt)
			learnAll(st, test.records...)
			st.Resolve()
			feed(t, st, richExec(t, 20, 7, 12, at(6)))
			t.Log(test.name, steady)
			actions(t, w, test.want)
		}
	}
}

// TestSessionIDsRise: a session whose LOGIN is lost was there before a LOGIN
// with its own or a lower id. It is none: its records' ses= was damaged, which
// are those of a login of another session.
func TestSessionIDsRise(t *testing.T) {
	t.Parallel()
	nested := func(ses int) []*auditd.Event {
		return []*auditd.Event{
			richPAM(t, "USER_START", 2, ses, 9, at(5), sshdExe, "session_open", "core", "127.0.0.1"),
			richPAM(t, "USER_END", 9, ses, 9, at(8), sshdExe, "session_close", "core", "127.0.0.1")}
	}
	for _, test := range []struct {
		name   string
		ses    int
		later  *auditd.Event
		steady bool
		want   string
	}{
		{"its own id comes later", 7, richLogin(t, 30, 7, 40, at(30)), true, "3  none: no login"},
		{"a lower id comes later", 17, richLogin(t, 30, 7, 40, at(30)), true, "3  none: no login"},
		{"a higher one does", 7, richLogin(t, 30, 8, 40, at(30)), true, "3 core 127.0.0.1 audit"},
		{"the clock was set back", 17, richLogin(t, 30, 7, 40, at(30)), false, "3 core 127.0.0.1 audit"},
	} {
		w := newWritten()
		opt := liveOptions()
		opt.Steady = test.steady
		st := sessiontracker.New(auditevent.NewAuditEventWriter(w), nil, opt)
		learnAll(st, richLogin(t, 1, 6, 3, at(0)))
		learnAll(st, nested(test.ses)...)
		learnAll(st, test.later)
		st.Resolve()
		feed(t, st, richExec(t, 3, test.ses, 12, at(6)))
		t.Log(test.name)
		actions(t, w, test.want)
	}
}
