package auditd

import "bytes"

// recall remembers what was read of texts that stand on many records. Each has
// the place that its beginning gives, until another takes it.
type recall[T any] [64]struct {
	text []byte
	read T
}

// Of a text that is remembered, so many bytes tell its place; it has no more
// than longestRecall.
const (
	recallHead    = 24
	longestRecall = 256
)

func (r *recall[T]) at(b []byte) int {
	return int(place(b[len(" dev"):recallHead]) % uint32(len(r))) // the first bytes are the same in all
}

// find gives what was read of a remembered text that b begins with and that
// ends there at a blank, and the length of it; 0 where there is none.
func (r *recall[T]) find(b []byte) (read *T, length int) {
	if len(b) < recallHead {
		return nil, 0
	}
	s := &r[r.at(b)]
	n := len(s.text)
	if n == 0 || len(b) <= n || b[n] != ' ' || !bytes.Equal(b[:n], s.text) {
		return nil, 0
	}
	return &s.read, n
}

// keep remembers what was read of text.
func (r *recall[T]) keep(text []byte, read T) {
	if len(text) < recallHead || len(text) > longestRecall {
		return
	}
	s := &r[r.at(text)]
	s.text, s.read = append(s.text[:0], text...), read
}
