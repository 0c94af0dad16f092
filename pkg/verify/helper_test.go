package verify_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/journal"
	"auditreplay/pkg/ingest/syslog"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/verify"
)

// verified replays what is at paths and says what was found.
func verified(t testing.TB, opt verify.Options, paths ...string) *verify.Report {
	t.Helper()
	in, err := ingest.Discover(paths, ingest.Options{Detect: []func([]byte) (ingest.Kind, string){
		func(head []byte) (ingest.Kind, string) { return journal.Detect(head), "" }, syslog.Detect}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	v := verify.New(opt)
	sum, err := replay.Run(in.Sources, v, replay.Options{Scope: replay.ScopeAll, Observer: v, Reject: v.Reject})
	if err != nil {
		t.Fatal(err)
	}
	sum.AddDamage(in)
	return v.Report(sum)
}

// files writes a story's files into a folder of their own.
func files(t testing.TB, story map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range story {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// t0 is when the stories begin: 2026-01-02 03:04:05 UTC.
const t0 = 1767323045

// logs writes the lines of a small audit log: each call one event.
type logs struct {
	strings.Builder
	serial int
}

// rec adds a record at so many seconds after t0, with the next serial.
func (l *logs) rec(at float64, typ, body string) *logs {
	l.serial++
	fmt.Fprintf(l, "type=%s msg=audit(%.3f:%d): %s\n", typ, t0+at, l.serial, body)
	return l
}

// daemon adds a record of auditd itself, which has serials of its own.
func (l *logs) daemon(at float64, typ, body string) *logs {
	fmt.Fprintf(l, "type=%s msg=audit(%.3f:%d): %s\n", typ, t0+at, 7000+int(at), body)
	return l
}

// skip leaves serials out.
func (l *logs) skip(n int) *logs { l.serial += n; return l }

// start is a boot's first records.
func (l *logs) start(at float64) *logs {
	l.serial = 1
	l.daemon(at, "DAEMON_START", "op=start ver=3.0.9 format=raw kernel=6.1 auid=4294967295 pid=200 uid=0 ses=4294967295 res=success")
	l.rec(at, "CONFIG_CHANGE", `auid=4294967295 ses=4294967295 op=add_rule key="exec" list=4 res=1`)
	return l.rec(at, "CONFIG_CHANGE", `auid=4294967295 ses=4294967295 op=add_rule key="net" list=4 res=1`)
}

// ssh adds an ssh session of user alice: pid opens session ses and runs ls.
func (l *logs) ssh(at float64, pid, ses int) *logs {
	l.rec(at, "LOGIN", fmt.Sprintf("pid=%d uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=%d res=1", pid, ses))
	l.rec(at+.1, "USER_START", fmt.Sprintf(`pid=%d uid=0 auid=1000 ses=%d msg='op=PAM:session_open acct="alice" exe="/usr/sbin/sshd" hostname=192.0.2.7 addr=192.0.2.7 terminal=ssh res=success'`, pid, ses))
	l.exec(at+.2, pid+1, ses)
	return l.connect(at+.3, pid+1, ses)
}

func (l *logs) exec(at float64, pid, ses int) *logs {
	return l.rec(at, "SYSCALL", fmt.Sprintf(`arch=c000003e syscall=59 success=yes exit=0 ppid=1 pid=%d auid=1000 uid=1000 euid=1000 tty=pts0 ses=%d comm="ls" exe="/usr/bin/ls" key="exec"`, pid, ses))
}

func (l *logs) connect(at float64, pid, ses int) *logs {
	return l.rec(at, "SYSCALL", fmt.Sprintf(`arch=c000003e syscall=42 success=yes exit=0 ppid=1 pid=%d auid=1000 uid=1000 euid=1000 tty=pts0 ses=%d comm="curl" exe="/usr/bin/curl" key="net"`, pid, ses)).
		rec(at+.01, "SYSCALL", fmt.Sprintf(`arch=c000003e syscall=87 success=yes exit=0 ppid=1 pid=%d auid=1000 uid=1000 euid=1000 tty=pts0 ses=%d comm="rm" exe="/usr/bin/rm" key="delete"`, pid, ses))
}

// sshd is a small auth.log.
type sshd struct{ strings.Builder }

func (s *sshd) line(at float64, pid int, text string) *sshd {
	sec := int(at)
	fmt.Fprintf(s, "2026-01-02T%02d:%02d:%02d.%06d+00:00 web1 sshd[%d]: %s\n", 3+(4+(5+sec)/60)/60, (4+(5+sec)/60)%60, (5+sec)%60, int((at-float64(sec))*1e6), pid, text)
	return s
}

func (s *sshd) accept(at float64, pid int) *sshd {
	return s.line(at, pid, fmt.Sprintf("Accepted publickey for alice from 192.0.2.7 port %d ssh2: ED25519 SHA256:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ", 40000+pid))
}

// rows are findings in short: what a test compares.
func rows(r *verify.Report) []string {
	var out []string
	for _, f := range r.Findings {
		text := f.Kind
		if !f.From.IsZero() {
			text += f.From.Format(" 15:04:05.000")
		}
		if !f.To.IsZero() {
			text += f.To.Format(" - 15:04:05.000")
		}
		if f.Count != 0 {
			text += fmt.Sprintf(" %d", f.Count)
		}
		text += " " + f.Where + " | " + f.Detail
		out = append(out, text)
	}
	return out
}
