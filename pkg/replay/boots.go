package replay

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// boot is one run of a host's kernel.
type boot struct {
	id    string // journal _BOOT_ID, or "@SEC.mmm"
	start int64  // its first moment, in milliseconds: what is earlier is an earlier boot's

	steady bool // its clock was not set back
}

// serialWindow is how many serials on each side of a moment are looked at for
// a fall. The serials of blocking syscalls come late, one at a time; the
// median of nine does not see them. On the recorded hosts it fell at every
// reboot and nowhere else.
const serialWindow = 9

// pairWithin is how far apart the audit log's and the journal's view of one
// reboot may lie.
const pairWithin = 15 * 60 * 1000

// audited is what the audit log of one host tells of its boots.
type audited struct {
	stamps []stamp // in time order, one per event
	logins []loginAt
	boots  []int64 // times of SYSTEM_BOOT records
	kernel []int64 // times of KERNEL "initialized" records
	steps  []int64 // where the clock was set back: found with the cuts
	chains *chains
}

type loginAt struct {
	millis int64
	ses    uint32
	serial uint32
	pid    int
}

// auditedHosts sorts what the scan kept by host and time.
func (s *scan) auditedHosts(hosts int) []audited {
	out := make([]audited, hosts)
	s.sortStamps(out)
	for i := range s.marks {
		m := &s.marks[i]
		a := &out[s.nodes[m.node].host]
		switch m.typ {
		case auparse.AUDIT_LOGIN:
			if m.ok {
				a.logins = append(a.logins, loginAt{m.millis, m.ses, m.serial, m.pid})
			}
		case auparse.AUDIT_SYSTEM_BOOT:
			a.boots = append(a.boots, m.millis)
		case auparse.AUDIT_KERNEL:
			a.kernel = append(a.kernel, m.millis)
		}
	}
	for i := range out {
		slices.SortFunc(out[i].logins, func(a, b loginAt) int {
			return cmp.Or(cmp.Compare(a.millis, b.millis), cmp.Compare(a.ses, b.ses), cmp.Compare(a.pid, b.pid), cmp.Compare(a.serial, b.serial))
		})
		out[i].logins = slices.Compact(out[i].logins)
		slices.Sort(out[i].boots)
		slices.Sort(out[i].kernel)
	}
	return out
}

// sortStamps gives each host its stamps, in the order of time.
func (s *scan) sortStamps(out []audited) {
	host := func(st *stamp) int { return s.nodes[st.node].host }
	slices.SortFunc(s.stamps, func(a, b stamp) int {
		if a.node != b.node {
			if c := cmp.Compare(host(&a), host(&b)); c != 0 {
				return c
			}
		}
		if a.millis != b.millis {
			return cmp.Compare(a.millis, b.millis)
		}
		return cmp.Compare(a.serial, b.serial)
	})
	for from := 0; from < len(s.stamps); {
		h, to := host(&s.stamps[from]), from+1
		for to < len(s.stamps) && host(&s.stamps[to]) == h {
			to++
		}
		out[h].stamps = distinct(s.stamps[from:to:to])
		from = to
	}
}

// distinct leaves out events that are there already. What st has behind them
// stays what it is: the log's time is told by all stamps.
func distinct(st []stamp) []stamp {
	n := 0
	for i := range st {
		if n == 0 || st[i].millis != st[n-1].millis || st[i].serial != st[n-1].serial {
			st[n] = st[i]
			n++
		}
	}
	return st[:n]
}

// cuts gives the times at which the audit log shows a new boot to begin: the
// first event of it.
func (a *audited) cuts() []int64 {
	found := a.serialFalls()
	add := func(at int64) {
		for _, c := range found {
			if c == at {
				return
			}
		}
		found = append(found, at)
		slices.Sort(found)
	}
	for _, at := range a.kernel {
		if !cutBetween(found, at-pairWithin, at) && len(a.stamps) > 0 && a.stamps[0].millis < at {
			add(a.fallBefore(at-pairWithin, at, at))
		}
	}
	for i, at := range a.boots {
		from := at - pairWithin
		if i > 0 {
			from = max(from, a.boots[i-1]+1)
		}
		if cutBetween(found, from, at) || len(a.stamps) == 0 || a.stamps[0].millis >= at {
			continue
		}
		fallback := int64(-1)
		if i > 0 { // a second SYSTEM_BOOT cannot be the same boot's
			fallback = at
		}
		if cut := a.fallBefore(from, at, fallback); cut >= 0 {
			add(cut)
		}
	}
	a.sessionFalls(&found)
	return a.chains.starts(found)
}

