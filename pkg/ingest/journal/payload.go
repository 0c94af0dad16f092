package journal

import (
	"bytes"
	"encoding/binary"
	"io"
	"strconv"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz/lzma"
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

// inflateXZ reads the first block of an xz stream, the only one that journald
// writes. Its header names the size of the dictionary, which the decompressor
// makes unseen.
func inflateXZ(stored []byte, cut bool) ([]byte, bool, bool) {
	const streamHeader = 12
	size, ok := dictionary(stored)
	if !ok || size > maxWindow {
		return nil, false, false
	}
	data := streamHeader + 4*(int(stored[streamHeader])+1)
	if data >= len(stored) {
		return nil, false, false
	}
	r, err := lzma.Reader2Config{DictCap: int(size)}.NewReader2(bytes.NewReader(stored[data:]))
	if err != nil {
		return nil, false, false
	}
	return inflate(r, cut)
}

// dictionary reads the size of the dictionary from the head of an xz stream: 12
// bytes of stream header; size and flags of the block header; two numbers where
// the flags say so; filter 0x21, one byte of properties: 2 or 3 times a power
// of two (xz-file-format 1.2, 3.1 and 5.3.1).
func dictionary(stream []byte) (size uint64, ok bool) {
	const flags = 13
	if len(stream) < 32 {
		return 0, false
	}
	i := flags + 1
	for _, flag := range []byte{0x40, 0x80} {
		if stream[flags]&flag == 0 {
			continue
		}
		for i < 30 && stream[i]&0x80 != 0 {
			i++
		}
		i++
	}
	if i+2 >= len(stream) || stream[flags]&3 != 0 || stream[i] != 0x21 || stream[i+1] != 1 || stream[i+2] > 39 {
		return 0, false
	}
	bits := uint64(stream[i+2])
	return (2 | bits&1) << (bits/2 + 11), true
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
