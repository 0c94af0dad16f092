package replay_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/replay"
	"auditreplay/pkg/schema"

	"github.com/google/go-cmp/cmp"
	"github.com/metal-toolbox/auditevent"
)

// logouts keeps how and when sessions ended, by the account.
type logouts map[string]ended

type ended struct {
	How string
	At  float64 // seconds since the story's start
}

func (l logouts) Encode(v any) error {
	e := v.(*auditevent.AuditEvent)
	if e.Type != schema.TypeLogout {
		return nil
	}
	var data struct{ Ended string }
	if err := json.Unmarshal(*e.Data, &data); err != nil {
		return err
	}
	base := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	l[e.Subjects["loggedAs"]] = ended{data.Ended, e.LoggedAt.Sub(base).Seconds()}
	return nil
}

func (s *story) listening(at float64, pid int) *story {
	return s.says(at, pid, "Server listening on 0.0.0.0 port 22.")
}

func (s *story) stopping(at float64, pid int) *story {
	return s.says(at, pid, "Received signal 15; terminating.")
}

// reboot begins another boot, in which dora logs in and stays.
func (s *story) reboot(at float64) *story {
	s.serial, s.boot, s.up = 100, strings.Repeat("c", 32), at
	s.listening(at+5, 300)
	for i := range 12 {
		s.login(at+6+float64(i), 1+i, 400+i)
	}
	return s.whole(at+30, 20, 500, "dora", "dora", home, 4100)
}

func (s *story) systemShutdown(at float64) *story {
	return s.rec(at, "SYSTEM_SHUTDOWN", `pid=2 uid=0 auid=4294967295 ses=4294967295 msg=' comm="systemd-update-utmp" exe="/lib/systemd/systemd-update-utmp" hostname=? addr=? terminal=? res=success'`)
}

func (s *story) auditdEnds(at float64, by int) *story {
	return s.rec(at, "DAEMON_END", "op=terminate auid=0 uid=0 ses=4294967295 pid=%d subj=unconfined res=success", by)
}

// TestHowSessionsEnded has one session of alice's that ends at 50, or before a
// host that goes down at 50, in each way.
func TestHowSessionsEnded(t *testing.T) {
	t.Parallel()
	const goodbye = "Received disconnect from 10.0.0.5 port 4000:11: disconnected by user"
	const closed = "Connection closed by 10.0.0.5 port 4000"
	for name, c := range map[string]struct {
		tell func(s *story)
		want ended
	}{
		"a goodbye": {func(s *story) { s.says(50, 701, goodbye).bye(50.1, 700, "alice") }, ended{"logout", 50}},
		"a goodbye while the host goes down": {func(s *story) {
			s.says(50, 701, goodbye).bye(50.1, 700, "alice").stopping(50.2, 200).reboot(100)
		}, ended{"logout", 50}},
		"PAM's session closed": {func(s *story) { s.bye(50, 700, "alice") }, ended{"logout", 50}},
		"PAM's session closed, by the audit log": {func(s *story) {
			s.end(50, 9, 700, "alice", home)
		}, ended{"logout", 50}},
		"closed by the client": {func(s *story) { s.says(50, 701, closed).bye(50.1, 700, "alice") }, ended{"disconnect", 50}},
		"closed by the client, then the host": {func(s *story) {
			s.says(50, 701, closed).bye(50.1, 700, "alice").stopping(51, 200).reboot(100)
		}, ended{"disconnect", 50}},
		"closed when the host was down": {func(s *story) {
			s.stopping(49, 200).says(50, 701, closed).bye(50.1, 700, "alice").reboot(100)
		}, ended{"shutdown", 50}},
		"PAM's session closed, then the listener ended": {func(s *story) {
			s.bye(50, 700, "alice").stopping(50.5, 200).reboot(100)
		}, ended{"shutdown", 50}},
		"the last boot went down": {func(s *story) { s.bye(50, 700, "alice").stopping(50.5, 200) }, ended{"shutdown", 50}},
		"PAM's session closed, then SYSTEM_SHUTDOWN": {func(s *story) {
			s.bye(50, 700, "alice").systemShutdown(55).reboot(100)
		}, ended{"shutdown", 50}},
		"PAM's session closed, then init ended auditd": {func(s *story) {
			s.bye(50, 700, "alice").auditdEnds(58, 1).reboot(100)
		}, ended{"shutdown", 50}},
		"PAM's session closed, and somebody ended auditd": {func(s *story) {
			s.bye(50, 700, "alice").auditdEnds(58, 812).reboot(100)
		}, ended{"logout", 50}},
		"the user child killed": {func(s *story) {
			s.says(50, 700, "error: mm_reap: preauth child terminated by signal 9").bye(50.1, 700, "alice")
		}, ended{"killed", 50}},
		"the user child killed by the shutdown": {func(s *story) {
			s.says(50, 700, "error: mm_reap: preauth child terminated by signal 15").bye(50.1, 700, "alice").stopping(50.5, 200).reboot(100)
		}, ended{"shutdown", 50}},
		"sshd restarted beside it": {func(s *story) {
			s.bye(50, 700, "alice").stopping(50.5, 200).listening(51, 201)
		}, ended{"logout", 50}},
		"sshd stopped for good beside it": {func(s *story) {
			s.bye(50, 700, "alice").stopping(50.5, 200)
			s.end(900, 30, 930, "root", "")
		}, ended{"logout", 50}},
		"a crash": {func(s *story) { s.login(60, 10, 800).reboot(100) }, ended{"crash", 60}},
		"a crash, after sshd was restarted": {func(s *story) {
			s.stopping(30, 200).listening(31, 201).login(60, 10, 800).reboot(100)
		}, ended{"crash", 60}},
		"sshd killed, and others went on until the host went down": {func(s *story) {
			s.login(60, 10, 800).stopping(90, 200).reboot(100)
		}, ended{"killed", 40}},
		"sshd killed, and its PID another's": {func(s *story) {
			s.whole(70, 11, 700, "bob", "bob", "10.0.0.7", 4001)
		}, ended{"killed", 40}},
		"at work when the host went down": {func(s *story) {
			s.run(50, 9, 703, 702, "halt").stopping(50.1, 200).reboot(100)
		}, ended{"shutdown", 50}},
		"nothing": {func(s *story) { s.login(60, 10, 800) }, ended{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStory().listening(0, 200)
			s.whole(10, 9, 700, "alice", "alice", home, 4000).run(40, 9, 702, 701, "ls")
			c.tell(s)
			got := make(logouts)
			if _, err := replay.Run(s.files("export").sources(), got, replay.Options{Workers: 1}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got["alice"]); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if dora, ok := got["dora"]; ok {
				t.Errorf("dora, who stayed, ended: %+v", dora)
			}
		})
	}
}
