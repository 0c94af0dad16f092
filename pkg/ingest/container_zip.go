package ingest

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

// isZip: a local file header, or the end record of an archive without members
// (APPNOTE.TXT 4.3.7, 4.3.16).
func isZip(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06"))
}

// zip examines the members of a zip archive. Its directory stands at its end:
// one that is inside something else is copied first.
func (d *discovery) zip(b blob, r io.Reader, in place) error {
	cut := false
	if b.at == nil {
		sp, err := fill(r, d.opt.TempDir, d.opt.MaxWindow)
		d.in.closers = append(d.in.closers, sp)
		cut = err != nil
		if err := d.fault(err); err != nil {
			return err
		}
		path := b.path
		b = sp.blob(path)
	}
	at, size, err := b.at()
	if err != nil {
		return err
	}
	src := &faultReaderAt{ReaderAt: at}
	z, err := zip.NewReader(src, size)
	if errors.Is(err, zip.ErrInsecurePath) {
		err = nil // names are only names here
	}
	if err != nil {
		err = src.fault(&Damage{Path: b.path, Offset: size, What: "zip archive without its directory, which stands at its end: truncated or damaged", Err: io.ErrUnexpectedEOF})
		if !cut { // else that is counted already
			err = d.fault(err)
		}
		if damage := (*Damage)(nil); err != nil && !errors.As(err, &damage) {
			return err
		}
		return d.salvage(b, at, size, in)
	}
	d.opt.register(z)
	var total int64
	for _, f := range z.File {
		if err := in.count(d, b.path); err != nil {
			return d.fault(err)
		}
		// Members may overlap, so that each is modest and all are a bomb.
		if total += int64(min(f.UncompressedSize64, 1<<50)); total > ratioFrom && total/d.opt.MaxRatio > size {
			return d.fault(&Damage{Path: b.path, What: fmt.Sprintf("decompression bomb (more than %d:1)", d.opt.MaxRatio)})
		}
		if err := d.zipMember(b, f, src, in); err != nil {
			return err
		}
	}
	return nil
}

func (d *discovery) zipMember(archive blob, f *zip.File, at *faultReaderAt, in place) error {
	b := blob{path: in.memberPath(archive.path, f.Name), size: int64(f.CompressedSize64)}
	switch {
	case f.Mode().IsDir():
		return nil
	case f.Mode()&fs.ModeSymlink != 0:
		in.link(d, b.path, "link in an archive", linkTarget(f))
		return nil
	case !f.Mode().IsRegular():
		d.skip(b.path, "special file in an archive")
		return nil
	case f.Flags&1 != 0:
		d.skip(b.path, "encrypted")
		return nil
	}
	taking := in.take(d, b.path, false)
	if taking == TakeNothing {
		return nil
	}
	in = in.inside()
	in.anyway = in.anyway || taking == TakeAnyway
	b.open = func() (*stream, error) {
		stored := new(atomic.Int64)
		stored.Store(b.size)
		m := &zipMember{f: f, at: at}
		dec := &decoded{o: d.opt, path: b.path, what: "zip archive", src: new(faultReader), stored: stored, r: m}
		m.src = dec.src
		return &stream{dec, stored, []func() error{m.Close}}, nil
	}
	return d.examine(b, nil, nil, in)
}

// linkTarget is what a symbolic link in a zip archive holds.
func linkTarget(f *zip.File) string {
	r, err := f.Open()
	if err != nil {
		return ""
	}
	defer r.Close()
	target, _ := io.ReadAll(io.LimitReader(r, 4096))
	return string(target)
}

// zipMember reads a member and tells an I/O failure below from damage.
type zipMember struct {
	f   *zip.File
	at  *faultReaderAt
	src *faultReader // what decoded looks at for a failure that is no damage
	r   io.ReadCloser
}

func (m *zipMember) Read(p []byte) (n int, err error) {
	if m.r == nil {
		m.r, err = m.f.Open()
	}
	if err == nil {
		n, err = m.r.Read(p)
	}
	if err != nil && err != io.EOF {
		m.src.err = m.at.fault(nil)
	}
	return n, err
}

func (m *zipMember) Close() error {
	if m.r == nil {
		return nil
	}
	return m.r.Close()
}

// faultReaderAt remembers a failed read, which zip and its decoders report as
// they like.
type faultReaderAt struct {
	io.ReaderAt
	err atomic.Pointer[error]
}

func (f *faultReaderAt) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.ReaderAt.ReadAt(p, off)
	if err != nil && err != io.EOF {
		f.err.Store(&err)
	}
	return n, err
}

// fault gives the failed read, where there was one, for what came of it.
func (f *faultReaderAt) fault(err error) error {
	if failed := f.err.Load(); failed != nil {
		return *failed
	}
	return err
}

// register adds the methods that archivers use beside DEFLATE (APPNOTE.TXT 4.4.5).
func (o *Options) register(z *zip.Reader) {
	closing := func(r io.Reader, err error) io.ReadCloser {
		if err != nil {
			return io.NopCloser(errorReader{err})
		}
		return io.NopCloser(r)
	}
	z.RegisterDecompressor(zip.Deflate, flate.NewReader)
	z.RegisterDecompressor(12, func(r io.Reader) io.ReadCloser { return io.NopCloser(bzip2.NewReader(r)) })
	z.RegisterDecompressor(93, zstd.ZipDecompressor(zstd.WithDecoderMaxWindow(uint64(o.MaxWindow)), zstd.WithDecoderLowmem(true)))
	z.RegisterDecompressor(95, func(r io.Reader) io.ReadCloser { return closing(newXZ(bufio.NewReader(r), o)) })
}
