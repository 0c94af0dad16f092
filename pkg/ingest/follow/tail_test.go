package follow

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func write(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// line is one that is long enough to tell a file by.
func line(s string) string { return s + strings.Repeat(".", 80) + "\n" }

// all reads to the end and gives the lines, without what makes them long.
func all(t testing.TB, tail *Tail) []string {
	t.Helper()
	var out []string
	for {
		lines, eof, err := tail.Read()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			s := strings.TrimRight(string(l.Text), ".")
			if l.Open {
				s += " (open)"
			}
			out = append(out, s)
		}
		if eof {
			return out
		}
	}
}

// TestRotations rotates a log while it is followed and, once more, while it
// is not.
func TestRotations(t *testing.T) {
	t.Parallel()
	for name, rotate := range map[string]func(t *testing.T, path string){
		"rename": func(t *testing.T, path string) {
			must(t, os.Rename(path, path+".1"))
			write(t, path, line("new"))
		},
		"rename, written to after": func(t *testing.T, path string) {
			must(t, os.Rename(path, path+".1"))
			write(t, path+".1", line("more"))
			write(t, path, line("new"))
		},
		"dated": func(t *testing.T, path string) {
			must(t, os.Rename(path, path+"-20240629"))
			write(t, path, line("new"))
		},
		"copytruncate": func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			must(t, err, os.WriteFile(path+".1", b, 0o644), os.Truncate(path, 0))
			write(t, path, line("new"))
		},
		"copytruncate, grown beyond": func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			must(t, err, os.WriteFile(path+".1", b, 0o644), os.Truncate(path, 0))
			for i := range 50 {
				write(t, path, line(fmt.Sprint("new", i)))
			}
		},
		"three times": func(t *testing.T, path string) {
			for i := range 3 {
				for k := 9; k > 0; k-- {
					_ = os.Rename(fmt.Sprintf("%s.%d", path, k), fmt.Sprintf("%s.%d", path, k+1))
				}
				must(t, os.Rename(path, path+".1"))
				write(t, path, line(fmt.Sprint("new", i)))
			}
		},
		"empty between": func(t *testing.T, path string) {
			must(t, os.Rename(path, path+".2"))
			write(t, path+".1", "")
			write(t, path, line("new"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, down := range []bool{false, true} {
				dir := t.TempDir()
				path := filepath.Join(dir, "log")
				write(t, path+".7", line("long ago"))
				write(t, path, line("one")+line("two"))
				tail, err := NewTail(path, TailOptions{})
				must(t, err)
				got := all(t, tail)
				write(t, path, line("three"))
				if down {
					p := tail.Position()
					tail.Close()
					rotate(t, path)
					tail, err = NewTail(path, TailOptions{Resume: &p})
					must(t, err)
				} else {
					rotate(t, path)
				}
				got = append(got, all(t, tail)...)
				write(t, path, line("last"))
				got = append(got, all(t, tail)...)
				tail.Close()
				var want []string
				for _, f := range []string{".10", ".2", ".1", "-20240629", ""} {
					if f == ".10" {
						continue
					}
					b, err := os.ReadFile(path + f)
					if err != nil || f == ".2" && name != "three times" && name != "empty between" {
						continue
					}
					for _, l := range strings.Split(strings.TrimSpace(string(b)), "\n") {
						if l != "" {
							want = append(want, strings.TrimRight(l, "."))
						}
					}
				}
				if name == "three times" {
					b, err := os.ReadFile(path + ".3")
					must(t, err)
					var first []string
					for _, l := range strings.Split(strings.TrimSpace(string(b)), "\n") {
						first = append(first, strings.TrimRight(l, "."))
					}
					want = append(first, want...)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("down %v: lines (-want +got):\n%s", down, diff)
				}
			}
		})
	}
}

func TestPartialLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, line("one")+"tw")
	tail, err := NewTail(path, TailOptions{})
	must(t, err)
	defer tail.Close()
	if diff := cmp.Diff([]string{"one"}, all(t, tail)); diff != "" {
		t.Error(diff)
	}
	write(t, path, "o\n")
	if diff := cmp.Diff([]string{"two"}, all(t, tail)); diff != "" {
		t.Error(diff)
	}
	write(t, path, "cut off")
	must(t, os.Rename(path, path+".1"))
	write(t, path, line("new"))
	if diff := cmp.Diff([]string{"cut off (open)", "new"}, all(t, tail)); diff != "" {
		t.Error(diff)
	}
}

