package ingest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"auditreplay/pkg/ingest"

	"github.com/google/go-cmp/cmp"
)

func ExampleDiscover() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	os.WriteFile(filepath.Join(dir, "audit.log"), []byte("type=LOGIN msg=audit(1.000:1): pid=1\n"), 0o600)
	os.WriteFile(filepath.Join(dir, "notes.md"), []byte("# notes\n"), 0o600)

	in, err := ingest.Discover([]string{dir}, ingest.Options{})
	if err != nil {
		panic(err)
	}
	defer in.Close()
	for _, s := range in.Sources {
		r, err := s.OpenRaw()
		if err != nil {
			panic(err)
		}
		text, _ := io.ReadAll(r)
		r.Close()
		fmt.Printf("%s: %s", s.Name, text)
	}
	for _, s := range in.Skipped {
		fmt.Println(filepath.Base(s.Path), s.Why)
	}
	// Output:
	// audit.log: type=LOGIN msg=audit(1.000:1): pid=1
	// notes.md no known kind (.md)
}

func TestDirectory(t *testing.T) {
	t.Parallel()
	text := auditLog(10)
	top := t.TempDir()
	dir := filepath.Join(top, "case")
	write(t, filepath.Join(top, "outside.log"), text)
	write(t, filepath.Join(dir, "b/audit.log"), text)
	write(t, filepath.Join(dir, ".hidden/audit.log.1"), text)
	write(t, filepath.Join(dir, "a.log"), text)
	write(t, filepath.Join(dir, "empty.log"), nil)
	write(t, filepath.Join(dir, "notes.txt"), []byte("hello\n"))
	write(t, filepath.Join(dir, "core"), []byte("\x7fELF\x00\x01"))
	write(t, filepath.Join(dir, "manual"), []byte("An example\nis this:\n\n  type=LOGIN msg=audit(1.000:1): pid=1\n"))
	for link, target := range map[string]string{
		"inside": "a.log", "escape": "../outside.log", "absolute": "/etc/passwd", "loop": ".", "dangling": "nowhere",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	in := discover(t, ingest.Options{}, dir, filepath.Join(dir, "a.log"), dir+"/", filepath.Join(dir, "x/../a.log"))
	want := []string{".hidden/audit.log.1", "a.log", "b/audit.log"}
	got := paths(in, dir)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wantSkipped := map[string]string{
		"empty.log": "empty", "notes.txt": "no known kind (.txt)", "core": "no known kind (binary)", "manual": "no known kind (text)",
		"inside": "symbolic link", "loop": "symbolic link", "dangling": "dangling symbolic link",
		"escape": "symbolic link out of the directory", "absolute": "symbolic link out of the directory",
		"pipe": "pipe, socket or device", "a.log": "named twice", dir: "named twice",
	}
	if diff := cmp.Diff(wantSkipped, skipped(in, dir)); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
	for _, s := range in.Sources {
		if s.Root != dir {
			t.Errorf("%s: root %q", s.Path, s.Root)
		}
	}
}

func TestNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := auditLog(10)
	write(t, filepath.Join(dir, "notes"), []byte("hello\n"))
	write(t, filepath.Join(dir, "empty"), nil)
	write(t, filepath.Join(dir, "hole"), append(make([]byte, 200<<10), text...))
	write(t, filepath.Join(dir, "dmesg"), append([]byte("[    1.0] Linux\n[    1.1] x\n[    1.2] y\n"), "[   12.8] audit: type=1006 audit(1670583961.051:202): pid=1\n"...))
	write(t, filepath.Join(dir, "interpreted"), []byte("----\ntype=LOGIN msg=audit(06/29/2024 09:51:56.042:202) : pid=1\n"))
	write(t, filepath.Join(dir, "raw"), []byte("----\ntime->Sat Jun 29 09:51:56 2024\ntype=LOGIN msg=audit(1.000:1): pid=1\n"))
	want := map[string]ingest.Kind{
		"notes": ingest.UnknownKind, "empty": ingest.EmptyKind, "hole": ingest.AuditLog, "dmesg": ingest.AuditLog,
		"interpreted": ingest.UnusableKind, "raw": ingest.AuditLog,
	}
	for name, kind := range want {
		in := discover(t, ingest.Options{}, filepath.Join(dir, name))
		if len(in.Sources) != 1 || in.Sources[0].Kind != kind || in.Sources[0].Name != name || in.Sources[0].Root != "" {
			t.Errorf("%s: %+v", name, in.Sources)
		}
	}
	mine := func(head []byte) (ingest.Kind, string) {
		if bytes.HasPrefix(head, []byte("hello")) {
			return ingest.SyslogText, ""
		}
		return ingest.UnknownKind, ""
	}
	in := discover(t, ingest.Options{Detect: []func([]byte) (ingest.Kind, string){mine}}, filepath.Join(dir, "notes"))
	if in.Sources[0].Kind != ingest.SyslogText {
		t.Errorf("detected as %v", in.Sources[0].Kind)
	}
	missing := filepath.Join(dir, "missing")
	_, err := ingest.Discover([]string{missing}, ingest.Options{})
	if !errors.Is(err, fs.ErrNotExist) || err.Error() != missing+": no such file or directory" {
		t.Errorf("error %v", err)
	}
}

