package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// written is one log that the test writes and rotates.
type written struct {
	path  string
	file  *os.File
	buf   []byte
	rng   *rand.Rand
	links bool // the path is a link to dated files
	n     int
	since time.Time // of the oldest line that is not all written
}

func newWritten(t testing.TB, path string, rng *rand.Rand, links bool) *written {
	w := &written{path: path, rng: rng, links: links}
	w.create(t)
	return w
}

func (w *written) create(t testing.TB) {
	t.Helper()
	name := w.path
	if w.links {
		w.n++
		name = fmt.Sprintf("%s-20250303%04d", w.path, w.n)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if w.links {
		if err := errors.Join(os.Symlink(filepath.Base(name), w.path+".link"), os.Rename(w.path+".link", w.path)); err != nil {
			t.Fatal(err)
		}
	}
	w.file = f
}

// write writes lines, in pieces that end anywhere.
func (w *written) write(t testing.TB, line []byte) {
	t.Helper()
	w.buf = append(w.buf, line...)
	if w.rng.IntN(3) == 0 {
		w.some(t, w.rng.IntN(len(w.buf)+1))
	}
}

// upTo writes what is older than half a second: no daemon is later than that
// for long, and the order of the two logs matters at two seconds.
func (w *written) upTo(t testing.TB, at time.Time) {
	t.Helper()
	if len(w.buf) == 0 {
		w.since = at
	} else if at.Sub(w.since) > 500*time.Millisecond {
		w.some(t, len(w.buf))
		w.since = at
	}
}

func (w *written) some(t testing.TB, n int) {
	t.Helper()
	if _, err := w.file.Write(w.buf[:n]); err != nil {
		t.Fatal(err)
	}
	w.buf = w.buf[n:]
}

// shift makes room for a new .1.
func (w *written) shift(t testing.TB) {
	t.Helper()
	top := 1
	for {
		if _, a := os.Lstat(fmt.Sprintf("%s.%d", w.path, top)); a == nil {
			top++
			continue
		}
		if _, a := os.Lstat(fmt.Sprintf("%s.%d.gz", w.path, top)); a == nil {
			top++
			continue
		}
		break
	}
	for i := top; i > 1; i-- {
		for _, z := range []string{"", ".gz"} {
			err := os.Rename(fmt.Sprintf("%s.%d%s", w.path, i-1, z), fmt.Sprintf("%s.%d%s", w.path, i, z))
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
}

// rotate rotates in one of the ways that lose nothing by themselves.
func (w *written) rotate(t testing.TB) string {
	t.Helper()
	kind := w.rng.IntN(5)
	if w.links {
		w.some(t, len(w.buf))
		w.file.Close()
		w.create(t)
		return "link"
	}
	switch kind {
	case 0: // the writer goes on with the old file until it is told
		w.shift(t)
		w.rename(t, w.path, w.path+".1")
		w.some(t, len(w.buf))
		w.file.Close()
		w.create(t)
		return "rename, later create"
	case 1, 2:
		w.some(t, len(w.buf))
		w.shift(t)
		w.rename(t, w.path, w.path+".1")
		w.file.Close()
		w.create(t)
		return "rename and create"
	case 3:
		w.some(t, len(w.buf))
		w.shift(t)
		copyFile(t, w.path, w.path+".1")
		if err := w.file.Truncate(0); err != nil {
			t.Fatal(err)
		}
		return "copytruncate"
	}
	for i := 1; ; i++ { // compress the newest that is not
		name := fmt.Sprintf("%s.%d", w.path, i)
		if _, err := os.Stat(name + ".gz"); err == nil {
			continue
		}
		if _, err := os.Stat(name); err != nil {
			return "nothing to compress"
		}
		compress(t, name)
		return "compress"
	}
}

func (w *written) rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, to, b)
}

func compress(t testing.TB, name string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, name+".gz", z.Bytes())
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}