// cutBetween reports whether a cut lies in (from, to].
func cutBetween(cuts []int64, from, to int64) bool {
	for _, c := range cuts {
		if c > from && c <= to {
			return true
		}
	}
	return false
}

// serialFalls finds where the serials, in the order of time, begin again.
func (a *audited) serialFalls() []int64 {
	st := a.stamps
	var cuts []int64
	from := 0 // of the boot
	steps := stepFinder{a.chains.bySerial, maxLooks}
	for i := from + 1; i < len(st); i++ {
		if st[i].serial >= st[i-1].serial || !a.falls(from, i) {
			continue
		}
		if end := steps.goesOn(from, i); end > i {
			a.steps = append(a.steps, st[i].millis, st[end-1].millis)
			i = end - 1 // what falls there does for the same reason
			continue
		}
		best := i // the largest drop of those that lie together
		for j := i + 1; j < len(st) && j < i+serialWindow && (st[j].serial >= st[j-1].serial || a.falls(from, j)); j++ {
			if drop(st, j) > drop(st, best) {
				best = j
			}
		}
		cuts = append(cuts, st[best].millis)
		from = best
		i = best
	}
	return cuts
}

func drop(st []stamp, i int) int64 { return int64(st[i-1].serial) - int64(st[i].serial) }

// falls reports whether the median serial before i is above the one after it.
func (a *audited) falls(from, i int) bool {
	before := a.stamps[max(from, i-serialWindow):i]
	after := a.stamps[i:min(len(a.stamps), i+serialWindow)]
	if len(before) < 2 || len(after) < 2 {
		return false
	}
	return median(after) < median(before)
}

