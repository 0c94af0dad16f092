package tracker

import (
	"iter"
	"maps"
	"slices"
	"strconv"
)

// lists are lists by number, most of which have one element: it stands in a
// map by itself, for there may be a million of them.
type lists[T comparable] struct {
	first map[int]T
	more  map[int][]T
}

func (ls *lists[T]) add(n int, v T) {
	if _, ok := ls.first[n]; !ok {
		if ls.first == nil {
			ls.first, ls.more = make(map[int]T), make(map[int][]T)
		}
		ls.first[n] = v
		return
	}
	ls.more[n] = append(ls.more[n], v)
}

func (ls *lists[T]) empty() bool { return len(ls.first) == 0 }

// of gives the list of a number, in the order in which it was added to.
func (ls *lists[T]) of(n int) iter.Seq[T] {
	return func(yield func(T) bool) {
		v, ok := ls.first[n]
		if !ok || !yield(v) {
			return
		}
		for _, v := range ls.more[n] {
			if !yield(v) {
				return
			}
		}
	}
}

func (ls *lists[T]) has(n int) bool {
	_, ok := ls.first[n]
	return ok
}

// remove takes all that is v out of a list.
func (ls *lists[T]) remove(n int, v T) {
	if len(ls.more[n]) == 0 {
		if first, ok := ls.first[n]; ok && first == v {
			delete(ls.first, n)
		}
		return
	}
	left := slices.DeleteFunc(slices.Collect(ls.of(n)), func(o T) bool { return o == v })
	ls.set(n, left)
}

// sort puts each list in order; what is equal stays as it was.
func (ls *lists[T]) sort(compare func(a, b T) int) {
	for _, n := range slices.Collect(maps.Keys(ls.more)) {
		list := slices.Collect(ls.of(n))
		slices.SortStableFunc(list, compare)
		ls.set(n, list)
	}
}

// all gives the elements of all lists, in no order.
func (ls *lists[T]) all() iter.Seq[T] {
	return func(yield func(T) bool) {
		for n := range ls.first {
			for v := range ls.of(n) {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// set replaces a list.
func (ls *lists[T]) set(n int, list []T) {
	delete(ls.first, n)
	delete(ls.more, n)
	for _, v := range list {
		ls.add(n, v)
	}
}

// sessionIDs are sessions by their audit session id: the newest of an id. The
// ids are numbers but for those that are damaged, or made up by who calls the
// API.
type sessionIDs struct {
	numbers map[uint32]*session
	others  map[string]*session
}

func newSessionIDs() sessionIDs {
	return sessionIDs{make(map[uint32]*session), make(map[string]*session)}
}

// number gives the number that an id is the one way to write of.
func number(id string) (n uint32, ok bool) {
	if id == "" || id[0] == '0' && id != "0" || id[0] == '+' {
		return 0, false
	}
	v, err := strconv.ParseUint(id, 10, 32)
	return uint32(v), err == nil
}

func (x *sessionIDs) get(id string) *session {
	if n, ok := number(id); ok {
		return x.numbers[n]
	}
	return x.others[id]
}

func (x *sessionIDs) set(id string, s *session) {
	if n, ok := number(id); ok {
		x.numbers[n] = s
	} else {
		x.others[id] = s
	}
}

func (x *sessionIDs) delete(id string) {
	if n, ok := number(id); ok {
		delete(x.numbers, n)
	} else {
		delete(x.others, id)
	}
}

// all gives the newest session of each id, in no order.
func (x *sessionIDs) all() iter.Seq[*session] {
	return func(yield func(*session) bool) {
		for _, s := range x.numbers {
			if !yield(s) {
				return
			}
		}
		for _, s := range x.others {
			if !yield(s) {
				return
			}
		}
	}
}

// len is how many there are, without the older ones of an id.
func (x *sessionIDs) len() int { return len(x.numbers) + len(x.others) }
