package syslog

import (
	"slices"
	"time"
)

// Pair is one event that two clocks saw: the civil time that a log line gives
// it, read as UTC, and the instant that the audit log gives it. A line
// "Accepted ..." and the LOGIN record with its PID are such a pair.
type Pair struct {
	Civil, Instant time.Time
}

// zoneStep divides all offsets in use; fuzz is how far the clocks of one pair
// may differ besides.
const (
	zoneStep = 15 * time.Minute
	fuzz     = 90 * time.Second
	minPairs = 3

	maxOffset = 15 * time.Hour // -12:00 to +14:00 are in use
)

// Span is a zone's offset, from a civil time on.
type Span struct {
	From   time.Time     // civil, read as UTC; zero: from the beginning
	Offset time.Duration // civil time minus UTC
	Agree  int           // pairs that say so
	Differ int           // pairs in the span that do not
}

// Offsets finds the offset of a file's zone from pairs: their differences
// cluster at a multiple of 15 minutes. Where summer time began or ended, the
// spans before and after have offsets of their own. It returns nil where fewer
// than three pairs agree, or no more than half of them.
func Offsets(pairs []Pair) []Span {
	var votes []vote
	for _, p := range pairs {
		d := p.Civil.Sub(p.Instant)
		step := d.Round(zoneStep)
		if rest := d - step; rest.Abs() <= fuzz && step.Abs() <= maxOffset {
			votes = append(votes, vote{p.Civil, p.Instant, step})
		}
	}
	if len(votes) < minPairs {
		return nil
	}
	slices.SortStableFunc(votes, func(a, b vote) int { return a.instant.Compare(b.instant) })
	spans := split(votes)
	agree := 0
	for _, s := range spans {
		agree += s.Agree
	}
	if agree < minPairs || 2*agree <= len(pairs) {
		return nil
	}
	return spans
}

// vote is a pair whose clocks differ by a possible offset.
type vote struct {
	civil, instant time.Time
	offset         time.Duration
}

// count is the most frequent offset of some votes, and how often it is there.
type count struct {
	offset time.Duration
	n      int
}

// counts gives the most frequent offset of the first i votes, for every i.
func counts(votes []vote) []count {
	seen := make(map[time.Duration]int)
	best := make([]count, len(votes)+1)
	for i, v := range votes {
		seen[v.offset]++
		best[i+1] = best[i]
		if seen[v.offset] > best[i].n {
			best[i+1] = count{v.offset, seen[v.offset]}
		}
	}
	return best
}

// split cuts votes, sorted by time, where both sides agree better with offsets
// that are one hour apart than the whole does with one.
func split(votes []vote) []Span {
	left := counts(votes)
	reversed := slices.Clone(votes)
	slices.Reverse(reversed)
	right := counts(reversed)
	whole := left[len(votes)]
	best, gain := 0, minPairs-1
	for i := minPairs; i <= len(votes)-minPairs; i++ {
		a, b := left[i], right[len(votes)-i]
		if g := a.n + b.n - whole.n; (a.offset-b.offset).Abs() == time.Hour && g > gain {
			best, gain = i, g
		}
	}
	if best == 0 {
		return []Span{{Offset: whole.offset, Agree: whole.n, Differ: len(votes) - whole.n}}
	}
	after := split(votes[best:])
	after[0].From = votes[best].civil
	return append(split(votes[:best]), after...)
}

// offsetAt gives the offset of a civil time.
func offsetAt(spans []Span, civil time.Time) time.Duration {
	offset := spans[0].Offset
	for _, s := range spans[1:] {
		if !civil.Before(s.From) {
			offset = s.Offset
		}
	}
	return offset
}
