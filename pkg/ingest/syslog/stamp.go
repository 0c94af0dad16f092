package syslog

import (
	"time"

	"auditreplay/pkg/ingest"
)

// digits reads n decimal digits at the start of b, -1 where they are not there.
func digits(b []byte, n int) int {
	if len(b) < n {
		return -1
	}
	v := 0
	for _, c := range b[:n] {
		if c < '0' || c > '9' {
			return -1
		}
		v = v*10 + int(c-'0')
	}
	return v
}

// clock reads "hh:mm:ss" and an optional fraction of a second.
type clock struct {
	hour, min, sec int
	nanos          int
	precision      time.Duration
}

func parseClock(b []byte) (clock, []byte, bool) {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' {
		return clock{}, nil, false
	}
	c := clock{hour: digits(b, 2), min: digits(b[3:], 2), sec: digits(b[6:], 2), precision: time.Second}
	if c.hour < 0 || c.hour > 23 || c.min < 0 || c.min > 59 || c.sec < 0 || c.sec > 60 {
		return c, nil, false
	}
	b = b[8:]
	if len(b) > 1 && b[0] == '.' {
		c.nanos, c.precision, b = fraction(b[1:])
	}
	return c, b, c.precision > 0
}

// fraction reads the digits behind the point: nanoseconds and the resolution
// that their number implies, 0 where there are none. Digits beyond the ninth
// are passed over.
func fraction(b []byte) (nanos int, precision time.Duration, rest []byte) {
	unit := int(time.Second)
	i := 0
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		if unit > 1 {
			unit /= 10
			nanos += int(b[i]-'0') * unit
		}
		i++
	}
	if i == 0 {
		return 0, 0, b
	}
	return nanos, max(time.Duration(unit), time.Microsecond), b[i:]
}

// date makes a time, refusing days that the month does not have.
func date(year, month, day int, c clock, zone *time.Location) (time.Time, bool) {
	if month < 1 || month > 12 || day < 1 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, c.hour, c.min, c.sec, c.nanos, zone)
	if day > 28 && time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Day() != day {
		return time.Time{}, false
	}
	return t, true
}

// The years that a stamp may state. RFC 3339, which the output has, ends with
// 9999, and a zone may put the last day of a year into the next.
const (
	firstYear = 1970
	lastYear  = 9998
)

// iso reads 2026-11-22T23:31:57[.930167][Z|+00:00|+0000|+00].
func (h *header) iso(b []byte) ([]byte, bool) {
	if len(b) < 19 || b[4] != '-' || b[7] != '-' || b[10] != 'T' && b[10] != ' ' {
		return nil, false
	}
	c, rest, ok := parseClock(b[11:])
	if !ok {
		return nil, false
	}
	h.precision = c.precision
	offset, rest, has := parseOffset(rest)
	h.clock = ingest.UTC
	if !has {
		h.clock = ingest.Local
	}
	year := digits(b, 4)
	if year < firstYear || year > lastYear {
		return nil, false
	}
	h.time, ok = date(year, digits(b[5:], 2), digits(b[8:], 2), c, time.UTC)
	h.time = h.time.Add(-offset)
	return rest, ok
}

// parseOffset reads a numeric zone.
func parseOffset(b []byte) (offset time.Duration, rest []byte, ok bool) {
	if len(b) > 0 && b[0] == 'Z' {
		return 0, b[1:], true
	}
	if len(b) < 3 || b[0] != '+' && b[0] != '-' {
		return 0, b, false
	}
	hours, minutes := digits(b[1:], 2), 0
	rest = b[3:]
	if len(rest) > 2 && rest[0] == ':' && digits(rest[1:], 2) >= 0 {
		minutes, rest = digits(rest[1:], 2), rest[3:]
	} else if m := digits(rest, 2); m >= 0 {
		minutes, rest = m, rest[2:]
	}
	if hours < 0 || hours > 15 || minutes > 59 {
		return 0, b, false
	}
	offset = time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if b[0] == '-' {
		offset = -offset
	}
	return offset, rest, true
}

// unix reads 1795390317.902673.
func (h *header) unix(b []byte) ([]byte, bool) {
	i, secs := 0, int64(0)
	for i < len(b) && i < 12 && b[i] >= '0' && b[i] <= '9' {
		secs = secs*10 + int64(b[i]-'0')
		i++
	}
	if i < 9 || i+1 >= len(b) || b[i] != '.' || time.Unix(secs, 0).UTC().Year() > lastYear {
		return nil, false
	}
	nanos, precision, rest := fraction(b[i+1:])
	if precision == 0 {
		return nil, false
	}
	h.time, h.precision, h.clock = time.Unix(secs, int64(nanos)).UTC(), precision, ingest.UTC
	return rest, true
}

// full reads Sun 2026-11-22 23:31:57 UTC. systemd prints a zone without
// abbreviation as its offset ("+03").
func (h *header) full(b []byte) ([]byte, bool) {
	if weekday(b) == 0 {
		return nil, false
	}
	h.byUnit = true
	rest, ok := h.iso(b[4:])
	if !ok || len(rest) < 2 || rest[0] != ' ' || h.clock != ingest.Local {
		return nil, false
	}
	offset, after, ok := parseOffset(rest[1:])
	if ok && len(after) > 0 && after[0] == ' ' {
		h.clock, h.time = ingest.UTC, h.time.Add(-offset)
		return after, true
	}
	end := 1
	for end < len(rest) && rest[end] != ' ' {
		end++
	}
	h.zone, rest = rest[1:end], rest[end:]
	switch string(h.zone) {
	case "UTC", "GMT":
		h.clock, h.zone = ingest.UTC, nil
	default:
		h.clock = ingest.Zone
	}
	return rest, true
}

// rfc3164 reads Nov 22 23:31:57, the day padded with a blank, also with a
// fraction (-o short-precise) and with a year behind the day.
func (h *header) rfc3164(b []byte) ([]byte, bool) {
	month := monthOf(b)
	if month == 0 || b[3] != ' ' {
		return nil, false
	}
	b = b[4:]
	if b[0] == ' ' {
		b = b[1:]
	}
	i, day := 0, 0
	for i < len(b) && i < 2 && b[i] >= '0' && b[i] <= '9' {
		day = day*10 + int(b[i]-'0')
		i++
	}
	if i == 0 || i >= len(b) || b[i] != ' ' {
		return nil, false
	}
	b = b[i+1:]
	year := 0
	h.clock = ingest.NoYear
	if y := digits(b, 4); y >= firstYear && y <= lastYear && len(b) > 4 && b[4] == ' ' {
		year, b, h.clock = y, b[5:], ingest.Local
	}
	c, rest, ok := parseClock(b)
	if !ok {
		return nil, false
	}
	h.precision = c.precision
	h.time, ok = date(year, month, day, c, time.UTC)
	return rest, ok
}

// monthOf gives the number of the month whose English name b starts with.
// syslog daemons write it whatever the locale.
func monthOf(b []byte) int {
	switch string(b[:3]) {
	case "Jan":
		return 1
	case "Feb":
		return 2
	case "Mar":
		return 3
	case "Apr":
		return 4
	case "May":
		return 5
	case "Jun":
		return 6
	case "Jul":
		return 7
	case "Aug":
		return 8
	case "Sep":
		return 9
	case "Oct":
		return 10
	case "Nov":
		return 11
	case "Dec":
		return 12
	}
	return 0
}

func weekday(b []byte) int {
	switch string(b[:3]) {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
		return 1
	}
	return 0
}
