package replay

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// An event goes on where one of the chain's latest has nearly its serial, and
// none has the same: so by the definition, whatever is decided sooner.
func TestChainFits(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		step := int64(thinned + random.IntN(100))
		var c chain
		serial := uint32(random.IntN(1000))
		for i := range 300 {
			s := stamp{millis: int64(i), serial: serial}
			if c.events > 0 {
				near := func(o uint32) bool {
					d := int64(serial) - int64(o)
					return d >= -serialWindow && d <= step
				}
				recent := c.recent[:min(c.events, len(c.recent))]
				want := !slices.Contains(recent, serial) && slices.ContainsFunc(recent, near)
				if got := c.fits(s, step); got != want {
					t.Fatalf("serial %d fits %v at steps of %d: %v, want %v", serial, recent, step, got, want)
				}
			}
			c.add(i, s)
			serial = uint32(max(0, int64(serial)+random.Int64N(2*step)-step/2))
		}
	}
}

// What is usual is told by the quarter of the steps that is least.
func TestUsualStep(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		st := make([]stamp, random.IntN(40))
		most := 1 << random.IntN(14)
		for i := range st {
			st[i].serial = uint32(random.IntN(most))
		}
		want := int64(thinned)
		if len(st) > 1 {
			var steps []int64
			for i := 1; i < len(st); i++ {
				steps = append(steps, abs(int64(st[i].serial)-int64(st[i-1].serial)))
			}
			slices.Sort(steps)
			want = min(4096, max(want, 8*steps[len(steps)/4]))
		}
		if got := usualStep(st); got != want {
			t.Fatalf("usual step of %v is %d, want %d", st, got, want)
		}
	}
}
