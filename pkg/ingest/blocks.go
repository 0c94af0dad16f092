package ingest

import (
	"io"
	"sync"
)

// Blocks reads an input in buffers of one size. Each is read full, whatever
// pieces the input comes in: where one ends and the next begins depends on the
// size and the bytes alone. Before what was read, a buffer has room for the
// piece of a line that the one before ended with, so that lines are whole
// without being copied. Ahead lets another goroutine read.
type Blocks struct {
	r    io.Reader
	size int
	at   block
	err  error // stays

	full chan block    // nil: a buffer is read when it is wanted
	quit chan struct{} // closed: nobody wants more

	mu    sync.Mutex
	spare [][]byte // buffers that no line is in any more
}

// block is a buffer with what was read and not yet given, at its end.
type block struct {
	buf  []byte
	from int
	err  error // comes after it
}

// blocksAhead is how many buffers are read before they are wanted.
const blocksAhead = 2

// NewBlocks reads r in buffers of size bytes.
func NewBlocks(r io.Reader, size int) *Blocks { return &Blocks{r: r, size: size} }

// room is what a buffer has before what is read into it. Of buffers of the
// usual size it takes the longest record that auditd writes.
func (b *Blocks) room() int { return b.size / 16 }

// Ahead lets a goroutine read from here on, until Close.
func (b *Blocks) Ahead() {
	b.full, b.quit = make(chan block, blocksAhead), make(chan struct{})
	go func() {
		defer close(b.full)
		for {
			next := b.read()
			select {
			case b.full <- next:
			case <-b.quit:
				return
			}
			if next.err != nil {
				return
			}
		}
	}()
}

// Close ends what Ahead began; nothing is read from the input afterwards. The
// input stays open.
func (b *Blocks) Close() error {
	if b.full != nil {
		close(b.quit)
		for range b.full {
		}
		b.full, b.err = nil, io.ErrClosedPipe
	}
	return nil
}

// read reads a buffer full.
func (b *Blocks) read() block {
	next := block{buf: b.buffer(), from: b.room()}
	end := next.from
	for end < b.size && next.err == nil {
		var n int
		n, next.err = readSome(b.r, next.buf[end:])
		end += n
	}
	next.buf = next.buf[:end]
	return next
}

// next makes sure that there is something to give.
func (b *Blocks) next() bool {
	for b.at.from == len(b.at.buf) && b.err == nil {
		if b.at.buf != nil {
			b.Reuse(b.at.buf)
		}
		if b.full == nil {
			b.at = b.read()
		} else {
			b.at = <-b.full
		}
		b.err = b.at.err
	}
	return b.at.from < len(b.at.buf)
}

// take gives over a buffer that has room for n bytes before those at from, if
// the next one has.
func (b *Blocks) take(n int) (buf []byte, from int, ok bool) {
	if !b.next() || b.at.from < n {
		return nil, 0, false
	}
	buf, from = b.at.buf, b.at.from
	b.at = block{}
	return buf, from, true
}

// Read copies what comes next.
func (b *Blocks) Read(p []byte) (int, error) {
	if !b.next() {
		return 0, b.err
	}
	n := copy(p, b.at.buf[b.at.from:])
	b.at.from += n
	return n, nil
}

// buffer gives a buffer to read into.
func (b *Blocks) buffer() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.spare)
	if n == 0 {
		return make([]byte, b.size)
	}
	buf := b.spare[n-1]
	b.spare = b.spare[:n-1]
	return buf
}

// Reuse takes a buffer back that no line is in any more. Of another size it is
// left to the collector.
func (b *Blocks) Reuse(buf []byte) {
	if cap(buf) == b.size {
		b.mu.Lock()
		b.spare = append(b.spare, buf[:cap(buf)])
		b.mu.Unlock()
	}
}

// readSome reads at least one byte, or gives the error.
func readSome(r io.Reader, p []byte) (int, error) {
	for range 100 {
		if n, err := r.Read(p); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}
