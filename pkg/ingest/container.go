package ingest

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// compression is a format that holds the bytes of one file.
type compression struct {
	name  string
	magic []byte
	open  func(src *bufio.Reader, o *Options) (io.Reader, error)
}

// compressions are told apart by their first bytes, never by a file's name.
var compressions = []compression{
	{"gzip", []byte{0x1f, 0x8b, 8}, newGzip},           // RFC 1952, CM 8
	{"bzip2", []byte("BZh"), newBzip2},                 // then the level
	{"xz", []byte{0xfd, '7', 'z', 'X', 'Z', 0}, newXZ}, // xz-file-format 2.1.1.1
	{"zstd", []byte{0x28, 0xb5, 0x2f, 0xfd}, newZstd},  // RFC 8878 3.1.1
	{"lz4", []byte{0x04, 0x22, 0x4d, 0x18}, newLZ4},    // lz4_Frame_format
	{"lz4", []byte{0x02, 0x21, 0x4c, 0x18}, newLZ4},    // its legacy frame
	{"zstd", []byte{0x50, 0x2a, 0x4d, 0x18}, newZstd},  // a skippable frame first
}

// compressionOf gives the compression that head is the start of, or nil.
func compressionOf(head []byte) *compression {
	for i := range compressions {
		c := &compressions[i]
		if !bytes.HasPrefix(head, c.magic) {
			continue
		}
		if c.name == "bzip2" && !bzip2Head(head) {
			continue
		}
		return c
	}
	return nil
}

// bzip2Head: "BZh", a level, then a block (digits of pi) or the end (of sqrt pi).
func bzip2Head(head []byte) bool {
	return len(head) >= 10 && head[3] >= '1' && head[3] <= '9' &&
		(string(head[4:10]) == "1AY&SY" || string(head[4:10]) == "\x17\x72\x45\x38\x50\x90")
}

func newBzip2(src *bufio.Reader, _ *Options) (io.Reader, error) { return bzip2.NewReader(src), nil }

func newZstd(src *bufio.Reader, o *Options) (io.Reader, error) {
	return zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(uint64(o.MaxWindow)))
}

// newGzip reads gzip members one after the other. NULs after the last one are
// padding (tapes, disk images), as for gzip(1); anything else is damage.
func newGzip(src *bufio.Reader, _ *Options) (io.Reader, error) {
	z, err := gzip.NewReader(src)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return &frames{src: src, r: z, magic: []byte{0x1f, 0x8b}, next: func() error {
		defer z.Multistream(false)
		return z.Reset(src)
	}}, nil
}

func newLZ4(src *bufio.Reader, _ *Options) (io.Reader, error) {
	z := lz4.NewReader(src)
	if err := z.Apply(lz4.ConcurrencyOption(1)); err != nil {
		return nil, err
	}
	return &frames{src: src, r: z, next: func() error { z.Reset(src); return nil }}, nil
}

// frames reads a format whose files may follow each other in one.
type frames struct {
	src   *bufio.Reader
	r     io.Reader
	magic []byte // of a further frame; nil: the decoder looks itself
	next  func() error
}

var errTrailing = errors.New("trailing bytes of no known meaning")

func (f *frames) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != io.EOF || n > 0 {
		if err == io.EOF {
			err = nil
		}
		return n, err
	}
	head, err := f.src.Peek(max(1, len(f.magic)))
	switch {
	case len(head) == 0:
		return 0, err
	case head[0] == 0:
		return 0, f.padding()
	case !bytes.HasPrefix(head, f.magic):
		return 0, errTrailing
	}
	return 0, f.next()
}

func (f *frames) padding() error {
	for {
		c, err := f.src.ReadByte()
		if err != nil {
			return err
		}
		if c != 0 {
			return errTrailing
		}
	}
}

