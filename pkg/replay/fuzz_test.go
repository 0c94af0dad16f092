package replay_test

import (
	"bytes"
	"fmt"
	"testing"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/replay"

	"github.com/google/go-cmp/cmp"
)

// The evidence of one login that nobody touches.
const (
	soundAudit = `type=LOGIN msg=audit(1700000000.100:10): pid=500 uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=3 res=1
type=USER_START msg=audit(1700000000.200:11): pid=500 uid=0 auid=1000 ses=3 msg='op=PAM:session_open acct="alice" exe="/usr/sbin/sshd" hostname=10.0.0.5 addr=10.0.0.5 terminal=ssh res=success'
type=SYSCALL msg=audit(1700000001.000:12): arch=c000003e syscall=59 success=yes exit=0 ppid=501 pid=502 auid=1000 uid=1000 euid=1000 tty=pts0 ses=3 comm="id" exe="/usr/bin/id" key="exec"
type=EXECVE msg=audit(1700000001.000:12): argc=1 a0="id"
type=USER_END msg=audit(1700000009.000:13): pid=500 uid=0 auid=1000 ses=3 msg='op=PAM:session_close acct="alice" exe="/usr/sbin/sshd" hostname=10.0.0.5 addr=10.0.0.5 terminal=ssh res=success'
`
	soundLog = `2023-11-14T22:13:20.000000+00:00 web sshd[500]: Connection from 10.0.0.5 port 4711 on 10.0.0.1 port 22
2023-11-14T22:13:20.050000+00:00 web sshd[500]: Accepted publickey for alice from 10.0.0.5 port 4711 ssh2: ED25519 SHA256:cbOWpJEkeSjYznJ54FN6yk53bCkQkDBoTjxe65RRY5s
2023-11-14T22:13:29.000000+00:00 web sshd[500]: pam_unix(sshd:session): session closed for user alice
`
)

// FuzzRun feeds any bytes, as two more files beside the evidence of a login
// that is sound: the run ends, everything read is accounted for, one worker
// and two write the same, and the login's events never get another identity.
func FuzzRun(f *testing.F) {
	for _, name := range hostNames[:1] {
		h, err := readHost(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(h.audit[0].data[:4000], h.sshd["auth.log"].data[:2000], uint8(ingest.SyslogText))
		f.Add(h.audit[1].data[:4000], h.sshd["sshd.export"].data[:3000], uint8(ingest.JournalExport))
		f.Add(h.audit[1].data[:100], h.sshd["sshd.json"].data[:3000], uint8(ingest.JournalJSON))
	}
	f.Add([]byte(soundAudit), []byte(soundLog), uint8(ingest.SyslogText))
	f.Add(bytes.Replace([]byte(soundAudit), []byte("1700000000"), []byte("1700000600"), 2), []byte("\x00\x00"), uint8(ingest.JournalText))
	f.Fuzz(func(t *testing.T, audit, log []byte, kind uint8) {
		if k := ingest.Kind(kind); k < ingest.AuditLog || k > ingest.SyslogText {
			kind = uint8(ingest.SyslogText)
		}
		e := evidence{{"audit.log", ingest.AuditLog, []byte(soundAudit)}, {"auth.log", ingest.SyslogText, []byte(soundLog)},
			{"audit.log.1", ingest.AuditLog, audit}, {"more.log", ingest.Kind(kind), log}}
		var got [2]recorder
		for i := range got {
			got[i].text = true
			sum, err := replay.Run(e.sources(), &got[i], replay.Options{Workers: i + 1, Hold: i})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range sum.Sources {
				if !s.Counts.Balanced() {
					t.Fatalf("%s: not balanced: %+v", s.Name, s.Counts)
				}
			}
		}
		if d := cmp.Diff(texts(got[0].events), texts(got[1].events)); d != "" {
			t.Fatal(d)
		}
		for _, ev := range got[0].events {
			if ev.id == "1700000001.000:12" && ev.fingerprint != "" && (ev.account != "alice" || ev.addr != "10.0.0.5") {
				t.Fatalf("another's: %s", ev.text)
			}
		}
	})
}

func texts(events []event) []string {
	var out []string
	for _, e := range events {
		out = append(out, e.text+e.pos)
	}
	return out
}

// discard is a view that looks at nothing.
type discard struct{}

func (discard) Encode(any) error { return nil }

// BenchmarkRun replays the recorded hosts, audit log and journal together:
//
//	go test ./pkg/replay -run '^$' -bench Run
func BenchmarkRun(b *testing.B) {
	for _, name := range hostNames {
		h := host(b, name)
		all := h.with("sshd.export")
		var size int64
		for _, f := range all {
			size += int64(len(f.data))
		}
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/j%d", name, workers), func(b *testing.B) {
				b.SetBytes(size)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := replay.Run(all.sources(), discard{}, replay.Options{Workers: workers, Transient: true}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
