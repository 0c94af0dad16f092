package replay

import (
	"slices"
	"time"

	"auditreplay/pkg/ingest"
)

// The offset of a sshd log's clock is believed where this many logins agree
// on it within this window, and no other offset has a third as many.
const (
	offsetWindow = 15 * time.Second
	offsetPairs  = 5
	offsetMargin = 3

	// offsetLives is how many lives of one pid are looked at for each login:
	// those nearest to it. Somebody who can choose pids could else make the
	// pairs as many as the square of the logins.
	offsetLives = 64

	// offsetLeast is the least offset that is corrected for a journal whose
	// entries have the sender's time: LOGIN is expected right behind its line
	// there. A syslog file's lines are late by themselves.
	offsetLeast = 2 * time.Second
)

// offsets says how far each source's clock is ahead of the audit log's: of all
// pairs of an Accepted line and a LOGIN record with one pid, those that belong
// together have one difference in common. A window that holds no difference
// at all is no offset.
func (s *scan) offsets(inputs []*input, logins pidLogins) {
	for _, ats := range logins {
		slices.SortFunc(ats, time.Time.Compare)
	}
	for _, in := range inputs {
		var diffs []time.Duration
		for _, a := range s.pairs {
			if a.carrier != in.src {
				continue
			}
			for _, at := range nearest(logins[[2]int{s.nodes[a.node].host, a.pid}], a.at) {
				diffs = append(diffs, a.at.Sub(at))
			}
		}
		least := offsetWindow
		if in.src.Kind != ingest.SyslogText {
			least = offsetLeast
		}
		in.offset = densest(diffs, least)
	}
}

// nearest gives the offsetLives of sorted times that lie around one.
func nearest(ats []time.Time, at time.Time) []time.Time {
	if len(ats) <= offsetLives {
		return ats
	}
	i, _ := slices.BinarySearchFunc(ats, at, time.Time.Compare)
	from := min(max(0, i-offsetLives/2), len(ats)-offsetLives)
	return ats[from : from+offsetLives]
}

// densest gives the median of the window that holds most of the differences,
// or 0 where none stands out, the window holds 0, or it is less than least.
func densest(diffs []time.Duration, least time.Duration) time.Duration {
	slices.Sort(diffs)
	from, to := window(diffs, 0, 0)
	if to-from < offsetPairs {
		return 0
	}
	if rivalFrom, rivalTo := window(diffs, from, to); (rivalTo-rivalFrom)*offsetMargin > to-from {
		return 0
	}
	if diffs[from] <= 0 && diffs[to-1] >= 0 {
		return 0
	}
	median := diffs[(from+to)/2]
	if median.Abs() < least {
		return 0 // logins within the window need no correction
	}
	return median
}

// window finds the stretch of sorted differences within offsetWindow that
// holds most, leaving out those of [not, end).
func window(diffs []time.Duration, not, end int) (from, to int) {
	j := 0
	for i := range diffs {
		if i >= not && i < end {
			continue
		}
		if j < i {
			j = i
		}
		for j < len(diffs) && diffs[j]-diffs[i] <= offsetWindow && (j < not || j >= end) {
			j++
		}
		if j-i > to-from {
			from, to = i, j
		}
	}
	return from, to
}
