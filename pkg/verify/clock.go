package verify

import (
	"fmt"
	"slices"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
)

// A host's clock that is set shows in two ways. A journal has two clocks for
// each entry, of which only one can be set. The audit log has one: a step back
// shows where events with higher serials have earlier times, many in a row; a
// step forward cannot be told from silence there.

// stepFrom is the smallest step that is one: a clock that is slewed, or read a
// little late, moves by less.
const stepFrom = time.Second

type monoKey struct {
	src  *ingest.Source
	boot string
}

// monoClock follows the difference of a boot's two clocks through one journal.
type monoClock struct {
	monoKey
	node  int
	start time.Time // when the boot began, by the last entry
	at    time.Time // of the last entry
	pos   ingest.Pos
	steps []step
}

// step is one setting of the clock.
type step struct {
	from, to time.Time // the last moment of the old time, the first of the new
	by       time.Duration
	where    string
}

// maxSteps bounds the steps of one clock that are reported one by one.
const maxSteps = 256

// tick takes the two times of a journal's entry.
func (v *Verifier) tick(node int, e *ingest.Entry) {
	m := &e.Message
	key := monoKey{e.Pos.Source, m.Boot}
	c := v.mono[key]
	start := m.Received.Add(-time.Duration(m.Mono) * time.Microsecond)
	if c == nil {
		if len(v.mono) >= maxKinds {
			return
		}
		c = &monoClock{monoKey: key, node: node, start: start, at: m.Received, pos: e.Pos}
		v.mono[key], v.monos = c, append(v.monos, c)
		return
	}
	if by := start.Sub(c.start); by.Abs() >= stepFrom && len(c.steps) < maxSteps {
		c.steps = append(c.steps, step{c.at, m.Received, by, c.pos.String() + "," + e.Pos.String()})
	}
	c.start, c.at, c.pos = start, m.Received, e.Pos
}

// stepper looks for steps back in the audit records of one source.
type stepper struct {
	node    int
	top     stampAt // the latest time so far
	back    []stampAt
	down    int // records in a row with lower serials than top's: another boot
	steps   []step
	lastSer uint32
}

type stampAt struct {
	millis int64
	serial uint32
	pos    ingest.Pos
}

// Records of syscalls that blocked come late, one at a time; this many in a
// row are the clock's.
const stepEvents = 12

func (v *Verifier) step(node int, rec *auditd.Record) {
	s := v.steps[rec.Pos.Source]
	if s == nil {
		s = &stepper{node: node, top: stampAt{rec.Millis, rec.Serial, rec.Pos}}
		v.steps[rec.Pos.Source] = s
	}
	if rec.Serial == s.lastSer {
		return
	}
	s.lastSer = rec.Serial
	at := stampAt{rec.Millis, rec.Serial, rec.Pos}
	switch {
	case rec.Serial < s.top.serial && rec.Millis >= s.top.millis: // begins again: another boot
		s.back = s.back[:0]
		if s.down++; s.down >= stepEvents {
			s.top, s.down = at, 0
		}
		return
	case rec.Serial < s.top.serial:
		return
	case rec.Millis >= s.top.millis-stepFrom.Milliseconds():
		s.back, s.down = s.back[:0], 0
		if rec.Millis > s.top.millis {
			s.top = at
		}
		return
	}
	s.back = append(s.back, at)
	if len(s.back) < stepEvents {
		return
	}
	if len(s.steps) < maxSteps {
		first := s.back[0]
		s.steps = append(s.steps, step{atMillis(s.top.millis), atMillis(first.millis),
			time.Duration(first.millis-s.top.millis) * time.Millisecond, s.top.pos.String() + "," + first.pos.String()})
	}
	s.top, s.back = s.back[len(s.back)-1], s.back[:0]
}

// sameStep is how near two sources must put a step for it to be one. By how
// much the clock was set, an audit log does not say: what passed between its
// two events, seen from the old time, is part of the difference, and the events
// of a step back show it only once they are enough.
const sameStep = 2 * time.Minute

// steps are the settings of clocks, each once, as the first source that shows
// it has it.
type steps []*placedStep

