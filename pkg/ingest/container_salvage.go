package ingest

import (
	"bufio"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/flate"
)

// salvage examines the members of a zip archive that has lost its directory,
// which stands at its end: each member also has a header of its own before its
// data (APPNOTE.TXT 4.3.7). Their checksums are not looked at.
func (d *discovery) salvage(b blob, at io.ReaderAt, size int64, in place) error {
	for off := int64(0); ; {
		h, ok := readLocal(at, off, size)
		if !ok {
			return nil
		}
		if err := in.count(d, b.path); err != nil {
			return d.fault(err)
		}
		if !strings.HasSuffix(h.name, "/") {
			if err := d.salvageMember(b, at, h, in); err != nil {
				return err
			}
		}
		if off, ok = h.next(at, size); !ok {
			return nil
		}
	}
}

// local is a local file header.
type local struct {
	name   string
	flags  uint16
	method uint16
	stored int64 // bytes of data; -1 is stated behind it
	start  int64 // of the data
	end    int64 // of what there is
}

const (
	zipEncrypted  = 1 << 0
	zipDescriptor = 1 << 3 // sizes stand behind the data
)

func readLocal(at io.ReaderAt, off, size int64) (local, bool) {
	var b [30]byte
	if n, _ := at.ReadAt(b[:], off); n < len(b) || string(b[:4]) != "PK\x03\x04" {
		return local{}, false
	}
	le := binary.LittleEndian
	names := make([]byte, int(le.Uint16(b[26:]))+int(le.Uint16(b[28:])))
	if n, _ := at.ReadAt(names, off+30); n < len(names) {
		return local{}, false
	}
	name, extra := names[:le.Uint16(b[26:])], names[le.Uint16(b[26:]):]
	h := local{
		name: string(name), flags: le.Uint16(b[6:]), method: le.Uint16(b[8:]),
		stored: int64(le.Uint32(b[18:])), start: off + 30 + int64(len(names)), end: size,
	}
	for len(extra) >= 4 && h.stored == 0xffffffff {
		id, n := le.Uint16(extra), int(le.Uint16(extra[2:]))
		if extra = extra[4:]; n > len(extra) {
			break
		}
		if id == 1 && n >= 16 { // zip64: uncompressed size, compressed size
			h.stored = int64(min(le.Uint64(extra[8:]), 1<<62))
		}
		extra = extra[n:]
	}
	switch {
	case h.flags&zipDescriptor != 0 && h.stored == 0:
		h.stored = -1
	case h.stored < size-h.start:
		h.end = h.start + h.stored
	}
	return h, h.start <= size
}

// next finds the header behind a member.
func (h *local) next(at io.ReaderAt, size int64) (int64, bool) {
	if h.stored >= 0 {
		return h.end, h.end == h.start+h.stored
	}
	if h.method != 8 {
		return 0, false
	}
	// DEFLATE knows its end, and takes no byte more from a ByteReader.
	section := io.NewSectionReader(at, h.start, h.end-h.start)
	br := bufio.NewReaderSize(section, 64<<10)
	if _, err := io.Copy(io.Discard, flate.NewReader(br)); err != nil {
		return 0, false
	}
	read, _ := section.Seek(0, io.SeekCurrent)
	end := h.start + read - int64(br.Buffered())
	// The descriptor: signature or not, sizes of 32 or 64 bits (4.3.9).
	for _, n := range []int64{16, 12, 24, 20} {
		var b [4]byte
		if _, err := at.ReadAt(b[:], end+n); err == nil && string(b[:2]) == "PK" {
			return end + n, true
		}
	}
	return 0, false
}

func (d *discovery) salvageMember(archive blob, at io.ReaderAt, h local, in place) error {
	m := blob{path: in.memberPath(archive.path, h.name), size: h.stored}
	taking := in.take(d, m.path, false)
	if taking == TakeNothing {
		return nil
	}
	in = in.inside()
	in.anyway = in.anyway || taking == TakeAnyway
	if h.flags&zipEncrypted != 0 {
		d.skip(m.path, "encrypted")
		return nil
	}
	part := blob{path: m.path, size: h.stored, open: func() (*stream, error) {
		stored := new(atomic.Int64)
		return &stream{Reader: countStored{io.NewSectionReader(at, h.start, h.end-h.start), stored}, stored: stored}, nil
	}}
	m.open = d.opt.decode(part, "zip archive", func(src io.Reader) (io.Reader, error) {
		br := bufio.NewReaderSize(src, 64<<10)
		switch {
		case h.method == 0 && h.stored >= 0:
			return &exactly{br, h.stored}, nil
		case h.method == 8:
			return flate.NewReader(br), nil
		case h.method == 12:
			return bzip2.NewReader(br), nil
		case h.method == 93:
			return newZstd(br, d.opt)
		case h.method == 95:
			return newXZ(br, d.opt)
		case h.method == 0:
			return nil, errors.New("no size")
		}
		return nil, fmt.Errorf("method %d is not supported", h.method)
	})
	return d.examine(m, nil, nil, in)
}

// exactly reads left bytes; fewer are io.ErrUnexpectedEOF.
type exactly struct {
	r    io.Reader
	left int64
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	if err == io.EOF && e.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
