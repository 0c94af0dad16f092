package replay_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"auditreplay/pkg/ingest"

	"github.com/google/go-cmp/cmp"
)

type is = map[string]string

const home = "10.0.0.5"

func TestSudoSuAndPolkitInsideASession(t *testing.T) {
	t.Parallel()
	s := newStory().whole(0, 5, 700, "alice", "core", home, 4000)
	for i, exe := range []string{"/usr/bin/sudo", "/usr/bin/su", "/usr/lib/polkit-1/polkit-agent-helper-1"} {
		at, pid := float64(10+10*i), 800+10*i
		s.pam(at, "USER_START", "session_open", 5, pid, exe, "root", "")
		s.run(at+1, 5, pid+1, pid, "inside"+string(rune('0'+i)))
		s.pam(at+2, "USER_END", "session_close", 5, pid, exe, "root", "")
		s.pam(at+2, "CRED_DISP", "setcred", 5, pid, exe, "root", "")
		s.run(at+3, 5, 701, 700, "after"+string(rune('0'+i)))
	}
	s.inBoth(t, is{"inside0": "alice", "after0": "alice", "inside1": "alice", "after1": "alice", "inside2": "alice", "after2": "alice"})
}

func TestRebootReusesSessionSerialAndPID(t *testing.T) {
	t.Parallel()
	s := newStory().whole(0, 1, 700, "alice", "core", home, 4000)
	for i := range 12 {
		s.run(float64(1+i), 1, 710+i, 700, fmt.Sprint("a", i))
	}
	s.serial, s.boot, s.up = 100, strings.Repeat("c", 32), 100
	s.rec(100, "SYSTEM_BOOT", `pid=1 uid=0 auid=4294967295 ses=4294967295 msg=' comm="systemd" exe="/usr/lib/systemd/systemd" hostname=? addr=? terminal=? res=success'`)
	s.serial = 100
	s.whole(110, 1, 700, "bob", "core", home, 4000)
	for i := range 12 {
		s.run(float64(111+i), 1, 710+i, 700, fmt.Sprint("b", i))
	}
	want := is{}
	for i := range 12 {
		want[fmt.Sprint("a", i)], want[fmt.Sprint("b", i)] = "alice", "bob"
	}
	s.inBoth(t, want)
}

// A machine without a clock of its own starts again before the time at which
// it went down, and the login of another person has the same session id. Its
// LOGIN is lost.
func TestRebootWithAClockBehind(t *testing.T) {
	t.Parallel()
	s := newStory().whole(0, 3, 700, "alice", "core", home, 4000).run(2, 3, 710, 700, "hers")
	for i := range 600 {
		s.rec(float64(3+i), "SERVICE_START", "pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=a res=success'")
	}
	s.serial = 4
	for i := range 2000 {
		s.rec(500+float64(i)/10, "SERVICE_START", "pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=b res=success'")
	}
	s.run(700, 3, 710, 700, "others")
	if diff := cmp.Diff(is{"hers": "alice", "others": "none: " + twoBoots}, whose(t, s.files("auth"))); diff != "" {
		t.Errorf("whose commands (-want +got):\n%s", diff)
	}
}

func TestPIDReuseWithinABoot(t *testing.T) {
	t.Parallel()
	s := newStory().whole(0, 1, 700, "alice", "core", home, 4000).run(1, 1, 701, 700, "a").bye(5, 700, "core").end(5, 1, 700, "core", home)
	s.whole(37, 2, 700, "bob", "core", home, 4001).run(38, 2, 701, 700, "b").run(39, 1, 720, 1, "late")
	s.inBoth(t, is{"a": "alice", "b": "bob", "late": "alice"})
}

func TestCronWithAReusedPID(t *testing.T) {
	t.Parallel()
	// alice's own LOGIN is lost; cron gets the pid of her sshd half a minute on.
	s := newStory().accepted(0, 700, "alice", "core", home, 4000)
	s.login(31, 8, 700).pam(31.1, "USER_START", "session_open", 8, 700, "/usr/sbin/cron", "core", "").run(32, 8, 701, 700, "job")
	s.inBoth(t, is{"job": "local"})
	// Even where the only sign of cron is the program of LOGIN's own syscall.
	s = newStory().accepted(0, 700, "alice", "core", home, 4000)
	s.login(31, 8, 700).rec(31, "+SYSCALL", `arch=c000003e syscall=1 success=yes exit=4 items=0 ppid=1 pid=700 auid=1000 uid=0 ses=8 comm="cron" exe="/usr/sbin/cron" key=(null)`)
	s.run(32, 8, 701, 700, "job")
	s.inBoth(t, is{"job": "local"})
	// And where there is none.
	s = newStory().accepted(0, 700, "alice", "core", home, 4000).login(31, 8, 700).run(32, 8, 701, 700, "job")
	s.inBoth(t, is{"job": "none: no login"})
}

