package journal

import (
	"bytes"
	"encoding/binary"
	"io"
	"strconv"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// Flags of a DATA object: how its payload is compressed. journald compresses
// payloads of 512 bytes and more.
const (
	dataXZ   = 1
	dataLZ4  = 2
	dataZSTD = 4
)

// maxStored is how much of a compressed payload is read, maxWindow the memory
// that its decompressor may take besides: what journald writes needs 8 MiB.
const (
	maxStored = 4 << 20
	maxWindow = 64 << 20
)

// datum gives the field in a DATA object.
func (b *Binary) datum(at uint64) datum {
	if d, ok := b.data[at]; ok {
		return d
	}
	d := b.readDatum(at)
	if len(d.value) > maxDatum || d.field == message || d.field == sourceTime {
		return d // not worth it: too large, or not shared
	}
	if len(b.data) >= maxData {
		clear(b.data)
	}
	b.data[at] = d
	return d
}

// readDatum reads one. It is not ok where there is none, or it is damaged.
func (b *Binary) readDatum(at uint64) datum {
	payload, cut, ok := b.payload(at)
	if !ok {
		return datum{}
	}
	name, value, ok := bytes.Cut(payload, []byte{'='})
	if !ok || len(name) == 0 {
		return datum{}
	}
	d := datum{field: fieldOf(name), ok: true, cut: cut || len(value) > maxValue}
	if d.field != none {
		d.value = bytes.Clone(value[:min(len(value), maxValue)])
	}
	return d
}

// payload reads the payload of a DATA object: all of it, or where it is longer
// at least maxValue bytes and cut.
func (b *Binary) payload(at uint64) (payload []byte, cut, ok bool) {
	o, ok := b.object(at)
	start := uint64(64)
	if b.head.incompatible&compact != 0 {
		start = 72
	}
	if !ok || o.kind != dataObject || o.size < start {
		return nil, false, false
	}
	size := o.size - start
	limit := uint64(maxValue + maxName + 1)
	if o.flags != 0 {
		limit = maxStored
	}
	stored := make([]byte, min(size, limit))
	if !b.file.read(stored, at+start) {
		return nil, false, false
	}
	cut = size > limit
	switch o.flags {
	case 0:
		return stored, cut, true
	case dataXZ:
		return inflateXZ(stored, cut)
	case dataLZ4:
		return inflateLZ4(stored, cut)
	case dataZSTD:
		return inflateZSTD(stored, cut)
	}
	return nil, false, false
}

// inflate reads the beginning of a decompressed payload.
func inflate(r io.Reader, stored bool) (payload []byte, cut, ok bool) {
	payload, err := io.ReadAll(io.LimitReader(r, maxValue+maxName+2))
	cut = stored || len(payload) > maxValue+maxName+1
	return payload, cut, err == nil || cut && len(payload) > maxName
}

func inflateXZ(stored []byte, cut bool) ([]byte, bool, bool) {
	// The block header names the size of the dictionary: 12 bytes of stream
	// header, size and flags of the block, filter 0x21 with one byte of
	// properties, in units of 2^11 and 3*2^10 (xz-file-format, 5.3.1).
	const filter = 14
	if len(stored) < filter+3 || stored[13] != 0 || stored[filter] != 0x21 || stored[filter+1] != 1 {
		return nil, false, false
	}
	if bits := stored[filter+2]; bits > 40 || (2|int64(bits)&1)<<(bits/2+11) > maxWindow {
		return nil, false, false
	}
	r, err := xz.NewReader(bytes.NewReader(stored))
	if err != nil {
		return nil, false, false
	}
	return inflate(r, cut)
}

func inflateZSTD(stored []byte, cut bool) ([]byte, bool, bool) {
	r, err := zstd.NewReader(bytes.NewReader(stored), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, false, false
	}
	defer r.Close()
	return inflate(r, cut)
}

// inflateLZ4 reads an LZ4 block, which must be read whole: the size of what is
// in it, then the block.
func inflateLZ4(stored []byte, cut bool) ([]byte, bool, bool) {
	if len(stored) < 9 || cut {
		return nil, false, false
	}
	size := binary.LittleEndian.Uint64(stored)
	// LZ4 makes at most 255 bytes of one.
	if size > maxWindow || size > 255*uint64(len(stored)) {
		return nil, false, false
	}
	payload := make([]byte, size)
	n, err := lz4.UncompressBlock(stored[8:], payload)
	if err != nil || uint64(n) != size {
		return nil, false, false
	}
	return payload, false, true
}

// number sets a value to a number.
func (r *record) number(f field, n uint64) {
	start := len(r.buf)
	r.buf = strconv.AppendUint(r.buf, n, 10)
	r.val[f] = r.buf[start:len(r.buf):len(r.buf)]
}
