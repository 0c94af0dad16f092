package live

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/ingest/auditd"
)

// TestManyRecords writes one event of very many records, and all of them again:
// a copy is looked for among those that may be one, not among all.
func TestManyRecords(t *testing.T) {
	t.Parallel()
	h := joined(t)
	records := 200_000
	if testing.Short() {
		records = 40_000
	}
	write := func() {
		for i := range records {
			h.again(t0+5, "PATH", fmt.Sprintf(`item=%d name="/srv/%d" inode=%d nametype=NORMAL`, i, i, i))
		}
	}
	h.serial++
	write()
	h.restart() // what is known of the event is learnt again
	h.round()
	write()
	u := h.p.units.order[0]
	if len(h.p.units.order) != 1 || len(u.records) != auditd.MaxRecords || u.looked != auditd.MaxRecords {
		t.Fatalf("%d events, %d records in the first, %d of them looked up by what they say", len(h.p.units.order), len(u.records), u.looked)
	}
	for _, alike := range u.known {
		if len(alike) > 4 {
			t.Fatalf("%d records are looked at for one", len(alike))
		}
	}
	if c := h.p.Counts; c.Duplicate != auditd.MaxRecords || c.Rejected != 2*int64(records-auditd.MaxRecords) {
		t.Errorf("%d copies, %d rejected", c.Duplicate, c.Rejected)
	}
	h.wait(5 * time.Second)
	if n := h.p.Counts.Events; n != 3 || len(h.p.units.open) != 0 || h.p.units.size != 0 {
		t.Errorf("%d events, %d are open, of %d bytes", n, len(h.p.units.open), h.p.units.size)
	}
}

// TestOpenBounded writes events that never end, in a time that does not pass:
// what is kept of them has a limit, and each is written once.
func TestOpenBounded(t *testing.T) {
	t.Parallel()
	h := joined(t)
	const events, limit = 2000, 1 << 16
	h.p.units.limit = limit
	for i := range events {
		h.record(t0+5, "SYSCALL", `arch=c000003e syscall=257 success=yes exit=3 ppid=50 pid=61 auid=1000 uid=1000 ses=7 exe="/bin/cat"`)
		if i%2 == 0 {
			h.again(t0+5, "CWD", `cwd="/"`)
		}
		if size := h.p.units.size; size > limit {
			t.Fatalf("%d bytes are held after %d events", size, i)
		}
	}
	if n := h.p.Counts.Events; n < events/2 {
		t.Errorf("only %d events were closed", n)
	}
	h.wait(5 * time.Second)
	got := h.wrote()
	if len(got) != events || strings.Contains(strings.Join(got, "\n"), "late") {
		t.Errorf("%d events were written", len(got))
	}
	if h.p.units.size != 0 || h.p.units.ended != 0 {
		t.Errorf("%d bytes of no event, %d ended", h.p.units.size, h.p.units.ended)
	}
}
