package replay_test

import (
	"bytes"
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
