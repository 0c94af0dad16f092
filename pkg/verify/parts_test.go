package verify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"auditreplay/pkg/verify"

	"github.com/google/go-cmp/cmp"
)

const bootID = "0123456789abcdef0123456789abcdef"

// entry is an entry of a journal's export, so many seconds after t0, with the
// boot's clock at mono.
func entry(at, mono float64, fields ...string) string {
	return fmt.Sprintf("__CURSOR=c\n__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%s\n_HOSTNAME=web1\n%s\n\n",
		int64((t0+at)*1e6), int64(mono*1e6), bootID, strings.Join(fields, "\n"))
}

func sshdEntry(at, mono float64, pid int, text string, more ...string) string {
	return entry(at, mono, append([]string{"_TRANSPORT=syslog", "SYSLOG_IDENTIFIER=sshd", fmt.Sprintf("_PID=%d", pid), "MESSAGE=" + text}, more...)...)
}

func accepted(pid int) string {
	return fmt.Sprintf("Accepted publickey for alice from 192.0.2.7 port %d ssh2: ED25519 SHA256:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ", 40000+pid)
}

// What only a journal can show.
func TestJournalStories(t *testing.T) {
	t.Parallel()
	root := []string{"_UID=0", "_COMM=sshd", "_EXE=/usr/sbin/sshd"}
	both := sshdEntry(10, 10, 500, accepted(500), root...) + sshdEntry(20, 20, 510, accepted(510), root...)
	for _, test := range []struct {
		name, journal string
		more          func(l *logs)
		want          []string
	}{
		{"clock set forward", both + sshdEntry(3621, 21, 510, "Server listening on 0.0.0.0 port 22.", root...), nil,
			[]string{"clock_step 03:04:25.000 - 04:04:26.000 sshd.export:14,sshd.export:27 | clock set forward by 1h0m0s"}},
		{"forged by a user", both + sshdEntry(21, 21, 777, accepted(777), "_UID=1000", "_COMM=logger", "_EXE=/usr/bin/logger"), nil,
			[]string{"untrusted_source 03:04:26.000 - 03:04:26.000 1 sshd.export:27 | 1 message under sshd's name that sshd did not send (_COMM logger): not believed"}},
		{"rate limited", both + entry(22, 22, "_TRANSPORT=driver", "SYSLOG_IDENTIFIER=systemd-journald", "_PID=1", "_COMM=systemd-journal", "MESSAGE=Suppressed 42 messages from ssh.service"), nil,
			[]string{"rate_limited 03:04:27.000 - 03:04:27.000 42 sshd.export:27 | Suppressed 42 messages from ssh.service"}},
		{"an sshd started in a session", both + sshdEntry(90, 90, 800, accepted(800), append(root, "_AUDIT_SESSION=2", "_AUDIT_LOGINUID=1000")...), func(l *logs) {
			l.rec(90.1, "USER_START", `pid=800 uid=0 auid=1000 ses=2 msg='op=PAM:session_open acct="alice" exe="/usr/sbin/sshd" hostname=192.0.2.7 addr=192.0.2.7 terminal=ssh res=success'`)
		}, []string{
			"inherited_session 03:05:35.000 sshd.export:27 | the login of alice from 192.0.2.7 port 40800 (pid 800) runs in session 2, which another login opened: its sshd was started from within it",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := new(logs)
			l.start(0).ssh(10, 500, 1).ssh(20, 510, 2)
			if test.more != nil {
				test.more(l)
			}
			got := rows(verified(t, verify.Options{}, files(t, map[string]string{"audit.log": l.String(), "sshd.export": test.journal})))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRules(t *testing.T) {
	t.Parallel()
	rules, err := verify.ParseRules("audit.rules", strings.NewReader(`## first
-D
-b 8192
-a always,exit -F arch=b64 -S execve,execveat -k exec
-a never,exit -F arch=b64 -S connect
-w /etc/passwd -p wa -k "identity"
-w /etc/shadow -p r -k reads
-a exit,always -S connect -F key=net
-a always,exit -F dir=/etc -F perm=wa -F key=etc
-e 2
`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rules {
		got = append(got, r.Where+" "+r.Key)
	}
	want := []string{"audit.rules:4 exec", "audit.rules:6 identity", "audit.rules:7 reads", "audit.rules:8 net", "audit.rules:9 etc"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Whether nothing was done or nothing was recorded, the host's rules tell.
func TestNotRecorded(t *testing.T) {
	t.Parallel()
	l, s := new(logs), new(sshd)
	l.start(0)
	l.rec(10, "LOGIN", "pid=500 uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=1 res=1")
	l.rec(10.1, "USER_START", `pid=500 uid=0 auid=1000 ses=1 msg='op=PAM:session_open acct="alice" exe="/usr/sbin/sshd" hostname=192.0.2.7 addr=192.0.2.7 terminal=ssh res=success'`)
	s.accept(10, 500)
	dir := files(t, map[string]string{"audit.log": l.String(), "auth.log": s.String()})
	for rules, want := range map[string]string{
		"":                                 "commands (execve), connections (connect), opened and changed files: none seen; whether one of the loaded rules records them is not in the evidence (--root has the rules)",
		"-a always,exit -S execve -k exec": "connections (connect), opened and changed files: none seen; whether one of the loaded rules records them is not in the evidence (--root has the rules)",
		"-a always,exit -S execve -k exec\n-a always,exit -S connect -k net": "opened and changed files: none seen, and no loaded rule records them",
	} {
		parsed, err := verify.ParseRules("r", strings.NewReader(rules))
		if err != nil {
			t.Fatal(err)
		}
		r := verified(t, verify.Options{Rules: []verify.HostRules{{Root: dir, Rules: parsed}}}, dir)
		if len(r.Findings) != 1 || r.Findings[0].Kind != verify.NotRecorded || r.Findings[0].Detail != want {
			t.Errorf("rules %q: %q", rules, rows(r))
		}
	}
}

// The rules in one host's files say nothing of another host.
func TestRulesOfTwoHosts(t *testing.T) {
	t.Parallel()
	l, s := new(logs), new(sshd)
	l.start(0)
	l.rec(10, "LOGIN", "pid=500 uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=1 res=1")
	l.rec(10.1, "USER_START", `pid=500 uid=0 auid=1000 ses=1 msg='op=PAM:session_open acct="alice" exe="/usr/sbin/sshd" hostname=192.0.2.7 addr=192.0.2.7 terminal=ssh res=success'`)
	s.accept(10, 500)
	one := files(t, map[string]string{"audit.log": l.String(), "auth.log": s.String()})
	two := files(t, map[string]string{"audit.log": l.String(), "auth.log": strings.ReplaceAll(s.String(), "web1", "web2")})
	parsed, err := verify.ParseRules("r", strings.NewReader("-a always,exit -S all -k exec"))
	if err != nil {
		t.Fatal(err)
	}
	for root, silent := range map[string]string{one: "web1", two: "web2"} {
		r := verified(t, verify.Options{Rules: []verify.HostRules{{Root: root, Rules: parsed}}}, one, two)
		if len(r.Findings) != 1 || r.Findings[0].Kind != verify.NotRecorded || r.Findings[0].Host == silent {
			t.Errorf("rules of %s: %q", silent, rows(r))
		}
	}
}

// Serials may come in any order, and an attacker may leave out every other
// one: neither changes the figures or needs memory without end.
func TestSerialsAnyOrder(t *testing.T) {
	t.Parallel()
	var l logs
	l.start(0)
	lines := []string{}
	for range 500 {
		before := l.Len()
		if l.skip(1).exec(10+float64(l.serial%7), 511, 2); l.serial%3 == 0 {
			l.skip(2)
		}
		lines = append(lines, l.String()[before:])
	}
	head, _, _ := strings.Cut(l.String(), lines[0])
	count := func(text string) (n int64) {
		for _, f := range verified(t, verify.Options{}, files(t, map[string]string{"audit.log": text})).Findings {
			if f.Kind == verify.SerialGap {
				n += f.Count
			}
		}
		return n
	}
	want := count(l.String())
	slices.Reverse(lines)
	if got := count(head + strings.Join(lines, "")); got != want || want < 500 {
		t.Errorf("%d missing, in another order %d", want, got)
	}
}

func TestSerialsBounded(t *testing.T) {
	t.Parallel()
	l := new(logs)
	l.start(0)
	const n = 40_000
	for i := range n {
		l.skip(1).rec(10+float64(i)/1000, "USER_CMD", "pid=5 uid=0 auid=4294967295 ses=4294967295 msg='res=success'")
	}
	r := verified(t, verify.Options{}, files(t, map[string]string{"audit.log": l.String()}))
	var missing int64
	for _, f := range r.Findings {
		if f.Kind == verify.SerialGap {
			missing += f.Count
		}
	}
	if missing != n || len(r.Findings) > 20_000 {
		t.Errorf("%d missing in %d findings", missing, len(r.Findings))
	}
}

// Whatever stands in the evidence reaches a terminal as text only.
func TestTextIsSafe(t *testing.T) {
	t.Parallel()
	l, s := healthy()
	l.rec(30, "CONFIG_CHANGE", "auid=1000 ses=2 op=remove_rule key=\"\x1b[2Jevil\u202e\" list=4 res=1")
	s.line(31, 900, "Accepted password for x\x1b]0;pwned\x07 from 192.0.2.9 port 1 ssh2")
	r := verified(t, verify.Options{}, files(t, map[string]string{"audit.log": l.String(), "auth.log": s.String()}))
	var text strings.Builder
	if err := r.WriteText(&text, 0); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(text.String(), "\x1b\x07\u202e") || !strings.Contains(text.String(), `\x1b[2Jevil`) {
		t.Errorf("%q", text.String())
	}
}
