package journal

import "io"

const (
	pageSize = 64 << 10
	numPages = 256
)

// pages reads a file at random places through a cache of its last pages. A
// read behind the end fails; so do all after an I/O error.
type pages struct {
	r    io.ReaderAt
	size uint64
	err  error
	page [numPages]page
}

type page struct {
	no    uint64
	bytes []byte // nil: not read
}

// read fills p from an offset.
func (f *pages) read(p []byte, at uint64) bool {
	if at > f.size || uint64(len(p)) > f.size-at {
		return false
	}
	for len(p) > 0 {
		b := f.get(at / pageSize)
		if off := at % pageSize; off < uint64(len(b)) {
			n := copy(p, b[off:])
			p, at = p[n:], at+uint64(n)
			continue
		}
		return false
	}
	return true
}

func (f *pages) get(no uint64) []byte {
	c := &f.page[no%numPages]
	if c.bytes != nil && c.no == no {
		return c.bytes
	}
	if f.err != nil {
		return nil
	}
	buf := c.bytes[:cap(c.bytes)]
	if buf == nil {
		buf = make([]byte, pageSize)
	}
	n, err := f.r.ReadAt(buf, int64(no*pageSize))
	if err != nil && err != io.EOF {
		f.err, c.bytes = err, nil
		return nil
	}
	c.no, c.bytes = no, buf[:n]
	return c.bytes
}
