package auditd

import (
	"bytes"
	"encoding/binary"
)

// recall remembers what was read of texts that stand on many records. Each has
// the place that its beginning gives, until another takes it.
type recall[T any] struct {
	same  int // so many bytes are the same in most of the texts
	slots [256]struct {
		text []byte
		read T
	}
}

// Of a text that is remembered, so many bytes behind those that are the same
// tell its place; it has no more than longestRecall.
const (
	recallHead    = 24
	longestRecall = 256
)

func (r *recall[T]) at(b []byte) int {
	w := b[r.same:][:recallHead]
	h := binary.LittleEndian.Uint64(w) * 0x9E3779B97F4A7C15
	h = (h ^ h>>32 ^ binary.LittleEndian.Uint64(w[8:])) * 0x9E3779B97F4A7C15
	h = (h ^ h>>32 ^ binary.LittleEndian.Uint64(w[16:])) * 0x9E3779B97F4A7C15
	return int(h >> 40 % uint64(len(r.slots)))
}

// find gives what was read of a remembered text that b begins with and that
// ends there at a blank, and the length of it; 0 where there is none.
func (r *recall[T]) find(b []byte) (read *T, length int) {
	if len(b) < r.same+recallHead {
		return nil, 0
	}
	s := &r.slots[r.at(b)]
	n := len(s.text)
	if n == 0 || len(b) <= n || b[n] != ' ' || !bytes.Equal(b[:n], s.text) {
		return nil, 0
	}
	return &s.read, n
}

// keep remembers a text that b begins with, and gives what is to be filled with
// what was read of it: it still holds what was read of another. It is nil where
// the text is not remembered.
func (r *recall[T]) keep(b []byte, length int) (read *T) {
	if len(b) < r.same+recallHead || length > longestRecall {
		return nil
	}
	s := &r.slots[r.at(b)]
	s.text = append(s.text[:0], b[:length]...)
	return &s.read
}

// ends remembers what was read of texts that many records end with. Each has the
// place that its first and last bytes give, until another takes it.
type ends[T any] struct {
	same  int // so many bytes are the same at the beginning of most of the texts
	slots [256]struct {
		text []byte
		read T
	}
}

// find gives what was read of b, where that is remembered.
func (e *ends[T]) find(b []byte) (read *T, ok bool) {
	if len(b) < e.same {
		return nil, false
	}
	s := &e.slots[place(b[e.same:])%uint32(len(e.slots))]
	return &s.read, len(b) > 0 && bytes.Equal(b, s.text)
}

// keep remembers b, and gives what is to be filled with what was read of it: it
// still holds what was read of another. It is nil where b is not remembered.
func (e *ends[T]) keep(b []byte) (read *T) {
	if len(b) < e.same || len(b) > longestRecall {
		return nil
	}
	s := &e.slots[place(b[e.same:])%uint32(len(e.slots))]
	s.text = append(s.text[:0], b...)
	return &s.read
}
