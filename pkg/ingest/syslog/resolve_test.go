package syslog

import (
	"testing"
	"time"

	"auditreplay/pkg/ingest"

	"github.com/google/go-cmp/cmp"
)

func noYear(s string) ingest.Message {
	t, err := time.Parse("Jan _2 15:04:05", s)
	if err != nil {
		panic(err)
	}
	return ingest.Message{Time: t, Received: t, Clock: ingest.NoYear}
}

func TestYears(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		in     []string
		newest string
		want   []string
	}{
		{"one year", []string{"Jan  2 00:00:00", "Nov 22 23:31:57"}, "2026-11-23T00:00:00Z", []string{"2026-01-02T00:00:00Z", "2026-11-22T23:31:57Z"}},
		{"new year", []string{"Dec 31 23:59:59", "Jan  1 00:00:00"}, "2026-11-23T00:00:00Z", []string{"2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"}},
		{"last year's log", []string{"Dec 30 00:00:00"}, "2026-11-23T00:00:00Z", []string{"2025-12-30T00:00:00Z"}},
		{"three years", []string{"Mar  1 00:00:00", "Feb  1 00:00:00", "Jan  1 00:00:00"}, "2026-01-01T00:00:00Z", []string{"2024-03-01T00:00:00Z", "2025-02-01T00:00:00Z", "2026-01-01T00:00:00Z"}},
		{"written just after midnight", []string{"Jan  1 00:00:10"}, "2025-12-31T23:00:00Z", []string{"2026-01-01T00:00:10Z"}},
		{"clock set back an hour", []string{"Nov 22 12:00:00", "Nov 22 11:00:00"}, "2026-11-23T00:00:00Z", []string{"2026-11-22T12:00:00Z", "2026-11-22T11:00:00Z"}},
		{"a stray date", []string{"Nov 22 12:00:00", "Jan  1 00:00:00", "Nov 22 12:00:05"}, "2026-11-23T00:00:00Z", []string{"2026-11-22T12:00:00Z", "2026-01-01T00:00:00Z", "2026-11-22T12:00:05Z"}},
		{"leap day", []string{"Feb 29 12:00:00", "Mar  1 12:00:00"}, "2026-11-23T00:00:00Z", []string{"2024-02-29T12:00:00Z", "2024-03-01T12:00:00Z"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var r Resolver
			for _, s := range test.in {
				m := noYear(s)
				r.Observe(&m)
			}
			r.Anchor(utc(test.newest))
			var got []string
			for i, s := range test.in {
				m := noYear(s)
				civil := r.Civil(i, &m)
				if !r.Resolve(&m, nil) {
					t.Error("zone was not assumed")
				}
				if !m.Time.Equal(civil) || m.Clock != ingest.UTC {
					t.Errorf("Civil %v, Resolve %v", civil, m.Time)
				}
				got = append(got, m.Time.Format(time.RFC3339))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOffsets(t *testing.T) {
	t.Parallel()
	start := utc("2026-10-20T00:00:00Z")
	// pairs makes n pairs a day apart.
	pairs := func(from, n int, offset time.Duration) []Pair {
		var p []Pair
		for i := from; i < from+n; i++ {
			at := start.AddDate(0, 0, i)
			p = append(p, Pair{at.Add(offset + time.Duration(i%7)*time.Second), at})
		}
		return p
	}
	change := utc("2026-10-25T01:00:05Z")
	for _, test := range []struct {
		name string
		in   []Pair
		want []Span
	}{
		{"nothing", nil, nil},
		{"too few", pairs(0, 2, time.Hour), nil},
		{"east", pairs(0, 9, 5*time.Hour+45*time.Minute), []Span{{Offset: 5*time.Hour + 45*time.Minute, Agree: 9}}},
		{"west, a stray pair", append(pairs(0, 9, -5*time.Hour), pairs(3, 1, time.Hour)...), []Span{{Offset: -5 * time.Hour, Agree: 9, Differ: 1}}},
		{"no multiple of a quarter", pairs(0, 9, 7*time.Minute), nil},
		{"no majority", append(pairs(0, 4, time.Hour), pairs(0, 4, 5*time.Hour)...), nil},
		{"end of summer time", append(pairs(0, 5, 2*time.Hour), pairs(5, 6, time.Hour)...), []Span{{Offset: 2 * time.Hour, Agree: 5}, {From: change, Offset: time.Hour, Agree: 6}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, Offsets(test.in)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestResolveZone(t *testing.T) {
	t.Parallel()
	var r Resolver
	r.SetZone("", []Span{{Offset: 2 * time.Hour}, {From: utc("2026-10-25T02:00:00Z"), Offset: time.Hour}})
	r.SetZone("EST", []Span{{Offset: -5 * time.Hour}})
	for _, test := range []struct{ civil, zone, want string }{
		{"2026-10-25T01:59:00Z", "", "2026-10-24T23:59:00Z"},
		{"2026-10-25T02:00:00Z", "", "2026-10-25T01:00:00Z"},
		{"2026-10-25T02:00:00Z", "EST", "2026-10-25T07:00:00Z"},
	} {
		m := ingest.Message{Time: utc(test.civil), Clock: ingest.Local, ZoneName: test.zone}
		if assumed := r.Resolve(&m, nil); assumed || !m.Time.Equal(utc(test.want)) || !m.Received.Equal(m.Time) {
			t.Errorf("%s %s: %s, assumed %v", test.civil, test.zone, m.Time, assumed)
		}
	}
}

// The hour that is there twice is told by the order of the file.
func TestInstant(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no zone database")
	}
	var before time.Time
	for _, test := range []struct{ civil, want string }{
		{"2026-10-25T01:30:00Z", "2026-10-24T23:30:00Z"},
		{"2026-10-25T02:30:00Z", "2026-10-25T00:30:00Z"},
		{"2026-10-25T02:10:00Z", "2026-10-25T01:10:00Z"},
		{"2026-10-25T02:30:00Z", "2026-10-25T01:30:00Z"},
		{"2026-10-25T03:30:00Z", "2026-10-25T02:30:00Z"},
	} {
		got := Instant(utc(test.civil), berlin, before)
		if !got.Equal(utc(test.want)) {
			t.Errorf("%s: %s, want %s", test.civil, got, test.want)
		}
		before = got
	}
}
