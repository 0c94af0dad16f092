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