func TestSystemdUserRightAfterSSHD(t *testing.T) {
	t.Parallel()
	s := newStory().whole(0, 5, 700, "alice", "core", home, 4000)
	s.login(0.3, 6, 705).pam(0.35, "USER_START", "session_open", 6, 705, "/usr/lib/systemd/systemd", "core", "").run(1, 6, 706, 705, "manager")
	s.run(2, 5, 701, 700, "a")
	s.inBoth(t, is{"manager": "local", "a": "alice"})
}

func TestTwoPeopleOneAccountOneAddress(t *testing.T) {
	t.Parallel()
	s := newStory()
	s.accepted(0, 700, "alice", "core", home, 4000).accepted(0.02, 702, "bob", "core", home, 4001)
	s.login(0.1, 6, 702).login(0.12, 5, 700).start(0.13, 6, 702, "core", home).start(0.14, 5, 700, "core", home)
	s.run(1, 5, 710, 700, "a").run(1, 6, 711, 702, "b")
	s.inBoth(t, is{"a": "alice", "b": "bob"})
}

func TestSSHDLogMissing(t *testing.T) {
	t.Parallel()
	s := newStory().whole(0, 5, 700, "alice", "core", home, 4000).run(1, 5, 710, 700, "a").login(2, 6, 900).run(3, 6, 901, 900, "b")
	wantWhose(t, s.files(), is{"a": "audit core 10.0.0.5", "b": "none: no login"})
}

func TestSSHDLogPartial(t *testing.T) {
	t.Parallel()
	s := newStory().whole(0, 5, 700, "alice", "core", home, 4000)
	s.export.Reset() // rotated away
	s.auth.Reset()
	s.whole(20, 6, 800, "bob", "core", home, 4001).run(21, 5, 710, 700, "a").run(22, 6, 810, 800, "b")
	s.inBoth(t, is{"a": "audit core 10.0.0.5", "b": "bob"})
}

func TestClockOff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ahead  float64
		logins int
		joined bool
	}{
		{12, 2, true},       // seconds: within what a syslog line may be late
		{3, 2, true},        //
		{-40, 2, true},      // LOGIN within a minute after the line
		{3 * 3600, 8, true}, // hours: estimated from many pairs
		{-3 * 3600, 8, true},
		{3 * 3600, 3, false}, // too few to tell
		{-1200, 3, false},
	} {
		s := newStory()
		s.ahead = c.ahead
		want := is{}
		for i := range c.logins {
			at, pid, who := float64(100*i), 700+10*i, string(rune('a'+i))+"x"
			s.whole(at, 5+i, pid, who, "core", home, 4000+i).run(at+5, 5+i, pid+1, pid, who).bye(at+30, pid, "core").end(at+30, 5+i, pid, "core", home)
			if want[who] = "audit core 10.0.0.5"; c.joined {
				want[who] = who
			}
		}
		t.Run(fmt.Sprintf("%+g s, %d logins", c.ahead, c.logins), func(t *testing.T) {
			wantWhose(t, s.files("auth"), want)
		})
	}
}

func TestLinesWithoutPID(t *testing.T) {
	t.Parallel()
	s := newStory()
	s.noPID = true
	s.whole(0, 5, 700, "alice", "core", home, 4000).run(1, 5, 710, 700, "a")
	s.whole(20, 6, 800, "bob", "core", "10.0.0.6", 4001).run(21, 6, 810, 800, "b")
	wantWhose(t, s.files("auth"), is{"a": "alice", "b": "bob"})
	// Two of one account and address within the minute cannot be told apart.
	s.whole(25, 7, 900, "carol", "core", home, 4002).run(26, 7, 910, 900, "c")
	wantWhose(t, s.files("auth"), is{"a": "none: ambiguous", "b": "bob", "c": "none: ambiguous"})
}

// midSession is a session whose start the audit log lost: it begins in the
// middle, or auditd was down at the login.
func midSession(s *story, filler bool) *story {
	s.whole(-50, 4, 600, "zoe", "core", home, 3999)
	s.accepted(0, 700, "alice", "core", home, 4000)
	if filler {
		s.whole(5, 6, 650, "bob", "core", home, 4001)
	}
	return s.run(20, 5, 710, 700, "a")
}

