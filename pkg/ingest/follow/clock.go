package follow

import "time"

// Now is the wall clock: the one place of the program that reads it.
func Now() time.Time { return time.Now() }

// ParseSince reads the value of --since: an instant in RFC 3339, a date with
// or without a time of day (in UTC), @SECONDS since 1970, or a span before now
// (-2h).
func ParseSince(s string, now time.Time) (time.Time, error) {
	if len(s) > 1 && s[0] == '-' {
		d, err := time.ParseDuration(s[1:])
		if err == nil {
			return now.Add(-d), nil
		}
	}
	if len(s) > 1 && s[0] == '@' {
		d, err := time.ParseDuration(s[1:] + "s")
		if err == nil {
			return time.Unix(0, 0).UTC().Add(d), nil
		}
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, &time.ParseError{Layout: "RFC 3339, YYYY-MM-DD[ HH:MM[:SS]], @SECONDS or -2h", Value: s,
		Message: ": not a time; give RFC 3339, YYYY-MM-DD[ HH:MM[:SS]], @SECONDS or -2h"}
}
