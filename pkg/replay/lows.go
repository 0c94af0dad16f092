package replay

import (
	"math"

	"auditreplay/pkg/ingest"
)

// lows tells the lowest time of the messages of a source that are still to be
// read: a clock that was set back by an hour must not make all of a log be held
// to put it in order.
type lows struct {
	of      []int64 // of each lowBlock messages, in microseconds since the epoch
	n       int
	civil   bool // the times are no instants before all is read
	settled bool // of is that of the block and of all behind it
}

// lowBlock is how many messages are looked at together.
const lowBlock = 1 << 10

// add takes the next message of the first pass.
func (l *lows) add(m *ingest.Message) {
	if l.n%lowBlock == 0 {
		l.of = append(l.of, math.MaxInt64)
	}
	l.n++
	last := &l.of[len(l.of)-1]
	*last = min(*last, m.Received.UnixMicro())
	l.civil = l.civil || m.Clock != ingest.UTC
}

// from gives the lowest time of the n-th message (from 0) and all behind it.
func (l *lows) from(n int) int64 {
	if l.civil {
		return math.MinInt64
	}
	if !l.settled {
		l.settled = true
		for i := len(l.of) - 2; i >= 0; i-- {
			l.of[i] = min(l.of[i], l.of[i+1])
		}
	}
	if n >= l.n {
		return math.MaxInt64
	}
	return l.of[n/lowBlock]
}
