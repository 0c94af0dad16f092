package replay

import (
	"cmp"
	"slices"
	"sort"
)

// twoBoots is why an event that may be one boot's or another's has no name.
const twoBoots = "conflict: two boots at once"

// overlap is what the chains of a host say of its events where the clock alone
// would mislead.
type overlap struct {
	boot    map[stampKey]int
	spans   []interval // where two boots are at once
	torn    []interval // where only the journals show that
	twice   map[bootSession]bool
	thinned bool // not every event is known
}

type stampKey struct {
	millis int64
	serial uint32
}

// findOverlaps finds the events of a host whose time is two boots'.
func (h *host) findOverlaps(a *audited, journals []journalBoot, thin bool) {
	cs := a.chains
	o := &overlap{boot: make(map[stampKey]int), thinned: thin}
	for i := range journals {
		if j := &journals[i]; j.clamped && j.first <= journals[i-1].last {
			from, to := min(j.first, j.began), journals[i-1].last
			o.torn = append(o.torn, interval{from, to})
			o.span(from, to)
		}
	}
	cs.claimBoots(h, journals, o)
	cs.crossed()
	cs.beginTorn(journals, o)
	for i := range journals {
		if j := &journals[i]; j.clamped && j.first <= journals[i-1].last {
			cs.tear(h, j.id)
		}
	}
	cs.follow(h)
	for i := range cs.st {
		c := cs.all[cs.of[i]]
		b := c.boot
		if i >= c.crossed {
			b = nobody
		}
		if b == unclaimed {
			continue
		}
		at := cs.st[i].millis
		o.boot[stampKey{at, cs.st[i].serial}] = b
		if b != h.bootAt(at) {
			o.span(at, at)
		}
	}
	for _, c := range cs.all {
		for _, d := range c.beside {
			o.span(cs.st[max(c.first, d.first)].millis, cs.st[min(c.last, d.last)].millis)
		}
	}
	if len(o.spans) > 0 {
		o.mergeSpans()
		h.overlap = o
		h.findTwice(a.logins)
	}
}

// bootSession is a session id of one boot.
type bootSession struct {
	boot int
	ses  uint32
}

// findTwice finds the session ids that were given out twice in what is taken
// for one boot. A kernel never does that: they are two boots'.
func (h *host) findTwice(logins []loginAt) {
	h.overlap.twice = make(map[bootSession]bool)
	first := make(map[bootSession]bool)
	for _, l := range logins {
		boot, sure := h.bootOf(l.millis, l.serial)
		if !sure {
			continue
		}
		key := bootSession{boot, l.ses}
		if first[key] {
			h.overlap.twice[key] = true
		}
		first[key] = true
	}
}

func (h *host) openedTwice(boot int, ses uint32) bool {
	return h.overlap != nil && h.overlap.twice[bootSession{boot, ses}]
}

// tear gives up a chain across the start of a boot of which only the end of
// the journal before it is known: it is of one boot, and nothing tells which.
func (cs *chains) tear(h *host, id string) {
	b, ok := h.bootNamed(id)
	if !ok {
		return
	}
	i := cs.index(h.boots[b].start)
	for _, c := range cs.all {
		if c.boot == unclaimed && c.first < i && c.last >= i {
			c.boot = nobody
		}
	}
}

// beginTorn gives up the chains that begin while two boots' journals show both,
// unless it is where one of the two begins.
func (cs *chains) beginTorn(journals []journalBoot, o *overlap) {
	for _, c := range cs.all {
		if c.boot == unclaimed && o.isTorn(c.from) && !slices.ContainsFunc(journals, func(j journalBoot) bool { return cs.near(&j, c) }) {
			c.boot = nobody
		}
	}
}

// claimBoots says which boot each of the chains is that run side by side: that
// whose journal begins with it; else the boot in which it begins, where the
// journals do not show two then; else the boot that begins with it.
func (cs *chains) claimBoots(h *host, journals []journalBoot, o *overlap) {
	for _, c := range cs.all {
		c.boot = unclaimed
	}
	for _, c := range cs.all {
		if len(c.beside) == 0 {
			continue
		}
		id, n := "", 0
		for k := range journals {
			if cs.near(&journals[k], c) {
				id = journals[k].id
				n++
				for _, o := range c.beside {
					if cs.near(&journals[k], o) {
						n++
					}
				}
			}
		}
		if n == 1 {
			if b, ok := h.bootNamed(id); ok && c.claim(b) {
				continue
			}
		}
		if n > 1 || o.isTorn(c.from) {
			c.boot = nobody
		}
	}
	for _, c := range cs.all {
		if len(c.beside) > 0 && c.boot == unclaimed {
			c.claim(h.bootAt(c.from))
		}
	}
	for b := range h.boots {
		i := cs.index(h.boots[b].start)
		if i < len(cs.st) {
			if c := cs.all[cs.of[i]]; c.boot == unclaimed && len(c.beside) > 0 && abs(c.from-h.boots[b].start) <= startMargin {
				c.claim(b)
			}
		}
	}
	for _, c := range cs.all {
		if c.boot == unclaimed && (len(c.beside) > 0 || c.stray) {
			c.boot = nobody
		}
	}
}

