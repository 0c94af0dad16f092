package journal

import (
	"bytes"
	"encoding/binary"
	"io"

	"auditreplay/pkg/ingest"
)

// Binary reads .journal files: system.journal, its archived generations
// (system@....journal), those of users, and the remains of a crash
// (*.journal~). Files may be online, dirty or cut off: what can be read is.
//
// A file is a header and a chain of objects, each 16 bytes of header (type,
// flags, size) and padded to 8 bytes. An ENTRY object has numbers, times and
// boot of an entry and the offsets of its DATA objects, each a "NAME=value"
// that many entries share (systemd's docs/JOURNAL_FILE_FORMAT.md,
// journal-def.h). The entries stand in the order in which they were written;
// Binary goes through the chain once and follows their offsets. Every offset
// and size is checked against the file.
//
// Where the chain is damaged it is left for the arrays of entry offsets that
// journald keeps besides, and taken up again at the next entry that they name:
// never by searching, because the bytes of a large field can look like entries.
//
// Positions are offsets of ENTRY objects: the source must have Offsets set.
type Binary struct {
	file  pages
	head  fileHeader
	dec   decoder
	rec   record
	data  map[uint64]datum // DATA objects by offset
	items []uint64

	next uint64 // offset of the next object
	end  uint64 // of the objects
	what string // why there is nothing to read, to be said once
	done bool

	damages int
}

// datum is a DATA object that entries referred to: its field and value.
type datum struct {
	field field
	cut   bool
	ok    bool
	value []byte
}

// maxData bounds how many objects are remembered, and maxDatum their size.
const (
	maxData  = 1 << 15
	maxDatum = 1 << 10
)

var signature = []byte("LPKSHHRH")

// Bits of incompatible_flags.
const (
	compressedXZ   = 1 << 0
	compressedLZ4  = 1 << 1
	keyedHash      = 1 << 2
	compressedZSTD = 1 << 3
	compact        = 1 << 4
	knownFlags     = compressedXZ | compressedLZ4 | keyedHash | compressedZSTD | compact
)

// Types of objects.
const (
	dataObject       = 1
	entryObject      = 3
	entryArrayObject = 6
	maxObject        = 7 // TAG
)

const (
	objectHead = 16
	minHeader  = 208 // systemd 187, the smallest there is
	maxItems   = 1 << 16
	maxDamages = 256 // each costs a walk through the arrays
)

// fileHeader is what is needed of a file's header.
type fileHeader struct {
	incompatible uint32
	size         uint64
	arena        uint64
	tail         uint64 // offset of the last object, as far as the header knows
	array        uint64 // of the first entry array
	seqnumID     [32]byte
}

// NewBinary returns a reader of the journal file of size bytes in r. Positions
// name src.
func NewBinary(r io.ReaderAt, size int64, src *ingest.Source) *Binary {
	b := &Binary{file: pages{r: r, size: uint64(max(size, 0))}, dec: newDecoder(src), data: make(map[uint64]datum)}
	b.what = b.header()
	b.next = b.head.size
	b.end = min(b.file.size, b.head.size+b.head.arena)
	return b
}

// header reads the file's header. It returns what is wrong with it.
func (b *Binary) header() string {
	var buf [minHeader]byte
	if !b.file.read(buf[:], 0) {
		return "journal file is cut off in its header"
	}
	le := binary.LittleEndian
	h := &b.head
	h.incompatible = le.Uint32(buf[12:])
	h.size, h.arena = le.Uint64(buf[88:]), le.Uint64(buf[96:])
	h.tail, h.array = le.Uint64(buf[136:]), le.Uint64(buf[176:])
	putID(h.seqnumID[:], buf[72:88])
	switch {
	case !bytes.Equal(buf[:8], signature):
		return "not a journal file"
	case h.incompatible&^knownFlags != 0:
		return "journal file uses features that are not known here: make an export with journalctl -o export"
	case h.size < minHeader || h.size > b.file.size || h.size%8 != 0 || h.arena > 1<<62:
		return "journal file has a damaged header"
	}
	return ""
}

// Seq returns the address of the last entry in its journal.
func (b *Binary) Seq() Seq { return b.dec.seq }

// Next returns the next entry, valid until the next call. The error is io.EOF
// at the end, else that of the underlying reader.
func (b *Binary) Next() (*ingest.Entry, error) {
	if b.what != "" && b.file.err == nil {
		what := b.what
		b.what, b.done = "", true
		b.dec.start(0, 0)
		return b.dec.reject(what, nil), nil
	}
	for !b.done && b.file.err == nil {
		at := b.next
		o, ok := b.object(at)
		if !ok {
			if b.file.err != nil {
				break
			}
			if at > b.head.tail {
				break // the unused rest, or an object that was being written
			}
			return b.resume(at), nil
		}
		b.next = at + (o.size+7)&^7
		if o.kind == entryObject {
			return b.entry(at, o)
		}
	}
	b.done = true
	if b.file.err != nil {
		return nil, b.file.err
	}
	return nil, io.EOF
}

