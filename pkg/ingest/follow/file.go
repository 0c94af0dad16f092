package follow

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"

	"auditreplay/pkg/ingest"

	"github.com/nxadm/tail"
	"golang.org/x/sys/unix"
)

// Line is one line of a followed log. Its text is valid until the next Read.
type Line struct {
	Text   []byte // without newline
	Pos    ingest.Pos
	NULs   int  // NUL bytes before it, left out of Text
	Open   bool // its newline is missing: the file ended in it
	Length int64
}

// TooLong reports whether Text is only the beginning of the line.
func (l *Line) TooLong() bool { return l.Length > int64(len(l.Text)) }

// chunkSize is how much is read at once.
const chunkSize = 256 << 10

// file is one open file of a chain.
type file struct {
	f      *os.File
	src    *ingest.Source
	offset int64  // of the first byte that was not given
	number int64  // lines given
	head   []byte // the first bytes that were given, at most headSize
	final  bool   // nobody writes to it any more: it was rotated away
	skip   int64  // bytes of a line too long to be given, so far
	buf    []byte
	watch  *watch
}

func newFile(f *os.File, src *ingest.Source, final bool) *file {
	return &file{f: f, src: src, final: final}
}

// listen lets tail watch the file, and calls wake for each line that it finds.
// tail gets a descriptor of its own, under a number that was not used lately:
// its tracker knows files by their names, and one that comes back while the one
// before is still being forgotten blocks it for good.
func (o *file) listen(number int, wake func()) {
	fd, err := unix.FcntlInt(o.f.Fd(), unix.F_DUPFD_CLOEXEC, number)
	if err != nil {
		return // the look four times a second has to do; likewise below
	}
	t, err := tail.TailFile("/proc/self/fd/"+strconv.Itoa(fd), tail.Config{
		Location: &tail.SeekInfo{Offset: o.offset, Whence: io.SeekStart},
		Follow:   true, ReOpen: false, MustExist: true, CompleteLines: true,
		Logger: tail.DiscardingLogger,
	})
	if err != nil { // no /proc, or no permission any more
		unix.Close(fd)
		return
	}
	o.watch = &watch{tail: t, fd: fd, done: make(chan struct{})}
	go func() {
		defer close(o.watch.done)
		for range t.Lines {
			wake()
		}
		wake()
	}()
}

// watch is a tail and the descriptor that it was given.
type watch struct {
	tail *tail.Tail
	fd   int
	done chan struct{}
}

func (w *watch) stop() {
	_ = w.tail.Stop() // waits for it; what it says is that it was stopped
	<-w.done
	unix.Close(w.fd)
}

func (o *file) close() {
	if o.watch != nil {
		o.watch.stop()
		o.watch = nil
	}
	o.f.Close()
}

// errTruncated says that the file no longer holds what was read of it.
var errTruncated = errors.New("truncated")

// read gives the complete lines at the offset, some hundred kilobytes of them
// at most, none at the end of the file.
func (o *file) read(lines []Line) ([]Line, error) {
	for {
		if len(o.buf) == 0 {
			o.buf = make([]byte, chunkSize)
		}
		n, err := o.f.ReadAt(o.buf, o.offset)
		if err != nil && err != io.EOF {
			return lines, err
		}
		if err := o.unchanged(); err != nil {
			return lines, err
		}
		if n == 0 {
			return lines, nil
		}
		lines, taken := o.cut(lines, o.buf[:n])
		if taken > 0 || n < len(o.buf) {
			return lines, nil
		}
		// One line fills the buffer.
		if len(o.buf) > ingest.MaxLine {
			return o.tooLong(lines, n), nil
		}
		o.buf = make([]byte, 2*len(o.buf))
	}
}

// unchanged reports whether the file still begins with what was given of it
// and is long enough. It is asked after each read: what was read before a
// truncation is good, and what was read after it is found out.
func (o *file) unchanged() error {
	info, err := o.f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < o.offset {
		return errTruncated
	}
	if len(o.head) == 0 {
		return nil
	}
	head, err := readHead(o.f, len(o.head))
	if err != nil {
		return err
	}
	if !bytes.Equal(head, o.head) {
		return errTruncated
	}
	return nil
}

// cut gives the complete lines of b and how many bytes they were.
func (o *file) cut(lines []Line, b []byte) ([]Line, int) {
	taken := 0
	for {
		nuls := 0
		for taken+nuls < len(b) && b[taken+nuls] == 0 {
			nuls++
		}
		end := bytes.IndexByte(b[taken+nuls:], '\n')
		if end < 0 {
			if nuls >= chunkSize/2 { // a hole: what a hard reset left
				o.take(b[taken:taken+nuls], 0)
				taken += nuls
			}
			return lines, taken
		}
		whole := b[taken : taken+nuls+end+1]
		taken += len(whole)
		if o.skip > 0 {
			o.skip = 0
			o.take(whole, 0)
			continue
		}
		o.take(whole, 1)
		lines = append(lines, Line{Text: whole[nuls : len(whole)-1], NULs: nuls,
			Pos: ingest.Pos{Source: o.src, Line: o.number}, Length: int64(len(whole) - nuls - 1)})
	}
}

// take counts bytes as given.
func (o *file) take(b []byte, lines int64) {
	if room := headSize - len(o.head); room > 0 && o.offset == int64(len(o.head)) {
		o.head = append(o.head, b[:min(room, len(b))]...)
	}
	o.offset += int64(len(b))
	o.number += lines
}

// tooLong gives the beginning of a line that is longer than any log line, and
// goes over the rest of it.
func (o *file) tooLong(lines []Line, n int) []Line {
	first := o.skip == 0
	o.skip += int64(n)
	if !first {
		o.take(o.buf[:n], 0)
		return lines
	}
	o.take(o.buf[:n], 1)
	return append(lines, Line{Text: o.buf[:ingest.MaxLine], Length: int64(n), Pos: ingest.Pos{Source: o.src, Line: o.number}})
}

// rest gives what stands behind the last newline.
func (o *file) rest(lines []Line) ([]Line, error) {
	info, err := o.f.Stat()
	if err != nil {
		return lines, err
	}
	b := make([]byte, min(info.Size()-o.offset, ingest.MaxLine))
	n, err := o.f.ReadAt(b, o.offset)
	if err != nil && err != io.EOF {
		return lines, err
	}
	if err := o.unchanged(); err != nil || n == 0 {
		return lines, err
	}
	b = b[:n]
	nuls := 0
	for nuls < n && b[nuls] == 0 {
		nuls++
	}
	o.take(b, 1)
	return append(lines, Line{Text: b[nuls:], NULs: nuls, Open: true, Length: int64(n - nuls), Pos: ingest.Pos{Source: o.src, Line: o.number}}), nil
}

// ident is the file's identity by what was read of it.
func (o *file) ident() Ident {
	info, err := o.f.Stat()
	if err != nil {
		return Ident{}
	}
	return identOf(info, o.head)
}
