package html

import (
	"bufio"
	"encoding/binary"
	"io"
	"os"
)

// A spool is an unlinked temporary file: written once, then read once.
type spool struct {
	f *os.File
	w *bufio.Writer
	r *bufio.Reader
}

func newSpool(dir string) (*spool, error) {
	f, err := os.CreateTemp(dir, "auditreplay-report-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return &spool{f: f, w: bufio.NewWriterSize(f, 128<<10)}, nil
}

func (s *spool) close() error { return s.f.Close() }

func (s *spool) Write(b []byte) (int, error) { return s.w.Write(b) }

// put writes text as a record of a group.
func (s *spool) put(group int, text []byte) error {
	var head [2 * binary.MaxVarintLen64]byte
	n := binary.PutVarint(head[:], int64(group))
	n += binary.PutUvarint(head[n:], uint64(len(text)))
	if _, err := s.w.Write(head[:n]); err != nil {
		return err
	}
	_, err := s.w.Write(text)
	return err
}

// rewind ends writing and starts reading.
func (s *spool) rewind() error {
	if err := s.w.Flush(); err != nil {
		return err
	}
	if _, err := s.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	s.r = bufio.NewReaderSize(s.f, 128<<10)
	return nil
}

// get reads the next record; io.EOF is the end.
func (s *spool) get() (group int, text []byte, err error) {
	g, err := binary.ReadVarint(s.r)
	if err != nil {
		return 0, nil, err
	}
	size, err := binary.ReadUvarint(s.r)
	if err != nil {
		return 0, nil, io.ErrUnexpectedEOF
	}
	text = make([]byte, size)
	if _, err := io.ReadFull(s.r, text); err != nil {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return int(g), text, nil
}