// crossed finds, of chains that run side by side, the event from which on
// nothing tells them apart: it fits two of them, and both go on.
func (cs *chains) crossed() {
	group := make(map[*chain]*chain) // of chains that run side by side, by way of others too
	var join func(c, first *chain)
	join = func(c, first *chain) {
		if group[c] == nil {
			group[c] = first
			for _, o := range c.beside {
				join(o, first)
			}
		}
	}
	cs.findTwice()
	for _, c := range cs.all {
		if len(c.beside) > 0 {
			join(c, c)
		}
	}
	longest := make(map[*chain][2]*chain) // of a group, the two that go on longest
	for c, g := range group {
		two := longest[g]
		switch {
		case two[0] == nil || c.last > two[0].last:
			two = [2]*chain{c, two[0]}
		case two[1] == nil || c.last > two[1].last:
			two[1] = c
		}
		longest[g] = two
	}
	cs.silentMeanwhile()
	from := make(map[*chain]int)
	for _, a := range cs.also {
		c := cs.all[cs.of[a.at]]
		if group[c] == nil || group[a.c] != group[c] {
			continue
		}
		other := longest[group[c]][0]
		if other == c {
			other = longest[group[c]][1]
		}
		if other != nil && other.last > a.at {
			if at, ok := from[group[c]]; !ok || a.at < at {
				from[group[c]] = a.at
			}
		}
	}
	for c, g := range group {
		if at, ok := from[g]; ok {
			c.crossed = min(c.crossed, at)
		}
	}
}

// silentMeanwhile finds the chains that go on after a silence in which another
// fell silent too.
func (cs *chains) silentMeanwhile() {
	for _, c := range cs.all {
		for _, r := range c.resumed {
			// The other fell silent meanwhile: it may be the one that goes on,
			// unless it has had that serial.
			if slices.ContainsFunc(c.beside, func(o *chain) bool {
				return o.until > cs.st[r.before].millis-startMargin && o.last < r.at && o.high < cs.st[r.at].serial
			}) {
				c.crossed = min(c.crossed, r.at)
			}
		}
	}
}

// follow gives up the chains that follow upon one which goes on in the time of
// another boot, or may: what comes behind a gap may be of either.
func (cs *chains) follow(h *host) {
	var last *chain // that went on longest
	for _, c := range cs.all {
		if c.boot == unclaimed && last != nil && last.until < c.from {
			at := h.bootAt(c.from)
			over := last.boot == nobody || last.crossed <= last.last || last.boot != unclaimed && last.boot != at
			if over && h.bootAt(last.until) == at {
				c.boot = nobody
			}
		}
		if last == nil || c.last > last.last {
			last = c
		}
	}
}

// near reports whether a chain may begin with a journal's boot.
func (cs *chains) near(j *journalBoot, c *chain) bool {
	return !j.set && abs(j.began-c.from) <= startMargin/2
}

func (o *overlap) span(from, to int64) {
	const margin = 60_000
	from, to = from-margin, to+margin
	if n := len(o.spans); n > 0 && o.spans[n-1].to >= from && o.spans[n-1].from <= from {
		o.spans[n-1].to = max(o.spans[n-1].to, to)
		return
	}
	o.spans = append(o.spans, interval{from, to})
}

func (o *overlap) mergeSpans() {
	slices.SortFunc(o.spans, func(a, b interval) int { return cmp.Compare(a.from, b.from) })
	all := o.spans
	o.spans = nil
	for _, s := range all {
		if n := len(o.spans); n > 0 && o.spans[n-1].to >= s.from {
			o.spans[n-1].to = max(o.spans[n-1].to, s.to)
		} else {
			o.spans = append(o.spans, s)
		}
	}
}

// has reports whether two boots are at once at that time.
func (o *overlap) has(millis int64) bool {
	if o == nil {
		return false
	}
	i := sort.Search(len(o.spans), func(i int) bool { return o.spans[i].to >= millis })
	return i < len(o.spans) && o.spans[i].from <= millis
}

// bootOf gives the boot of an event: that of its time, unless two are at once.
// sure is false where it may be another's.
func (h *host) bootOf(millis int64, serial uint32) (boot int, sure bool) {
	at := h.bootAt(millis)
	if h.overlap == nil {
		return at, true
	}
	b, ok := h.overlap.boot[stampKey{millis, serial}]
	switch {
	case ok && b >= 0:
		return b, true
	case ok:
		return at, false
	}
	return at, !h.overlap.isTorn(millis) && !(h.overlap.thinned && h.overlap.has(millis))
}

func (o *overlap) isTorn(millis int64) bool {
	return slices.ContainsFunc(o.torn, func(s interval) bool { return s.from <= millis && millis <= s.to })
}

// claim gives a chain that runs beside others to a boot that none of them has.
func (c *chain) claim(boot int) bool {
	for _, o := range c.beside {
		if o.boot == boot {
			return false
		}
	}
	c.boot = boot
	return true
}
