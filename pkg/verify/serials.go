package verify

import (
	"slices"
	"sort"
)

// serials are the kernel serials of one boot, as runs without a gap. They may
// come in any order.
type serials struct {
	runs   []run
	merged int64 // numbers missing in runs that were joined to bound the memory
	count  int64
}

// run is serials that follow each other, and the events at its two ends.
type run struct {
	lo, hi end
}

// end is the event at one end of a run.
type end struct {
	serial uint32
	millis int64
	pos    string
}

// maxRuns bounds the gaps of a boot that are kept apart: an attacker can make
// every other number missing.
const maxRuns = 1 << 14

func (s *serials) add(e end) {
	s.count++
	n := len(s.runs)
	if n > 0 {
		last := &s.runs[n-1]
		switch {
		case e.serial == last.hi.serial+1 && e.serial != 0:
			last.hi = e
			return
		case e.serial >= last.lo.serial && e.serial <= last.hi.serial:
			return
		case e.serial > last.hi.serial:
			s.runs = append(s.runs, run{e, e})
			s.bound()
			return
		}
	}
	i := sort.Search(n, func(i int) bool { return s.runs[i].lo.serial > e.serial })
	if i > 0 && e.serial <= s.runs[i-1].hi.serial {
		return
	}
	after := i > 0 && s.runs[i-1].hi.serial+1 == e.serial
	before := i < n && e.serial+1 == s.runs[i].lo.serial
	switch {
	case after && before:
		s.runs[i-1].hi = s.runs[i].hi
		s.runs = slices.Delete(s.runs, i, i+1)
	case after:
		s.runs[i-1].hi = e
	case before:
		s.runs[i].lo = e
	default:
		s.runs = slices.Insert(s.runs, i, run{e, e})
		s.bound()
	}
}

// bound joins the older half of the runs when there are too many.
func (s *serials) bound() {
	if len(s.runs) <= maxRuns {
		return
	}
	half := len(s.runs) / 2
	for i := 1; i < half; i++ {
		s.merged += int64(s.runs[i].lo.serial) - int64(s.runs[i-1].hi.serial) - 1
	}
	s.runs[0].hi = s.runs[half-1].hi
	s.runs = slices.Delete(s.runs, 1, half)
}

// stray reports whether the run at i is of serials that were misread: they
// stand far above their neighbours in number, but not in time.
func (s *serials) stray(i int) bool {
	const far = 100_000
	r := &s.runs[i]
	if i == 0 || r.hi.serial-r.lo.serial > 2 || r.lo.serial-s.runs[i-1].hi.serial < far {
		return false
	}
	return r.lo.millis <= s.runs[i-1].hi.millis
}