type placedStep struct {
	step
	b    *boot
	seen map[*ingest.Source]bool // sources that show it
}

// add adds a step that one source shows, or finds it among those that others
// showed: the nearest one.
func (all *steps) add(b *boot, src *ingest.Source, s step) {
	var same *placedStep
	for _, o := range *all {
		if o.b != b || o.seen[src] || (o.by < 0) != (s.by < 0) || o.to.Sub(s.to).Abs() >= sameStep || (o.by-s.by).Abs() >= sameStep {
			continue
		}
		if same == nil || o.to.Sub(s.to).Abs() < same.to.Sub(s.to).Abs() {
			same = o
		}
	}
	if same == nil {
		same = &placedStep{s, b, make(map[*ingest.Source]bool)}
		*all = append(*all, same)
	}
	same.seen[src] = true
}

// clockFindings reports where clocks were set, each setting once, and clocks
// of logs that differ from the audit log's.
func (v *Verifier) clockFindings() (out []Finding) {
	var all steps
	for _, c := range v.monos {
		b := v.bootOf(c.node, c.at.UnixMilli())
		if b == nil {
			continue
		}
		if n, ok := v.c.BootNamed(b.host, c.boot); ok {
			b = v.bootN(b.host, n)
		}
		for _, s := range c.steps {
			all.add(b, c.src, s)
		}
	}
	for _, src := range v.c.Sources {
		if s := v.steps[src.Source]; s != nil {
			for _, one := range s.steps {
				if b := v.bootOf(s.node, one.to.UnixMilli()); b != nil {
					all.add(b, src.Source, one)
				}
			}
		}
	}
	for _, s := range all {
		way := "forward"
		if s.by < 0 {
			way = "back"
		}
		f := s.b.finding(ClockStep, 0, 0, s.where, fmt.Sprintf("clock set %s by %s", way, seconds(s.by.Abs())))
		f.From, f.To = s.from.UTC(), s.to.UTC()
		out = append(out, f)
	}
	return append(out, v.skewFindings()...)
}

// skewFrom is the difference of two logs' clocks from which it is reported.
// Lines of a syslog file are seconds late on a busy host.
const skewFrom = 5 * time.Second

// skewFindings reports the clocks of logs that differ from the audit log's.
func (v *Verifier) skewFindings() (out []Finding) {
	for _, src := range v.c.Sources {
		ahead, n := src.Ahead, 0
		if ahead == 0 {
			ahead, n = v.lag(src.Source)
		}
		if ahead.Abs() < skewFrom {
			continue
		}
		way := "ahead of"
		if ahead < 0 {
			way = "behind"
		}
		f := Finding{Kind: ClockSkew, Where: src.Name, Count: int64(n), host: -1, boot: -1,
			Detail: fmt.Sprintf("its clock is %s %s the audit log's, by the logins that are in both", seconds(ahead.Abs()), way)}
		if h := v.hostOf(src.Source); h >= 0 {
			f.Host, f.host = v.c.Hosts[h].Name, h
		}
		out = append(out, f)
	}
	return out
}

// lag gives the median of how far the logins of a source stand from their
// LOGIN records.
func (v *Verifier) lag(src *ingest.Source) (time.Duration, int) {
	var diffs []time.Duration
	for i := range v.c.Logins {
		l := &v.c.Logins[i]
		if !l.Joined || l.Pos.Source != src {
			continue
		}
		if at, ok := v.opened(l); ok {
			diffs = append(diffs, l.Time.Sub(at))
		}
	}
	if len(diffs) < 5 {
		return 0, 0
	}
	slices.Sort(diffs)
	return diffs[len(diffs)/2], len(diffs)
}

// hostOf gives the host of a source, -1 where it has evidence of several.
func (v *Verifier) hostOf(src *ingest.Source) int {
	host := -1
	for _, c := range v.order {
		if c.src != src || c.node < 0 {
			continue
		}
		h := v.c.Host(c.node)
		if host >= 0 && h != host {
			return -1
		}
		host = h
	}
	return host
}

func seconds(d time.Duration) string {
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%.3f s", d.Seconds())
}
