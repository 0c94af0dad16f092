// Package spool keeps what is too much for memory and will be asked for again
// in a temporary file: pieces of bytes, and a code that writes structs as such.
package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"auditreplay/pkg/ingest"
)

// Spool keeps pieces of bytes and gives each of them again, by where it is.
// The last of them are in memory, the others in a temporary file that has no
// name. The zero value is empty. It is for one goroutine.
type Spool struct {
	file *os.File
	end  int64  // of the file
	tail []byte // what follows the file
	err  error  // the first; each call gives it

	window   []byte // of the file, read ahead
	windowAt int64
}

// maxTail is how many bytes a spool has in memory before it writes them,
// Window how many it reads at once, and few how many where pieces are asked for
// here and there.
const (
	maxTail = 1 << 18
	Window  = 1 << 16
	few     = 1 << 10
)

var errSpool = errors.New("temporary file: not what was written")

// Add keeps a copy of b and says where. An error is that of the next Get.
func (s *Spool) Add(b []byte) (at int64) {
	if len(s.tail) >= maxTail {
		s.flush()
	}
	at = s.end + int64(len(s.tail))
	s.tail = binary.AppendUvarint(s.tail, uint64(len(b)))
	s.tail = append(s.tail, b...)
	return at
}

func (s *Spool) flush() {
	if s.file == nil && s.err == nil {
		s.file, s.err = ingest.TempFile("")
	}
	if s.err == nil {
		_, err := s.file.WriteAt(s.tail, s.end)
		s.fail(err)
	}
	s.end += int64(len(s.tail))
	s.tail = s.tail[:0]
}

func (s *Spool) fail(err error) {
	if s.err == nil && err != nil {
		s.err = fmt.Errorf("temporary file: %w", err)
	}
}

// Get gives the piece at a place. It is valid until the next call of s.
func (s *Spool) Get(at int64) ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	if at < 0 || at > s.end+int64(len(s.tail)) {
		return nil, errSpool
	}
	if at >= s.end {
		return piece(s.tail[at-s.end:])
	}
	if from := at - s.windowAt; from >= 0 && from < int64(len(s.window)) {
		if b, err := piece(s.window[from:]); err == nil {
			return b, nil
		}
	}
	size := few
	if ahead := at - s.windowAt; ahead >= 0 && ahead <= int64(len(s.window))+few {
		size = Window // one after the other is asked for
	}
	for {
		if cap(s.window) < size {
			s.window = make([]byte, max(size, Window))
		}
		n, err := s.file.ReadAt(s.window[:size], at)
		if err != nil && !errors.Is(err, io.EOF) {
			s.fail(err)
			return nil, s.err
		}
		s.window, s.windowAt = s.window[:n], at
		b, err := piece(s.window)
		if err == nil || n < size {
			return b, err
		}
		size *= 2
	}
}

// piece gives what b begins with.
func piece(b []byte) ([]byte, error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, errSpool
	}
	return b[size : size+int(n)], nil
}

// Err is the first error of any call.
func (s *Spool) Err() error { return s.err }

// Close forgets all.
func (s *Spool) Close() {
	if s.file != nil {
		s.file.Close()
	}
	*s = Spool{}
}
