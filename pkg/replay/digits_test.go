package replay_test

import (
	"bytes"
	"testing"

	"auditreplay/pkg/replay"
)

// TestLoginOfAnotherPID: a LOGIN record that lost digits of its serial and pid
// names another login's process; what else the session's own sshd did in it
// speaks against that.
func TestLoginOfAnotherPID(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		host      string
		old, new  string // of a LOGIN record
		gone      string // the start of a line that is not there, or ""
		ses, from string // the session that it is made to be of, and its boot
		wrong     string // fingerprint of the login whose pid it then has
	}{
		{"trixie-A", "audit(1795389103.476:2919): pid=752 ", "audit(1795389103.476:1919): pid=755 ", "", "59", "@1795388988.744",
			"SHA256:zVlbnihCUaa3B3c94NytNC9zqWwd3VwuVHRMT8oe02I"},
		{"bookworm-A", "audit(1795390526.252:2858): pid=507 uid=0 subj=unconfined old-auid=4294967295 auid=1005 tty=(none) old-ses=4294967295 ses=60 ",
			"audit(1795390526.252:0858): pid=501 uid=0 subj=unconfined old-auid=4294967295 auid=1005 tty=(none) old-ses=4294967295 ses=65 ",
			"type=LOGIN msg=audit(1795390530.228:2997)", "65", "@1795390307.424", "SHA256:X7Pj"},
	} {
		h := host(t, test.host)
		e := evidence{h.sshd["auth.log"]}
		changed := 0
		for _, f := range h.audit {
			data := bytes.Replace(f.data, []byte("type=LOGIN msg="+test.old), []byte("type=LOGIN msg="+test.new), 1)
			changed += bytes.Count(f.data, []byte("type=LOGIN msg="+test.old))
			if at := bytes.Index(data, []byte(test.gone)); test.gone != "" && at >= 0 {
				data = append(bytes.Clone(data[:at]), data[at+bytes.IndexByte(data[at:], '\n')+1:]...)
				changed++
			}
			f.data = data
			e = append(e, f)
		}
		if want := 1 + min(len(test.gone), 1); changed != want {
			t.Fatalf("%s: %d lines changed, want %d", test.host, changed, want)
		}
		var rec recorder
		if _, err := replay.Run(e.sources(), &rec, replay.Options{}); err != nil {
			t.Fatal(err)
		}
		seen := 0
		for i := range rec.events {
			ev := &rec.events[i]
			if ev.typ != "UserAction" || ev.ses != test.ses || ev.boot != test.from {
				continue
			}
			seen++
			if bytes.HasPrefix([]byte(ev.fingerprint), []byte(test.wrong)) {
				t.Errorf("%s: %s carries %s", test.host, ev.id, ev.fingerprint)
			}
		}
		if seen < 10 {
			t.Errorf("%s: %d events of session %s of %s", test.host, seen, test.ses, test.from)
		}
	}
}
