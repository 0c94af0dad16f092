package replay_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/schema"

	"github.com/google/go-cmp/cmp"
)

// story writes small evidence by hand: what a host's audit log and sshd's log
// say of a few minutes. Times are in seconds since its start.
type story struct {
	audit, export, auth bytes.Buffer
	serial              int
	boot                string
	base                time.Time
	ahead               float64 // that sshd's log is ahead of the audit log
	node                string
	exe                 string  // sshd's
	ident               string  // and its name in syslog
	noPID               bool    // in auth.log
	up                  float64 // when the boot began
	ses                 int     // journal's _AUDIT_SESSION of the next messages
}

func newStory() *story {
	return &story{serial: 100, boot: strings.Repeat("a", 32), base: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC),
		exe: "/usr/sbin/sshd", ident: "sshd"}
}

// keyOf is the fingerprint of a person's key.
func keyOf(person string) string {
	return "SHA256:" + (person + strings.Repeat("0", 43))[:42] + "0"
}

// rec writes one record of an event of its own; with "+" before its type, one
// more of the event before.
func (s *story) rec(at float64, typ, format string, args ...any) *story {
	if strings.HasPrefix(typ, "+") {
		typ = typ[1:]
	} else {
		s.serial++
	}
	ms := s.base.UnixMilli() + int64(at*1000)
	fmt.Fprintf(&s.audit, "%stype=%s msg=audit(%d.%03d:%d): %s\n", s.node, typ, ms/1000, ms%1000, s.serial, fmt.Sprintf(format, args...))
	return s
}

// login writes a LOGIN record; pam a user record of a program that uses PAM.
func (s *story) login(at float64, ses, pid int) *story {
	return s.rec(at, "LOGIN", "pid=%d uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=%d res=1", pid, ses)
}

func (s *story) pam(at float64, typ, op string, ses, pid int, exe, acct, addr string) *story {
	terminal := "cron"
	if strings.Contains(exe, "ssh") {
		terminal = "ssh"
	}
	if addr == "" {
		addr = "?"
	}
	return s.rec(at, typ, `pid=%d uid=0 auid=1000 ses=%d msg='op=PAM:%s grantors=pam_unix acct="%s" exe="%s" hostname=%s addr=%s terminal=%s res=success'`,
		pid, ses, op, acct, exe, addr, addr, terminal)
}

func (s *story) start(at float64, ses, pid int, acct, addr string) *story {
	return s.pam(at, "USER_START", "session_open", ses, pid, s.exe, acct, addr)
}

func (s *story) end(at float64, ses, pid int, acct, addr string) *story {
	s.pam(at, "USER_END", "session_close", ses, pid, s.exe, acct, addr)
	return s.pam(at, "CRED_DISP", "setcred", ses, pid, s.exe, acct, addr)
}

// run writes an execve of a command that has a name of its own.
func (s *story) run(at float64, ses, pid, ppid int, command string) *story {
	s.rec(at, "SYSCALL", `arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=2 ppid=%d pid=%d auid=1000 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 fsgid=1000 tty=pts0 ses=%d comm="%s" exe="/usr/bin/%s" subj=unconfined key="exec"`,
		ppid, pid, ses, command, command)
	return s.rec(at, "+EXECVE", `argc=1 a0="%s"`, command)
}

// says writes a message of sshd to both its logs.
func (s *story) says(at float64, pid int, format string, args ...any) *story {
	text := fmt.Sprintf(format, args...)
	s.journal(at, pid, text, "_UID=0", "_COMM="+s.ident, "_EXE="+s.exe)
	return s.syslog(at, pid, text)
}

func (s *story) syslog(at float64, pid int, text string) *story {
	stamp := s.base.Add(time.Duration((at + s.ahead) * float64(time.Second))).Format("2006-01-02T15:04:05.000000-07:00")
	tag := fmt.Sprintf("%s[%d]", s.ident, pid)
	if s.noPID {
		tag = s.ident
	}
	fmt.Fprintf(&s.auth, "%s web %s: %s\n", stamp, tag, text)
	return s
}

