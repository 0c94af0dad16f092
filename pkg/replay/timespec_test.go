package replay

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestSpan finds the time of many events, of more than are kept, without the few
// whose times are damaged, whenever these come.
func TestSpan(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 22, 10, 0, 0, 5, time.UTC)
	for _, n := range []int{0, 1, 50, 150, 3 * maxStamps} {
		var s Span
		damaged := n >= manyStamps
		for i := range n {
			if damaged && i == n/2 {
				s.Add(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
				s.Add(time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC))
				s.Add(time.Time{})
			}
			s.Add(start.Add(time.Duration(i) * time.Second))
		}
		var want Log
		if n > 0 {
			want = Log{Start: start, End: start.Add(time.Duration(n-1) * time.Second)}
		}
		if got := s.Log(); got != want {
			t.Errorf("%d events: %v, want %v", n, got, want)
		}
		if len(s.at) > maxStamps {
			t.Errorf("%d times kept", len(s.at))
		}
	}
}

func TestSortEnd(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		at := make([]int64, random.IntN(50))
		for i := range at {
			at[i] = random.Int64N(30)
		}
		slices.Sort(at[:random.IntN(len(at)+1)])
		want := slices.Sorted(slices.Values(at))
		was := slices.Clone(at)
		if sortEnd(at); !slices.Equal(at, want) {
			t.Fatalf("%v is put in the order %v", was, at)
		}
	}
}
