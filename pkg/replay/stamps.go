package replay

import (
	"cmp"
	"slices"
)

// maxStamps bounds the stamps in memory, whatever the size of the evidence.
const maxStamps = 1 << 19

// thinned is how many of the stamps far from any fall become one.
const thinned = 16

// stamp keeps the stamp of a record, unless the record before had the same.
func (s *scan) stamp(st stamp) {
	n := len(s.stamps)
	if n > 0 && s.stamps[n-1] == st {
		return
	}
	settle(s.stamps)
	if n >= maxStamps {
		s.thinStamps()
	}
	s.stamps = append(s.stamps, st)
}

// fewBack is by how many stamps one is put back to its place: a syscall that
// blocks is written when it returns, behind what happened meanwhile.
const fewBack = 64

// settle puts the last stamp where it belongs by time, if that is near: to sort
// what is nearly in order costs little.
func settle(stamps []stamp) {
	to := len(stamps) - 1
	if to < 1 || !stamps[to].before(stamps[to-1]) {
		return
	}
	if far := to - fewBack; far >= 0 && stamps[to].before(stamps[far]) {
		return
	}
	last := stamps[to]
	for to > 0 && last.before(stamps[to-1]) {
		stamps[to] = stamps[to-1]
		to--
	}
	stamps[to] = last
}

func (st stamp) before(other stamp) bool {
	return st.millis < other.millis || st.millis == other.millis && st.serial < other.serial
}

// thinStamps makes room: it keeps the stamps around every fall of the serials,
// and one of sixteen elsewhere. Where a boot begins stays exact, and between
// two boots a sixteenth of the serials shows as well that they rose.
func (s *scan) thinStamps() {
	slices.SortFunc(s.stamps, func(a, b stamp) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.millis, b.millis), cmp.Compare(a.serial, b.serial))
	})
	s.stamps = slices.Compact(s.stamps)
	keep := s.stamps[:0:0]
	for from := 0; from < len(s.stamps); {
		to := from
		for to < len(s.stamps) && s.stamps[to].node == s.stamps[from].node {
			to++
		}
		keep = append(keep, thin(s.stamps[from:to])...)
		from = to
	}
	s.stamps = append(make([]stamp, 0, maxStamps+1), keep...)
	s.thin = true
}

// thin thins the stamps of one node, which are in the order of time.
func thin(st []stamp) []stamp {
	a := audited{stamps: st}
	near := make([]bool, len(st))
	mark := func(i int) {
		for j := max(0, i-2*serialWindow); j < min(len(st), i+2*serialWindow); j++ {
			near[j] = true
		}
	}
	mark(0)
	mark(len(st) - 1)
	for i := 1; i < len(st); i++ {
		if st[i].serial < st[i-1].serial && a.falls(0, i) {
			mark(i)
		}
	}
	var out []stamp
	for i, s := range st {
		if near[i] || i%thinned == 0 {
			out = append(out, s)
		}
	}
	return out
}
