package replay_test

import (
	"bytes"
	"fmt"
	"testing"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/replay"

	"github.com/google/go-cmp/cmp"
)

// TestDamagedTimeOfOneEntry gives one entry of a journal a digit that makes its
// boot seem to last hours longer, or to begin hours earlier: the boots stay.
func TestDamagedTimeOfOneEntry(t *testing.T) {
	t.Parallel()
	h := host(t, "trixie-A")
	boots := func(data []byte) []replay.HostSummary {
		sources := append(h.with(), file{"sshd.export", ingest.JournalExport, data}).sources()
		sum, err := replay.Run(sources, discard{}, replay.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return sum.Hosts
	}
	journal := h.sshd["sshd.export"].data
	want := boots(journal)
	name := []byte("__REALTIME_TIMESTAMP=17953")
	n, tries := bytes.Count(journal, name), 12
	if testing.Short() {
		tries = 2
	}
	at := 0
	for i := range n {
		at += bytes.Index(journal[at:], name) + len(name)
		if i%(n/tries) != 1 {
			continue
		}
		for _, digit := range []byte("06") { // of ten thousands of seconds: it is 8 or 9
			damaged := bytes.Clone(journal)
			damaged[at] = digit
			if diff := cmp.Diff(want, boots(damaged)); diff != "" {
				t.Errorf("entry %d, digit %c (-whole +damaged):\n%s", i, digit, diff)
			}
		}
	}
}

// TestAfterShutdown: what is recorded long after an orderly shutdown is another
// boot's, though nothing is left of how that began and its serials are higher.
func TestAfterShutdown(t *testing.T) {
	t.Parallel()
	const session = "type=LOGIN msg=audit(1700000000.000:100): pid=7 uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=3294967295 ses=3 res=1\n" +
		"type=USER_START msg=audit(1700000000.100:101): pid=7 uid=0 auid=1000 ses=3 msg='op=PAM:session_open acct=\"alice\" exe=\"/usr/sbin/sshd\" hostname=192.0.2.1 addr=192.0.2.1 terminal=ssh res=success'\n"
	const down = "type=SYSTEM_SHUTDOWN msg=audit(1700000020.000:110): pid=9 uid=0 auid=4294967295 ses=3294967295 msg=' comm=\"systemd-update-utmp\" exe=\"/usr/lib/systemd/systemd-update-utmp\" hostname=? addr=? terminal=? res=success'\n"
	for name, test := range map[string]struct {
		log  string
		want []string
	}{
		"later":    {session + fmt.Sprintf(execOf, 1700000010, 0, 105, "k") + down + fmt.Sprintf(execOf, 1700000620, 0, 9000, "k"), []string{"audit", "audit", "audit", "none"}},
		"at once":  {session + down + fmt.Sprintf(execOf, 1700000021, 0, 111, "k"), []string{"audit", "audit", "audit"}},
		"no order": {session + fmt.Sprintf(execOf, 1700000620, 0, 105, "k") + down, []string{"audit", "audit", "audit"}}, // the clock was set back
	} {
		rec := new(recorder)
		if _, err := replay.Run(oneLog([]byte(test.log)), rec, replay.Options{}); err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range rec.events {
			if e := &rec.events[i]; e.ses == "3" {
				got = append(got, e.attribution)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