// object is the header of one.
type object struct {
	kind, flags uint8
	size        uint64
}

// object reads the header at an offset. It is not ok where none can be.
func (b *Binary) object(at uint64) (object, bool) {
	var buf [objectHead]byte
	if at < b.head.size || at%8 != 0 || at+objectHead > b.end || !b.file.read(buf[:], at) {
		return object{}, false
	}
	o := object{kind: buf[0], flags: buf[1], size: binary.LittleEndian.Uint64(buf[8:])}
	ok := o.kind > 0 && o.kind <= maxObject && o.size > objectHead && o.size <= b.end-at
	return o, ok
}

// entry makes the entry of an ENTRY object.
func (b *Binary) entry(at uint64, o object) (*ingest.Entry, error) {
	fixed, ok := b.address(at, o)
	if !ok {
		b.dec.start(int64(at), 0)
		if b.file.err != nil {
			return nil, b.file.err
		}
		return b.dec.reject("damaged entry", nil), nil
	}
	for _, item := range fixed {
		d := b.datum(item)
		if b.file.err != nil {
			return nil, b.file.err
		}
		if !d.ok {
			b.dec.start(int64(at), 0)
			b.dec.address(&b.rec, &b.dec.entry.Message, &ingest.Message{})
			return b.dec.reject("entry refers to damaged data", nil), nil
		}
		if d.field != none {
			b.rec.val[d.field], b.rec.cut[d.field] = d.value, d.cut
		}
	}
	return b.dec.decode(&b.rec, int64(at), 0), nil
}

// address reads an ENTRY object: its numbers, times and boot into the record,
// and the offsets of its data, which it returns.
func (b *Binary) address(at uint64, o object) ([]uint64, bool) {
	const fixed = 64 // seqnum, realtime, monotonic, boot id, xor hash behind the head
	width := uint64(16)
	if b.head.incompatible&compact != 0 {
		width = 4
	}
	var buf [fixed]byte
	n := (o.size - min(o.size, fixed)) / width
	if o.size < fixed || n > maxItems || !b.file.read(buf[:], at) {
		return nil, false
	}
	b.rec.reset()
	le := binary.LittleEndian
	b.rec.number(seqnum, le.Uint64(buf[16:]))
	b.rec.number(realtime, le.Uint64(buf[24:]))
	b.rec.number(monotonic, le.Uint64(buf[32:]))
	var id [32]byte
	putID(id[:], buf[40:56])
	b.rec.copy(bootID, id[:])
	b.rec.put(seqnumID, b.head.seqnumID[:])

	b.items = b.items[:0]
	for i := range n {
		var item [8]byte
		if !b.file.read(item[:min(width, 8)], at+fixed+i*width) {
			return nil, false
		}
		b.items = append(b.items, le.Uint64(item[:]))
	}
	return b.items, true
}

// resume takes up the chain behind damage, and rejects what lies between.
func (b *Binary) resume(at uint64) *ingest.Entry {
	what := "damaged object"
	b.damages++
	if b.damages < maxDamages {
		b.next, b.done = b.entryAfter(at)
	} else {
		b.done = true
	}
	switch {
	case b.done && b.file.size < b.head.size+b.head.arena:
		what = "journal file is cut off"
	case b.done:
		what = "damaged object: the rest of the file cannot be read"
	}
	b.dec.start(int64(min(at, b.end)), 0)
	return b.dec.reject(what, nil)
}

// entryAfter finds the first entry behind an offset that the entry arrays name.
func (b *Binary) entryAfter(at uint64) (offset uint64, none bool) {
	width := uint64(8)
	if b.head.incompatible&compact != 0 {
		width = 4
	}
	le := binary.LittleEndian
	best := uint64(0)
	for array := b.head.array; array != 0; {
		o, ok := b.object(array)
		var buf [8]byte
		if !ok || o.kind != entryArrayObject || !b.file.read(buf[:], array+objectHead) {
			break
		}
		next := le.Uint64(buf[:])
		for i := array + 24; i+width <= array+o.size; i += width {
			buf = [8]byte{}
			if !b.file.read(buf[:width], i) {
				break
			}
			entry := le.Uint64(buf[:])
			if entry <= at || best != 0 && entry >= best {
				continue
			}
			if o, ok := b.object(entry); ok && o.kind == entryObject {
				best = entry
			}
		}
		if next <= array {
			break // arrays are written one after the other
		}
		array = next
	}
	return best, best == 0
}

// putID writes the 16 bytes of an id in hex.
func putID(dst, id []byte) {
	const digits = "0123456789abcdef"
	for i, c := range id {
		dst[2*i], dst[2*i+1] = digits[c>>4], digits[c&15]
	}
}
