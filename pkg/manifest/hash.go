package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
)

// Hash hashes what is written through it to the next writer.
type Hash struct {
	next io.Writer
	h    hash.Hash
	n    int64
}

// NewHash returns a Hash before next, which may be nil.
func NewHash(next io.Writer) *Hash {
	if next == nil {
		next = io.Discard
	}
	return &Hash{next: next, h: sha256.New()}
}

// Write implements io.Writer. What was not written on is not hashed.
func (h *Hash) Write(p []byte) (int, error) {
	n, err := h.next.Write(p)
	h.h.Write(p[:n])
	h.n += int64(n)
	return n, err
}

// Size is how many bytes were written.
func (h *Hash) Size() int64 { return h.n }

// Sum is their SHA-256, in hex.
func (h *Hash) Sum() string { return hex.EncodeToString(h.h.Sum(nil)) }
