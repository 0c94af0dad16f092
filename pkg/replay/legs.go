package replay

import (
	"cmp"
	"slices"
)

// A kernel counts its events, and auditd writes them in that order. So in the
// order of a file serials fall where a kernel began to count again, and nowhere
// else but for an event or two that come late. The clock may have been set back
// meanwhile: then the order of time mixes what the file keeps apart.

// leg is a part of a file in which the serials of a node do not fall for good.
type leg struct {
	file int32 // of all files
	same int32 // a leg that is known to be the same count's, or itself

	loose bool // not in the order of the count
}

// file is what an input has of a node.
type file struct {
	node        int32
	first, last stamp
	same        int32 // a file of which this one goes on, or itself
	mixed       bool  // it goes back to where serials fell: it has not the order of auditd
}

// maxLegs bounds the legs in memory: an attacker could make every tenth event a
// fall. Beyond it the serials of a file fall unnoticed.
const maxLegs = 1 << 15

// counting follows the serials of a node through an input.
type counting struct {
	input  int32 // of all inputs
	leg    int32
	millis int64 // of the latest stamp
	serial uint32
	recent [serialWindow]uint32 // serials that went on
	n      uint                 // of them, in all
	last   uint32
	fell   uint32              // where the leg before ended
	below  [serialWindow]int32 // stamps that came after them and have lower ones
	belows int
}

// counting gives the state of a node in the input that is being read.
func (s *scan) counting(node int32, millis int64, serial uint32) *counting {
	for int(node) >= len(s.counts) {
		s.counts = append(s.counts, counting{})
	}
	c := &s.counts[node]
	if c.input != s.inputs {
		*c = counting{input: s.inputs}
		n := int32(len(s.files))
		s.newLeg(c, n)
		s.files = append(s.files, file{node: node, first: stamp{millis, serial, c.leg}, same: n})
	}
	return c
}

// nodeOf gives the node of a leg.
func (s *scan) nodeOf(leg int32) *node { return &s.nodes[s.files[s.legs[leg].file].node] }

func (s *scan) newLeg(c *counting, file int32) {
	c.leg = int32(len(s.legs))
	s.legs = append(s.legs, leg{file: file, same: c.leg})
}

// stamped reports whether the record before was of the same event.
func (s *scan) stamped(millis int64, serial uint32, node int32) bool {
	n := len(s.stamps) - 1
	return n >= 0 && s.stamps[n].serial == serial && s.stamps[n].millis == millis && s.stampOf == node
}

// stamp notes the time and serial of an event.
func (s *scan) stamp(millis int64, serial uint32, node int32) {
	c := s.counting(node, millis, serial)
	if len(s.stamps) >= maxStamps {
		s.thinStamps()
	}
	s.stamps = append(s.stamps, stamp{millis, serial, c.leg})
	s.stampOf = node
	c.millis, c.serial = millis, serial
	if (serial < c.last || c.belows > 0) && c.n >= serialWindow && serial < c.floor() {
		c.below[c.belows] = int32(len(s.stamps) - 1)
		if c.belows++; c.belows == serialWindow {
			s.fall(c)
		}
		return
	}
	c.belows = 0
	if c.fell != 0 && serial-c.fell-1 < fits && int64(serial)-int64(c.last) > fits {
		s.files[s.legs[c.leg].file].mixed = true
	}
	c.takes(serial)
}

func (c *counting) takes(serial uint32) {
	c.recent[c.n%serialWindow] = serial
	c.n++
	c.last = serial
}

// floor is the lowest of the recent serials but one, which may be damaged.
func (c *counting) floor() uint32 {
	few := c.recent
	slices.Sort(few[:])
	return few[1]
}

// fall begins a leg with the stamps that are below those before.
func (s *scan) fall(c *counting) {
	f := s.legs[c.leg].file
	if len(s.legs) < maxLegs {
		s.newLeg(c, f)
	}
	c.n, c.fell = 0, c.last
	for _, at := range c.below[:c.belows] {
		s.stamps[at].leg = c.leg
		c.takes(s.stamps[at].serial)
	}
	c.belows = 0
}

// settleFalls ends the counts of an input, or for now, when the stamps are
// moved: a fall that had just begun is one.
func (s *scan) settleFalls() {
	for i := range s.counts {
		if c := &s.counts[i]; c.input == s.inputs {
			if c.belows >= few {
				s.fall(c)
			}
			c.belows = 0
			s.files[s.legs[c.leg].file].last = stamp{c.millis, c.serial, c.leg}
		}
	}
}

