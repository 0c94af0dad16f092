package replay_test

import (
	"testing"

	"auditreplay/pkg/ingest"
)

// TestEmptyNode: records that say node= and nothing else are of the host that
// their carrier names, each of its own.
func TestEmptyNode(t *testing.T) {
	t.Parallel()
	const log = `2023-11-14T22:13:20.000000+00:00 alpha sshd[880]: Accepted publickey for alice from 192.0.2.7 port 40000 ssh2: ED25519 SHA256:X7PjgjdUaP+tgI3wM/qpqPZM+tGRP66iAlD/ez1nwMo
2023-11-14T22:13:20.010000+00:00 alpha audispd: node= type=LOGIN msg=audit(1700000000.010:100): pid=880 uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=5 res=1
2023-11-14T22:13:20.015000+00:00 alpha audispd: node= type=USER_START msg=audit(1700000000.015:101): pid=880 uid=0 auid=1000 ses=5 msg='op=PAM:session_open grantors=x acct="alice" exe="/usr/sbin/sshd" hostname=192.0.2.7 addr=192.0.2.7 terminal=ssh res=success'
2023-11-14T22:13:20.020000+00:00 alpha audispd: node= type=SYSCALL msg=audit(1700000000.020:102): arch=c000003e syscall=59 success=yes exit=0 pid=900 auid=1000 uid=1000 ses=5 comm="ls" exe="/bin/ls" key=(null)
2023-11-14T22:13:20.030000+00:00 beta audispd: node= type=SYSCALL msg=audit(1700000000.030:103): arch=c000003e syscall=59 success=yes exit=0 pid=901 auid=1000 uid=1000 ses=5 comm="rm" exe="/bin/rm" key=(null)
`
	_, sum := run(t, evidence{{"messages", ingest.SyslogText, []byte(log)}}.sources(), false)
	if len(sum.Hosts) != 2 || sum.Actions["sshd"] != 3 || sum.Actions["none"] != 1 {
		t.Errorf("hosts %+v, events by attribution %v", sum.Hosts, sum.Actions)
	}
}

// TestPrefixedNode: a record without a node is none of the event before it, whose
// node stands behind something else.
func TestPrefixedNode(t *testing.T) {
	t.Parallel()
	const syscall = `type=SYSCALL msg=audit(1700000000.000:1): arch=c000003e syscall=59 success=yes exit=0 pid=900 auid=1000 uid=1000 ses=5 comm="ls" exe="/bin/ls" key=(null)` + "\n"
	const path = `type=PATH msg=audit(1700000000.000:1): item=0 name="/z" inode=1 dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL` + "\n"
	_, sum := run(t, evidence{{"a.log", ingest.AuditLog, []byte("xnode=zeta " + syscall + path)},
		{"b.log", ingest.AuditLog, []byte("node=alpha " + syscall + "node=alpha " + path)}}.sources(), false)
	if len(sum.Hosts) != 3 || sum.Events != 3 {
		t.Errorf("hosts %+v, %d events", sum.Hosts, sum.Events)
	}
}
