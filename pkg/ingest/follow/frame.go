package follow

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// maxEntry is the most bytes of a journal entry that are kept. What is longer
// is no message of sshd.
const maxEntry = 8 << 20

// frames cuts a journal export into entries without reading ahead of them, so
// that the cursor belongs to the entry it stands in.
type frames struct {
	r     *bufio.Reader
	b     []byte
	begun bool
}

// errNoExport says that a stream does not begin with a field.
var errNoExport = errors.New("no journal export (journalctl -o export)")

func newFrames(r io.Reader) *frames { return &frames{r: bufio.NewReaderSize(r, 64<<10)} }

// next gives the bytes of the next entry, its closing empty line included, and
// its cursor. They are valid until the next call. An entry that the input
// broke off in comes with the error.
func (f *frames) next() (entry []byte, cursor string, err error) {
	f.b = f.b[:0]
	for {
		start := len(f.b)
		if err := f.line(); err != nil {
			if len(f.b) == 0 && errors.Is(err, io.EOF) {
				return nil, "", io.EOF
			}
			return f.b, cursor, err
		}
		line := bytes.TrimSuffix(f.b[min(start, len(f.b)):], []byte("\n"))
		if len(line) > 0 && !f.begun {
			if f.begun = true; !isField(line) {
				return f.b, "", errNoExport
			}
		}
		switch {
		case len(line) == 0 && start == 0:
			f.b = f.b[:0] // an empty line between entries
		case len(line) == 0:
			return f.b, cursor, nil
		case bytes.HasPrefix(line, []byte("__CURSOR=")):
			cursor = string(line[len("__CURSOR="):])
		case bytes.IndexByte(line, '=') < 0:
			if err := f.binary(); err != nil {
				return f.b, cursor, err
			}
		}
	}
}

// isField reports whether a line is NAME=value, or the NAME of a binary value.
func isField(line []byte) bool {
	name, _, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\r")), []byte("="))
	return len(name) > 0 && len(bytes.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")) == 0
}

// line reads up to the next newline.
func (f *frames) line() error {
	for {
		part, err := f.r.ReadSlice('\n')
		if len(f.b)+len(part) <= maxEntry {
			f.b = append(f.b, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// binary reads a value with a length in front, and its newline.
func (f *frames) binary() error {
	var head [8]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return err
	}
	f.b = append(f.b, head[:]...)
	n := binary.LittleEndian.Uint64(head[:])
	if n > maxEntry {
		return errors.New("a field of the journal entry is too long")
	}
	at := len(f.b)
	f.b = append(f.b, make([]byte, n+1)...)
	_, err := io.ReadFull(f.r, f.b[at:])
	return err
}
