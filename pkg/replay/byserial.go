package replay

import "slices"

// bySerial gives the events of a host in the order of their serials, those of
// one serial in the order of time.
type bySerial struct {
	st    []stamp
	order []serialAt // of st; nil until it is asked for
}

// serialAt is a serial and where in st it stands, to be compared as it is.
type serialAt uint64

func (s serialAt) serial() uint32 { return uint32(s >> 32) }
func (s serialAt) at() int        { return int(uint32(s)) }

// ordered gives all of them.
func (x *bySerial) ordered() []serialAt {
	if x.order == nil {
		x.order = make([]serialAt, len(x.st))
		for i := range x.order {
			x.order[i] = serialAt(x.st[i].serial)<<32 | serialAt(i)
		}
		slices.Sort(x.order)
	}
	return x.order
}

// from gives those with a serial or a higher one.
func (x *bySerial) from(serial uint32) []serialAt {
	all := x.ordered()
	n, _ := slices.BinarySearch(all, serialAt(serial)<<32)
	return all[n:]
}
