package live

import (
	"bytes"
	"hash/maphash"
	"slices"
	"time"

	"auditreplay/pkg/ingest/auditd"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// unitKey is what the records of one event have in common.
type unitKey struct {
	node   string
	millis int64
	serial uint32
	daemon bool
}

func keyOf(r *auditd.Record) unitKey {
	return unitKey{string(r.Node), r.Millis, r.Serial, r.Daemon()}
}

// unit is an event that is being put together, or waits for its session.
type unit struct {
	key     unitKey
	boot    *boot
	records []*auditd.Record
	late    bool
	ended   bool               // the record that ends it is there
	seen    int64              // record time when its last record came
	touched time.Time          // wall time of that
	size    int                // bytes that its records take
	known   map[uint64][]int32 // the first so many records by what they say, where they are many
	looked  int
}

// closedKept is how many closed events are remembered, so that a record that
// comes later is known to be late.
const closedKept = 4096

// maxOpen is how many bytes the records of open events may take. More of them
// come when records without an end are written faster than record time goes on:
// then those that came first are closed as they are, until half of that is left.
const maxOpen = 64 << 20

// recordSize is about what a record takes beside its line.
const recordSize = 256

// fewRecords is up to how many records of an event are looked at one by one
// for a copy.
const fewRecords = 64

// units are the open events and the memory of those closed last.
type units struct {
	open   map[unitKey]*unit
	order  []*unit
	size   int // bytes that the records of open events take
	limit  int // of them
	ended  int // open events whose last record is there
	seed   maphash.Seed
	closed map[unitKey]bool
	ring   []unitKey
	at     int
}

func (us *units) init() {
	us.open, us.closed = make(map[unitKey]*unit), make(map[unitKey]bool)
	us.seed, us.limit = maphash.MakeSeed(), maxOpen
}

// begin opens an event.
func (us *units) begin(u *unit) {
	us.open[u.key] = u
	us.order = append(us.order, u)
	us.size += u.size
	if u.ended {
		us.ended++
	}
}

// put adds a record to an open event.
func (us *units) put(u *unit, rec *auditd.Record) {
	was := u.ended
	u.append(rec)
	us.size += sizeOf(rec)
	if u.ended && !was {
		us.ended++
	}
}

// end closes an open event.
func (us *units) end(u *unit) {
	us.size -= u.size
	if u.ended {
		us.ended--
	}
	u.known = nil
	us.close(u.key)
}

// crowded reports whether so much is open that the events which are complete,
// or have waited longest, have to be closed before the round is over.
func (us *units) crowded() bool { return us.ended > 4*closedKept || us.size > us.limit }

// close remembers a closed event.
func (us *units) close(key unitKey) {
	delete(us.open, key)
	if us.closed[key] {
		return
	}
	us.closed[key] = true
	if len(us.ring) < closedKept {
		us.ring = append(us.ring, key)
		return
	}
	delete(us.closed, us.ring[us.at])
	us.ring[us.at] = key
	us.at = (us.at + 1) % closedKept
}

func sizeOf(rec *auditd.Record) int { return len(rec.Line) + recordSize }

// append adds a record to those of the event.
func (u *unit) append(rec *auditd.Record) {
	u.records = append(u.records, rec)
	u.size += sizeOf(rec)
	u.ended = u.ended || final(rec.Type)
}

// has reports whether a record of the event says the same.
func (u *unit) has(rec *auditd.Record, seed maphash.Seed) bool {
	same := func(r *auditd.Record) bool { return r.Type == rec.Type && bytes.Equal(r.Body, rec.Body) }
	if len(u.records) <= fewRecords {
		return slices.ContainsFunc(u.records, same)
	}
	if u.known == nil {
		u.known = make(map[uint64][]int32)
	}
	for ; u.looked < len(u.records); u.looked++ {
		h := maphash.Bytes(seed, u.records[u.looked].Body)
		u.known[h] = append(u.known[h], int32(u.looked))
	}
	return slices.ContainsFunc(u.known[maphash.Bytes(seed, rec.Body)], func(i int32) bool { return same(u.records[i]) })
}

// add puts a record to its event. nil: the event has it already.
func (p *Pipeline) add(rec *auditd.Record, b *boot) *unit {
	key := keyOf(rec)
	u := p.units.open[key]
	if u == nil {
		u = &unit{key: key, boot: b, late: p.units.closed[key]}
		p.units.begin(u)
	}
	if u.has(rec, p.units.seed) {
		p.Counts.Duplicate++
		return nil
	}
	if len(u.records) >= auditd.MaxRecords {
		p.reject(rec.Pos, "event of more than 16384 records")
		return nil
	}
	p.units.put(u, rec)
	u.seen, u.touched = max(p.auditAt, rec.Millis), p.clock.Wall
	return u
}

// final reports whether the kernel and auditd write nothing more of an event
// after a record of type t (audit-userspace, common.c: audit_is_last_record,
// without LOGIN, which may be followed by its SYSCALL).
func final(t auparse.AuditMessageType) bool {
	switch {
	case t == auparse.AUDIT_PROCTITLE, t == auparse.AUDIT_EOE, t == auparse.AUDIT_KERNEL:
		return true
	case t == auparse.AUDIT_LOGIN:
		return false
	case t == auparse.AUDIT_USER, t > auparse.AUDIT_LOGIN && t < 1300:
		return true
	}
	return t >= 2100 || t >= 1406 && t <= 1419
}

// closeUnits closes the events that nothing more is expected of.
func (p *Pipeline) closeUnits() error {
	kept := p.units.order[:0]
	full := p.units.size > p.units.limit
	for i, u := range p.units.order {
		done := full && p.units.size > p.units.limit/2 || u.ended || p.auditAt-u.seen >= eventWait.Milliseconds() ||
			p.clock.Audit && p.quiet(u.touched, eventQuiet) // all that was there has been read
		if !done {
			kept = append(kept, u)
			continue
		}
		p.units.end(u)
		if err := p.closed(u); err != nil {
			p.units.order = append(kept, p.units.order[i+1:]...)
			return err
		}
	}
	clear(p.units.order[len(kept):])
	p.units.order = kept
	return nil
}

// closed takes a complete event.
func (p *Pipeline) closed(u *unit) error {
	b := u.boot
	p.Counts.Events++
	if u.late {
		p.Counts.Late++
	}
	p.builder.Build(u.records, &p.ev)
	p.ev.Late = u.late
	if ses := p.ev.Ses; ses != "" && ses != "unset" {
		s := b.session(ses, u.key.millis, p.auditAt)
		s.last = max(s.last, u.key.millis)
		if !s.settled {
			s.held = append(s.held, u)
			return nil
		}
	} else if b.tracker == nil {
		b.loose = append(b.loose, u)
		return nil
	}
	return b.tracker.Event(&p.ev)
}

// write builds an event that waited and gives it to the tracker.
func (p *Pipeline) write(u *unit) error {
	p.builder.Build(u.records, &p.ev)
	p.ev.Late = u.late
	return u.boot.tracker.Event(&p.ev)
}
