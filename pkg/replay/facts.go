package replay

import (
	"bufio"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"slices"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// factsHeld is how many facts are held in memory for each session that is
// (Options.Hold), leastFacts how many in any case, and maxFactText how many bytes
// of them. More are written, in sorted runs, to a temporary file that has no name.
const (
	factsHeld   = 8
	leastFacts  = 1 << 10
	maxFactText = 16 << 20
)

// facts keeps the facts of the first pass, encoded, and gives them in the
// order of time.
type facts struct {
	most    int // may be held
	held    []factKey
	text    [][]byte // the held facts, encoded, in blocks
	size    int      // bytes of them
	spare   [][]byte // blocks that nothing is in
	file    *os.File
	runs    []factRun
	end     int64 // of the file
	sources []*ingest.Source
	strings auditd.Strings // that facts have in common
	ahead   bool           // they are read and decoded beside what they are given to
	err     error
}

// factKey is what facts are sorted by but for those of one event, and where the
// fact is.
type factKey struct {
	millis int64
	serial uint32
	at     uint32 // where the fact begins: the number of its block, and 16 bits for the place in it
}

// factRun is where a sorted run of facts stands in the file.
type factRun struct{ at, size int64 }

func (fs *facts) add(f *fact) {
	if fs.err != nil {
		return // each gives the error, and no facts
	}
	if len(fs.held) >= fs.most || fs.size >= maxFactText {
		fs.spill()
	}
	if len(fs.held) == cap(fs.held) {
		fs.held = slices.Grow(fs.held, max(len(fs.held), 1024))
	}
	fs.held = append(fs.held, factKey{millis: f.Millis, serial: f.Serial, at: fs.hold(f)})
	fs.settle()
}

// settle puts the last fact where it belongs, if that is near: see settle of
// stamps.
func (fs *facts) settle() {
	last := len(fs.held) - 1
	for i := last; i > max(0, last-fewBack) && fs.held[i].compare(fs.held[i-1]) < 0; i-- {
		fs.held[i], fs.held[i-1] = fs.held[i-1], fs.held[i]
	}
}

// factBlock is the size of a block, and usualFact how much of it is free where a
// fact begins: one that is longer makes its block grow.
const (
	factBlock = 1 << 16
	usualFact = 512
)

// hold keeps a fact, encoded, and gives where it is.
func (fs *facts) hold(f *fact) (at uint32) {
	last := len(fs.text) - 1
	if last < 0 || len(fs.text[last]) > factBlock-usualFact {
		var block []byte
		if n := len(fs.spare) - 1; n >= 0 {
			block, fs.spare = fs.spare[n], fs.spare[:n]
		} else {
			block = make([]byte, 0, factBlock)
		}
		fs.text = append(fs.text, block)
		last++
	}
	block := &fs.text[last]
	start := len(*block)
	*block = appendFact(*block, f, fs.source(f.Pos.Source))
	fs.size += len(*block) - start
	return uint32(last<<16 | start)
}

// heldText gives a held fact, encoded.
func (fs *facts) heldText(key factKey) []byte { return factText(fs.text[key.at>>16][key.at&0xFFFF:]) }

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

func (a factKey) compare(b factKey) int {
	if a.millis != b.millis {
		return cmp.Compare(a.millis, b.millis)
	}
	return cmp.Compare(a.serial, b.serial)
}

// compareRest orders facts of one key, encoded, by what they are.
func (fs *facts) compareRest(a, b []byte) int {
	le := binary.LittleEndian
	name := func(b []byte) string { return fs.sources[le.Uint32(b[atSource:])].Name }
	return cmp.Or(
		cmp.Compare(le.Uint32(a[atType:]), le.Uint32(b[atType:])),
		cmp.Compare(int32(le.Uint32(a[atNode:])), int32(le.Uint32(b[atNode:]))),
		cmp.Compare(name(a), name(b)),
		cmp.Compare(int64(le.Uint64(a[atLine:])), int64(le.Uint64(b[atLine:]))))
}

func (fs *facts) sort() {
	slices.SortFunc(fs.held, func(a, b factKey) int {
		if c := a.compare(b); c != 0 {
			return c
		}
		return fs.compareRest(fs.heldText(a), fs.heldText(b))
	})
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
		b := fs.heldText(fs.held[i])
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

// Where those of them stand that facts of one time are sorted by.
const (
	atLine   = 8
	atType   = 36
	atNode   = 40
	atSource = 44
)

// appendFact appends f: its length in four bytes, its numbers, which strings it
// has, and these.
func appendFact(b []byte, f *fact, source uint32) []byte {
	start := len(b)
	b = append(b, make([]byte, 4+factNumbers)...)
	n, le := (*[factNumbers]byte)(b[start+4:]), binary.LittleEndian
	le.PutUint64(n[0:], uint64(f.Millis))
	le.PutUint64(n[atLine:], uint64(f.Pos.Line))
	le.PutUint64(n[16:], uint64(f.PID))
	le.PutUint64(n[24:], uint64(f.PPID))
	le.PutUint32(n[32:], f.Serial)
	le.PutUint32(n[atType:], uint32(f.Type))
	le.PutUint32(n[atNode:], uint32(f.node))
	le.PutUint32(n[atSource:], source)
	le.PutUint32(n[48:], f.Ses)
	le.PutUint32(n[52:], f.AUID)
	le.PutUint32(n[56:], f.OldSes)
	n[60], n[61] = flag(f.HasSes), flag(f.OK)
	var has uint16
	texts := f.texts()
	for i := range texts {
		if s := *texts[i]; s != "" {
			has |= 1 << i
			b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
		}
	}
	le.PutUint32(b[start:], uint32(len(b)-start-4))
	le.PutUint16(b[start+4+62:], has)
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

// decode gives the fact of a text.
func (fs *facts) decode(b []byte, f *fact) error {
	if len(b) < factNumbers {
		return errFact
	}
	n, le := (*[factNumbers]byte)(b), binary.LittleEndian
	source, has := le.Uint32(n[atSource:]), le.Uint16(n[62:])
	texts := f.texts()
	if int(source) >= len(fs.sources) || has>>len(texts) != 0 {
		return errFact
	}
	*f = fact{}
	f.node = int32(le.Uint32(n[atNode:]))
	f.Millis, f.Serial, f.Type = int64(le.Uint64(n[0:])), le.Uint32(n[32:]), auparse.AuditMessageType(le.Uint32(n[atType:]))
	f.Pos = ingest.Pos{Source: fs.sources[source], Line: int64(le.Uint64(n[atLine:]))}
	f.PID, f.PPID = int(le.Uint64(n[16:])), int(le.Uint64(n[24:]))
	f.Ses, f.AUID, f.OldSes = le.Uint32(n[48:]), le.Uint32(n[52:]), le.Uint32(n[56:])
	f.HasSes, f.OK = n[60] == 1, n[61] == 1
	b = b[factNumbers:]
	for ; has != 0; has &= has - 1 {
		v, size := binary.Uvarint(b)
		if size <= 0 || v > uint64(len(b)-size) {
			return errFact
		}
		end := size + int(v)
		*texts[bits.TrailingZeros16(has)], b = fs.strings.Get(b[size:end]), b[end:]
	}
	return nil
}

// factStrings is how many strings facts share.
const factStrings = 1 << 12

// factsAhead is how many facts are handed on at once where they are read ahead.
const factsAhead = 256

// each calls do for every fact, in order. The fact is do's until it returns.
func (fs *facts) each(do func(*fact)) error {
	if !fs.ahead {
		return fs.merge(do)
	}
	full, free := make(chan []fact, 2), make(chan []fact, 2)
	for range cap(free) {
		free <- make([]fact, 0, factsAhead)
	}
	var err error // of the other goroutine, which has ended when full is closed
	go func() {
		defer close(full)
		batch := <-free
		err = fs.merge(func(f *fact) {
			if batch = append(batch, *f); len(batch) == cap(batch) {
				full <- batch
				batch = <-free
			}
		})
		full <- batch
	}()
	for batch := range full {
		for i := range batch {
			do(&batch[i])
		}
		free <- batch[:0]
	}
	return err
}

// merge calls do for every fact, of the runs and of what is held, in order.
func (fs *facts) merge(do func(*fact)) error {
	if fs.err != nil {
		return fs.err
	}
	fs.sort()
	fs.strings = make(auditd.Strings, factStrings)
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
	text []byte  // now, encoded
}

func (r *factReader) next() (bool, error) {
	if r.r == nil {
		if len(r.held) == 0 {
			return false, nil
		}
		r.text = r.fs.heldText(r.held[0])
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
		r.text = r.buf
	}
	err := r.fs.decode(r.text, &r.now)
	r.key = factKey{millis: r.now.Millis, serial: r.now.Serial}
	return err == nil, err
}

type factHeap struct {
	of      *facts
	readers []*factReader
}

func (h *factHeap) Len() int { return len(h.readers) }
func (h *factHeap) Less(i, j int) bool {
	a, b := h.readers[i], h.readers[j]
	if c := a.key.compare(b.key); c != 0 {
		return c < 0
	}
	return h.of.compareRest(a.text, b.text) < 0
}
func (h *factHeap) Swap(i, j int) { h.readers[i], h.readers[j] = h.readers[j], h.readers[i] }
func (h *factHeap) Push(x any)    { h.readers = append(h.readers, x.(*factReader)) }
func (h *factHeap) Pop() any {
	n := len(h.readers) - 1
	r := h.readers[n]
	h.readers = h.readers[:n]
	return r
}
