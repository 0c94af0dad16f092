package html

import (
	"cmp"
	"maps"
	"slices"

	"auditreplay/pkg/report"
	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// coverage is what evidence there is: for each boot of each host the density
// of either log over time, and what kinds of events occur at all.
type coverage struct {
	boots       map[bootKey]*boot
	first, last int64
	events      int
	by          map[string]int // audit events by attribution
	logins      int
}

type bootKey struct{ host, boot string }

type boot struct {
	bootKey
	first, last int64
	audit, sshd histogram
	about       map[string]int
}

func newCoverage() *coverage {
	return &coverage{boots: map[bootKey]*boot{}, by: map[string]int{}}
}

func (c *coverage) add(e *auditevent.AuditEvent, line *report.Line) {
	ms := e.LoggedAt.UnixMilli()
	if c.events == 0 {
		c.first, c.last = ms, ms
	}
	c.events++
	c.first, c.last = min(c.first, ms), max(c.last, ms)
	key := bootKey{host: e.Target["host"]}
	x := schema.Of(e)
	if x.Session != nil {
		key.boot = x.Session.Boot
	}
	b := c.boots[key]
	if b == nil {
		b = &boot{bootKey: key, first: ms, last: ms, about: map[string]int{}}
		c.boots[key] = b
	}
	b.first, b.last = min(b.first, ms), max(b.last, ms)
	switch e.Type {
	case schema.TypeLogin, schema.TypeLogout:
		b.sshd.add(ms)
		if e.Type == schema.TypeLogin && e.Outcome == schema.Succeeded {
			c.logins++
		}
	default:
		b.audit.add(ms)
		b.about[line.About]++
		if e.Type == schema.TypeAction && x.Session != nil {
			c.by[x.Session.Attribution]++
		}
	}
}

// sorted are the boots, by host and time.
func (c *coverage) sorted() []*boot {
	return slices.SortedFunc(maps.Values(c.boots), func(a, b *boot) int {
		return cmp.Or(cmp.Compare(a.host, b.host), cmp.Compare(a.first, b.first), cmp.Compare(a.boot, b.boot))
	})
}

// histogram counts events in slots of equal length. The slots start out one
// second long and double whenever they become too many, each then on a
// multiple of its length, so the order of the events does not matter.
type histogram struct {
	slots    map[int64]int
	shift    uint // a slot is 1<<shift seconds
	low, top int64
	total    int
}

const mostSlots = 512

func (h *histogram) add(ms int64) {
	at := (ms / 1000) >> h.shift
	if h.slots == nil {
		h.slots = map[int64]int{}
		h.low, h.top = at, at
	}
	h.total++
	h.slots[at]++
	h.low, h.top = min(h.low, at), max(h.top, at)
	for h.top-h.low >= mostSlots {
		h.double()
	}
}

func (h *histogram) double() {
	merged := make(map[int64]int, len(h.slots))
	for at, n := range h.slots {
		merged[at>>1] += n
	}
	h.slots = merged
	h.shift++
	h.low, h.top = h.low>>1, h.top>>1
}

// A bar is a run of slots with about as many events each.
type bar struct {
	X, Width float64 // of 1000
	Level    int     // 1 to 4
}

// bars draw h between two times.
func (h *histogram) bars(from, to int64) []bar {
	var out []bar
	length := int64(1000) << h.shift
	scale := 1000 / float64(max(1, to-from))
	end := int64(-1) << 62 // the slot behind the last bar
	for _, at := range slices.Sorted(maps.Keys(h.slots)) {
		level := 1
		for n := h.slots[at]; n >= 4 && level < 4; n /= 4 {
			level++
		}
		x, width := float64(at*length-from)*scale, float64(length)*scale
		if last := len(out) - 1; last >= 0 && end == at && out[last].Level == level {
			out[last].Width += width
		} else {
			out = append(out, bar{X: x, Width: max(width, 1.5), Level: level})
		}
		end = at + 1
	}
	for i := range out {
		out[i].X = max(0, min(out[i].X, 998.5))
		out[i].Width = min(out[i].Width, 1000-out[i].X)
	}
	return out
}
