package synth

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
)

// output is a buffered new file. Errors of writing are kept for Close.
type output struct {
	file *os.File
	*bufio.Writer
}

func newOutput(path string) (*output, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	return &output{f, bufio.NewWriterSize(f, 1<<20)}, nil
}

func (o *output) Close() error {
	err := o.Flush()
	if closed := o.file.Close(); err == nil {
		err = closed
	}
	return err
}

// rotated is the audit log as auditd keeps it: when a file is full the next
// record begins a new one, whatever event it belongs to. The newest is
// audit.log, the older ones have a number that rises with their age.
type rotated struct {
	dir   string
	limit int64 // 0: never full
	now   *output
	full  []string // paths under which full files wait for their name, oldest first
	size  int64    // of the file being written
	total int64
	err   error // the first failure
}

func newRotated(dir string, limit int64) (*rotated, error) {
	now, err := newOutput(filepath.Join(dir, "audit.log"))
	return &rotated{dir: dir, limit: limit, now: now}, err
}

// record writes one record with its newline.
func (r *rotated) record(line []byte) {
	if r.err != nil {
		return
	}
	if r.limit > 0 && r.size >= r.limit {
		r.rotate()
	}
	if _, err := r.now.Write(line); err != nil && r.err == nil {
		r.err = err
	}
	r.size += int64(len(line))
	r.total += int64(len(line))
}

func (r *rotated) rotate() {
	aside := filepath.Join(r.dir, fmt.Sprintf("full-%06d", len(r.full)))
	err := r.now.Close()
	if err == nil {
		err = os.Rename(filepath.Join(r.dir, "audit.log"), aside)
	}
	if err == nil {
		r.full = append(r.full, aside)
		r.size = 0
		r.now, err = newOutput(filepath.Join(r.dir, "audit.log"))
	}
	r.err = err
}

// Close gives the full files their names.
func (r *rotated) Close() error {
	if r.err != nil {
		return r.err
	}
	if err := r.now.Close(); err != nil {
		return err
	}
	for i, path := range r.full {
		name := fmt.Sprintf("audit.log.%d", len(r.full)-i)
		if err := os.Rename(path, filepath.Join(r.dir, name)); err != nil {
			return err
		}
	}
	return nil
}
