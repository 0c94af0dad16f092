package spool

import (
	"encoding/binary"
	"errors"
	"time"

	"auditreplay/pkg/ingest"
)

// Code writes a struct as bytes, or reads it: its methods do either, as it
// was told, so that one list of fields serves both ways and what is written is
// what is read.
type Code struct {
	sources []*ingest.Source
	reading bool
	bad     bool
	b       []byte
	text    string // where reading: the same as b, for strings to be parts of
}

var errCode = errors.New("temporary file: another thing than was written")

// Append appends to b what fields tells it of.
func (c *Code) Append(b []byte, fields func(*Code)) []byte {
	c.reading, c.b = false, b
	fields(c)
	return c.b
}

// Read gives fields what b holds.
func (c *Code) Read(b []byte, fields func(*Code)) error {
	c.reading, c.bad, c.b, c.text = true, false, b, string(b)
	fields(c)
	if c.bad || len(c.b) > 0 {
		return errCode
	}
	return nil
}

// Text is what was read last: the strings that were read are parts of it.
func (c *Code) Text() string { return c.text }

// Uint keeps a number that is mostly small.
func (c *Code) Uint(v *uint64) {
	if !c.reading {
		c.b = binary.AppendUvarint(c.b, *v)
		return
	}
	n, size := binary.Uvarint(c.b)
	if size <= 0 {
		c.bad = true
		return
	}
	*v, c.b = n, c.b[size:]
}

// Int64 keeps a number, mostly near zero.
func (c *Code) Int64(v *int64) {
	n := uint64(*v)<<1 ^ uint64(*v>>63)
	c.Uint(&n)
	*v = int64(n>>1) ^ -int64(n&1)
}

// Int keeps a number, mostly near zero.
func (c *Code) Int(v *int) {
	n := int64(*v)
	c.Int64(&n)
	*v = int(n)
}

// Bool keeps a truth.
func (c *Code) Bool(v *bool) {
	n := uint64(0)
	if *v {
		n = 1
	}
	c.Uint(&n)
	*v = n != 0
}

// String keeps a text. What is read shares one allocation with the other texts of its struct.
func (c *Code) String(v *string) {
	n := uint64(len(*v))
	c.Uint(&n)
	if !c.reading {
		c.b = append(c.b, *v...)
		return
	}
	if n > uint64(len(c.b)) {
		c.bad = true
		return
	}
	from := len(c.text) - len(c.b)
	*v, c.b = c.text[from:from+int(n)], c.b[n:]
}

// Time keeps an instant, which is given back in UTC.
func (c *Code) Time(v *time.Time) {
	known := !v.IsZero()
	if c.Bool(&known); !known {
		return
	}
	sec, nsec := v.Unix(), int64(v.Nanosecond())
	c.Int64(&sec)
	if c.Int64(&nsec); c.reading {
		*v = time.Unix(sec, nsec).UTC()
	}
}

// Pos keeps a place in a source.
func (c *Code) Pos(v *ingest.Pos) {
	var n uint64 // of the source, from 1
	if !c.reading && v.Source != nil {
		n = c.number(v.Source)
	}
	c.Uint(&n)
	c.Int64(&v.Line)
	if c.reading && n > 0 {
		if n > uint64(len(c.sources)) {
			c.bad = true
			return
		}
		v.Source = c.sources[n-1]
	}
}

// number gives the number of a source: nearly always that of the last.
func (c *Code) number(src *ingest.Source) uint64 {
	for i := len(c.sources) - 1; i >= 0; i-- {
		if c.sources[i] == src {
			return uint64(i + 1)
		}
	}
	c.sources = append(c.sources, src)
	return uint64(len(c.sources))
}

// Places keeps places in sources.
func (c *Code) Places(v *[]ingest.Pos) { List(c, v, c.Pos) }

// List keeps the elements of a slice.
func List[T any](c *Code, v *[]T, one func(*T)) {
	n := uint64(len(*v))
	if c.Uint(&n); c.reading && n > 0 {
		if n > uint64(len(c.b)) { // each takes a byte at least
			c.bad = true
			return
		}
		*v = make([]T, n)
	}
	for i := range *v {
		one(&(*v)[i])
	}
}
