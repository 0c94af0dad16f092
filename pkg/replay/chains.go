package replay

import (
	"slices"
	"sort"
)

// Where a host starts again with its clock behind, the events of two boots
// stand between each other in the order of time, and time alone gives the end
// of the first to the second. The kernel counts: a boot's serials rise by
// little from one event to the next. So the events of a host fall into chains,
// of which an ordinary log has one for each stretch without a gap, one after
// the other. Two chains that run side by side are two boots at once.
//
// Each such chain is given to the boot that it can be shown to be, and what
// cannot be shown is no boot's: its facts are not believed, and its events
// carry no name.

// nobody is the boot of an event that may be one's or another's.
const nobody = -1

// chain is a run of events of which each has nearly the serial of one before.
type chain struct {
	recent      [serialWindow + 1]uint32 // serials of its latest events
	events      int
	first, last int   // of the stamps
	from, until int64 // their times
	low, high   uint32
	boot        int // nobody, or unclaimed
	beside      []*chain
	resumed     []resumption
	stray       bool // too few events to tell a boot by, beside another chain
	began       int  // first, or that of one which it goes on from, where the clock was set back
	crossed     int  // the stamp from which on it may be another's
}

// unclaimed is the boot of a chain that runs beside no other: its events are of
// the boot of their time.
const unclaimed = -2

// fits reports whether an event goes on where the chain is. After a silence it
// has to be the very next: another boot's may come near by chance.
func (c *chain) fits(s stamp, step int64) bool {
	serial := s.serial
	above := serial > c.high
	if c.silent(s.millis) {
		return above && int64(serial)-int64(c.high) <= max(1, step/8)
	}
	if last := c.recent[(c.events-1)%len(c.recent)]; above && int64(serial)-int64(last) <= step {
		return true // nearly always, and what is above all is none of them
	}
	fit := false
	for _, s := range c.recent[:min(c.events, len(c.recent))] {
		if s == serial {
			return false // one boot gives it once
		}
		d := int64(serial) - int64(s)
		fit = fit || d >= -serialWindow && d <= step
	}
	return fit
}

// silent reports whether a chain had no event for long, as it goes.
func (c *chain) silent(millis int64) bool {
	const short = 10_000
	silence := millis - c.until
	return silence > short && silence > 32*(c.until-c.from)/int64(c.events)
}

func (c *chain) add(i int, s stamp) {
	serial := s.serial
	if c.events == 0 {
		c.first, c.began, c.from, c.low, c.high = i, i, s.millis, serial, serial
	}
	if c.events > 0 && c.silent(s.millis) {
		c.resumed = append(c.resumed, resumption{c.last, i})
	}
	c.recent[c.events%len(c.recent)] = serial
	c.events++
	c.last, c.until, c.low, c.high = i, s.millis, min(c.low, serial), max(c.high, serial)
}

// resumption is an event after a silence, and the one before it.
type resumption struct{ before, at int }

// maxChains is how many chains an event may belong to: those that went on last.
const maxChains = 24

// chains are the chains of a host's stamps.
type chains struct {
	of   []int32 // of each stamp, which of all
	all  []*chain
	step int64
	also []also
	left int // events that may still be looked at, when chains are compared
	*bySerial
}

// also is an event that fits another chain than the one it was given to.
type also struct {
	at int
	c  *chain
}

// newChains makes chains of stamps in the order of time.
func newChains(st []stamp) *chains {
	cs := &chains{bySerial: &bySerial{st: st}, of: make([]int32, len(st)), step: usualStep(st), left: maxLooks}
	var live []int32 // the one that went on last first
	for i := range st {
		at := -1
		for k, n := range live {
			if !cs.all[n].fits(st[i], cs.step) {
				continue
			}
			if at < 0 {
				at = k
			} else if cs.all[n].events > 1 {
				cs.also = append(cs.also, also{i, cs.all[n]})
				break
			}
		}
		if at < 0 {
			if len(live) == maxChains {
				least := 1
				for k := 1; k < len(live); k++ {
					if cs.all[live[k]].events <= cs.all[live[least]].events {
						least = k
					}
				}
				live = slices.Delete(live, least, least+1)
			}
			live = append(live, int32(len(cs.all)))
			cs.all = append(cs.all, new(chain))
			at = len(live) - 1
		}
		n := live[at]
		copy(live[1:at+1], live[:at])
		live[0] = n
		cs.of[i] = n
		cs.all[n].add(i, st[i])
	}
	cs.compare()
	return cs
}