func TestAuditdDownAtLogin(t *testing.T) {
	t.Parallel()
	// The journal names the session.
	s := midSession(newStory(), true)
	s.ses = 5
	s.says(21, 701, "Starting session: shell on pts/0 for core from %s port 4000 id 0", home)
	wantWhose(t, s.files("export"), is{"a": "alice"})
	// USER_END of her sshd, when sshd's log says that she left.
	s = midSession(newStory(), true).end(60, 5, 700, "core", home).bye(60, 700, "core")
	s.inBoth(t, is{"a": "alice"})
	// Nothing but a pid in a USER_END: it may have come back.
	s = midSession(newStory(), true).end(900, 5, 700, "core", home)
	s.inBoth(t, is{"a": "audit core 10.0.0.5"})
	// The id lies between those of other logins that are not around hers.
	s = newStory().whole(-50, 4, 600, "zoe", "core", home, 3999).whole(-40, 6, 650, "bob", "core", home, 4001)
	s.accepted(0, 700, "alice", "core", home, 4000).run(20, 5, 710, 700, "a").end(60, 5, 700, "core", home).bye(60, 700, "core")
	s.inBoth(t, is{"a": "audit core 10.0.0.5"})
}

func TestAuditLogStartsInTheMiddleOfASession(t *testing.T) {
	t.Parallel()
	s := newStory().accepted(0, 700, "alice", "core", home, 4000)
	s.run(20, 5, 710, 700, "a").end(60, 5, 700, "core", home).bye(60, 700, "core")
	s.inBoth(t, is{"a": "alice"})
}

func TestProcessOutlivesTheLogout(t *testing.T) {
	t.Parallel()
	s := newStory().whole(0, 5, 700, "alice", "core", home, 4000).bye(9, 700, "core").end(9, 5, 700, "core", home)
	s.run(600, 5, 720, 1, "nohup")
	s.inBoth(t, is{"nohup": "alice"})
}

func TestSSHDStartedFromWithinASession(t *testing.T) {
	t.Parallel()
	s := newStory().whole(0, 5, 700, "admin", "root", home, 4000).run(10, 5, 710, 700, "before")
	s.run(20, 5, 730, 710, "sshd2") // the admin's own sshd
	s.accepted(100, 800, "bob", "root", "10.0.0.9", 4001)
	s.start(100.1, 5, 800, "root", "10.0.0.9")
	s.run(101, 5, 810, 800, "bobs").run(102, 5, 811, 810, "bobschild")
	s.run(103, 5, 715, 700, "admins").run(104, 5, 990, 980, "anybodys").run(105, 5, 991, 1, "orphan")
	s.end(110, 5, 800, "root", "10.0.0.9").bye(110, 800, "root")
	s.run(120, 5, 800, 980, "reused") // bob's pid came back
	s.inBoth(t, is{"before": "admin", "sshd2": "admin", "bobs": "bob", "bobschild": "bob", "admins": "admin",
		"anybodys": "none: shared session", "orphan": "none: shared session", "reused": "none: shared session"})
}

// TestNestedSSHDWithoutTheOuterLogin: the session's own login is rotated away.
// Whoever logged in inside of it later does not own it.
func TestNestedSSHDWithoutTheOuterLogin(t *testing.T) {
	t.Parallel()
	s := newStory().run(0, 5, 710, 700, "admins").whole(10, 90, 600, "zoe", "core", home, 3999)
	s.accepted(100, 800, "bob", "root", "10.0.0.9", 4001).start(100.1, 5, 800, "root", "10.0.0.9")
	s.run(101, 5, 712, 700, "later").end(110, 5, 800, "root", "10.0.0.9").bye(110, 800, "root")
	for _, logs := range []string{"export", "auth"} {
		for command, who := range whose(t, s.files(logs)) {
			if !strings.HasPrefix(who, "none") {
				t.Errorf("%s: %s under %s", logs, command, who)
			}
		}
	}
}

func TestUsePAMNo(t *testing.T) {
	t.Parallel()
	s := newStory()
	unset := 4294967295
	s.accepted(0, 700, "alice", "core", home, 4000).run(1, unset, 710, 700, "a").run(2, unset, 711, 710, "child")
	s.run(3, unset, 500, 1, "daemon").bye(10, 700, "core").run(200, unset, 720, 700, "reused")
	s.inBoth(t, is{"a": "alice", "child": "alice", "daemon": "system", "reused": "system"})
}

