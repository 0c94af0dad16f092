package replay_test

import (
	"bytes"
	"testing"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/schema"
)

// onlooker looks on and says nothing.
type onlooker struct{ names int }

func (o *onlooker) Record(_ int, rec *auditd.Record) {
	if bytes.Contains(rec.Enriched, []byte(`AUID="alice"`)) {
		o.names++
	}
}
func (o *onlooker) Entry(int, *ingest.Entry, string) {}
func (o *onlooker) Concluded(*replay.Conclusions)    {}

// TestObserverChangesNothing replays a session whose account only the names
// that auditd added tell, and contradict sshd's log, with and without somebody
// who looks on.
func TestObserverChangesNothing(t *testing.T) {
	t.Parallel()
	in := evidence{
		{name: "audit.log", kind: ingest.AuditLog, data: []byte(
			"type=LOGIN msg=audit(1767323045.100:10): pid=812 uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=3 res=1\x1dUID=\"root\" OLD-AUID=\"unset\" AUID=\"alice\"\n" +
				"type=USER_CMD msg=audit(1767323047.000:12): pid=815 uid=1000 auid=1000 ses=3 msg='cwd=\"/\" cmd=\"id\" terminal=pts/0 res=success'\x1dUID=\"alice\" AUID=\"alice\"\n")},
		{name: "auth.log", kind: ingest.SyslogText, data: []byte("2026-01-02T03:04:05.050000+00:00 h sshd[812]: Accepted publickey for bob from 10.0.0.5 port 4000 ssh2: ED25519 SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n")},
	}
	texts := make(map[bool]string)
	for _, looked := range []bool{false, true} {
		var out bytes.Buffer
		enc := schema.NewEncoder(&out)
		var opt replay.Options
		look := new(onlooker)
		if looked {
			opt.Observer = look
		}
		if _, err := replay.Run(in.sources(), enc, opt); err != nil {
			t.Fatal(err)
		}
		if err := enc.Flush(); err != nil {
			t.Fatal(err)
		}
		texts[looked] = out.String()
		if looked && look.names != 2 {
			t.Errorf("%d records with a name", look.names)
		}
	}
	if texts[false] != texts[true] {
		t.Errorf("without:\n%s\nwith:\n%s", texts[false], texts[true])
	}
}
