package verify_test

import (
	"fmt"
	"strings"
	"testing"

	"auditreplay/pkg/verify"

	"github.com/google/go-cmp/cmp"
)

// healthy is evidence without a hole: two ssh sessions and their logins.
func healthy() (*logs, *sshd) {
	l, s := new(logs), new(sshd)
	l.start(0).ssh(10, 500, 1).ssh(20, 510, 2)
	s.accept(10, 500).accept(20, 510)
	return l, s
}

// Each story has one thing wrong, and that is what is found, and nothing else.
func TestStories(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		story func(l *logs, s *sshd, files map[string]string)
		want  []string
	}{
		{"healthy", func(*logs, *sshd, map[string]string) {}, nil},
		{"gap", func(l *logs, s *sshd, _ map[string]string) {
			l.skip(3).ssh(30, 520, 3)
			s.accept(30, 520)
		}, []string{"serial_gap 03:04:25.310 - 03:04:35.000 3 audit.log:13,audit.log:14 | 3 events missing: serials 14 to 16"}},
		{"late serial is no gap", func(l *logs, s *sshd, _ map[string]string) {
			l.skip(1).exec(25, 511, 2)
			l.serial -= 2
			l.exec(21, 511, 2) // began before the other and ended after it
		}, nil},
		{"auditd down", func(l *logs, s *sshd, _ map[string]string) {
			l.daemon(30, "DAEMON_END", "op=terminate auid=1000 uid=0 ses=2 pid=300 subj=unconfined res=success").skip(2)
			l.daemon(40, "DAEMON_START", "op=start ver=3.0.9 format=raw kernel=6.1 auid=4294967295 pid=201 uid=0 ses=4294967295 res=success").exec(41, 511, 2)
		}, []string{
			"serial_gap 03:04:25.310 - 03:04:46.000 2 audit.log:13,audit.log:16 | 2 events missing: serials 14 to 15; auditd was down from 03:04:35.000 to 03:04:45.000",
			"auditd_down 03:04:35.000 - 03:04:45.000 audit.log:14,audit.log:15 | stopped by pid 300 of auid 1000 in session 2; started again",
		}},
		{"auditd killed", func(l *logs, s *sshd, _ map[string]string) {
			l.daemon(40, "DAEMON_START", "op=start ver=3.0.9 format=raw kernel=6.1 auid=4294967295 pid=201 uid=0 ses=4294967295 res=success").exec(41, 511, 2)
		}, []string{"auditd_down 03:04:25.310 - 03:04:45.000 audit.log:13,audit.log:14 | started again without having ended: killed, or crashed"}},
		{"auditd gone for good", func(l *logs, s *sshd, _ map[string]string) {
			l.daemon(30, "DAEMON_END", "op=terminate auid=0 uid=0 ses=4294967295 pid=300 subj=unconfined res=success")
			s.accept(200, 600)
		}, []string{
			"auditd_down 03:04:35.000 - 03:07:25.000 audit.log:14 | stopped by pid 300 of auid 0; not started again before the boot's last evidence",
			"login_without_session 03:07:25.000 auth.log:3 | the login of alice from 192.0.2.7 port 40600 (pid 600): no record of a session that pid 600 opened at that time; auditd was down then",
		}},
		{"reboot is no hole", func(l *logs, s *sshd, _ map[string]string) {
			l.daemon(30, "DAEMON_END", "op=terminate auid=0 uid=0 ses=4294967295 pid=1 subj=unconfined res=success")
			l.start(90).rec(91, "SYSTEM_BOOT", `pid=2 uid=0 auid=4294967295 ses=4294967295 msg=' comm="systemd-update-utmp" exe="/usr/lib/systemd/systemd-update-utmp" res=success'`).ssh(100, 500, 1)
			s.accept(100, 500)
		}, nil},
		{"audit switched off", func(l *logs, s *sshd, _ map[string]string) {
			l.rec(30, "CONFIG_CHANGE", "op=set audit_enabled=0 old=1 auid=1000 ses=2 res=1").rec(50, "CONFIG_CHANGE", "op=set audit_enabled=1 old=0 auid=1000 ses=2 res=1")
		}, []string{"audit_disabled 03:04:35.000 - 03:04:55.000 audit.log:14,audit.log:15 | audit_enabled=0 by auid 1000 in session 2, set back by auid 1000 in session 2"}},
		{"rules removed", func(l *logs, s *sshd, _ map[string]string) {
			l.rec(30, "CONFIG_CHANGE", `auid=1000 ses=2 op=remove_rule key="exec" list=4 res=1`).rec(30, "CONFIG_CHANGE", `auid=1000 ses=2 op=remove_rule key="net" list=4 res=1`)
		}, []string{"rules_changed 03:04:35.000 - 03:04:35.000 2 audit.log:14,audit.log:15 | 2 rules removed (exec, net) by auid 1000 in session 2; no rule was left"}},
		{"not recorded after the rules went", func(l *logs, s *sshd, _ map[string]string) {
			l.rec(30, "CONFIG_CHANGE", `auid=1000 ses=2 op=remove_rule key="exec" list=4 res=1`).rec(30, "CONFIG_CHANGE", `auid=1000 ses=2 op=remove_rule key="net" list=4 res=1`)
			l.rec(40, "USER_CMD", `pid=600 uid=0 auid=1000 ses=2 msg='cwd="/" cmd="id" exe="/usr/bin/sudo" terminal=pts/0 res=success'`)
		}, []string{
			"rules_changed 03:04:35.000 - 03:04:35.000 2 audit.log:14,audit.log:15 | 2 rules removed (exec, net) by auid 1000 in session 2; no rule was left",
			"not_recorded 03:04:45.000 - 03:04:45.000 1 audit.log:16 | commands (execve), connections (connect), opened and changed files: none seen, and no rule was loaded",
		}},
		{"start rotated away", func(l *logs, s *sshd, files map[string]string) {
			_, rest, _ := strings.Cut(l.String(), "type=LOGIN")
			for i := 13; i >= 4; i-- {
				rest = strings.ReplaceAll(rest, fmt.Sprintf(":%d):", i), fmt.Sprintf(":%d):", i+900))
			}
			files["audit.log"] = "type=LOGIN" + rest
		}, []string{"file_missing - 03:04:15.000 903 audit.log:1 | the start of this boot's audit log: serials up to 903, rotated away or not collected"}},
		{"rotated file missing", func(l *logs, s *sshd, files map[string]string) {
			lines := strings.SplitAfter(l.String(), "\n")
			files["audit.log.3"] = strings.Join(lines[:5], "")
			files["audit.log.1"] = strings.Join(lines[5:10], "")
			files["audit.log"] = strings.Join(lines[10:], "")
		}, []string{"file_missing 1 DIR/audit.log | not in the evidence: audit.log.2"}},
		{"same file twice", func(l *logs, s *sshd, files map[string]string) { files["copy/audit.log"] = l.String() },
			[]string{"overlap 13 copy/audit.log | 13 lines that another source of the same sort has too: each counts once"}},
		{"rejected", func(l *logs, s *sshd, _ map[string]string) { l.WriteString("garbage\nmore garbage\n") },
			[]string{"rejected 2 audit.log:14,audit.log:15 | no msg=audit("}},
		{"login uid rewritten", func(l *logs, s *sshd, _ map[string]string) {
			l.rec(30, "LOGIN", "pid=900 uid=0 old-auid=1000 auid=0 tty=pts0 old-ses=2 ses=3 res=1")
		}, []string{
			"loginuid_rewritten 03:04:35.000 - 03:04:35.000 audit.log:14 | pid 900: login uid 1000 became 0, session 2 became 3",
			"session_without_login 03:04:35.000 - 03:04:35.000 1 audit.log:14 | session 3: how it was opened is not in the evidence, nor a login of it",
		}},
		{"forged inner ids", func(l *logs, s *sshd, _ map[string]string) {
			l.rec(30, "USER_CMD", `pid=600 uid=0 auid=1000 ses=2 msg='ses=1 auid=0 cwd="/" cmd="id" exe="/usr/bin/sudo" terminal=pts/0 res=success'`)
		}, []string{
			"contradiction 03:04:35.000 - 03:04:35.000 1 audit.log:14 | msg auid 0 != auid 1000",
			"contradiction 03:04:35.000 - 03:04:35.000 1 audit.log:14 | msg ses 1 != ses 2",
		}},
		{"session without login", func(l *logs, s *sshd, _ map[string]string) { l.ssh(30, 520, 3) },
			[]string{"session_without_login 03:04:35.000 - 03:04:35.310 5 audit.log:14 | session 3: sshd opened it, and no line of its log fits"}},
		{"no sshd log at all", func(l *logs, s *sshd, _ map[string]string) { s.Reset() },
			[]string{"session_without_login 03:04:15.000 - 03:04:25.000 2 audit.log:4,audit.log:9 | 2 sessions of a time of which no line of sshd's log is in the evidence"}},
		{"login forged over a real one", func(l *logs, s *sshd, _ map[string]string) {
			s.line(20.5, 510, "Accepted publickey for alice from 192.0.2.7 port 40510 ssh2: ED25519 SHA256:ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq")
		}, []string{
			"contradiction 03:04:25.000 auth.log:2 | the login of alice from 192.0.2.7 port 40510 (pid 510): conflict: two Accepted of one pid: auth.log:2 auth.log:3",
			"contradiction 03:04:25.000 - 03:04:25.310 audit.log:9 | session 2: conflict: two Accepted of one pid: auth.log:2 auth.log:3",
			"contradiction 03:04:25.500 auth.log:3 | the login of alice from 192.0.2.7 port 40510 (pid 510): conflict: two Accepted of one pid: auth.log:2 auth.log:3",
		}},
		{"the kernel lost records", func(l *logs, s *sshd, _ map[string]string) {
			fmt.Fprintf(s, "2026-01-02T03:04:40.000000+00:00 web1 kernel: audit: audit_lost=17 audit_rate_limit=0 audit_backlog_limit=64\n")
			fmt.Fprintf(s, "2026-01-02T03:04:41.000000+00:00 web1 kernel: kauditd_printk_skb: 12 callbacks suppressed\n") // no serial is missing: not lost
		}, []string{"records_lost 03:04:40.000 - 03:04:40.000 17 auth.log:3 | audit: audit_lost=17 audit_rate_limit=0 audit_backlog_limit=64"}},
		{"sshd's log is a relay's, with another clock", func(l *logs, s *sshd, _ map[string]string) {
			s.Reset()
			s.accept(210, 500).accept(220, 510)
			for i := range 6 {
				at := 30 + float64(i)*10
				l.ssh(at, 520+i, 3+i)
				s.accept(at+200, 520+i)
			}
		}, []string{"clock_skew auth.log | its clock is 3m20s ahead of the audit log's, by the logins that are in both"}},
		{"clock set back", func(l *logs, s *sshd, _ map[string]string) {
			l.exec(25, 511, 2)
			for i := range 20 {
				l.exec(21+float64(i)/10, 511, 2)
			}
		}, []string{"clock_step 03:04:30.000 - 03:04:26.000 audit.log:14,audit.log:15 | clock set back by 4.000 s"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l, s := healthy()
			story := make(map[string]string)
			test.story(l, s, story)
			if _, ok := story["audit.log"]; !ok {
				story["audit.log"] = l.String()
			}
			if s.Len() > 0 {
				story["auth.log"] = s.String()
			}
			dir := files(t, story)
			got := rows(verified(t, verify.Options{}, dir))
			for i := range got {
				got[i] = strings.ReplaceAll(got[i], dir, "DIR")
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