// TestLostLoginIsNotUsePAMNo: where PAM opens sessions, what has no session is
// nobody's, whatever pid it has.
func TestLostLoginIsNotUsePAMNo(t *testing.T) {
	t.Parallel()
	s := newStory().whole(-20, 4, 600, "zoe", "core", home, 3999).accepted(0, 700, "alice", "core", home, 4000)
	s.run(30, 4294967295, 710, 700, "crons")
	s.inBoth(t, is{"crons": "system"})
}

func TestTwoAcceptedOfOneLifeOfAPID(t *testing.T) {
	t.Parallel()
	s := newStory().accepted(0, 700, "alice", "core", home, 4000)
	s.syslog(0.05, 700, "Accepted publickey for core from 10.0.0.9 port 9 ssh2: ED25519 "+keyOf("mallory"))
	s.login(0.1, 5, 700).start(0.15, 5, 700, "core", home).run(1, 5, 710, 700, "a")
	wantWhose(t, s.files("auth"), is{"a": "none: conflict: two Accepted of one pid: auth.log:1 auth.log:2"})
}

func TestHalfOfALogMissing(t *testing.T) {
	t.Parallel()
	// alice's LOGIN and bob's Accepted line are lost; they had one pid.
	s := newStory().accepted(0, 700, "alice", "core", home, 4000).bye(3, 700, "core")
	s.login(40, 6, 700).start(40.1, 6, 700, "core", home).run(41, 6, 710, 700, "b")
	s.inBoth(t, is{"b": "audit core 10.0.0.5"})
}

// TestLostLineOfASecondLife: another life of the pid shows itself by PAM alone.
func TestLostLineOfASecondLife(t *testing.T) {
	t.Parallel()
	s := newStory().accepted(0, 700, "alice", "core", home, 4000).says(0.1, 700, "pam_unix(sshd:session): session opened for user core(uid=1000) by core(uid=0)")
	s.says(14, 700, "pam_unix(sshd:session): session opened for user core(uid=1000) by core(uid=0)")
	s.login(14.2, 6, 700).start(14.3, 6, 700, "core", home).run(41, 6, 710, 700, "b")
	s.inBoth(t, is{"b": "audit core 10.0.0.5"})
}

func TestContradictingRecords(t *testing.T) {
	t.Parallel()
	s := newStory().accepted(0, 700, "alice", "core", home, 4000).login(0.1, 5, 700).start(0.2, 5, 700, "core", "10.0.0.9").run(1, 5, 710, 700, "a")
	s.inBoth(t, is{"a": "none: conflict: address 10.0.0.9 != 10.0.0.5"})
	s = newStory().accepted(0, 700, "alice", "core", home, 4000).login(0.1, 5, 700).start(0.2, 5, 700, "root", home).run(1, 5, 710, 700, "a")
	s.inBoth(t, is{"a": "none: conflict: account root != core"})
}

func TestForgedLines(t *testing.T) {
	t.Parallel()
	forged := "Accepted publickey for core from " + home + " port 4000 ssh2: ED25519 " + keyOf("mallory")
	for _, fields := range [][]string{{"_UID=1000", "_COMM=logger"}, {"_UID=1000"}, {"_UID=0", "_COMM=logger", "_EXE=/usr/bin/logger"}} {
		s := newStory().journal(0, 700, forged, fields...)
		s.login(0.1, 5, 700).start(0.15, 5, 700, "core", home).run(1, 5, 710, 700, "a")
		wantWhose(t, s.files("export"), is{"a": "audit core 10.0.0.5"})
	}
	// The same line in auth.log, beside the real login: the journal tells them apart.
	s := newStory().accepted(0, 700, "alice", "core", home, 4000)
	s.journal(0.05, 999, forged, "_UID=1000", "_COMM=logger").syslog(0.06, 700, forged)
	s.login(0.1, 5, 700).start(0.15, 5, 700, "core", home).run(1, 5, 710, 700, "a")
	wantWhose(t, s.files("export", "auth"), is{"a": "alice"})
	// A user name that looks like the rest of the line.
	s = newStory().says(0, 700, "Invalid user root from 9.9.9.9 port 1 ssh2 from %s port 4000", home)
	s.says(0.1, 700, "Failed password for invalid user root from 9.9.9.9 port 1 ssh2 from %s port 4000 ssh2", home)
	s.login(1, 5, 700).start(1.1, 5, 700, "root", "9.9.9.9").run(2, 5, 710, 700, "a")
	s.inBoth(t, is{"a": "audit root 9.9.9.9"})
}

func TestOpenSSHNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"sshd-session", "sshd-auth"} {
		s := newStory()
		s.exe, s.ident = "/usr/lib/openssh/"+name, name
		s.whole(0, 5, 700, "alice", "core", home, 4000).run(1, 5, 710, 700, "a")
		s.inBoth(t, is{"a": "alice"})
	}
}

