package replay

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestClockStepsAndReboots makes boots whose clock is set back, and hosts whose
// clock is behind after a reboot, at random: with events that come late, and
// with a first boot of which the beginning is lost. A step is seldom taken for
// a reboot, and a reboot seldom for a step.
func TestClockStepsAndReboots(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("computes for long, and nothing of it at the same time")
	}
	const runs = 1000
	r := rand.New(rand.NewPCG(1, 2))
	cuts, missed := 0, 0
	for range runs {
		n := 200 + r.IntN(3000)
		at := n/4 + r.IntN(n/2)
		back := 100 * (1 + r.IntN(at)) // ms; the mean time between two events is 100 ms
		first, again, lost := r.IntN(200), r.IntN(100), 0
		if r.IntN(2) == 0 {
			lost = r.IntN(at)
		}
		var step, reboot []stamp
		clock := 0
		for k := range n {
			clock += r.IntN(200)
			if k == at {
				clock -= back
			}
			late, serial := 0, first+k
			if r.IntN(50) == 0 {
				late = r.IntN(500)
			}
			step = append(step, stamp{millis: int64(clock - late), serial: uint32(serial)})
			if k >= at {
				serial = again + k - at
			}
			if k >= lost {
				reboot = append(reboot, stamp{millis: int64(clock), serial: uint32(serial)})
			}
		}
		if falls(step) > 0 {
			cuts++
		}
		if falls(reboot) == 0 {
			missed++
		}
	}
	if cuts > runs/40 || missed > runs/20 {
		t.Errorf("of %d each: %d steps taken for reboots, %d reboots missed", runs, cuts, missed)
	}
}

func falls(st []stamp) int {
	slices.SortFunc(st, func(a, b stamp) int { return cmp.Or(cmp.Compare(a.millis, b.millis), cmp.Compare(a.serial, b.serial)) })
	return len(auditedOf(st).serialFalls())
}

func auditedOf(st []stamp) *audited {
	return &audited{stamps: st, chains: &chains{bySerial: &bySerial{st: st}}}
}

// TestFallsWithoutEnd gives a log that falls all the time: to look at it has an
// end.
func TestFallsWithoutEnd(t *testing.T) {
	t.Parallel()
	const n = maxStamps / 8
	for name, serial := range map[string]func(i int) int{
		"down":       func(i int) int { return n - i },
		"two":        func(i int) int { return 7 + i/10%2 },
		"two counts": func(i int) int { return i + i/10%2<<30 },
	} {
		var st []stamp
		for i := range n {
			st = append(st, stamp{millis: int64(i), serial: uint32(serial(i))})
		}
		a := auditedOf(st)
		f := stepFinder{a.chains.bySerial, maxLooks}
		for i := 1; i < n; i++ {
			f.goesOn(0, i)
		}
		if a.serialFalls(); f.left < -2*n {
			t.Errorf("%s: looked at %d events", name, maxLooks-f.left)
		}
	}
}