// TestDeleted reads what was written to a file that has no name any more, and
// does not take a new file with its inode for it.
func TestDeleted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, line("one"))
	tail, err := NewTail(path, TailOptions{})
	must(t, err)
	got := all(t, tail)
	write(t, path, line("two"))
	must(t, os.Remove(path))
	write(t, path, line("new"))
	got = append(got, all(t, tail)...)
	p := tail.Position()
	tail.Close()
	must(t, os.Remove(path))
	write(t, path, line("newer")+line("and more"))
	if diff := cmp.Diff([]string{"one", "two", "new"}, got); diff != "" {
		t.Error(diff)
	}
	_, err = NewTail(path, TailOptions{Resume: &p})
	var misfit *Misfit
	if !errors.As(err, &misfit) || misfit.Why != Old {
		t.Errorf("resumed with %v", err)
	}
}

func TestOldFilesFirst(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	write(t, path+".2", line("one"))
	write(t, path+".1", line("two"))
	write(t, path, line("three"))
	tail, err := NewTail(path, TailOptions{Old: true})
	must(t, err)
	defer tail.Close()
	if diff := cmp.Diff([]string{"one", "two", "three"}, all(t, tail)); diff != "" {
		t.Error(diff)
	}
}

// TestWake waits for the library's word that a line was written. A line that
// comes after the library found the end of the file and before it asked the
// kernel for news of it gets no word before the next line does, which is why
// follow looks four times a second all the same, and the test writes again.
func TestWake(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, line("one"))
	tail, err := NewTail(path, TailOptions{})
	must(t, err)
	defer tail.Close()
	all(t, tail)
	for range 3 {
		woken := false
		for try := 0; !woken; try++ {
			if try == 100 {
				t.Fatal("no word of any of 100 lines")
			}
			write(t, path, line("more"))
			select {
			case <-tail.Wake():
				woken = true
			case <-time.After(100 * time.Millisecond):
			}
		}
		all(t, tail)
	}
}

// asNobody runs the test again as a user whom permissions bind.
func asNobody(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	tmp := filepath.Join(dir, "tmp")
	b, err := os.ReadFile(os.Args[0])
	must(t, err, os.WriteFile(filepath.Join(dir, "test"), b, 0o755), os.Mkdir(tmp, 0o777), os.Chmod(tmp, 0o777),
		os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o755))
	cmd := exec.Command(filepath.Join(dir, "test"), "-test.run=^"+t.Name()+"$")
	cmd.Dir = tmp
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Skip("cannot become another user")
	}
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestPermission takes the permission to read away, of the file and of its
// folder, which ends a process that lets the library stat the path.
func TestPermission(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		asNobody(t)
		return
	}
	dir := t.TempDir()
	logs := filepath.Join(dir, "logs")
	path := filepath.Join(logs, "log")
	must(t, os.Mkdir(logs, 0o755))
	write(t, path, line("one"))
	tail, err := NewTail(path, TailOptions{})
	must(t, err)
	defer tail.Close()
	got := all(t, tail)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	must(t, err, os.Chmod(path, 0), os.Chmod(logs, 0))
	defer f.Close()
	t.Cleanup(func() { _ = os.Chmod(logs, 0o755) })
	for i := range 3 {
		_, err := f.WriteString(line(fmt.Sprint("more", i)))
		must(t, err)
		select { // the library may have given up
		case <-tail.Wake():
		case <-time.After(100 * time.Millisecond):
		}
		lines, _, err := tail.Read()
		if err != nil && !errors.Is(err, syscall.EACCES) {
			t.Fatal(err)
		}
		for _, l := range lines {
			got = append(got, strings.TrimRight(string(l.Text), "."))
		}
		time.Sleep(20 * time.Millisecond)
	}
	must(t, os.Chmod(logs, 0o755), os.Chmod(path, 0o644))
	got = append(got, all(t, tail)...)
	if diff := cmp.Diff([]string{"one", "more0", "more1", "more2"}, got); diff != "" {
		t.Error(diff)
	}
}
