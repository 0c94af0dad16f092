package auditd

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestFacts pins what each shape of record says of sessions.
func TestFacts(t *testing.T) {
	t.Parallel()
	const unset = UnsetID
	for name, c := range map[string]struct {
		line string
		want Fact
	}{
		"LOGIN": {
			`type=LOGIN msg=audit(1.002:3): pid=358 uid=0 subj=unconfined old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=4 res=1` + "\x1d" + `UID="root" OLD-AUID="unset" AUID="alice"`,
			Fact{PID: 358, Ses: 4, HasSes: true, AUID: 1000, AUIDName: "alice", OldSes: unset, OK: true}},
		"LOGIN that failed": {
			`type=LOGIN msg=audit(1.002:3): pid=358 uid=0 old-auid=4294967295 auid=1000 old-ses=4294967295 ses=4 res=0`,
			Fact{PID: 358, Ses: 4, HasSes: true, AUID: 1000, OldSes: unset}},
		"LOGIN of 2.6.32, without res": {
			`type=LOGIN msg=audit(1.002:3): login pid=31 uid=0 old auid=4294967295 new auid=0 old ses=4294967295 new ses=1172`,
			Fact{PID: 31, Ses: 1172, HasSes: true, AUID: 0, OldSes: unset, OK: true}},
		"USER_START": {
			`type=USER_START msg=audit(1.002:3): pid=358 uid=0 auid=1000 ses=4 subj=unconfined msg='op=PAM:session_open grantors=pam_unix acct="alice" exe="/usr/sbin/sshd" hostname=203.0.113.10 addr=203.0.113.10 terminal=ssh res=success'`,
			Fact{PID: 358, Ses: 4, HasSes: true, AUID: 1000, OldSes: unset, OK: true, Op: "PAM:session_open", Acct: "alice",
				Exe: "/usr/sbin/sshd", Addr: "203.0.113.10", Terminal: "ssh"}},
		"inner fields do not replace the outer ones": {
			`type=USER_START msg=audit(1.002:3): pid=358 uid=0 auid=1000 ses=4 msg='op=x pid=1 ses=9 auid=0 acct="o'brien" exe="/bin/x" addr=? res=failed'`,
			Fact{PID: 358, Ses: 4, HasSes: true, AUID: 1000, OldSes: unset, Op: "x", Acct: "o'brien", Exe: "/bin/x"}},
		"Red Hat's key": {
			`type=CRYPTO_KEY_USER msg=audit(1.002:3): pid=9 uid=0 auid=4294967295 ses=4294967295 msg='op=negotiate kind=auth-key fp=SHA256:71:b3:96:a4:91:24:79:28:d8:ce:72:79:e0:53:7a:ca:4e:77:6c:29:10:90:30:68:4e:3c:5e:eb:14:51:63:9b  exe="/usr/sbin/sshd" hostname=? addr=10.0.0.1 terminal=? res=success'`,
			Fact{PID: 9, Ses: unset, HasSes: true, AUID: unset, OldSes: unset, OK: true, Op: "negotiate", Exe: "/usr/sbin/sshd", Addr: "10.0.0.1",
				Fingerprint: "SHA256:cbOWpJEkeSjYznJ54FN6yk53bCkQkDBoTjxe6xRRY5s"}},
		"hex account": {
			`type=USER_LOGIN msg=audit(1.002:3): pid=9 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct=28696E76616C6964207573657229 exe="/usr/sbin/sshd" hostname=? addr=10.0.0.1 terminal=sshd res=failed'`,
			Fact{PID: 9, Ses: unset, HasSes: true, AUID: unset, OldSes: unset, Op: "login", Acct: "(invalid user)", Exe: "/usr/sbin/sshd", Addr: "10.0.0.1", Terminal: "sshd"}},
	} {
		var rec Record
		if err := ParseLine([]byte(c.line), &rec); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got Fact
		NewFacts().Read(&rec, &got)
		if d := cmp.Diff(c.want, got, cmpopts.IgnoreFields(Fact{}, "Type", "Millis", "Serial", "Pos")); d != "" {
			t.Errorf("%s: -want +got:\n%s", name, d)
		}
	}
}

// TestSessionless holds the look at the bytes alone against the whole event.
func TestSessionless(t *testing.T) {
	t.Parallel()
	b := NewBuilder()
	var ev Event
	n := 0
	for _, log := range hostLogs(t) {
		for _, recs := range groups(t, log) {
			b.Build(recs, &ev)
			if Sessionless(recs) {
				n++
				if ev.Ses != "unset" {
					t.Fatalf("session %q: %s", ev.Ses, recs[0].Line)
				}
			} else if ev.Ses == "unset" && !recs[0].Daemon() {
				t.Fatalf("not seen to be of no session: %s", recs[0].Line)
			}
		}
	}
	if n < 1000 {
		t.Errorf("only %d", n)
	}
}