// usualStep is how much a serial may be above one before it and still follow
// upon it: more where the log holds but some of the events.
func usualStep(st []stamp) int64 {
	const least, most = thinned, 4096
	var steps [most/8 + 1]int // how often each, and the last for all above
	looks := 0
	for i := 1; i < len(st); i += 1 + len(st)/4096 {
		steps[min(most/8, abs(int64(st[i].serial)-int64(st[i-1].serial)))]++
		looks++
	}
	quarter := looks / 4
	for step, n := range steps {
		if quarter -= n; quarter < 0 {
			return max(least, 8*int64(step))
		}
	}
	return least
}

// starts puts cuts within chains that run beside others to where those begin:
// between two of them the serials fall time and again.
func (cs *chains) starts(cuts []int64) []int64 {
	var out []int64
	for _, at := range cuts {
		i := cs.index(at)
		if i < len(cs.st) {
			if c := cs.all[cs.of[i]]; len(c.beside) > 0 || c.began != c.first {
				at = cs.st[c.began].millis
			}
		}
		if at > cs.st[0].millis {
			out = append(out, at)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// begins reports whether a chain that runs beside another begins then.
func (cs *chains) begins(at int64) bool {
	i := cs.index(at)
	for ; i < len(cs.st) && cs.st[i].millis == at; i++ {
		if c := cs.all[cs.of[i]]; c.first == i && len(c.beside) > 0 {
			return true
		}
	}
	return false
}

// index gives the first stamp of that time or later.
func (cs *chains) index(at int64) int {
	return sort.Search(len(cs.st), func(i int) bool { return cs.st[i].millis >= at })
}

// compare finds the chains that run beside another of another boot.
func (cs *chains) compare() {
	var falls []int32
	var fitBoth map[[2]*chain]int
	var open []*chain
	for _, c := range cs.all { // in the order of their first
		open = slices.DeleteFunc(open, func(o *chain) bool { return o.last < c.first })
		if falls == nil && len(open) > 0 {
			falls, fitBoth = cs.falls(), cs.fitBoth()
		}
		for _, o := range open {
			switch {
			case !cs.atOnce(o, c, falls, fitBoth[[2]*chain{o, c}]) || cs.oneBoot(o, c):
			case min(o.events, c.events) < few:
				o.stray, c.stray = o.stray || o.events < few, c.stray || c.events < few
			default:
				o.beside, c.beside = append(o.beside, c), append(c.beside, o)
			}
		}
		open = append(open, c)
	}
}

// atOnce reports whether two chains that overlap in time show two boots: the
// serials fall from one to the other time and again; once is enough where
// events fit both, so that they are not far apart for long. That both have the
// same serials is no sign: damaged times and copies do that too.
func (cs *chains) atOnce(o, c *chain, falls []int32, fitBoth int) bool {
	least := int32(leastFalls)
	if fitBoth >= few {
		least = 1
	}
	return falls[min(o.last, c.last)]-falls[max(o.first, c.first)] >= least
}

// fitBoth counts the events that fit two chains.
func (cs *chains) fitBoth() map[[2]*chain]int {
	n := make(map[[2]*chain]int)
	for _, a := range cs.also {
		c := cs.all[cs.of[a.at]]
		n[[2]*chain{a.c, c}]++
		n[[2]*chain{c, a.c}]++
	}
	return n
}

const (
	few        = 3 // so many damaged times or serials do not show a boot
	leastFalls = 2
)

// falls says for each stamp how often, up to there, an event came right after
// one of another chain with a far higher serial. Two boots at once make the
// serials fall time and again. What is lost of a log makes gaps, and behind
// them new chains, but never a fall.
func (cs *chains) falls() []int32 {
	out := make([]int32, len(cs.st))
	for i := 1; i < len(cs.st); i++ {
		out[i] = out[i-1]
		a, b := cs.all[cs.of[i-1]], cs.all[cs.of[i]]
		if a != b && a.events >= few && b.events >= few && int64(cs.st[i].serial)+serialWindow < int64(cs.st[i-1].serial) {
			out[i]++
		}
	}
	return out
}

// oneBoot reports whether two chains that overlap in time are one boot's all
// the same: where the clock was set back, one goes on where the other ended;
// and a syscall that blocks has the time at which it began and a serial that
// the other chain comes to later, and leaves out.
func (cs *chains) oneBoot(a, b *chain) bool {
	if a.low > b.low {
		a, b = b, a
	}
	if gap := int64(b.low) - int64(a.high); gap >= -serialWindow && gap <= cs.step/8 && !cs.share(a, b) {
		began := min(a.began, b.began)
		a.began, b.began = began, began
		return true
	}
	return cs.fills(a, b) || cs.fills(b, a) || cs.leaves(a, b) || cs.leaves(b, a)
}

// fills reports whether the serials of b are just those that a lacks in one
// place.
func (cs *chains) fills(a, b *chain) bool {
	below, above := false, false
	for _, o := range cs.from(b.low - min(b.low, uint32(cs.step/8))) {
		if cs.left--; cs.left < 0 {
			return false
		}
		i, s := o.at(), o.serial()
		if int64(s)-int64(b.high) > cs.step/8 {
			break
		}
		if cs.all[cs.of[i]] == a {
			if s >= b.low && s <= b.high {
				return false
			}
			below, above = below || s < b.low, above || s > b.high
		}
	}
	return below && above
}

// share reports whether two chains have a serial in common, where the one ends
// and the other begins.
func (cs *chains) share(a, b *chain) bool {
	from := cs.from(b.low)
	for n := 0; n+1 < len(from); n++ {
		if cs.left--; cs.left < 0 {
			return true
		}
		i, k := from[n], from[n+1]
		if i.serial() > a.high {
			break
		}
		x, y := cs.all[cs.of[i.at()]], cs.all[cs.of[k.at()]]
		if i.serial() == k.serial() && (x == a && y == b || x == b && y == a) {
			return true
		}
	}
	return false
}

// leaves reports whether chain a leaves out the serials of b when it comes to
// them.
func (cs *chains) leaves(a, b *chain) bool {
	const looks = 16
	left, seen := 0, 0
	for i := b.first; i <= b.last && seen < looks; i++ {
		if cs.left--; cs.left < 0 {
			return false
		}
		if cs.all[cs.of[i]] != b {
			continue
		}
		seen++
		s := int64(cs.st[i].serial)
		below, same, above := false, false, false
		for _, o := range cs.from(uint32(max(0, s-cs.step))) {
			if cs.left--; cs.left < 0 {
				return false
			}
			k := o.at()
			d := int64(o.serial()) - s
			if d > cs.step {
				break
			}
			if cs.all[cs.of[k]] == a {
				below, same, above = below || d < 0 && k > i, same || d == 0, above || d > 0 && k > i
			}
		}
		if below && above && !same {
			left++
		}
	}
	return left*2 > seen
}

// findTwice finds the chains in which serials come again: a kernel gives none
// twice, so that from the first of these on a chain is two boots'. Damaged
// times do that to an event or two.
func (cs *chains) findTwice() {
	const damaged = 2
	last := make([]int32, len(cs.all)) // stamp of each chain's latest serial, and one
	twice := make(map[int32]int)
	first := make(map[int32]int)
	for _, o := range cs.ordered() {
		i := o.at()
		n := cs.of[i]
		if before := int(last[n]) - 1; before >= 0 && cs.st[before].serial == o.serial() {
			if twice[n]++; twice[n] == 1 || before < first[n] {
				first[n] = before
			}
		}
		last[n] = int32(i) + 1
	}
	for n, c := range cs.all {
		if c.crossed = len(cs.st); twice[int32(n)] > damaged {
			c.crossed = first[int32(n)]
		}
	}
}
