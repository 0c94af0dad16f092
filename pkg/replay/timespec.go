package replay

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"auditreplay/pkg/ingest"
)

// Log is what the first pass found out about the time that the evidence
// covers. "Now" is its end: whoever reads an old log means the log's hours.
type Log struct {
	Start, End time.Time
	Boot       time.Time // start of the last boot
}

// Moment is a time as a command line names it: an instant, a distance back
// from the log's end, or a word.
type Moment struct {
	at   time.Time
	back time.Duration
	word string
}

// The forms of a date, most exact first.
var dateForms = []string{
	time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02",
}

// ParseMoment reads a time of --since and --until:
//
//	2026-11-22T23:31:57+01:00   an instant (RFC 3339)
//	2026-11-22 23:31[:57]       in the zone; a date alone is its midnight
//	@1795390317[.902]           seconds since 1970
//	-2h, -1h30m, -3d, -2w       before the log's end
//	now, recent (10 minutes back), this-hour, today, yesterday, this-week,
//	week-ago, this-month, this-year, boot: ausearch's words, at the log's end
func ParseMoment(s string, zone *time.Location) (Moment, error) {
	if zone == nil {
		zone = time.UTC
	}
	switch s {
	case "now", "recent", "this-hour", "today", "yesterday", "this-week", "week-ago", "this-month", "this-year", "boot":
		return Moment{word: s}, nil
	case "checkpoint":
		return Moment{}, errors.New("checkpoint is known to ausearch alone; give a time")
	case "":
		return Moment{}, errors.New("empty time")
	}
	if rest, ok := strings.CutPrefix(s, "@"); ok {
		at, err := epoch(rest)
		return Moment{at: at}, err
	}
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		back, err := parseSpan(rest)
		return Moment{back: back, word: "-"}, err
	}
	for _, form := range dateForms {
		if at, err := time.ParseInLocation(form, s, zone); err == nil {
			return Moment{at: at.UTC()}, nil
		}
	}
	return Moment{}, fmt.Errorf("%q is no time: give 2026-11-22 [15:04[:05]], RFC 3339, @seconds, -2h, or a word such as today", s)
}

// epoch reads seconds since 1970.
func epoch(s string) (time.Time, error) {
	whole, part, _ := strings.Cut(s, ".")
	secs, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || secs < 0 || secs > 253402300799 || len(part) > 9 || strings.Trim(part, "0123456789") != "" {
		return time.Time{}, fmt.Errorf("%q is no number of seconds since 1970", s)
	}
	nanos, _ := strconv.ParseInt(part+strings.Repeat("0", 9-len(part)), 10, 64)
	return time.Unix(secs, nanos).UTC(), nil
}

// parseSpan reads "1h30m", "3d", "2w".
func parseSpan(s string) (time.Duration, error) {
	bad := fmt.Errorf("%q is no span of time: give -90s, -10m, -2h, -3d, -1w", "-"+s)
	total := time.Duration(0)
	if s == "" {
		return 0, bad
	}
	for s != "" {
		i := 0
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		n, err := strconv.ParseInt(s[:i], 10, 64)
		if err != nil || i == len(s) {
			return 0, bad
		}
		unit := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}[s[i]]
		if unit == 0 || n > int64((math.MaxInt64-total)/unit) {
			return 0, bad
		}
		total += time.Duration(n) * unit
		s = s[i+1:]
	}
	return total, nil
}

// In gives the instant that is meant in a log.
func (m Moment) In(log Log, zone *time.Location) time.Time {
	if m.word == "" {
		return m.at
	}
	if zone == nil {
		zone = time.UTC
	}
	now := log.End.In(zone)
	midnight := func(year int, month time.Month, day int) time.Time {
		return time.Date(year, month, day, 0, 0, 0, 0, zone).UTC()
	}
	switch y, mon, d := now.Date(); m.word {
	case "-":
		return log.End.Add(-m.back)
	case "recent":
		return log.End.Add(-10 * time.Minute)
	case "this-hour":
		return now.Add(-time.Duration(now.Minute())*time.Minute - time.Duration(now.Second())*time.Second - time.Duration(now.Nanosecond())).UTC()
	case "today":
		return midnight(y, mon, d)
	case "yesterday":
		return midnight(y, mon, d-1)
	case "this-week": // of ausearch: since Sunday
		return midnight(y, mon, d-int(now.Weekday()))
	case "week-ago":
		return midnight(y, mon, d-7)
	case "this-month":
		return midnight(y, mon, 1)
	case "this-year":
		return midnight(y, time.January, 1)
	case "boot":
		return log.Boot
	}
	return log.End
}

// ParseZone reads the value of --tz: an offset ("+02:00", "-0500"), UTC, or a
// name of the zone database ("Europe/Berlin").
func ParseZone(s string) (*time.Location, error) {
	switch s {
	case "":
		return nil, nil
	case "UTC", "Z", "utc":
		return time.UTC, nil
	case "Local", "local":
		return nil, errors.New("the zone of this machine is not the log's; give an offset or a name")
	}
	for _, form := range []string{"-07:00", "-0700", "-07"} {
		if t, err := time.Parse(form, s); err == nil {
			_, offset := t.Zone()
			if offset == 0 {
				return time.UTC, nil
			}
			return time.FixedZone(offsetText(time.Duration(offset)*time.Second), offset), nil
		}
	}
	zone, err := time.LoadLocation(s)
	if err != nil {
		return nil, fmt.Errorf("%q is no offset (+02:00) and no zone (Europe/Berlin)", s)
	}
	return zone, nil
}

