package ingest

import (
	"archive/tar"
	"errors"
	"io"
	"strings"
	"sync/atomic"
)

// isTar reports whether head starts with a tar header: the checksum of its 512
// bytes is right (POSIX pax, "ustar Interchange Format"; the same in the older
// formats, which have no magic).
func isTar(head []byte) bool {
	if len(head) < 512 || head[0] == 0 {
		return false
	}
	field := strings.Trim(string(head[148:156]), " \x00")
	if field == "" {
		return false
	}
	var want int64
	for _, c := range field {
		if c < '0' || c > '7' {
			return false
		}
		want = want<<3 | int64(c-'0')
	}
	var unsigned, signed int64
	for i, c := range head[:512] {
		if i >= 148 && i < 156 {
			c = ' '
		}
		unsigned += int64(c)
		signed += int64(int8(c))
	}
	return want == unsigned || want == signed
}

// tar examines the members of a tar archive, in one reading of it.
func (d *discovery) tar(b blob, r io.Reader, stored *atomic.Int64, in place) error {
	src := &faultReader{r: r}
	tr := tar.NewReader(src)
	for n := 0; ; n++ {
		h, err := nextMember(tr)
		if err == io.EOF {
			if b.at == nil { // a checksum at the end may say that all before is damaged
				_, err = io.Copy(io.Discard, src)
				return d.fault(err)
			}
			return nil
		}
		if err != nil {
			return d.fault((&decoded{path: b.path, what: "tar archive", src: src, out: src.n}).fault(err))
		}
		t := tarMember{archive: b, h: h, n: n, r: tr, src: src, stored: stored}
		if more, err := d.member(t, in); err != nil || !more {
			return err
		}
	}
}

// tarMember is the n-th member of an archive that is being read.
type tarMember struct {
	archive blob
	h       *tar.Header
	n       int
	r       *tar.Reader
	src     *faultReader
	stored  *atomic.Int64
}

// member examines a member; false says that the archive cannot be read on.
func (d *discovery) member(t tarMember, in place) (more bool, err error) {
	if err := in.count(d, t.archive.path); err != nil {
		return false, d.fault(err)
	}
	b := blob{path: in.memberPath(t.archive.path, t.h.Name), size: t.h.Size, restream: t.archive.at == nil}
	switch t.h.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
	case tar.TypeDir, tar.TypeXGlobalHeader:
		return true, nil
	case tar.TypeLink:
		in.link(d, b.path, "link in an archive", "/"+t.h.Linkname)
		return true, nil
	case tar.TypeSymlink:
		in.link(d, b.path, "link in an archive", t.h.Linkname)
		return true, nil
	default:
		d.skip(b.path, "special file in an archive")
		return true, nil
	}
	taking := in.take(d, b.path, false)
	if taking == TakeNothing {
		return true, nil
	}
	in = in.inside()
	in.anyway = in.anyway || taking == TakeAnyway
	if t.archive.at != nil && !sparse(t.h) {
		if err := t.section(&b); err != nil {
			return false, err
		}
		if b.at != nil {
			return true, d.examine(b, nil, nil, in)
		}
	}
	b.open = d.opt.decode(t.archive, "tar archive", func(src io.Reader) (io.Reader, error) {
		return nthMember(src, t.n)
	})
	cur := &decoded{o: d.opt, path: b.path, what: "tar archive", src: t.src, stored: t.stored, r: t.r}
	before := len(d.in.Sources)
	if err := d.examine(b, cur, t.stored, in); err != nil {
		return false, err
	}
	_, err = io.Copy(io.Discard, cur)
	if len(d.in.Sources) > before {
		d.known(err) // who reads the source will meet it
	}
	return err == nil, d.fault(err)
}

// section makes b the part of a plain archive that it is, if all of it is there.
func (t *tarMember) section(b *blob) error {
	start, err := t.src.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	at, size, err := t.archive.at()
	if err != nil || start+b.size > size {
		return err
	}
	length := b.size
	b.at = func() (io.ReaderAt, int64, error) { return io.NewSectionReader(at, start, length), length, nil }
	b.open = func() (*stream, error) {
		stored := new(atomic.Int64)
		return &stream{Reader: countStored{io.NewSectionReader(at, start, length), stored}, stored: stored}, nil
	}
	return nil
}

// nthMember finds a member again by how many stand before it.
func nthMember(src io.Reader, n int) (io.Reader, error) {
	tr := tar.NewReader(src)
	for i := 0; ; i++ {
		if _, err := nextMember(tr); err != nil {
			return nil, err
		}
		if i == n {
			return tr, nil
		}
	}
}

// nextMember is tar.Reader.Next for a reader that creates no files, which a
// hostile name cannot harm.
func nextMember(tr *tar.Reader) (*tar.Header, error) {
	h, err := tr.Next()
	if errors.Is(err, tar.ErrInsecurePath) && h != nil {
		err = nil
	}
	return h, err
}

func sparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}
	return false
}
