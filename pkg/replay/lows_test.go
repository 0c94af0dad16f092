package replay

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"auditreplay/pkg/ingest"
)

// A clock is set back by an hour, once, and a log that is in no order at all:
// the messages come in the order of time, and of the first no more are held
// than the hour has.
func TestMessagesOfAClockSetBack(t *testing.T) {
	const n = 40_000
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	stepped := make([]time.Time, n)
	for i := range stepped {
		stepped[i] = start.Add(time.Duration(i) * time.Second)
		if i >= n/2 {
			stepped[i] = stepped[i].Add(-time.Hour)
		}
	}
	random := slices.Clone(stepped)
	rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { random[i], random[j] = random[j], random[i] })
	for name, test := range map[string]struct {
		times []time.Time
		held  int
	}{"set back": {stepped, 2*3600 + 3*lowBlock}, "random": {random, n}} {
		var log bytes.Buffer
		for i, at := range test.times {
			fmt.Fprintf(&log, "%s web1 sshd[%d]: Failed password for u from 203.0.113.9 port %d ssh2\n", at.Format(time.RFC3339), 100+i, 1000+i%60000)
		}
		src := &ingest.Source{Name: "auth.log", Path: "auth.log", Kind: ingest.SyslogText, Size: int64(log.Len()),
			OpenRaw: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(log.Bytes())), nil }}
		in := &input{src: src, chunk: chunkSize(1)}
		s := newScan()
		if err := s.source(in); err != nil {
			t.Fatal(err)
		}
		if !in.unsorted {
			t.Fatalf("%s: the log is in order", name)
		}
		ms, err := openMessages(s, in)
		if err != nil {
			t.Fatal(err)
		}
		var got []time.Time
		most := 0
		for {
			m, err := ms.next()
			if err != nil {
				t.Fatal(err)
			}
			if m == nil {
				break
			}
			got = append(got, m.at)
			most = max(most, len(ms.held))
		}
		if len(got) != n || !slices.IsSortedFunc(got, time.Time.Compare) {
			t.Errorf("%s: %d of %d messages, not in order", name, len(got), n)
		}
		if most > test.held {
			t.Errorf("%s: %d messages were held", name, most)
		}
	}
}
