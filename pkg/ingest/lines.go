package ingest

import (
	"bytes"
	"io"
)

// MaxLine is the most bytes of one line that Lines gives. auditd cuts a record
// at 8,970 bytes, journald an entry's field at some megabytes; a longer line
// is no log line.
const MaxLine = 16 << 20

// BufferSize is how many bytes Lines reads at once, where nobody wants it
// otherwise.
const BufferSize = 256 << 10

// Lines reads lines of any length in bounded memory. It differs from
// bufio.Scanner in that a line too long is a line, not the end; that a run of
// NUL bytes before a line, which a hard reset leaves where the file system had
// the size of a write but not yet its bytes, is set aside and counted (however
// long it is: a hole of gigabytes needs no memory); and that the last line
// says whether its newline is there. It allocates nothing per line.
type Lines struct {
	r          io.Reader
	buf        []byte
	start, end int // what was read and not yet given
	number     int64
	offset     int64
	next       int64
	tooLong    int64
	open       bool
	nul        bool // there is one in the buffer
	clean      int  // up to here there is none
	err        error
	blocks     *Blocks // r, where lines stay valid
}

// NewLines reads the lines of r. Each is valid until the next call of Next.
func NewLines(r io.Reader) *Lines { return &Lines{r: r} }

// KeptLines reads lines that stay valid: a buffer is left to the lines in it,
// and reading goes on in the next of b's. Where one ends and the next begins
// depends on b's size and the bytes alone.
func KeptLines(b *Blocks) *Lines { return &Lines{r: b, blocks: b} }

// Reset makes l, which is of NewLines, read r from its first line, with the
// buffer it has.
func (l *Lines) Reset(r io.Reader) { *l = Lines{r: r, buf: l.buf} }

// Buffer gives the buffer that the last line is a part of.
func (l *Lines) Buffer() []byte { return l.buf }

// Clean reports whether the buffer that the last line is a part of holds no NUL
// byte: to look at once costs less than to look at each line.
func (l *Lines) Clean() bool {
	if l.clean < l.end && !l.nul {
		l.nul, l.clean = bytes.IndexByte(l.buf[l.clean:l.end], 0) >= 0, l.end
	}
	return !l.nul
}

// Next gives the next line without its newline (a CR before it is kept), its
// number from 1, and how many NUL bytes stood before its first other byte.
// NULs elsewhere in the line are left in it. At the end the error is io.EOF;
// any other error is the reader's, comes after the bytes that were read before
// it, and stays.
func (l *Lines) Next() (line []byte, number int64, nuls int, err error) {
	l.offset, l.tooLong, l.open = l.next, 0, false
	// Nearly every line: whole in the buffer.
	if b := l.buf[l.start:l.end]; len(b) > 0 && b[0] != 0 {
		if i := bytes.IndexByte(b, '\n'); i >= 0 && i <= MaxLine {
			l.start += i + 1
			l.next += int64(i) + 1
			l.number++
			return b[:i:i], l.number, 0, nil
		}
	}
	nuls, err = l.skipNULs()
	if err != nil && nuls == 0 {
		return nil, l.number, 0, err
	}
	line = l.slow()
	if l.tooLong == 0 {
		l.tooLong = int64(len(line))
	}
	if l.tooLong <= MaxLine {
		l.tooLong = 0
	} else {
		line = line[:MaxLine:MaxLine]
	}
	l.number++
	return line, l.number, nuls, nil
}

// skipNULs leaves the buffer with a byte that is no NUL at its start, or gives
// the error that the input ended with.
func (l *Lines) skipNULs() (int, error) {
	n := 0
	for {
		for l.start < l.end && l.buf[l.start] == 0 {
			l.start++
			n++
		}
		if l.start < l.end {
			l.next += int64(n)
			return n, nil
		}
		if !l.fill(0) {
			l.next += int64(n)
			return n, l.err
		}
	}
}

