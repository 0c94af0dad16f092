package replay

import (
	"bufio"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"auditreplay/pkg/ingest"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// maxFacts is how many facts are held in memory, and maxFactText how many
// bytes of them. More are written, in sorted runs, to a temporary file that
// has no name.
const (
	maxFacts    = 1 << 15
	maxFactText = 8 << 20
)

// facts keeps the facts of the first pass, encoded, and gives them in the
// order of time.
type facts struct {
	held    []factKey
	text    [][]byte // the held facts, encoded, in blocks
	size    int      // bytes of them
	spare   [][]byte // blocks that nothing is in
	buf     []byte   // of the fact that is being encoded
	file    *os.File
	runs    []factRun
	end     int64 // of the file
	sources []*ingest.Source
	strings map[string]string // that facts have in common
	err     error
}

// factKey is what facts are sorted by: their time, and those of one time by
// what they are.
type factKey struct {
	millis int64
	line   int64
	serial uint32
	node   int32
	source uint32 // number of it
	at     uint32 // where the fact begins: the number of its block, and 16 bits for the place in it
	typ    auparse.AuditMessageType
}

// factRun is where a sorted run of facts stands in the file.
type factRun struct{ at, size int64 }

func (fs *facts) add(f *fact) {
	if fs.err != nil {
		return // each gives the error, and no facts
	}
	if len(fs.held) == maxFacts || fs.size >= maxFactText {
		fs.spill()
	}
	source := fs.source(f.Pos.Source)
	fs.buf = appendFact(fs.buf[:0], f, source)
	if len(fs.held) == cap(fs.held) {
		fs.held = slices.Grow(fs.held, max(len(fs.held), 1024))
	}
	fs.held = append(fs.held, factKey{millis: f.Millis, line: f.Pos.Line, serial: f.Serial, node: f.node, source: source, at: fs.hold(fs.buf), typ: f.Type})
}

// factBlock is the size of a block. A longer fact has one of its own.
const factBlock = 1 << 16

// hold keeps an encoded fact and gives where it is.
func (fs *facts) hold(b []byte) (at uint32) {
	last := len(fs.text) - 1
	if last < 0 || len(b) > cap(fs.text[last])-len(fs.text[last]) {
		var block []byte
		if n := len(fs.spare) - 1; n >= 0 && len(b) <= factBlock {
			block, fs.spare = fs.spare[n], fs.spare[:n]
		} else {
			block = make([]byte, 0, max(factBlock, len(b)))
		}
		fs.text = append(fs.text, block)
		last++
	}
	at = uint32(last<<16 | len(fs.text[last]))
	fs.text[last] = append(fs.text[last], b...)
	fs.size += len(b)
	return at
}

// heldText gives a held fact, encoded.
func (fs *facts) heldText(key *factKey) []byte { return factText(fs.text[key.at>>16][key.at&0xFFFF:]) }

// source gives the number of a source: nearly always that of the one before.
func (fs *facts) source(src *ingest.Source) uint32 {
	i := len(fs.sources) - 1
	for i >= 0 && fs.sources[i] != src {
		i--
	}
	if i < 0 {
		i = len(fs.sources)
		fs.sources = append(fs.sources, src)
	}
	return uint32(i)
}

func (fs *facts) compare(a, b *factKey) int {
	switch {
	case a.millis != b.millis:
		return cmp.Compare(a.millis, b.millis)
	case a.serial != b.serial:
		return cmp.Compare(a.serial, b.serial)
	}
	return cmp.Or(cmp.Compare(a.typ, b.typ), cmp.Compare(a.node, b.node),
		cmp.Compare(fs.sources[a.source].Name, fs.sources[b.source].Name), cmp.Compare(a.line, b.line))
}

func (fs *facts) sort() {
	slices.SortFunc(fs.held, func(a, b factKey) int { return fs.compare(&a, &b) })
}

// spill writes the held facts as a run. The first error is kept for each.
func (fs *facts) spill() {
	fs.sort()
	if fs.file == nil {
		f, err := ingest.TempFile("")
		if err != nil {
			fs.err = err
			return
		}
		fs.file = f
	}
	w := bufio.NewWriterSize(io.NewOffsetWriter(fs.file, fs.end), 1<<16)
	size := int64(0)
	var length [binary.MaxVarintLen64]byte
	for i := range fs.held {
		b := fs.heldText(&fs.held[i])
		n := binary.PutUvarint(length[:], uint64(len(b)))
		for _, part := range [...][]byte{length[:n], b} {
			size += int64(len(part))
			if _, err := w.Write(part); err != nil {
				fs.fail(err)
			}
		}
	}
	fs.fail(w.Flush())
	fs.runs = append(fs.runs, factRun{fs.end, size})
	fs.end += size
	for _, block := range fs.text {
		if cap(block) == factBlock {
			fs.spare = append(fs.spare, block[:0])
		}
	}
	clear(fs.text)
	fs.held, fs.text, fs.size = fs.held[:0], fs.text[:0], 0
}

func (fs *facts) fail(err error) {
	if fs.err == nil && err != nil {
		fs.err = fmt.Errorf("temporary file: %w", err)
	}
}

// factNumbers is how many bytes the numbers of a fact take, encoded.
const factNumbers = 64

// appendFact appends f: its length in four bytes, its numbers, which strings it
// has, and these.
func appendFact(b []byte, f *fact, source uint32) []byte {
	start := len(b)
	b = append(b, make([]byte, 4+factNumbers)...)
	n := b[start+4:]
	put32, put64 := binary.LittleEndian.PutUint32, binary.LittleEndian.PutUint64
	put64(n, uint64(f.Millis))
	put64(n[8:], uint64(f.Pos.Line))
	put64(n[16:], uint64(f.PID))
	put64(n[24:], uint64(f.PPID))
	put32(n[32:], f.Serial)
	put32(n[36:], uint32(f.Type))
	put32(n[40:], uint32(f.node))
	put32(n[44:], source)
	put32(n[48:], f.Ses)
	put32(n[52:], f.AUID)
	put32(n[56:], f.OldSes)
	n[60], n[61] = flag(f.HasSes), flag(f.OK)
	var has uint16
	for i, s := range f.texts() {
		if *s != "" {
			has |= 1 << i
			b = append(binary.AppendUvarint(b, uint64(len(*s))), *s...)
		}
	}
	put32(b[start:], uint32(len(b)-start-4))
	binary.LittleEndian.PutUint16(b[start+4+62:], has)
	return b
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// factText gives the fact that b starts with, without its length.
func factText(b []byte) []byte { return b[4 : 4+binary.LittleEndian.Uint32(b)] }

// texts are the strings of a fact.
func (f *fact) texts() [11]*string {
	return [...]*string{&f.AUIDName, &f.Op, &f.Acct, &f.Exe, &f.Addr, &f.Terminal, &f.Fingerprint, &f.KeyID, &f.CertSerial, &f.Method, &f.RPort}
}

var errFact = errors.New("temporary file: not what was written")

// decode gives the fact of a text and the number of its source.
func (fs *facts) decode(b []byte, f *fact) (source uint32, err error) {
	if len(b) < factNumbers {
		return 0, errFact
	}
	get32, get64 := binary.LittleEndian.Uint32, binary.LittleEndian.Uint64
	*f = fact{node: int32(get32(b[40:]))}
	f.Millis, f.Serial, f.Type = int64(get64(b)), get32(b[32:]), auparse.AuditMessageType(get32(b[36:]))
	source = get32(b[44:])
	f.Pos = ingest.Pos{Source: fs.sources[source], Line: int64(get64(b[8:]))}
	f.PID, f.PPID = int(get64(b[16:])), int(get64(b[24:]))
	f.Ses, f.AUID, f.OldSes = get32(b[48:]), get32(b[52:]), get32(b[56:])
	f.HasSes, f.OK = b[60] == 1, b[61] == 1
	has := binary.LittleEndian.Uint16(b[62:])
	b = b[factNumbers:]
	for i, s := range f.texts() {
		if has&(1<<i) == 0 {
			continue
		}
		v, size := binary.Uvarint(b)
		if size <= 0 || v > uint64(len(b)-size) {
			return 0, errFact
		}
		*s, b = fs.str(b[size:size+int(v)]), b[size+int(v):]
	}
	return source, nil
}

// maxFactStrings bounds the strings that facts share.
const maxFactStrings = 1 << 14

func (fs *facts) str(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := fs.strings[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(fs.strings) < maxFactStrings {
		fs.strings[s] = s
	}
	return s
}

// each calls do for every fact, in order. The fact is do's until it returns.
func (fs *facts) each(do func(*fact)) error {
	if fs.err != nil {
		return fs.err
	}
	fs.sort()
	fs.strings = make(map[string]string)
	h := factHeap{of: fs}
	for _, run := range fs.runs {
		h.readers = append(h.readers, &factReader{fs: fs, r: bufio.NewReaderSize(io.NewSectionReader(fs.file, run.at, run.size), 1<<15)})
	}
	h.readers = append(h.readers, &factReader{fs: fs, held: fs.held})
	for i := 0; i < len(h.readers); {
		if more, err := h.readers[i].next(); err != nil {
			return err
		} else if more {
			i++
		} else {
			h.readers = slices.Delete(h.readers, i, i+1)
		}
	}
	heap.Init(&h)
	for h.Len() > 0 {
		first := h.readers[0]
		do(&first.now)
		more, err := first.next()
		switch {
		case err != nil:
			return err
		case more && h.Len() > 1:
			heap.Fix(&h, 0)
		case !more:
			heap.Pop(&h)
		}
	}
	return nil
}

// close forgets all facts.
func (fs *facts) close() {
	if fs.file != nil {
		fs.file.Close()
	}
	*fs = facts{}
}

// factReader gives the facts of one run.
type factReader struct {
	fs   *facts
	r    *bufio.Reader
	buf  []byte
	held []factKey // of the run that was not written
	now  fact
	key  factKey // of now
}

func (r *factReader) next() (bool, error) {
	var text []byte
	if r.r == nil {
		if len(r.held) == 0 {
			return false, nil
		}
		text = r.fs.heldText(&r.held[0])
		r.held = r.held[1:]
	} else {
		size, err := binary.ReadUvarint(r.r)
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		r.buf = slices.Grow(r.buf[:0], int(size))[:size]
		if _, err := io.ReadFull(r.r, r.buf); err != nil {
			return false, err
		}
		text = r.buf
	}
	f := &r.now
	source, err := r.fs.decode(text, f)
	if err != nil {
		return false, err
	}
	r.key = factKey{millis: f.Millis, line: f.Pos.Line, serial: f.Serial, node: f.node, source: source, typ: f.Type}
	return true, nil
}

type factHeap struct {
	of      *facts
	readers []*factReader
}

func (h *factHeap) Len() int { return len(h.readers) }
func (h *factHeap) Less(i, j int) bool {
	return h.of.compare(&h.readers[i].key, &h.readers[j].key) < 0
}
func (h *factHeap) Swap(i, j int) { h.readers[i], h.readers[j] = h.readers[j], h.readers[i] }
func (h *factHeap) Push(x any)    { h.readers = append(h.readers, x.(*factReader)) }
func (h *factHeap) Pop() any {
	n := len(h.readers) - 1
	r := h.readers[n]
	h.readers = h.readers[:n]
	return r
}
