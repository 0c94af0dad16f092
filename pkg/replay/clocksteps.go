package replay

// stepFinder tells, where the serials of a host fall in the order of time, a
// clock that was set back from a kernel that began to count again.
type stepFinder struct {
	*bySerial
	left int // events that may still be looked at
}

const (
	// maxLooks is how many events are looked at in all: an attacker could make
	// every other event a fall.
	maxLooks = 1 << 23
	// fits is how many serials may be missing where two parts of one count
	// meet: records may be lost, and stamps thinned.
	fits = thinned
)

// goesOn gives the end of a stretch in which the serials, falling at i, fall
// because the clock was set back in the boot that begins at from; i where they
// do not.
//
// The events of before and after the step stand between each other there. What
// falls is the end of the earlier ones, which count on, one after the other,
// until they meet the first of the later ones; those go on from where they
// were; and no serial comes twice. The events of a kernel that counts again
// come to serials that were given out, or end elsewhere, even where its clock
// is behind and they stand between those of the boot before.
func (f *stepFinder) goesOn(from, i int) int {
	const (
		after = 64 // later events, when the two have met, within which nothing contradicts
		stray = 16 // one in so many may stand elsewhere: syscalls that block come late
		inRow = serialWindow / 2
	)
	if f.left <= 0 {
		return i
	}
	first := f.st[i].serial
	top := uint32(0)
	for _, s := range f.st[max(from, i-serialWindow):i] {
		top = max(top, s.serial)
	}
	// Events of one moment may change places: those next to the first are not
	// what it is to meet.
	meeting, found := f.above(first+serialWindow, from, i)
	if !found {
		meeting = top
	}
	low := first - min(first, serialWindow)
	near := f.any(first-min(first, fits), first, from, i)
	end, met, went := i, false, false
	earlier, later, strays, row := 0, 0, 0, 0
	for k := i; k < len(f.st) && later < after; k++ {
		if f.left--; f.left < 0 {
			return i
		}
		s := f.st[k].serial
		switch {
		case s > top:
			near = near || !went && s-top <= fits
			went = true
			row = 0
			if met {
				later++
			}
			continue
		case f.any(s, s+1, from, i):
			return i
		case s >= low && s < meeting:
			earlier++
			row = 0
			met = met || meeting-s <= fits+serialWindow
		default:
			strays, row = strays+1, row+1
			if row > inRow || strays > inRow && strays*stray > earlier {
				return i
			}
		}
		end = k + 1
	}
	if !near || !met {
		return i
	}
	return end
}

// above gives the least serial above one of the events st[from:to].
func (f *stepFinder) above(serial uint32, from, to int) (uint32, bool) {
	for _, s := range f.from(serial) {
		if at := s.at(); at >= from && at < to && s.serial() > serial {
			return s.serial(), true
		}
		f.left--
	}
	return 0, false
}

// any reports whether an event of st[from:to] has a serial in [low, high).
func (f *stepFinder) any(low, high uint32, from, to int) bool {
	for _, s := range f.from(low) {
		if s.serial() >= high {
			break
		}
		if at := s.at(); at >= from && at < to {
			return true
		}
		f.left--
	}
	return false
}
