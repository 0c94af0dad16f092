package replay_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/journal"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/schema"
	"auditreplay/pkg/synth"

	"github.com/google/go-cmp/cmp"
)

// How many sessions and logins are held in memory makes no difference to what
// is written.
func TestHoldChangesNothing(t *testing.T) {
	t.Parallel()
	all, err := hosts()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range someHosts() {
		h := all[name]
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			for _, log := range []string{"sshd.export", "auth.log"} {
				var want []string
				for _, hold := range []int{0, 1, 7, 100} {
					rec := recorder{text: true}
					if _, err := replay.Run(h.with(log).sources(), &rec, replay.Options{Hold: hold}); err != nil {
						t.Fatal(err)
					}
					got := texts(rec.events)
					if hold == 0 {
						if want = got; len(want) < 1000 {
							t.Fatalf("%d events", len(want))
						}
					} else if d := cmp.Diff(want, got); d != "" {
						t.Errorf("%s, %d held:\n%s", log, hold, d)
					}
				}
			}
		})
	}
}

// The same of a host that has many more sessions than keep what their events
// show of them, some of which are open for long.
func TestHoldOfManySessions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := synth.Write(dir, synth.Options{Bytes: 6 << 20, Logins: 3000, Hosts: 1, Boots: 1, Open: 60, Seed: 3, Format: synth.Raw}); err != nil {
		t.Fatal(err)
	}
	in, err := ingest.Discover([]string{filepath.Join(dir, "var/log/audit"), filepath.Join(dir, "sshd.export")},
		ingest.Options{Detect: []func([]byte) (ingest.Kind, string){func(head []byte) (ingest.Kind, string) { return journal.Detect(head), "" }}})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	written := func(hold int) string {
		sum := sha256.New()
		got, err := replay.Run(in.Sources, schema.NewEncoder(sum), replay.Options{Hold: hold, Transient: true})
		if err != nil || got.Joined < 3000 {
			t.Fatalf("%d held: %d logins joined, %v", hold, got.Joined, err)
		}
		return hex.EncodeToString(sum.Sum(nil))
	}
	want := written(0)
	holds := []int{1, 2, 30}
	if testing.Short() {
		holds = holds[:1]
	}
	for _, hold := range holds {
		if got := written(hold); got != want {
			t.Errorf("%d held: other bytes", hold)
		}
	}
}

// Of several things that speak against a session and the logins of its pid, the
// reason that is shown is the same however few of them are looked at whole.
func TestFirstContradiction(t *testing.T) {
	t.Parallel()
	var export bytes.Buffer
	for i, text := range []string{"Accepted publickey for bob from 10.0.0.1 port 40004 ssh2", "Accepted publickey for bob from 10.0.0.1 port 40007 ssh2",
		"pam_unix(sshd:session): session opened for user bob(uid=1001) by (uid=0)"} {
		at := []int64{1700000998509480, 1700001350883708, 1700001350983708}[i]
		fmt.Fprintf(&export, "__CURSOR=%d\n__REALTIME_TIMESTAMP=%d\n_SOURCE_REALTIME_TIMESTAMP=%d\n_BOOT_ID=%032d\n_HOSTNAME=h1\n_PID=300\nSYSLOG_PID=300\n"+
			"_AUDIT_SESSION=2\nSYSLOG_IDENTIFIER=sshd\n_COMM=sshd\n_EXE=/usr/sbin/sshd\n_UID=0\n_TRANSPORT=syslog\n", i, at, at, 2)
		if i == 2 {
			export.WriteString("_AUDIT_LOGINUID=1000\n")
		}
		fmt.Fprintf(&export, "MESSAGE=%s\n\n", text)
	}
	audit := `type=USER_START msg=audit(1700001353.084:138): pid=300 uid=0 auid=1001 ses=2 msg='op=PAM:session_open acct="bob" exe="/usr/lib/openssh/sshd-session" hostname=10.0.0.1 addr=10.0.0.1 terminal=ssh res=success'
type=USER_LOGIN msg=audit(1700001561.105:146): pid=300 uid=0 auid=1000 ses=2 msg='op=login acct="alice" exe="/usr/sbin/sshd" hostname=10.0.0.1 addr=10.0.0.1 terminal=/dev/pts/0 res=success'
`
	rec := recorder{text: true}
	e := evidence{{"audit.log", ingest.AuditLog, []byte(audit)}, {"sshd.export", ingest.JournalExport, export.Bytes()}}
	if _, err := replay.Run(e.sources(), &rec, replay.Options{}); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, text := range texts(rec.events) {
		if strings.Contains(text, `"reason":"conflict: account bob != alice"`) {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d events with that reason:\n%s", n, strings.Join(texts(rec.events), "\n"))
	}
}

// Two Accepted lines of one second and one peer are of the same life of their
// pid, and it was over when another peer had the pid.
func TestLivesOfOneSecond(t *testing.T) {
	t.Parallel()
	const audit = `type=USER_START msg=audit(1700000011.068:385): pid=300 uid=0 auid=1000 ses=2 msg='op=PAM:session_open acct="alice" exe="/usr/sbin/sshd" hostname=10.0.0.2 addr=10.0.0.2 terminal=ssh res=success'
`
	for name, log := range map[string][]string{
		"said twice": {"Accepted password for alice from 10.0.0.2 port 40001 ssh2", `Connection from 10.0.0.2 port 40000 on 10.9.9.9 port 22 rdomain ""`,
			"Accepted publickey for alice from 10.0.0.2 port 40001 ssh2"},
		"came back": {"Accepted password for alice from 10.0.0.2 port 40001 ssh2", "Connection from 10.0.0.1 port 40000 on 10.9.9.9 port 22",
			"Accepted password for alice from 10.0.0.1 port 40000 ssh2", "Connection from 10.0.0.2 port 40001 on 10.9.9.9 port 22",
			"Accepted password for alice from 10.0.0.2 port 40001 ssh2"},
	} {
		var b strings.Builder
		for _, text := range log {
			fmt.Fprintf(&b, "Nov 14 22:13:29 h1 sshd[300]: %s\n", text)
		}
		e := evidence{{"audit.log", ingest.AuditLog, []byte(audit)}, {"auth.log", ingest.SyslogText, []byte(b.String())}}
		sum, err := replay.Run(e.sources(), discard{}, replay.Options{})
		if err != nil || sum.Joined != 0 {
			t.Errorf("%s: %d logins joined, %v", name, sum.Joined, err)
		}
	}
}
