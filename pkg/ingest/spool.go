package ingest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// memorySpool is what a spool keeps in memory before it takes a file.
const memorySpool = 4 << 20

// spool is a copy of bytes that can be read only once: in memory while they
// are few, else in a temporary file without a name, which the system frees
// whatever becomes of the program.
type spool struct {
	mem  []byte
	file *os.File
	size int64
}

// fill reads r to its end. On an error the spool holds what came before it.
func fill(r io.Reader, dir string, memory int64) (*spool, error) {
	var buf bytes.Buffer
	n, err := io.CopyN(&buf, r, memory)
	if err != nil || n < memory {
		if err == io.EOF {
			err = nil
		}
		return &spool{mem: buf.Bytes(), size: n}, err
	}
	f, err := TempFile(dir)
	if err != nil {
		return &spool{}, err
	}
	sp := &spool{file: f}
	in := &faultReader{r: io.MultiReader(&buf, r)}
	sp.size, err = io.Copy(f, in)
	if err != nil && in.err == nil {
		err = fmt.Errorf("temporary file: %w", err)
	}
	return sp, err
}

// TempFile gives a temporary file without a name, which the system frees
// whatever becomes of the program. It is made in dir; "" is os.TempDir.
func TempFile(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "auditreplay-*")
	if err != nil {
		return nil, fmt.Errorf("temporary file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, fmt.Errorf("temporary file: %w", err)
	}
	return f, nil
}

// ReadAt reads from the copy.
func (s *spool) ReadAt(p []byte, off int64) (int, error) {
	if s.file != nil {
		return s.file.ReadAt(p, off)
	}
	if off < 0 || off >= int64(len(s.mem)) {
		return 0, io.EOF
	}
	n := copy(p, s.mem[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Close frees the copy.
func (s *spool) Close() error {
	s.mem = nil
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// blob gives the copy as an input of its own.
func (s *spool) blob(path string) blob {
	return blob{
		path: path,
		size: s.size,
		open: func() (*stream, error) {
			stored := new(atomic.Int64)
			return &stream{Reader: countStored{io.NewSectionReader(s, 0, s.size), stored}, stored: stored}, nil
		},
		at: func() (io.ReaderAt, int64, error) { return s, s.size, nil },
	}
}

// spoolOnce gives random access to a blob that has none, by a copy that is
// made at the first call.
type spoolOnce struct {
	b      blob
	dir    string
	memory int64

	once sync.Once
	sp   *spool
	err  error
}

func (s *spoolOnce) at() (io.ReaderAt, int64, error) {
	s.once.Do(func() {
		in, err := s.b.open()
		if err != nil {
			s.sp, s.err = &spool{}, err
			return
		}
		defer in.Close()
		s.sp, s.err = fill(in, s.dir, s.memory)
	})
	return s.sp, s.sp.size, s.err
}

// Close frees the copy if there is one.
func (s *spoolOnce) Close() error {
	s.once.Do(func() { s.sp, s.err = &spool{}, os.ErrClosed })
	return s.sp.Close()
}