// log tells what time the evidence covers.
func (r *run) log() Log {
	var l Log
	note := func(at time.Time) {
		if at.IsZero() {
			return
		}
		if l.Start.IsZero() || at.Before(l.Start) {
			l.Start = at
		}
		if at.After(l.End) {
			l.End = at
		}
	}
	if first, last, ok := mostOf(r.scan.stamps); ok {
		note(time.UnixMilli(first).UTC())
		note(time.UnixMilli(last).UTC())
	}
	var journals time.Time // the end of all that journals cover
	for _, sp := range r.scan.spans {
		note(sp.first)
		note(sp.last)
		if sp.last.After(journals) {
			journals = sp.last
		}
	}
	for _, in := range r.inputs {
		if in.messages {
			note(in.lastMessage(journals).Add(-in.offset))
		}
	}
	for i := range r.hosts {
		boots := r.hosts[i].boots
		if at := time.UnixMilli(boots[len(boots)-1].start).UTC(); at.After(l.Boot) {
			l.Boot = at
		}
	}
	return l
}

// lastMessage gives the time of an input's newest message, but for strays. A
// journal's are known by the entries around them; see span.note.
func (in *input) lastMessage(journals time.Time) time.Time {
	most := journals
	if in.src.Kind == ingest.SyslogText {
		most = in.civil.dated.Log().End
	}
	if most.IsZero() || in.newest.Before(most) {
		return in.newest
	}
	return most
}

// A few events are no part of the time that a log covers where they stand so
// far from all the others that their times must be damaged: then the log's end
// would be a year ahead, and its last two hours empty.
const (
	fewStamps  = 8
	manyStamps = 100
	strayFrom  = 24 * time.Hour
	strayTimes = 4 // as far as the longest silence among the others
)

// mostOf gives the time that events cover, but for strays.
func mostOf(stamps []stamp) (first, last int64, ok bool) {
	at := make([]int64, len(stamps))
	for i := range stamps {
		at[i] = stamps[i].millis
	}
	return covered(at, time.Millisecond)
}

// covered is mostOf for times in so long units, which it sorts.
func covered(at []int64, unit time.Duration) (first, last int64, ok bool) {
	if len(at) == 0 {
		return 0, 0, false
	}
	sortEnd(at)
	from, to := 0, len(at)-1
	if len(at) < manyStamps {
		return at[from], at[to], true
	}
	silence := int64(strayFrom/unit) / strayTimes
	for i := fewStamps + 1; i < len(at)-fewStamps; i++ {
		silence = max(silence, at[i]-at[i-1])
	}
	for i := 1; i <= fewStamps; i++ {
		if (at[i]-at[i-1])/strayTimes > silence {
			from = i
		}
	}
	for i := len(at) - fewStamps; i < len(at); i++ {
		if (at[i]-at[i-1])/strayTimes > silence {
			to = i - 1
			break
		}
	}
	return at[from], at[to], true
}

// sortEnd sorts times that are in order but for what stands at the end, which
// belongs near there.
func sortEnd(at []int64) {
	ordered := 1
	for ordered < len(at) && at[ordered-1] <= at[ordered] {
		ordered++
	}
	if ordered < len(at) {
		from, _ := slices.BinarySearch(at[:ordered], slices.Min(at[ordered:]))
		slices.Sort(at[from:])
	}
}

// Span finds what time events cover, but for strays. The zero value is ready.
type Span struct{ at []int64 } // nanoseconds since the epoch

// Add takes the time of an event. What nanoseconds cannot say, after 2262, is
// damage.
func (s *Span) Add(at time.Time) {
	if len(s.at) >= maxStamps {
		s.thin()
	}
	nanos := at.UnixNano()
	switch secs := at.Unix(); {
	case secs < 0:
		nanos = 0
	case secs >= math.MaxInt64/int64(time.Second):
		nanos = math.MaxInt64
	}
	s.at = append(s.at, nanos)
}

// thin makes room: of the times that are no stray's it keeps every second one.
// Silences seem longer by that, and fewer times strays.
func (s *Span) thin() {
	slices.Sort(s.at)
	kept := s.at[:fewStamps+1]
	rest := s.at[fewStamps+1 : len(s.at)-fewStamps-1]
	last := slices.Clone(s.at[len(s.at)-fewStamps-1:])
	for i := 0; i < len(rest); i += 2 {
		kept = append(kept, rest[i])
	}
	s.at = append(kept, last...)
}

// Log gives what is known.
func (s *Span) Log() Log {
	var l Log
	if first, last, ok := covered(s.at, time.Nanosecond); ok {
		l.Start, l.End = time.Unix(0, first).UTC(), time.Unix(0, last).UTC()
	}
	return l
}
