package replay

import (
	"cmp"
	"slices"
	"time"
)

// journalBoot is a boot as the journals of a host show it.
type journalBoot struct {
	id      string
	start   int64 // when the kernel started, or the first entry; not before the end of the boot before
	began   int64 // the same, by a clock that may have been behind
	first   int64
	last    int64
	entries int
	set     bool // its clock was set, so that began may be off
	clamped bool // start is not began: the boot before goes on after that
	exact   bool // start is the kernel's, by the clock that does not step: it did not start before
}

// journalBoots gives the boots that the journals of a host show, in order.
// Damaged boot ids make boots of an entry or two inside the span of another:
// they are none.
func (s *scan) journalBoots(host int) []journalBoot {
	byID := make(map[string]*journalBoot)
	for key, sp := range s.spans {
		if s.nodes[key.node].host != host {
			continue
		}
		start, exact := sp.first.UnixMilli(), false
		if t := sp.kernelStart(); !t.IsZero() {
			start, exact = t.UnixMilli(), true
		}
		b := byID[key.boot]
		if b == nil {
			b = &journalBoot{id: key.boot, start: start, first: sp.first.UnixMilli(), last: sp.last.UnixMilli()}
			byID[key.boot] = b
		}
		b.start, b.last = min(b.start, start), max(b.last, sp.last.UnixMilli())
		b.first = min(b.first, sp.first.UnixMilli())
		b.entries += sp.entries
		b.exact = b.exact || exact
		b.set = b.set || sp.wasSet()
	}
	var all []journalBoot
	for _, b := range byID {
		all = append(all, *b)
	}
	slices.SortFunc(all, func(a, b journalBoot) int {
		return cmp.Or(-cmp.Compare(a.entries, b.entries), cmp.Compare(a.start, b.start), cmp.Compare(a.id, b.id))
	})
	var kept []journalBoot
	for _, b := range all {
		stray := slices.ContainsFunc(kept, func(k journalBoot) bool {
			return b.entries*20 < k.entries && b.last > k.start && b.start < k.last
		})
		if !stray {
			kept = append(kept, b)
		}
	}
	slices.SortFunc(kept, func(a, b journalBoot) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.id, b.id)) })
	for i := range kept {
		kept[i].began = kept[i].start
		// A virtual machine's monotonic clock may be ahead of its kernel: on a
		// recorded host by 197 s after a reset, so that the kernel seems to
		// have started while the one before it still ran.
		if i > 0 && kept[i].start <= kept[i-1].last {
			kept[i].start, kept[i].exact, kept[i].clamped = kept[i-1].last+1, false, true
		}
	}
	return kept
}

// sameReboot finds the cut that shows the same reboot as the start of a
// journal's boot: each is the nearest of its kind to the other, and nothing
// says that they are two reboots. -1: none.
func (a *audited) sameReboot(cuts []int64, journals []journalBoot, i int) int {
	best := -1
	for k, c := range cuts {
		if d := abs(c - journals[i].began); a.chains.begins(c) && d <= startMargin && (best < 0 || d < abs(cuts[best]-journals[i].began)) {
			best = k // whatever the journal of the boot before says
		}
	}
	if best >= 0 {
		for k := range journals {
			if k != i && abs(cuts[best]-journals[k].began) < abs(cuts[best]-journals[i].began) {
				return -1
			}
		}
		return best
	}
	for k, c := range cuts {
		if !a.mayStart(journals, i, c) || a.chains.begins(c) && (journals[i].exact || journals[i].clamped) {
			continue
		}
		if d := abs(c - journals[i].start); d <= pairWithin && (best < 0 || d < abs(cuts[best]-journals[i].start)) {
			best = k
		}
	}
	if best < 0 {
		return -1
	}
	for k := range journals {
		if abs(cuts[best]-journals[k].start) < abs(cuts[best]-journals[i].start) {
			return -1
		}
	}
	return best
}

// startMargin is how far the audit log's first record of a boot and what its
// journal says of the kernel's start may lie apart.
const startMargin = 120_000

// mayStart reports whether a cut can be the start of a journal's boot. It is
// none that the boot's last entry stands well before. Where the audit log goes
// on after the boot's first entry and before the cut, the cut is a later
// reboot. Where the boot before has entries after the cut, or the kernel did
// not start before it, it is an earlier one.
func (a *audited) mayStart(journals []journalBoot, i int, cut int64) bool {
	j := &journals[i]
	switch {
	case cut > j.last+startMargin:
		return false
	case cut > j.first+startMargin:
		return a.firstSince(j.first+startMargin) >= cut
	case cut < j.start-startMargin:
		return !j.exact && (i == 0 || journals[i-1].last < cut+startMargin)
	}
	return true
}

// kernelStart is when the kernel started by the span's entries: the earliest
// moment that a good part of them tell. They tell one, unless the clock was set
// while the boot ran: then each of its times begins where its entries do, and
// the boot holds them all. Damaged entries are few and tell nothing.
func (sp *span) kernelStart() time.Time {
	if len(sp.starts) == 0 {
		return time.Time{}
	}
	starts := slices.Clone(sp.starts)
	slices.SortFunc(starts, time.Time.Compare)
	need := max(2, len(starts)/8)
	for i := 0; i+need <= len(starts); i++ {
		if middle := i + need/2; starts[i+need-1].Sub(starts[i]) <= oneStart {
			return starts[middle]
		}
	}
	return starts[len(starts)/2]
}

// wasSet reports whether the span's entries tell more than one start.
func (sp *span) wasSet() bool {
	if len(sp.starts) == 0 {
		return false
	}
	return slices.MaxFunc(sp.starts, time.Time.Compare).Sub(slices.MinFunc(sp.starts, time.Time.Compare)) > oneStart
}

// oneStart is how far apart the moments are that entries of one boot tell
// while the clock is not set: a clock that is slewed moves that much in hours.
const oneStart = 10 * time.Second
