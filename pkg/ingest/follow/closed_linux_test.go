package follow

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// nobody makes a directory whose files are opened, in this test, with nobody's
// rights: those of root would open everything. The function locks a file, or
// gives it free.
func nobody(t *testing.T) (dir string, mode func(path string, mode fs.FileMode)) {
	t.Helper()
	dir = t.TempDir()
	root := os.Geteuid() == 0
	if root {
		must(t, os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o777))
	}
	const other = 65534
	as := func(uid int) {
		if _, err := unix.SetfsuidRetUid(uid); err != nil {
			t.Fatal(err)
		}
	}
	if root { // of this thread alone
		runtime.LockOSThread()
		as(other)
		t.Cleanup(func() { as(0); runtime.UnlockOSThread() })
	}
	return dir, func(path string, mode fs.FileMode) {
		t.Helper()
		must(t, os.Chmod(path, mode))
	}
}

// TestClosedAtStart may not read a file that has to be read: that is said at
// once, and no position that is known is called a misfit.
func TestClosedAtStart(t *testing.T) {
	dir, mode := nobody(t)
	path := filepath.Join(dir, "log")
	write(t, path+".1", line("old"))
	write(t, path, line("a"))
	tail, err := NewTail(path, TailOptions{})
	must(t, err)
	all(t, tail)
	at := tail.Position()
	tail.Close()
	denied := func(what string, opt TailOptions) {
		t.Helper()
		tail, err := NewTail(path, opt)
		var misfit *Misfit
		if !errors.Is(err, fs.ErrPermission) || errors.As(err, &misfit) {
			t.Errorf("%s: %v", what, err)
		}
		tail.Close()
	}
	mode(path, 0)
	denied("current file", TailOptions{})
	denied("current file, all of it", TailOptions{Old: true})
	denied("current file, resumed", TailOptions{Resume: &at})
	mode(path, 0o600)
	mode(path+".1", 0)
	denied("older file, all of it", TailOptions{Old: true})
	tail, err = NewTail(path, TailOptions{}) // it does not matter
	must(t, err)
	if got := all(t, tail); len(got) != 1 {
		t.Errorf("read %q", got)
	}
	tail.Close()
}

// TestClosedWhileRotated makes files that may not be read at first, and takes
// the right to read one that is read: nothing is lost or read twice.
func TestClosedWhileRotated(t *testing.T) {
	dir, mode := nobody(t)
	path := filepath.Join(dir, "log")
	write(t, path, line("a"))
	var said []string
	tail, err := NewTail(path, TailOptions{Warn: func(s string) { said = append(said, s) }})
	must(t, err)
	defer tail.Close()
	got := all(t, tail)
	rotate := func(text string, perm fs.FileMode) {
		_ = os.Rename(path+".1", path+".2") // there is none at first
		must(t, os.Rename(path, path+".1"))
		write(t, path, text)
		mode(path, perm)
	}
	write(t, path, line("b"))
	mode(path, 0)
	rotate(line("c"), 0)
	if got = append(got, all(t, tail)...); len(said) != 0 && !strings.Contains(said[0], "permission denied") {
		t.Errorf("said %q", said)
	}
	write2 := func(path, text string) { mode(path, 0o600); write(t, path, text); mode(path, 0) }
	write2(path+".1", line("b2"))
	got = append(got, all(t, tail)...)
	write2(path, line("c2"))
	rotate(line("d"), 0o600) // nor may the one before be read yet
	got = append(got, all(t, tail)...)
	if len(said) == 0 {
		t.Error("nothing was said")
	}
	mode(path+".1", 0o600)
	got = append(got, all(t, tail)...)
	if diff := cmp.Diff([]string{"a", "b", "b2", "c", "c2", "d"}, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// TestNotThere starts before the log is there.
func TestNotThere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	write(t, path+".1", line("old"))
	var said []string
	tail, err := NewTail(path, TailOptions{Warn: func(s string) { said = append(said, s) }})
	must(t, err)
	got := all(t, tail)
	if len(got) != 0 || len(said) == 0 || !strings.Contains(said[0], "not there yet") {
		t.Errorf("read %q, said %q", got, said)
	}
	at := tail.Position()
	tail.Close()
	write(t, path, line("a"))
	for _, opt := range []TailOptions{{Resume: &at}, {}} {
		tail, err = NewTail(path, opt)
		must(t, err)
		if got := all(t, tail); len(got) != 1 || got[0] != "a" {
			t.Errorf("read %q", got)
		}
		tail.Close()
	}
	if _, err := NewTail(filepath.Join(filepath.Dir(path), "no", "log"), TailOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a log in no directory: %v", err)
	}
}
