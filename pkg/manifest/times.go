package manifest

import (
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/replay"
)

// Times notes the first and last time of each source's evidence. It is a
// replay.Observer.
type Times struct {
	at map[*ingest.Source]*[2]time.Time
}

var _ replay.Observer = (*Times)(nil)

// NewTimes returns a Times.
func NewTimes() *Times { return &Times{make(map[*ingest.Source]*[2]time.Time)} }

func (t *Times) add(src *ingest.Source, at time.Time) {
	if at.IsZero() {
		return
	}
	span := t.at[src]
	if span == nil {
		t.at[src] = &[2]time.Time{at, at}
		return
	}
	if at.Before(span[0]) {
		span[0] = at
	}
	if at.After(span[1]) {
		span[1] = at
	}
}

// Record implements replay.Observer.
func (t *Times) Record(_ int, rec *auditd.Record) {
	t.add(rec.Pos.Source, time.UnixMilli(rec.Millis))
}

// Entry implements replay.Observer.
func (t *Times) Entry(_ int, e *ingest.Entry, _ string) {
	if e.Kind == ingest.MessageEntry {
		t.add(e.Pos.Source, e.Message.Received)
	}
}

// Concluded implements replay.Observer.
func (t *Times) Concluded(*replay.Conclusions) {}

func (t *Times) of(src *ingest.Source) (first, last time.Time) {
	if span := t.at[src]; span != nil {
		return span[0].UTC(), span[1].UTC()
	}
	return first, last
}
