package live

import (
	"bytes"
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
	ended   bool      // the record that ends it is there
	seen    int64     // record time when its last record came
	touched time.Time // wall time of that
}

// closedKept is how many closed events are remembered, so that a record that
// comes later is known to be late.
const closedKept = 4096

// units are the open events and the memory of those closed last.
type units struct {
	open   map[unitKey]*unit
	order  []*unit
	closed map[unitKey]bool
	ring   []unitKey
	at     int
}

func (us *units) init() {
	us.open, us.closed = make(map[unitKey]*unit), make(map[unitKey]bool)
}

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

// add puts a record to its event. nil: the event has it already.
func (p *Pipeline) add(rec *auditd.Record, b *boot) *unit {
	key := keyOf(rec)
	u := p.units.open[key]
	if u == nil {
		u = &unit{key: key, boot: b, late: p.units.closed[key]}
		p.units.open[key] = u
		p.units.order = append(p.units.order, u)
	}
	for i := range u.records {
		if r := u.records[i]; r.Type == rec.Type && bytes.Equal(r.Body, rec.Body) {
			p.Counts.Duplicate++
			return nil
		}
	}
	if len(u.records) >= auditd.MaxRecords {
		p.reject(rec.Pos, "event of more than 16384 records")
		return nil
	}
	u.records = append(u.records, rec)
	u.seen, u.touched = max(p.auditAt, rec.Millis), p.clock.Wall
	u.ended = u.ended || final(rec.Type)
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
	for i, u := range p.units.order {
		done := u.ended || p.auditAt-u.seen >= eventWait.Milliseconds() || p.quiet(u.touched, eventQuiet)
		if !done {
			kept = append(kept, u)
			continue
		}
		p.units.close(u.key)
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
		s := b.session(ses, u.key.millis)
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