func (s *story) journal(at float64, pid int, text string, fields ...string) *story {
	us := s.base.UnixMicro() + int64((at+s.ahead)*1e6)
	fmt.Fprintf(&s.export, "__CURSOR=c%d\n__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%s\n", s.export.Len(), us+1500, int64((at-s.up)*1e6)+10_000_000, s.boot)
	fmt.Fprintf(&s.export, "_MACHINE_ID=%s\n_HOSTNAME=web\nPRIORITY=6\n_TRANSPORT=syslog\nSYSLOG_IDENTIFIER=%s\nSYSLOG_PID=%d\n_PID=%d\n", strings.Repeat("b", 32), s.ident, pid, pid)
	if s.ses != 0 {
		fields = append(fields, fmt.Sprintf("_AUDIT_SESSION=%d", s.ses), "_AUDIT_LOGINUID=1000")
	}
	for _, f := range fields {
		s.export.WriteString(f + "\n")
	}
	fmt.Fprintf(&s.export, "_SOURCE_REALTIME_TIMESTAMP=%d\nMESSAGE=%s\n\n", us, text)
	return s
}

func (s *story) accepted(at float64, pid int, person, acct, addr string, port int) *story {
	return s.says(at, pid, "Accepted publickey for %s from %s port %d ssh2: ED25519 %s", acct, addr, port, keyOf(person))
}

// whole is a login with all that both logs say of it.
func (s *story) whole(at float64, ses, pid int, person, acct, addr string, port int) *story {
	s.accepted(at, pid, person, acct, addr, port)
	s.login(at+0.1, ses, pid)
	s.start(at+0.15, ses, pid, acct, addr)
	return s.says(at+0.2, pid, "pam_unix(sshd:session): session opened for user %s(uid=1000) by %s(uid=0)", acct, acct)
}

func (s *story) bye(at float64, pid int, acct string) *story {
	return s.says(at, pid, "pam_unix(sshd:session): session closed for user %s", acct)
}

// files gives the audit log and some of sshd's logs.
func (s *story) files(names ...string) evidence {
	e := evidence{{"audit.log", ingest.AuditLog, bytes.Clone(s.audit.Bytes())}}
	for _, n := range names {
		switch n {
		case "export":
			e = append(e, file{"sshd.export", ingest.JournalExport, bytes.Clone(s.export.Bytes())})
		case "auth":
			e = append(e, file{"auth.log", ingest.SyslogText, bytes.Clone(s.auth.Bytes())})
		}
	}
	return e
}

// whose replays evidence and says whose each command was: "alice", or the
// attribution and its reason.
func whose(t *testing.T, e evidence) map[string]string {
	t.Helper()
	rec := new(recorder)
	sum, err := replay.Run(e.sources(), rec, replay.Options{Workers: 1, Scope: replay.ScopeAll, Hold: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i := range sum.Sources {
		if !sum.Sources[i].Counts.Balanced() {
			t.Errorf("%s is not balanced: %+v", sum.Sources[i].Name, sum.Sources[i].Counts)
		}
	}
	out := make(map[string]string)
	for i := range rec.events {
		ev := &rec.events[i]
		if len(ev.args) == 0 {
			continue
		}
		if old, again := out[ev.args[0]]; again {
			t.Errorf("%s twice: %s", ev.args[0], old)
		}
		out[ev.args[0]] = ev.who()
	}
	return out
}

// who is the person whose key an event carries, or why it carries none.
func (e *event) who() string {
	switch {
	case e.typ == schema.TypeSystem:
		return "system"
	case e.attribution == schema.BySSHD:
		return strings.TrimRight(strings.TrimPrefix(e.fingerprint, "SHA256:"), "0")
	case e.attribution == schema.ByAudit:
		return "audit " + e.account + " " + e.addr
	case e.reason != "":
		return e.attribution + ": " + e.reason
	}
	return e.attribution
}

func wantWhose(t *testing.T, e evidence, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, whose(t, e)); diff != "" {
		t.Errorf("whose commands (-want +got):\n%s", diff)
	}
}

// inBoth holds it for the journal, for auth.log, and for both together.
func (s *story) inBoth(t *testing.T, want map[string]string) {
	t.Helper()
	for _, logs := range [][]string{{"export"}, {"auth"}, {"auth", "export"}} {
		if diff := cmp.Diff(want, whose(t, s.files(logs...))); diff != "" {
			t.Errorf("%v: whose commands (-want +got):\n%s", logs, diff)
		}
	}
}
