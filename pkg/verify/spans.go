package verify

import (
	"cmp"
	"slices"
)

// spans are the times in which a source has evidence, in bounded memory:
// moments that lie near each other are one span.
type spans struct {
	all  []span
	near int64 // moments this far apart (milliseconds) are one span
	n    int64
}

type span struct{ from, to int64 }

// maxSpans bounds the spans of a source; with more, near is doubled.
const maxSpans = 4096

func (s *spans) add(at int64) {
	s.n++
	if n := len(s.all); n > 0 {
		last := &s.all[n-1]
		if at >= last.from-s.near && at <= last.to+s.near {
			last.from, last.to = min(last.from, at), max(last.to, at)
			return
		}
	}
	s.all = append(s.all, span{at, at})
	if len(s.all) >= maxSpans {
		for s.compact(); len(s.all) > maxSpans/2; s.compact() {
			s.near = max(1000, s.near*2)
		}
	}
}

// compact puts the spans in order and joins those that touch.
func (s *spans) compact() {
	slices.SortFunc(s.all, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	out := s.all[:0]
	for _, sp := range s.all {
		if n := len(out); n > 0 && sp.from <= out[n-1].to+s.near {
			out[n-1].to = max(out[n-1].to, sp.to)
			continue
		}
		out = append(out, sp)
	}
	s.all = out
}

// within gives the first and last moment in [from, to).
func (s *spans) within(from, to int64) (first, last int64, ok bool) {
	for _, sp := range s.all {
		lo, hi := max(sp.from, from), min(sp.to, to-1)
		if lo > hi {
			continue
		}
		if !ok || lo < first {
			first = lo
		}
		if !ok || hi > last {
			last = hi
		}
		ok = true
	}
	return first, last, ok
}
