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

// maxFacts is how many facts are held in memory. More are written, in sorted
// runs, to a temporary file that has no name.
const maxFacts = 1 << 15

// facts keeps the facts of the first pass and gives them in the order of time.
type facts struct {
	held    []fact
	file    *os.File
	runs    []factRun
	end     int64 // of the file
	strings []string
	number  map[string]uint32
	sources []*ingest.Source
	known   map[*ingest.Source]uint32
	err     error
}

// factRun is where a sorted run of facts stands in the file.
type factRun struct{ at, size int64 }

func (fs *facts) add(f *fact) {
	if len(fs.held) == maxFacts {
		fs.spill()
	}
	fs.held = append(fs.held, *f)
}

// compareFacts orders facts by time, and those of one time by what they are.
func compareFacts(a, b *fact) int {
	return cmp.Or(cmp.Compare(a.Millis, b.Millis), cmp.Compare(a.Serial, b.Serial), cmp.Compare(a.Type, b.Type),
		cmp.Compare(a.node, b.node), cmp.Compare(a.Pos.Source.Name, b.Pos.Source.Name), cmp.Compare(a.Pos.Line, b.Pos.Line))
}

func (fs *facts) sort() {
	slices.SortFunc(fs.held, func(a, b fact) int { return compareFacts(&a, &b) })
}

// spill writes the held facts as a run. An error is kept for each.
func (fs *facts) spill() {
	fs.sort()
	if fs.file == nil {
		f, err := os.CreateTemp("", "auditreplay-*")
		if err != nil {
			fs.fail(err)
			return
		}
		os.Remove(f.Name())
		fs.file, fs.number, fs.known = f, make(map[string]uint32), make(map[*ingest.Source]uint32)
	}
	w := bufio.NewWriterSize(io.NewOffsetWriter(fs.file, fs.end), 1<<16)
	var b []byte
	size := int64(0)
	for i := range fs.held {
		b = fs.encode(b[:0], &fs.held[i])
		size += int64(len(b))
		if _, err := w.Write(b); err != nil {
			fs.fail(err)
		}
	}
	fs.fail(w.Flush())
	fs.runs = append(fs.runs, factRun{fs.end, size})
	fs.end += size
	fs.held = fs.held[:0]
}

func (fs *facts) fail(err error) {
	if fs.err == nil && err != nil {
		fs.err = fmt.Errorf("temporary file: %w", err)
	}
}

// encode appends f: its numbers, and the numbers of its strings.
func (fs *facts) encode(b []byte, f *fact) []byte {
	source, ok := fs.known[f.Pos.Source]
	if !ok {
		source = uint32(len(fs.sources))
		fs.known[f.Pos.Source], fs.sources = source, append(fs.sources, f.Pos.Source)
	}
	flags := uint64(0)
	if f.HasSes {
		flags |= 1
	}
	if f.OK {
		flags |= 2
	}
	for _, n := range [...]uint64{uint64(f.Millis), uint64(f.Serial), uint64(f.Type), uint64(f.node), uint64(source), uint64(f.Pos.Line),
		uint64(f.PID), uint64(f.PPID), uint64(f.Ses), uint64(f.AUID), uint64(f.OldSes), flags} {
		b = binary.AppendUvarint(b, n)
	}
	for _, s := range f.texts() {
		b = binary.AppendUvarint(b, uint64(fs.stringNumber(*s)))
	}
	return b
}

// texts are the strings of a fact.
func (f *fact) texts() [11]*string {
	return [...]*string{&f.AUIDName, &f.Op, &f.Acct, &f.Exe, &f.Addr, &f.Terminal, &f.Fingerprint, &f.KeyID, &f.CertSerial, &f.Method, &f.RPort}
}

func (fs *facts) stringNumber(s string) uint32 {
	n, ok := fs.number[s]
	if !ok {
		n = uint32(len(fs.strings))
		fs.number[s], fs.strings = n, append(fs.strings, s)
	}
	return n
}

// decode reads the next fact of a run.
func (fs *facts) decode(r *bufio.Reader, f *fact) error {
	*f = fact{}
	var n [12]uint64
	for i := range n {
		v, err := binary.ReadUvarint(r)
		if err != nil {
			return err
		}
		n[i] = v
	}
	f.Millis, f.Serial, f.Type, f.node = int64(n[0]), uint32(n[1]), auparse.AuditMessageType(n[2]), int32(n[3])
	f.Pos = ingest.Pos{Source: fs.sources[n[4]], Line: int64(n[5])}
	f.PID, f.PPID, f.Ses, f.AUID, f.OldSes = int(n[6]), int(n[7]), uint32(n[8]), uint32(n[9]), uint32(n[10])
	f.HasSes, f.OK = n[11]&1 != 0, n[11]&2 != 0
	for _, s := range f.texts() {
		v, err := binary.ReadUvarint(r)
		if err != nil {
			return err
		}
		*s = fs.strings[v]
	}
	return nil
}

// each calls do for every fact, in order. The fact is do's until it returns.
func (fs *facts) each(do func(*fact)) error {
	if fs.err != nil {
		return fs.err
	}
	fs.sort()
	if len(fs.runs) == 0 {
		for i := range fs.held {
			do(&fs.held[i])
		}
		return nil
	}
	var h factHeap
	for _, run := range fs.runs {
		h = append(h, &factReader{fs: fs, r: bufio.NewReaderSize(io.NewSectionReader(fs.file, run.at, run.size), 1<<15)})
	}
	h = append(h, &factReader{fs: fs, held: fs.held})
	for i := 0; i < len(h); {
		if more, err := h[i].next(); err != nil {
			return err
		} else if more {
			i++
		} else {
			h = slices.Delete(h, i, i+1)
		}
	}
	heap.Init(&h)
	for len(h) > 0 {
		do(&h[0].now)
		more, err := h[0].next()
		switch {
		case err != nil:
			return err
		case more:
			heap.Fix(&h, 0)
		default:
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
	held []fact // of the run that was not written
	now  fact
}

func (r *factReader) next() (bool, error) {
	if r.r == nil {
		if len(r.held) == 0 {
			return false, nil
		}
		r.now, r.held = r.held[0], r.held[1:]
		return true, nil
	}
	err := r.fs.decode(r.r, &r.now)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return err == nil, err
}

type factHeap []*factReader

func (h factHeap) Len() int           { return len(h) }
func (h factHeap) Less(i, j int) bool { return compareFacts(&h[i].now, &h[j].now) < 0 }
func (h factHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *factHeap) Push(x any)        { *h = append(*h, x.(*factReader)) }
func (h *factHeap) Pop() any {
	old := *h
	r := old[len(old)-1]
	*h = old[:len(old)-1]
	return r
}
