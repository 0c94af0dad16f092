package follow

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Written says which file the output is and how long it was.
type Written struct {
	Path   string `json:"path"` // "" for what is no regular file
	Dev    uint64 `json:"dev,omitempty"`
	Ino    uint64 `json:"ino,omitempty"`
	Length int64  `json:"length,omitempty"`
}

// Output appends to a file, or writes to standard output. What was written
// to a regular file after the state was saved can be taken back; what went
// anywhere else cannot.
type Output struct {
	path    string
	w       io.Writer
	file    *os.File // nil: standard output
	regular bool
	length  int64
}

// OpenOutput opens the output at path; "-" is stdout. Where the state says
// how long it was, what is behind that is cut off: it will be written again. A
// file that was rotated away meanwhile is found beside, cut, and left.
func OpenOutput(path string, stdout io.Writer, state *Written) (*Output, error) {
	if path == "-" || path == "" {
		return &Output{w: stdout}, nil
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	o := &Output{path: path}
	if state != nil && state.Path != "" {
		if state.Path != path {
			return nil, &Misfit{Other, fmt.Sprintf("the state goes with the output %s, not with %s", state.Path, path)}
		}
		if err := state.cut(); err != nil {
			return nil, err
		}
	}
	return o, o.open()
}

// cut takes back what was written after the state was saved.
func (s *Written) cut() error {
	at, info, err := s.find()
	if err != nil {
		return err
	}
	if info.Size() < s.Length {
		return &Misfit{Cut, fmt.Sprintf("%s: has %d bytes, the state says that %d were written", at, info.Size(), s.Length)}
	}
	if info.Size() == s.Length {
		return nil
	}
	f, err := os.OpenFile(at, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(s.Length), f.Sync(), f.Close())
}

// find finds the output by its inode.
func (s *Written) find() (string, os.FileInfo, error) {
	info, err := os.Stat(s.Path)
	if err == nil && s.is(info) {
		return s.Path, info, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", nil, err
	}
	entries, err := os.ReadDir(filepath.Dir(s.Path))
	if err != nil {
		return "", nil, err
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && s.is(info) {
			return filepath.Join(filepath.Dir(s.Path), e.Name()), info, nil
		}
	}
	return "", nil, &Misfit{Other, fmt.Sprintf("%s: not the output that the state goes with, which is gone", s.Path)}
}

func (s *Written) is(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && uint64(st.Dev) == s.Dev && st.Ino == s.Ino && info.Mode().IsRegular()
}

func (o *Output) open() error {
	f, err := os.OpenFile(o.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	o.file, o.w, o.regular, o.length = f, f, info.Mode().IsRegular(), info.Size()
	return nil
}

func (o *Output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.length += int64(n)
	return n, err
}

// Reopen goes on in the file that the path names now, as logrotate wants it.
func (o *Output) Reopen() error {
	if o.file == nil {
		return nil
	}
	if err := errors.Join(o.Sync(), o.file.Close()); err != nil {
		return err
	}
	return o.open()
}

// Sync makes what was written lasting.
func (o *Output) Sync() error {
	if o.file == nil || !o.regular {
		return nil
	}
	return o.file.Sync()
}

// Written is what a state needs to know of the output now.
func (o *Output) Written() Written {
	if o.file == nil || !o.regular {
		return Written{}
	}
	info, err := o.file.Stat()
	if err != nil {
		return Written{}
	}
	id := identOf(info, nil)
	return Written{Path: o.path, Dev: id.Dev, Ino: id.Ino, Length: o.length}
}

// Close closes the file.
func (o *Output) Close() error {
	if o.file == nil {
		return nil
	}
	return o.file.Close()
}
