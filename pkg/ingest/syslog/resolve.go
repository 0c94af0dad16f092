package syslog

import (
	"sort"
	"time"

	"auditreplay/pkg/ingest"
)

// rollback is how far a time must fall below the one before it to mean that a
// new year has begun. Smaller steps back are a clock that was set.
const rollback = 24 * time.Hour

// straying is how many messages may have a wrong date (a forged one, one of
// before the clock was set) without a new year having begun: the time then
// goes back to where it was.
const straying = 8

// Resolver makes instants of the times of one file that lack year or zone. It
// is used in two passes over the file:
//
//  1. Observe every message, in the order of the file. Then Anchor, and where
//     there is evidence of the zone, SetZone.
//  2. Resolve every message, in the same order.
//
// The zero value is ready.
type Resolver struct {
	seen  int       // messages without year
	last  time.Time // of them
	rolls []int     // numbers of those that begin a new year
	leap  bool      // the last year has a February 29

	rolled time.Time // the message before the last that begins a new year
	year   int       // of the last message
	zones  map[string][]Span

	resolved int       // messages without year
	before   time.Time // the instant resolved last
}

// Observe notes where the years of a file turn. It returns the message's number
// for Civil.
func (r *Resolver) Observe(m *ingest.Message) int {
	if m.Clock != ingest.NoYear {
		return r.seen
	}
	switch n := len(r.rolls); {
	case r.seen > 0 && m.Time.Before(r.last.Add(-rollback)):
		r.rolls = append(r.rolls, r.seen)
		r.rolled = r.last
		r.leap = false // of an earlier year
	case n > 0 && r.seen-r.rolls[n-1] <= straying && !m.Time.Before(r.rolled.Add(-rollback)):
		r.rolls = r.rolls[:n-1]
	}
	if m.Time.Month() == time.February && m.Time.Day() == 29 {
		r.leap = true
	}
	r.last = m.Time
	r.seen++
	return r.seen - 1
}

// Anchor gives the file its year: that of the last message is the latest in
// which it is not after newest by more than a day, and in which the days of
// the file exist. newest may be when the file was last written, or the newest
// audit record of the host. It returns the year.
func (r *Resolver) Anchor(newest time.Time) int {
	r.year = Year(r.last, newest)
	for r.leap && !isLeap(r.year) {
		r.year--
	}
	return r.year
}

// SetZone sets the offsets that Offsets found for messages with this zone
// abbreviation, "" for those that have none.
func (r *Resolver) SetZone(name string, spans []Span) {
	if r.zones == nil {
		r.zones = make(map[string][]Span)
	}
	r.zones[name] = spans
}

// Resolve sets the message's time to an instant. Where its zone is not known,
// loc's rules hold; it returns whether that was so, an assumption. A nil loc is
// UTC.
func (r *Resolver) Resolve(m *ingest.Message, loc *time.Location) (assumed bool) {
	if m.Clock == ingest.UTC {
		return false
	}
	civil := r.Civil(r.resolved, m)
	if m.Clock == ingest.NoYear {
		r.resolved++
	}
	if spans := r.zones[m.ZoneName]; len(spans) > 0 {
		m.Time = civil.Add(-offsetAt(spans, civil))
	} else {
		m.Time = Instant(civil, loc, r.before)
		assumed = true
	}
	r.before = m.Time
	m.Received, m.Clock = m.Time, ingest.UTC
	return assumed
}

// Civil gives the civil time, still without zone, of a message by its number
// and time: what a Pair holds. Anchor comes first.
func (r *Resolver) Civil(number int, m *ingest.Message) time.Time {
	if m.Clock != ingest.NoYear {
		return m.Time
	}
	rolled := sort.SearchInts(r.rolls, number+1) // years begun up to the message
	return withYear(m.Time, r.year-(len(r.rolls)-rolled))
}

func withYear(t time.Time, year int) time.Time {
	return time.Date(year, t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

func isLeap(year int) bool { return time.Date(year, 2, 29, 0, 0, 0, 0, time.UTC).Day() == 29 }

// Year gives the latest year in which the civil time t, whose own year does
// not count, is not after newest by more than a day.
func Year(t, newest time.Time) int {
	newest = newest.UTC()
	if newest.Year() >= lastYear {
		return lastYear // a damaged time
	}
	if year := newest.Year(); withYear(t, year+1).Before(newest.Add(rollback)) {
		return year + 1
	} else if !withYear(t, year).After(newest.Add(rollback)) {
		return year
	}
	return newest.Year() - 1
}

// Instant gives the instant of a civil time (read as UTC) in a zone. Of the two
// in an hour that is there twice it takes the first that is not before after.
func Instant(civil time.Time, loc *time.Location, after time.Time) time.Time {
	if loc == nil {
		return civil
	}
	t := time.Date(civil.Year(), civil.Month(), civil.Day(), civil.Hour(), civil.Minute(), civil.Second(), civil.Nanosecond(), loc)
	first, second := t, t
	for _, d := range []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour} {
		for _, other := range []time.Time{t.Add(-d), t.Add(d)} {
			if sameCivil(other.In(loc), civil) {
				first, second = minTime(first, other), maxTime(second, other)
			}
		}
	}
	if first.Before(after) && !second.Before(after) {
		return second.UTC()
	}
	return first.UTC()
}

func sameCivil(t, civil time.Time) bool {
	return t.Day() == civil.Day() && t.Hour() == civil.Hour() && t.Minute() == civil.Minute() && t.Second() == civil.Second()
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func maxTime(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
