package journal

import (
	"bufio"
	"bytes"
	"io"
)

const (
	bufSize = 256 << 10 // of the read buffer: a line fits nearly always
	maxLine = 16 << 20  // longer lines are cut
	maxRaw  = 64 << 10  // of Entry.Raw
)

// lines reads lines of any length in bounded memory. NUL bytes, which a hard
// reset leaves in a file that was being written, are left out and counted.
type lines struct {
	r    io.Reader
	br   *bufio.Reader // of r; nil before the first read
	err  error         // to return once what was read before it is used up
	no   int64         // number of the last line
	nuls int           // skipped since the caller last set it to 0

	ended bool // the last line had its newline
	cut   bool // the last line was longer than maxLine
	long  []byte

	last     []byte // the last line, and the NULs skipped for it
	lastNULs int
	again    bool // it is to be read again
}

func newLines(r io.Reader) *lines {
	return &lines{r: r}
}

// next returns the next line without its newline. The line is valid until the
// next call. An error comes alone: a last line without newline comes before it.
func (l *lines) next() ([]byte, error) {
	if l.again {
		l.again = false
		l.nuls += l.lastNULs
		return l.last, nil
	}
	if l.err != nil {
		return nil, l.err
	}
	if l.br == nil {
		l.br = bufio.NewReaderSize(unCRLF(l.r), bufSize)
	}
	l.cut = false
	nuls := l.nuls
	line, err := l.br.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		line, err = l.rest(line)
	}
	l.ended = err == nil
	if err != nil {
		l.err = err
		if len(line) == 0 {
			return nil, err
		}
	} else {
		line = line[:len(line)-1]
	}
	l.no++
	l.last = l.withoutNULs(line)
	l.lastNULs = l.nuls - nuls
	return l.last, nil
}

// back makes the last line the next one. Its number stays.
func (l *lines) back() {
	l.again = true
	l.nuls -= l.lastNULs
}

// rest reads on where a line did not fit into the buffer.
func (l *lines) rest(chunk []byte) ([]byte, error) {
	l.long = l.long[:0]
	err := bufio.ErrBufferFull
	for {
		chunk = l.withoutNULs(chunk)
		if room := maxLine - len(l.long); len(chunk) > room {
			l.cut = true
			if err == nil {
				l.long = append(append(l.long, chunk[:max(room-1, 0)]...), '\n')
				return l.long, nil
			}
			chunk = chunk[:room]
		}
		l.long = append(l.long, chunk...)
		if err != bufio.ErrBufferFull {
			return l.long, err
		}
		chunk, err = l.br.ReadSlice('\n')
	}
}

// withoutNULs takes the NUL bytes out of b, in place.
func (l *lines) withoutNULs(b []byte) []byte {
	i := bytes.IndexByte(b, 0)
	if i < 0 {
		return b
	}
	out := b[:i]
	for _, c := range b[i:] {
		if c != 0 {
			out = append(out, c)
		}
	}
	l.nuls += len(b) - len(out)
	return out
}

// unCRLF undoes a conversion to CRLF, which shows in the first line. It has to
// be undone below the reader, because it also changed the bytes inside of
// binary fields.
func unCRLF(r io.Reader) io.Reader {
	br := bufio.NewReaderSize(r, 4<<10)
	_, _ = br.Peek(1) // fills the buffer with what is there
	head, _ := br.Peek(br.Buffered())
	if i := bytes.IndexByte(head, '\n'); i > 0 && head[i-1] == '\r' {
		return &crlf{br: br}
	}
	return br
}

// crlf turns CR LF into LF.
type crlf struct {
	br *bufio.Reader
	cr bool // a CR is held back
}

func (c *crlf) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if n > 0 && c.br.Buffered() == 0 {
			return n, nil
		}
		b, err := c.br.ReadByte()
		switch {
		case err != nil && c.cr:
			p[n], c.cr = '\r', false
			return n + 1, nil
		case err != nil:
			return n, err
		case c.cr && b != '\n':
			p[n], c.cr = '\r', false
			n++
			_ = c.br.UnreadByte() // cannot fail after ReadByte
		case b == '\r' && !c.cr:
			c.cr = true
		default:
			p[n], c.cr = b, false
			n++
		}
	}
	return n, nil
}