func TestPipe(t *testing.T) {
	t.Parallel()
	text := auditLog(60000) // more than a spool keeps in memory
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		if f, err := os.OpenFile(pipe, os.O_WRONLY, 0); err == nil {
			f.Write(text)
			f.Close()
		}
	}()
	stdin := packers["gzip"](t, text[:1000])
	spool := t.TempDir()
	in := discover(t, ingest.Options{Stdin: bytes.NewReader(stdin), TempDir: spool}, "-", pipe)
	for i, want := range [][]byte{text[:1000], text} {
		if got, err := readAll(t, in.Sources[i]); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, error %v", in.Sources[i].Path, len(got), err)
		}
	}
	if left, _ := os.ReadDir(spool); len(left) > 0 {
		t.Errorf("left in the temporary directory: %v", left)
	}
	f, err := os.Open(write(t, filepath.Join(t.TempDir(), "x"), text))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in = discover(t, ingest.Options{Stdin: f, TempDir: "/nonexistent"}, "-")
	if got, err := readAll(t, in.Sources[0]); err != nil || !bytes.Equal(got, text) {
		t.Errorf("file as standard input: %d bytes, error %v", len(got), err)
	}
	if _, err := ingest.Discover([]string{"-"}, ingest.Options{}); err == nil {
		t.Error("no standard input: no error")
	}
}