// decode gives b's bytes as build decodes them.
func (o *Options) decode(b blob, what string, build func(io.Reader) (io.Reader, error)) func() (*stream, error) {
	return func() (*stream, error) {
		s, err := b.open()
		if err != nil {
			return nil, err
		}
		d := o.decoded(b.path, what, s.Reader, s.stored, build)
		return &stream{d, s.stored, append(s.close, d.close)}, nil
	}
}

func (o *Options) decoded(path, what string, src io.Reader, stored *atomic.Int64, build func(io.Reader) (io.Reader, error)) *decoded {
	return &decoded{o: o, path: path, what: what, src: &faultReader{r: src}, stored: stored, build: build}
}

// build makes c's decoder.
func (c *compression) build(o *Options) func(io.Reader) (io.Reader, error) {
	return func(src io.Reader) (io.Reader, error) {
		return c.open(bufio.NewReaderSize(src, 64<<10), o)
	}
}

// decoded is a decoder's output, within the limits, its errors told apart:
// an I/O failure below stays what it is, all else is Damage.
type decoded struct {
	o      *Options
	path   string
	what   string
	src    *faultReader
	stored *atomic.Int64
	build  func(io.Reader) (io.Reader, error)
	r      io.Reader
	out    int64
	empty  int
	err    error
}

func (d *decoded) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	n, err := d.read(p[:d.most(len(p))])
	d.out += int64(n)
	if n == 0 && err == nil && len(p) > 0 {
		if d.empty++; d.empty > 1000 {
			err = io.ErrNoProgress
		}
	} else {
		d.empty = 0
	}
	switch {
	case err == io.EOF:
		d.err = err
	case err != nil:
		d.err = d.fault(err)
	case d.out > d.o.MaxBytes:
		n--
		d.out--
		d.err = &Damage{Path: d.path, Offset: d.out, What: fmt.Sprintf("decompression bomb (more than %d bytes)", d.o.MaxBytes)}
	case d.out >= ratioFrom && d.out%ratioStep == 0 && d.out/d.o.MaxRatio > d.stored.Load():
		d.err = &Damage{Path: d.path, Offset: d.out, What: fmt.Sprintf("decompression bomb (more than %d:1)", d.o.MaxRatio)}
	}
	if n > 0 {
		return n, nil
	}
	return 0, d.err
}

// ratioStep is how often the ratio is looked at: at fixed places, so that a
// bomb ends at the same byte however it is read.
const ratioStep = 1 << 20

// most is how much to read at once to stop where a limit is looked at.
func (d *decoded) most(n int) int {
	return int(min(int64(n), d.o.MaxBytes+1-d.out, ratioStep-d.out%ratioStep))
}

// read reads from the decoder, which is made at the first call: so a damaged
// header is an error of reading, not of opening. What a decoder panics on is
// damage: its input is an attacker's.
func (d *decoded) read(p []byte) (n int, err error) {
	defer func() {
		if e := recover(); e != nil {
			n, err = 0, fmt.Errorf("decoder: %v", e)
		}
	}()
	if d.r == nil {
		if d.r, err = d.build(d.src); err != nil {
			d.r = nil
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
	}
	return d.r.Read(p)
}

func (d *decoded) fault(err error) error {
	if d.src.err != nil {
		return d.src.err
	}
	what := "damaged " + d.what
	if errors.Is(err, io.ErrUnexpectedEOF) {
		what = "truncated " + d.what
	}
	return &Damage{Path: d.path, Offset: d.out, What: what, Err: err}
}

func (d *decoded) close() error {
	if z, ok := d.r.(*zstd.Decoder); ok {
		z.Close()
	}
	return nil
}

// faultReader remembers the error that r ended with, if that is not its end.
type faultReader struct {
	r   io.Reader
	n   int64
	err error
}

func (f *faultReader) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	f.n += int64(n)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

// Seek lets archive/tar skip members of a plain file.
func (f *faultReader) Seek(offset int64, whence int) (int64, error) {
	if s, ok := f.r.(io.Seeker); ok {
		return s.Seek(offset, whence)
	}
	return 0, errors.ErrUnsupported
}