// slow gives the line at the start of the buffer, reading what it lacks.
func (l *Lines) slow() []byte {
	n := 0 // bytes of the line known to hold no newline
	for {
		b := l.buf[l.start:l.end]
		if i := bytes.IndexByte(b[n:], '\n'); i >= 0 {
			n += i
			l.start += n + 1
			l.next += int64(n) + 1
			return b[:n:n]
		}
		n = len(b)
		if n >= MaxLine {
			return l.long()
		}
		if !l.fill(n) {
			b = l.buf[l.start:l.end]
			l.start = l.end
			l.next += int64(n)
			l.open = true
			return b
		}
	}
}

// long gives the first MaxLine bytes of a line and reads over the others.
func (l *Lines) long() []byte {
	buf := l.buf
	if most := MaxLine + BufferSize; len(buf) < most || l.blocks != nil {
		buf = make([]byte, most)
	}
	length := int64(copy(buf, l.buf[l.start:l.end]))
	l.buf, l.nul = buf, true // who knows
	head := l.buf[:MaxLine:MaxLine]
	tail := l.buf[MaxLine:] // free to read into
	for {
		n, err := l.read(tail)
		if i := bytes.IndexByte(tail[:n], '\n'); i >= 0 {
			l.start, l.end = MaxLine+i+1, MaxLine+n
			l.tooLong = length + int64(i)
			l.next += l.tooLong + 1
			return head
		}
		length += int64(n)
		if err != nil {
			l.start, l.end = 0, 0
			l.tooLong = length
			l.next += length
			l.open = true
			return head
		}
	}
}

// fill reads more behind the n unread bytes. False: nothing more comes.
func (l *Lines) fill(n int) bool {
	if l.err != nil {
		return false
	}
	if l.end == len(l.buf) || n == 0 && l.blocks == nil {
		if l.takeBlock(n) {
			return true
		}
		to := l.room(n)
		copy(to, l.buf[l.start:l.end])
		l.buf = to
		l.start, l.end = 0, n
		l.nul, l.clean = false, 0
	}
	m, _ := l.read(l.buf[l.end:])
	l.end += m
	return m > 0
}

// takeBlock goes on in the next block, with the n unread bytes before what was
// read into it, where it has room for them.
func (l *Lines) takeBlock(n int) bool {
	if l.blocks == nil {
		return false
	}
	buf, from, ok := l.blocks.take(n)
	if ok {
		copy(buf[from-n:], l.buf[l.start:l.end])
		l.buf, l.start, l.end = buf, from-n, len(buf)
		l.nul, l.clean = false, l.start
	}
	return ok
}

// room gives the buffer to go on in with the n unread bytes.
func (l *Lines) room(n int) []byte {
	size := BufferSize
	if l.blocks != nil {
		size = l.blocks.size
	}
	// The largest buffer holds MaxLine and room to read on in.
	if most := MaxLine + BufferSize; n > len(l.buf)/2 && len(l.buf) < most {
		return make([]byte, max(size, min(2*len(l.buf), most)))
	}
	switch {
	case l.blocks != nil && n <= size/2:
		return l.blocks.buffer()
	case l.blocks != nil || l.buf == nil:
		return make([]byte, max(size, len(l.buf)))
	}
	return l.buf
}

// read reads at least one byte, or keeps the error.
func (l *Lines) read(p []byte) (n int, err error) {
	if l.err == nil {
		n, l.err = readSome(l.r, p)
	}
	return n, l.err
}

// TooLong gives the true length of the last line where that is more than
// MaxLine and Next gave only its first MaxLine bytes, else 0.
func (l *Lines) TooLong() int64 { return l.tooLong }

// Unterminated reports whether the last line had no newline: the input ended
// in it, or broke off.
func (l *Lines) Unterminated() bool { return l.open }

// Offset is where the last line starts, in bytes from the start of the input,
// the NULs before it included. After the end it is the input's length.
func (l *Lines) Offset() int64 { return l.offset }