// A log is read as it was when it was found.
func TestChangedMeanwhile(t *testing.T) {
	t.Parallel()
	text := auditLog(100)
	path := write(t, filepath.Join(t.TempDir(), "audit.log"), text)
	in := discover(t, ingest.Options{}, path)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.Write(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, err := readAll(t, in.Sources[0]); err != nil || !bytes.Equal(got, text) {
		t.Errorf("grown: %d bytes, error %v", len(got), err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, path, []byte("another"))
	if got, err := readAll(t, in.Sources[0]); err != nil || !bytes.Equal(got, text) {
		t.Errorf("rotated: %d bytes, error %v", len(got), err)
	}
	if err := f.Truncate(10); err != nil {
		t.Fatal(err)
	}
	f.Close()
	r, err := in.Sources[0].OpenRaw()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	var damage *ingest.Damage
	if err == nil || errors.As(err, &damage) || !strings.Contains(err.Error(), "shrank") {
		t.Errorf("truncated: %d bytes, error %v", len(got), err)
	}
}

// Beyond what is held open files are opened again, and must be the same.
func TestManyFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	line := auditLog(1)
	const n = 600
	for i := range n {
		write(t, filepath.Join(dir, fmt.Sprintf("audit.log.%03d", i)), line)
	}
	in := discover(t, ingest.Options{}, dir)
	if len(in.Sources) != n {
		t.Fatalf("%d sources", len(in.Sources))
	}
	for _, s := range in.Sources {
		if got, err := readAll(t, s); err != nil || !bytes.Equal(got, line) {
			t.Errorf("%s: %d bytes, error %v", s.Path, len(got), err)
		}
	}
	in = discover(t, ingest.Options{}, dir)
	last := in.Sources[n-1]
	os.Remove(last.Path)
	write(t, last.Path, line)
	if _, err := last.OpenRaw(); err == nil || !strings.Contains(err.Error(), "replaced") {
		t.Errorf("replaced: %v", err)
	}
}

func TestNameSources(t *testing.T) {
	t.Parallel()
	want := map[string]string{ // path -> name
		"/e/host1/var/log/audit/audit.log":      "host1/var/log/audit/audit.log",
		"/e/host2/var/log/audit/audit.log":      "host2/var/log/audit/audit.log",
		"/e/host2/var/log/audit/audit.log.1":    "audit.log.1",
		"/e/one.tar.gz!var/log/audit/audit.log": "one.tar.gz!var/log/audit/audit.log",
		"/e/a/two.tar!audit.log":                "a/two.tar!audit.log",
		"/e/b/two.tar!audit.log":                "b/two.tar!audit.log",
		"/e/b/two.tar!audit.log.2":              "two.tar!audit.log.2",
		"-":                                     "-",
		"secure":                                "secure",
		"x/secure":                              "x/secure",
		"esc\x1b[31m.log":                       `esc\x1b[31m.log`,
		"esc\\x1b[31m.log":                      `esc\x1b[31m.log#2`,
		"/e/host2/three.zip!h1.tar!var/log/audit/audit.log": "three.zip!h1.tar!var/log/audit/audit.log",
	}
	var sources []*ingest.Source
	for path := range want {
		sources = append(sources, &ingest.Source{Path: path})
	}
	var order []string
	for range 5 {
		rand.Shuffle(len(sources), func(i, j int) { sources[i], sources[j] = sources[j], sources[i] })
		ingest.NameSources(sources)
		got := make(map[string]string)
		var names []string
		for _, s := range sources {
			got[s.Path] = s.Name
			names = append(names, s.Name)
		}
		if order == nil {
			order = names
		}
		if diff := cmp.Diff(order, names); diff != "" || !slices.IsSorted(names) {
			t.Fatalf("order (-first +now):\n%s", diff)
		}
		if len(got) != len(want) {
			t.Fatal("names lost")
		}
		delete(got, "esc\x1b[31m.log")
		delete(got, "esc\\x1b[31m.log")
		for path, name := range got {
			if want[path] != name {
				t.Errorf("%s is called %s, want %s", path, name, want[path])
			}
		}
	}
}

func TestHostRoots(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	line := auditLog(1)
	write(t, filepath.Join(dir, "h1/var/log/audit/audit.log"), line)
	write(t, filepath.Join(dir, "h1/export.log"), line)
	one := discover(t, ingest.Options{}, dir)
	for _, s := range one.Sources {
		if s.Root != dir {
			t.Errorf("one host: %s has root %s", s.Path, s.Root)
		}
	}
	write(t, filepath.Join(dir, "h2/var/log/audit/audit.log"), line)
	write(t, filepath.Join(dir, "beside.log"), line)
	two := discover(t, ingest.Options{}, dir)
	for _, s := range two.Sources {
		want := dir
		if rel, _ := filepath.Rel(dir, s.Path); strings.HasPrefix(rel, "h") {
			want = filepath.Join(dir, rel[:2])
		}
		if s.Root != want {
			t.Errorf("two hosts: %s has root %s, want %s", s.Path, s.Root, want)
		}
	}
}

// FuzzDiscover: whatever the bytes, nothing panics or grows without end, each
// source gives the same bytes twice, and every other error is none.
func FuzzDiscover(f *testing.F) {
	text := auditLog(50)
	f.Add(text)
	for _, pack := range packers {
		f.Add(pack(f, text))
	}
	tarball := tarOf(f, 0, member{name: "a", body: text}, member{name: "b", body: text})
	f.Add(tarball)
	f.Add(packers["zstd"](f, tarball))
	f.Add(zipOf(f, 8, member{name: "a", body: text}))
	f.Fuzz(func(t *testing.T, b []byte) {
		opt := ingest.Options{Stdin: bytes.NewReader(b), MaxBytes: 1 << 20, MaxMembers: 50, MaxWindow: 8 << 20, Memory: 1 << 20}
		in, err := ingest.Discover([]string{"-"}, opt)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		for _, s := range in.Sources {
			readAll(t, s)
		}
	})
}