// joinFiles finds the files that go on where another ends, as those of one
// rotated log do, whatever their names say.
func (s *scan) joinFiles() {
	type end struct {
		node   int32
		serial uint32
	}
	const none = -1
	begins := make(map[end]int32)
	for i := range s.files {
		at := end{s.files[i].node, s.files[i].first.serial}
		if _, again := begins[at]; again {
			begins[at] = none
		} else {
			begins[at] = int32(i)
		}
	}
	follows := make(map[int32]int32)
	for i := range s.files {
		f := &s.files[i]
		for d := range uint32(serialWindow) {
			g, ok := begins[end{f.node, f.last.serial + d}]
			if !ok || g == none || g == int32(i) || abs(s.files[g].first.millis-f.last.millis) > joinWithin {
				continue
			}
			if _, again := follows[g]; again {
				follows[g] = none
			} else {
				follows[g] = int32(i)
			}
			break
		}
	}
	for g := range s.files {
		if f, ok := follows[int32(g)]; ok && f != none {
			joinLegs(s.legs, s.files[f].last.leg, s.files[g].first.leg)
			a, b := s.fileOf(f), s.fileOf(int32(g))
			s.files[max(a, b)].same = min(a, b)
		}
	}
	for i := range s.legs {
		l := &s.legs[i]
		if f := &s.files[l.file]; f.mixed {
			joinLegs(s.legs, int32(i), f.first.leg)
			s.legs[legOf(s.legs, int32(i))].loose = true
		}
		l.file = s.fileOf(l.file)
	}
}

// copied notes that two legs have an event in common. Where they have more of
// them, lines were copied, and the legs are one count's.
func (s *scan) copied(a, b int32) {
	a, b = legOf(s.legs, a), legOf(s.legs, b)
	key := [2]int32{min(a, b), max(a, b)}
	if a == b || len(s.copies) == maxLegs && s.copies[key] == 0 {
		return
	}
	if s.copies == nil {
		s.copies = make(map[[2]int32]int)
	}
	if s.copies[key]++; s.copies[key] == few {
		joinLegs(s.legs, a, b)
	}
}

// joinWithin is how much later, in milliseconds, a file may begin than the one
// that it goes on from ends.
const joinWithin = 60_000

func (s *scan) fileOf(f int32) int32 {
	for s.files[f].same != f {
		f = s.files[f].same
	}
	return f
}

// joinLegs makes two legs one.
func joinLegs(legs []leg, a, b int32) {
	a, b = legOf(legs, a), legOf(legs, b)
	legs[min(a, b)].loose = legs[a].loose || legs[b].loose
	legs[max(a, b)].same = min(a, b)
}

// legOf gives the first of the legs that are the same count's.
func legOf(legs []leg, l int32) int32 {
	for legs[l].same != l {
		legs[l].same = legs[legs[l].same].same
		l = legs[l].same
	}
	return l
}

// between is how the serials go on, in the order of time, from one leg of a
// file to another.
type between struct{ meets, falls int }

// mendLegs makes legs one that are one count's after all. Lines may have been
// shuffled, files put together by hand with the newest first, and auditd may
// write late what the kernel held back: in the order of time the serials of
// such legs rise, and one goes on where the other is.
func (cs *chains) mendLegs() {
	found := make(map[[2]int32]*between)
	var pairs [][2]int32
	for i := 1; i < len(cs.st); i++ {
		a, b := &cs.st[i-1], &cs.st[i]
		if a.leg == b.leg || !cs.apartLegs(a.leg, b.leg) {
			continue
		}
		key := [2]int32{min(a.leg, b.leg), max(a.leg, b.leg)}
		w := found[key]
		if w == nil {
			if len(pairs) == maxLegs {
				continue
			}
			w = new(between)
			found[key] = w
			pairs = append(pairs, key)
		}
		switch d := int64(b.serial) - int64(a.serial); {
		case d <= 0:
			w.falls++
		case d <= cs.step/8:
			w.meets++
		}
	}
	for _, key := range pairs {
		if w := found[key]; w.meets > 0 && w.falls*4 <= w.meets {
			joinLegs(cs.legs, key[0], key[1])
			cs.legs[legOf(cs.legs, key[0])].loose = true
		}
	}
	joined := false
	for l := range cs.legs {
		joined = joined || cs.legs[l].same != int32(l)
	}
	for i := 0; joined && i < len(cs.st); i++ {
		cs.st[i].leg = legOf(cs.legs, cs.st[i].leg)
	}
}

