package tracker_test

import (
	"testing"

	sessiontracker "auditreplay/pkg/tracker"

	"github.com/metal-toolbox/auditevent"
)

func TestDeleteUsersWithoutLoginsBefore(t *testing.T) {
	t.Parallel()
	w := newWritten()
	st := plain(w)
	track(t, st, login(1, "5", 7, at(0)), exec(2, "5", 8, at(1)), login(3, "6", 70, at(50)), exec(4, "6", 8, at(51)),
		remote("carol", 700, at(0)), login(5, "7", 700, at(0)))
	st.DeleteUsersWithoutLoginsBefore(at(50)) // 6 was opened at that very time: not before
	track(t, st, remote("alice", 7, at(0)), remote("bob", 70, at(50)), exec(6, "5", 8, at(52)), exec(7, "7", 8, at(53)))
	wantLines(t, w, "5 ses=7 carol sshd", "3 ses=6 bob sshd", "4 ses=6 bob sshd", "7 ses=7 carol sshd") // 5 is forgotten
}

func TestDeleteUsersWithKeepUnjoined(t *testing.T) {
	t.Parallel()
	w := newWritten()
	st := keeping(w)
	track(t, st, login(1, "5", 7, at(0)), exec(2, "5", 8, at(1)))
	st.DeleteUsersWithoutLoginsBefore(at(50))
	track(t, st, remote("alice", 7, at(0)), exec(3, "5", 8, at(52)))
	wantLines(t, w, "1 ses=5  none: no login", "2 ses=5  none: no login", "3 ses=5  none: no login")
}

func TestDeleteRemoteUserLoginsBefore(t *testing.T) {
	t.Parallel()
	w := newWritten()
	st := plain(w)
	track(t, st, remote("alice", 7, at(0)), remote("bob", 8, at(10)), remote("carol", 9, at(0)), login(1, "4", 9, at(0)))
	st.DeleteRemoteUserLoginsBefore(at(10))
	track(t, st, login(2, "5", 7, at(11)), login(3, "6", 8, at(11)), exec(4, "4", 8, at(12)))
	wantLines(t, w, "1 ses=4 carol sshd", "3 ses=6 bob sshd", "4 ses=4 carol sshd")
}

func TestDeleteRemoteUserLoginsWithoutTime(t *testing.T) {
	t.Parallel()
	w := newWritten()
	st := plain(w)
	bare := func(pid int) sessiontracker.RemoteUserLogin {
		return sessiontracker.RemoteUserLogin{PID: pid, CredUserID: "alice", Source: &auditevent.AuditEvent{}}
	}
	track(t, st, exec(1, "3", 1, at(0)), bare(7), exec(2, "3", 1, at(100)), bare(8))
	st.DeleteRemoteUserLoginsBefore(at(50))
	track(t, st, login(3, "5", 7, at(101)), login(4, "6", 8, at(101)))
	wantLines(t, w, "4 ses=6 alice sshd")
}