func median(st []stamp) uint32 {
	var few [serialWindow]uint32
	v := few[:0]
	for _, s := range st {
		v = append(v, s.serial)
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// fallBefore finds the last fall of a serial in (from, to], or gives the
// fallback. Within a chain serials fall a little, and between two chains of one
// boot where the clock is set back: neither is a new boot.
func (a *audited) fallBefore(from, to, fallback int64) int64 {
	st, cs := a.stamps, a.chains
	i := sort.Search(len(st), func(i int) bool { return st[i].millis > to }) - 1
	for ; i > 0 && st[i].millis > from; i-- {
		if st[i].serial < st[i-1].serial && cs.all[cs.of[i]].began != cs.all[cs.of[i-1]].began {
			return st[i].millis
		}
	}
	return fallback
}

// sessionFalls adds the boots that only the session ids tell: within one boot
// they rise strictly, so that a LOGIN with an id that was given out already is
// of another boot.
func (a *audited) sessionFalls(cuts *[]int64) {
	given := make(map[uint32]loginAt)
	next := 0
	for _, l := range a.logins {
		for next < len(*cuts) && (*cuts)[next] <= l.millis {
			clear(given)
			next++
		}
		old, again := given[l.ses]
		if again && (old.pid != l.pid || l.millis-old.millis > 60_000) {
			cut := a.fallBefore(old.millis, l.millis, a.gapBefore(old.millis, l.millis))
			*cuts = slices.Insert(*cuts, next, cut)
			next++
			clear(given)
		}
		given[l.ses] = l
	}
}

// gapBefore finds the event in (from, to] that a boot begins with, where no
// serial falls: of those with which a chain begins, that after the longest
// silence. Where a chain goes on, so does the kernel, however long it is silent.
func (a *audited) gapBefore(from, to int64) int64 {
	st, cs := a.stamps, a.chains
	first := sort.Search(len(st), func(i int) bool { return st[i].millis > from })
	longest := func(begins bool) (best int64, found bool) {
		best, gap := to, int64(-1)
		for i := first; i < len(st) && st[i].millis <= to; i++ {
			if begins && cs.all[cs.of[i]].began != i {
				continue
			}
			silence := int64(0) // what the log has lost is none that it shows
			if i > 0 {
				silence = st[i].millis - st[i-1].millis
			}
			if silence > gap {
				best, gap, found = st[i].millis, silence, true
			}
		}
		return best, found
	}
	if best, ok := longest(true); ok {
		return best
	}
	best, _ := longest(false)
	return best
}

// resolveBoots gives the boots of a host: those of its journals and those that
// the audit log tells, each once.
func resolveBoots(a *audited, journals []journalBoot) []boot {
	a.chains = newChains(a.stamps)
	cuts := a.cuts()
	firstAudit := int64(-1)
	if len(a.stamps) > 0 {
		firstAudit = a.stamps[0].millis
	}
	used := make([]bool, len(cuts))
	boots := make([]boot, 0, len(cuts)+len(journals)+1)
	for i, j := range journals {
		b := boot{id: j.id, start: j.start}
		if k := a.sameReboot(cuts, journals, i); k >= 0 && !used[k] {
			used[k] = true
			b.start = cuts[k]
		} else if i > 0 && !j.exact && j.first > j.start && len(a.stamps) > 0 {
			b.start = a.gapBefore(j.start, j.first) // a reboot is a silence
		}
		boots = append(boots, b)
	}
	for k, cut := range cuts {
		if !used[k] && (a.chains.begins(cut) || !insideOneBoot(journals, cut)) {
			boots = append(boots, boot{start: cut})
		}
	}
	slices.SortFunc(boots, func(x, y boot) int { return cmp.Compare(x.start, y.start) })
	switch {
	case len(boots) == 0:
		boots = append(boots, boot{start: firstAudit})
	case firstAudit >= 0 && firstAudit < boots[0].start:
		earlier := len(journals) > 0 && journals[0].exact && firstAudit < journals[0].start-startMargin
		if boots[0].id != "" && !slices.Contains(cuts, boots[0].start) && !earlier {
			boots[0].start = firstAudit // no boundary between the two: the same boot
		} else {
			boots = append([]boot{{start: firstAudit}}, boots...)
		}
	}
	for i := range boots {
		if boots[i].id == "" {
			boots[i].id = bootName(a.firstSince(boots[i].start))
		}
		boots[i].steady = !slices.ContainsFunc(a.steps, func(at int64) bool {
			return at >= boots[i].start && (i+1 == len(boots) || at < boots[i+1].start)
		})
	}
	return boots
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// insideOneBoot reports whether a journal shows one boot going on across the
// moment: the audit log's numbers then fell for another reason.
func insideOneBoot(journals []journalBoot, at int64) bool {
	const margin = 60_000
	for i, j := range journals {
		next := j.last
		if i+1 < len(journals) {
			next = min(next, journals[i+1].start)
		}
		if j.start+margin < at && at+margin < next {
			return true
		}
	}
	return false
}

// firstSince gives the time of the first record since then.
func (a *audited) firstSince(start int64) int64 {
	i := sort.Search(len(a.stamps), func(i int) bool { return a.stamps[i].millis >= start })
	if i < len(a.stamps) {
		return a.stamps[i].millis
	}
	return start
}

func bootName(millis int64) string {
	if millis < 0 {
		return "@unknown"
	}
	return fmt.Sprintf("@%d.%03d", millis/1000, millis%1000)
}

// bootAt gives the number of the boot that a moment belongs to.
func (h *host) bootAt(millis int64) int {
	i := sort.Search(len(h.boots), func(i int) bool { return h.boots[i].start > millis })
	return max(0, i-1)
}

// bootNamed gives the number of the boot with that id.
func (h *host) bootNamed(id string) (int, bool) {
	for i := range h.boots {
		if h.boots[i].id == id {
			return i, true
		}
	}
	return 0, false
}