// apartLegs reports whether two legs are not one boot's.
func (cs *chains) apartLegs(a, b int32) bool {
	if a == b {
		return false
	}
	a, b = legOf(cs.legs, a), legOf(cs.legs, b)
	return a != b && cs.legs[a].file == cs.legs[b].file
}

// apart reports whether an event of that leg is of another boot than the chain,
// which has one leg of a file at most.
func (cs *chains) apart(c *chain, leg int32) bool {
	return slices.ContainsFunc(c.legs, func(l int32) bool { return cs.apartLegs(l, leg) })
}

// apartChains reports whether two chains are of two boots, as a file has it.
func (cs *chains) apartChains(a, b *chain) bool {
	return slices.ContainsFunc(b.legs, func(l int32) bool { return cs.apart(a, l) })
}

// inOrder reports whether a chain is one count in the order of a file.
func (cs *chains) inOrder(c *chain) bool {
	return len(c.legs) == 1 && !cs.legs[c.legs[0]].loose && c.events >= few
}

// goOn finds the chains of which the file has one go on where the other ended,
// at an earlier time: the clock was set back in between.
func (cs *chains) goOn() {
	var all []*chain
	for _, c := range cs.all {
		if cs.inOrder(c) {
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b *chain) int {
		return cmp.Or(cmp.Compare(a.legs[0], b.legs[0]), cmp.Compare(a.low, b.low))
	})
	for i := 1; i < len(all); i++ {
		a, b := all[i-1], all[i]
		gap := int64(b.low) - int64(a.high)
		if a.legs[0] == b.legs[0] && gap > 0 && gap <= cs.step/8 && b.from < a.until {
			if b.after = a; a.after != nil {
				b.after = a.after
			}
		}
	}
}

// goOnBoots gives chains that go on from another to its boot.
func (cs *chains) goOnBoots(h *host) {
	for _, c := range cs.all {
		if c.after == nil {
			continue
		}
		first := c.after
		b := first.boot
		if b == unclaimed {
			b = h.bootAt(first.from)
		}
		if b >= 0 {
			h.boots[b].steady = false
		}
		switch {
		case c.boot == b || c.boot == unclaimed && h.bootAt(c.from) == b && h.bootAt(c.until) == b:
		case c.boot != unclaimed || b == nobody || !c.claim(b):
			c.boot = nobody
		}
	}
}

// keepWhole gives a chain that goes on before and after another, with which a
// boot begins, to the boot in which it began itself: it is one count.
func (cs *chains) keepWhole(h *host) {
	for _, c := range cs.all {
		if c.boot != unclaimed || !cs.inOrder(c) {
			continue
		}
		at := h.bootAt(c.from)
		for b := at + 1; b <= h.bootAt(c.until); b++ {
			i := cs.index(h.boots[b].start)
			if i > c.last {
				break
			}
			d := cs.all[cs.of[i]]
			if d.first > c.first && d.last < c.last && (d.high < c.low || cs.apartChains(c, d)) {
				if !c.claim(at) {
					c.boot = nobody
				}
				break
			}
		}
	}
}

// part gives up the chains that would be of one boot, by their times, with such
// as the file has in another.
func (cs *chains) part(h *host) {
	type place struct{ boot, file int32 }
	legs := make(map[place][2]int32) // two that are apart, or one twice
	boot := func(c *chain) int {
		if c.boot != unclaimed {
			return c.boot
		}
		if b := h.bootAt(c.from); b == h.bootAt(c.until) {
			return b
		}
		return nobody
	}
	for _, c := range cs.all {
		b := boot(c)
		if b == nobody || c.events < few {
			continue
		}
		for _, l := range c.legs {
			at := place{int32(b), cs.legs[l].file}
			if two, ok := legs[at]; !ok {
				legs[at] = [2]int32{l, l}
			} else if two[0] != l {
				legs[at] = [2]int32{two[0], l}
			}
		}
	}
	for _, c := range cs.all {
		if c.boot != unclaimed {
			continue
		}
		b := boot(c)
		if b != nobody && slices.ContainsFunc(c.legs, func(l int32) bool {
			two, ok := legs[place{int32(b), cs.legs[l].file}]
			return ok && (two[0] != l || two[1] != l)
		}) {
			c.boot = nobody
		}
	}
}
