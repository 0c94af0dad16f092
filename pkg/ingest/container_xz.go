package ingest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"math"

	"github.com/ulikunitz/xz/lzma"
)

// xzReader reads the xz file format 1.2 (https://tukaani.org/xz/xz-file-format.txt):
// streams of blocks, each LZMA2. The LZMA2 is the library's; the container is
// read here because the library makes a dictionary of whatever size a block
// asks for, up to 4 GiB. The index is checked as bytes (its CRC32) and not
// used: it says nothing that the blocks did not.
type xzReader struct {
	src    *bufio.Reader
	n      int64 // bytes of the block read
	window int64

	inStream bool
	flags    [2]byte
	check    hash.Hash // of the block, nil where the stream has none
	block    io.Reader // nil between blocks
	size     int64     // the block's uncompressed size, -1 not stated
	out      int64
}

func newXZ(src *bufio.Reader, o *Options) (io.Reader, error) {
	return &xzReader{src: src, window: o.MaxWindow}, nil
}

var (
	xzMagic = []byte{0xfd, '7', 'z', 'X', 'Z', 0}
	xzCRC64 = crc64.MakeTable(crc64.ECMA)
)

var errXZ = errors.New("bad header")

func (x *xzReader) Read(p []byte) (int, error) {
	for {
		switch {
		case !x.inStream:
			if err := x.streamHeader(); err != nil {
				return 0, err
			}
		case x.block == nil:
			if err := x.blockHeader(); err != nil {
				return 0, err
			}
		default:
			n, err := x.block.Read(p)
			x.out += int64(n)
			if x.check != nil {
				x.check.Write(p[:n])
			}
			if err == io.EOF {
				err = x.blockEnd()
			}
			if n > 0 || err != nil {
				return n, err
			}
		}
	}
}