func TestStaleAuditSession(t *testing.T) {
	t.Parallel()
	// journald stamps bob's lines with the session of alice, who had his pid.
	s := newStory().whole(0, 5, 700, "alice", "core", home, 4000).run(1, 5, 710, 700, "a").bye(4, 700, "core").end(4, 5, 700, "core", home)
	s.ses = 5
	s.accepted(36, 700, "bob", "core", home, 4001)
	s.ses = 0
	s.login(36.1, 6, 700).start(36.2, 6, 700, "core", home).run(37, 6, 711, 700, "b")
	got := whose(t, s.files("export"))
	if got["a"] != "alice" || got["b"] == "alice" {
		t.Errorf("got %v", got)
	}
	// The same, and alice's Accepted line is lost.
	cut := s.files("export")
	i := bytes.Index(cut[1].data, []byte("\n\n"))
	cut[1].data = cut[1].data[i+2:]
	if got := whose(t, cut); got["a"] == "bob" {
		t.Errorf("without alice's line: %v", got)
	}
}

// Records: what reassembly must hold.

func TestSameSerialInTwoBootsIsTwoEvents(t *testing.T) {
	t.Parallel()
	s := newStory().run(0, 5, 700, 1, "first")
	s.serial--
	s.run(5000, 5, 700, 1, "second")
	wantWhose(t, s.files(), is{"first": "none: no login", "second": "none: no login"})
}

func TestRecordsApartInTheFileAreOneEvent(t *testing.T) {
	t.Parallel()
	s := newStory().run(0, 5, 700, 1, "split")
	lines := bytes.SplitAfter(s.audit.Bytes(), []byte("\n"))
	s.audit = bytes.Buffer{}
	for i := range 200 {
		s.run(float64(i)/10, 6, 800+i, 1, fmt.Sprint("other", i))
	}
	others := s.files()[0].data
	want := is{"split": "none: no login"}
	for i := range 200 {
		want[fmt.Sprint("other", i)] = "none: no login"
	}
	around := slicesJoin(lines[1], others, lines[0]) // EXECVE first, SYSCALL last
	wantWhose(t, evidence{{"audit.log", ingest.AuditLog, around}}, want)
	// Across two files, and the same lines in both.
	wantWhose(t, evidence{{"audit.log", ingest.AuditLog, slicesJoin(lines[0], others)}, {"audit.log.1", ingest.AuditLog, lines[1]}}, want)
	wantWhose(t, evidence{{"audit.log", ingest.AuditLog, around}, {"audit.log.1", ingest.AuditLog, around}}, want)
}

func slicesJoin(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestDaemonSerialsAreTheirOwn(t *testing.T) {
	t.Parallel()
	s := newStory().run(0, 5, 700, 1, "a")
	s.serial--
	s.rec(0, "DAEMON_START", "op=start ver=3.0.9 format=raw kernel=6.1 auid=4294967295 pid=400 uid=0 ses=4294967295 subj=unconfined res=success")
	events, _ := run(t, s.files().sources(), false)
	if len(events) == 0 || events[len(events)-1].args == nil && len(events) == 1 {
		t.Fatalf("%d events", len(events))
	}
	wantWhose(t, s.files(), is{"a": "none: no login"})
}

func TestOneSerialOnTwoHosts(t *testing.T) {
	t.Parallel()
	s := newStory()
	s.node = "node=web1 "
	s.run(0, 5, 700, 1, "one")
	s.serial--
	s.node = "node=web2 "
	s.run(0, 5, 700, 1, "two")
	wantWhose(t, s.files(), is{"one": "none: no login", "two": "none: no login"})
}

func TestLoginWithItsSyscallIsOneEvent(t *testing.T) {
	t.Parallel()
	s := newStory().accepted(0, 700, "alice", "core", home, 4000).login(0.1, 5, 700)
	s.rec(0.1, "+SYSCALL", `arch=c000003e syscall=1 success=yes exit=4 items=0 ppid=600 pid=700 auid=1000 uid=0 ses=5 comm="sshd" exe="/usr/sbin/sshd" key=(null)`)
	s.rec(0.1, "+PROCTITLE", "proctitle=737368643A20636F7265205B707269765D")
	events, _ := run(t, s.files("export").sources(), false)
	n := 0
	for i := range events {
		if events[i].typ == "UserAction" {
			if n++; events[i].who() != "alice" {
				t.Errorf("%s", events[i].who())
			}
		}
	}
	if n != 1 {
		t.Errorf("%d events, want one", n)
	}
}
