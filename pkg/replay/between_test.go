package replay_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/replay"

	"github.com/google/go-cmp/cmp"
)

// TestBetween holds that events outside of the wanted time are left out
// without a change to those inside, in whatever order the file has them.
func TestBetween(t *testing.T) {
	t.Parallel()
	for _, name := range someHosts() {
		h := host(t, name)
		all := h.with("sshd.export")
		whole := &recorder{text: true}
		sum, err := replay.Run(all.sources(), whole, replay.Options{})
		if err != nil {
			t.Fatal(err)
		}
		n := len(whole.events)
		from, to := whole.events[n/3].at, whole.events[n/3+n/10].at
		part := &recorder{text: true}
		less, err := replay.Run(all.sources(), part, replay.Options{Between: func() (time.Time, time.Time) { return from, to }})
		if err != nil {
			t.Fatal(err)
		}
		within := func(events []event) (out []string) {
			for _, e := range events {
				if !e.at.Before(from) && !e.at.After(to) {
					out = append(out, e.text+e.pos)
				}
			}
			return out
		}
		if d := cmp.Diff(within(whole.events), within(part.events)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if less.Events > sum.Events*2/3 {
			t.Errorf("%s: %d of %d events were read", name, less.Events, sum.Events)
		}
	}
}

// TestLogsEnd holds that a few damaged times do not move the end of the log,
// from which -2h and today are counted, whether the log is there once or twice.
func TestLogsEnd(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	const start = 1767323045
	for i := range 300 {
		fmt.Fprintf(&b, "type=USER_CMD msg=audit(%d.000:%d): pid=5 uid=0 auid=1000 ses=1 msg='res=success'\n", start+60*i, 100+i)
		if i == 150 || i == 160 {
			fmt.Fprintf(&b, "type=USER_CMD msg=audit(%d.000:9%d): pid=5 uid=0 auid=1000 ses=1 msg='res=success'\n", 1798859045+i, i)
			fmt.Fprintf(&b, "type=USER_CMD msg=audit(%d.000:9%d): pid=5 uid=0 auid=1000 ses=1 msg='res=success'\n", 1000+i, i+1)
		}
	}
	for _, names := range [][]string{{"audit.log"}, {"audit.log", "copy.log"}} {
		var in evidence
		for _, name := range names {
			in = append(in, file{name: name, kind: ingest.AuditLog, data: []byte(b.String())})
		}
		var got replay.Log
		if _, err := replay.Run(in.sources(), &recorder{}, replay.Options{Known: func(l replay.Log) error { got = l; return nil }}); err != nil {
			t.Fatal(err)
		}
		if got.Start.Unix() != start || got.End.Unix() != start+60*299 {
			t.Errorf("%v: from %v to %v", names, got.Start, got.End)
		}
	}
}

// The time that a log covers is the same however many copies of it there are.
func TestTimeOfCopies(t *testing.T) {
	t.Parallel()
	span := func(sources []*ingest.Source) (log replay.Log) {
		known := errors.New("known")
		_, err := replay.Run(sources, discard{}, replay.Options{Known: func(l replay.Log) error { log = l; return known }})
		if !errors.Is(err, known) {
			t.Fatal(err)
		}
		return log
	}
	logs := host(t, "bookworm-A").with()
	once := span(logs.sources())
	var copies evidence
	for _, f := range logs {
		copies = append(copies, f, file{f.name + ".copy", f.kind, f.data})
	}
	twice := span(copies.sources())
	if !twice.Start.Equal(once.Start) || !twice.End.Equal(once.End) || once.Start.Year() < 2020 {
		t.Errorf("from %v to %v, with copies from %v to %v", once.Start, once.End, twice.Start, twice.End)
	}
}