// full reads len(p) bytes and counts them to the block.
func (x *xzReader) full(p []byte) error {
	n, err := io.ReadFull(x.src, p)
	x.n += int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// streamHeader (section 2.1.1) skips stream padding; io.EOF is the file's end.
func (x *xzReader) streamHeader() error {
	var h [12]byte
	for {
		if n, err := io.ReadFull(x.src, h[:4]); err != nil {
			if n > 0 {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		if h[0]|h[1]|h[2]|h[3] != 0 {
			break
		}
	}
	if err := x.full(h[4:]); err != nil {
		return err
	}
	if !bytes.Equal(h[:6], xzMagic) {
		return errTrailing
	}
	if h[6] != 0 || crc32.ChecksumIEEE(h[6:8]) != binary.LittleEndian.Uint32(h[8:]) {
		return errXZ
	}
	x.flags = [2]byte(h[6:8])
	switch h[7] {
	case 0:
		x.check = nil
	case 1:
		x.check = crc32.NewIEEE()
	case 4:
		x.check = crc64.New(xzCRC64)
	case 10:
		x.check = sha256.New()
	default:
		return fmt.Errorf("check type %d is not supported", h[7])
	}
	x.inStream = true
	return nil
}

// blockHeader (section 3.1); its first byte may be the index instead.
func (x *xzReader) blockHeader() error {
	x.n = 0
	var h [1024]byte
	if err := x.full(h[:1]); err != nil {
		return err
	}
	if h[0] == 0 {
		return x.index()
	}
	b := h[:4*(int(h[0])+1)]
	if err := x.full(b[1:]); err != nil {
		return err
	}
	body, sum := b[:len(b)-4], b[len(b)-4:]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(sum) {
		return errXZ
	}
	dict, err := x.filters(body)
	if err != nil {
		return err
	}
	if dict > x.window {
		return fmt.Errorf("needs a dictionary of %d bytes, more than %d", dict, x.window)
	}
	if x.size >= 0 {
		dict = min(dict, max(x.size, lzma.MinDictCap))
	}
	x.n, x.out = 0, 0
	x.block, err = lzma.Reader2Config{DictCap: int(max(dict, lzma.MinDictCap))}.NewReader2(counted{x})
	return err
}

// filters reads the flags, sizes and filters of a block header and gives the
// dictionary's size. LZMA2 alone is supported, as xz(1) makes it by default.
func (x *xzReader) filters(body []byte) (dict int64, err error) {
	flags, rest := body[1], body[2:]
	if flags&0x3c != 0 {
		return 0, errXZ
	}
	next := func() int64 {
		v, n := binary.Uvarint(rest)
		if n <= 0 || v > math.MaxInt64 {
			err, rest = errXZ, nil
			return 0
		}
		rest = rest[n:]
		return int64(v)
	}
	x.size = -1
	if flags&0x40 != 0 {
		next() // compressed size
	}
	if flags&0x80 != 0 {
		x.size = next()
	}
	id, props := next(), next()
	switch {
	case err != nil:
		return 0, err
	case flags&3 != 0 || id != 0x21:
		return 0, errors.New("filter that is not LZMA2")
	case props != 1 || len(rest) < 1 || rest[0] > 40:
		return 0, errXZ
	case rest[0] == 40:
		return 1<<32 - 1, nil
	}
	return int64(2|rest[0]&1) << (rest[0]/2 + 11), nil
}

// blockEnd reads the padding and the check (sections 3.3 and 3.4).
func (x *xzReader) blockEnd() error {
	x.block = nil
	if x.size >= 0 && x.size != x.out {
		return errors.New("a block's size is not what its header says")
	}
	var b [3 + sha256.Size]byte
	pad := int(-x.n & 3)
	size := 0
	if x.check != nil {
		size = x.check.Size()
	}
	if err := x.full(b[:pad+size]); err != nil {
		return err
	}
	if x.check == nil {
		return nil
	}
	sum := x.check.Sum(nil)
	if size < sha256.Size { // the CRCs are stored little endian
		for i, j := 0, len(sum)-1; i < j; i, j = i+1, j-1 {
			sum[i], sum[j] = sum[j], sum[i]
		}
	}
	x.check.Reset()
	if !bytes.Equal(sum, b[pad:pad+size]) {
		return errors.New("checksum error")
	}
	return nil
}

// index reads the index (section 4) and the stream footer (section 2.1.2).
func (x *xzReader) index() error {
	crc := crc32.NewIEEE()
	crc.Write([]byte{0})
	in := &indexReader{x, crc}
	records, err := binary.ReadUvarint(in)
	for i := uint64(0); err == nil && i < 2*records; i++ {
		_, err = binary.ReadUvarint(in)
	}
	for err == nil && x.n&3 != 0 {
		_, err = in.ReadByte()
	}
	if err != nil {
		return err
	}
	var b [16]byte
	if err := x.full(b[:]); err != nil {
		return err
	}
	footer := b[4:]
	if binary.LittleEndian.Uint32(b[:]) != crc.Sum32() ||
		crc32.ChecksumIEEE(footer[4:10]) != binary.LittleEndian.Uint32(footer) ||
		[2]byte(footer[8:10]) != x.flags || string(footer[10:]) != "YZ" {
		return errors.New("checksum error in the index")
	}
	x.inStream = false
	return nil
}

type indexReader struct {
	x   *xzReader
	crc hash.Hash32
}

func (r *indexReader) ReadByte() (byte, error) {
	var b [1]byte
	if err := r.x.full(b[:]); err != nil {
		return 0, err
	}
	r.crc.Write(b[:])
	return b[0], nil
}

// counted is the block's compressed data; the count tells its padding.
type counted struct{ x *xzReader }

func (c counted) Read(p []byte) (int, error) {
	n, err := c.x.src.Read(p)
	c.x.n += int64(n)
	return n, err
}

func (c counted) ReadByte() (byte, error) {
	b, err := c.x.src.ReadByte()
	if err == nil {
		c.x.n++
	}
	return b, err
}
