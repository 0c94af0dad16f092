package ingest_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/ingest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// auditLog makes n lines that do not compress away.
func auditLog(n int) []byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "type=SYSCALL msg=audit(1679060258.%03d:%d): arch=c000003e syscall=59 a0=%x pid=%d comm=\"id\"\n",
			i%1000, i+1, rnd.Uint64(), rnd.IntN(32768))
	}
	return b.Bytes()
}

// packers compress in whole; two packed parts after each other are one file.
var packers = map[string]func(t testing.TB, b []byte) []byte{
	"gzip": func(t testing.TB, b []byte) []byte {
		return packed(t, b, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
	},
	"xz": func(t testing.TB, b []byte) []byte {
		return packed(t, b, func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) })
	},
	"zstd": func(t testing.TB, b []byte) []byte {
		return packed(t, b, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) })
	},
	"lz4": func(t testing.TB, b []byte) []byte {
		return packed(t, b, func(w io.Writer) (io.WriteCloser, error) {
			z := lz4.NewWriter(w)
			return z, z.Apply(lz4.BlockSizeOption(lz4.Block64Kb))
		})
	},
}

func packed(t testing.TB, b []byte, open func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := open(&out)
	if err == nil {
		_, err = w.Write(b)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// bzip2 of "type=LOGIN msg=audit(1.000:1): pid=1\n", made by bzip2(1).
const (
	bzip2Text   = "type=LOGIN msg=audit(1.000:1): pid=1\n"
	bzip2Base64 = "QlpoOTFBWSZTWauqT6IAABFdgAAQQGFgEgClpqJOICAAIoAZAaBkKAAaBkyI1n5ypgoYAL8losBkm7Pxsp1GJI0P4u5IpwoSFXVJ9EA="
)

type member struct {
	name string
	body []byte
	kind byte // tar type flag; 0 is a file
}

func tarOf(t testing.TB, format tar.Format, members ...member) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Size: int64(len(m.body)), Mode: 0o600, Format: format, Typeflag: tar.TypeReg}
		if m.kind != 0 {
			h.Typeflag, h.Linkname = m.kind, "/etc/shadow"
		}
		err := w.WriteHeader(h)
		if err == nil {
			_, err = w.Write(m.body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zipOf(t testing.TB, method uint16, members ...member) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, m := range members {
		f, err := w.CreateHeader(&zip.FileHeader{Name: m.name, Method: method})
		if err == nil {
			_, err = f.Write(m.body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func write(t testing.TB, path string, b []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func discover(t testing.TB, opt ingest.Options, paths ...string) *ingest.Inputs {
	t.Helper()
	in, err := ingest.Discover(paths, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	})
	return in
}

// readAll reads a source three times: twice as a stream, then by ReaderAt.
func readAll(t testing.TB, s *ingest.Source) ([]byte, error) {
	t.Helper()
	var first []byte
	var firstErr error
	for i := range 2 {
		r, err := s.OpenRaw()
		if err != nil {
			t.Fatalf("%s: %v", s.Path, err)
		}
		b, err := io.ReadAll(r)
		r.Close()
		if i > 0 && (!bytes.Equal(b, first) || (err == nil) != (firstErr == nil)) {
			t.Fatalf("%s: opened again it differs: %d and %d bytes, errors %v and %v", s.Path, len(first), len(b), firstErr, err)
		}
		first, firstErr = b, err
	}
	at, size, err := s.ReaderAt()
	if at == nil {
		t.Fatalf("%s: %v", s.Path, err)
	}
	b, atErr := io.ReadAll(io.NewSectionReader(at, 0, size))
	if atErr != nil || !bytes.Equal(b, first) || (err == nil) != (firstErr == nil) {
		t.Fatalf("%s: ReaderAt differs: %d and %d bytes, errors %v, %v", s.Path, len(first), len(b), err, atErr)
	}
	return first, firstErr
}

func TestCompressions(t *testing.T) {
	t.Parallel()
	text := auditLog(1000)
	half := len(text) / 2
	for name, pack := range packers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string][]byte{
				"one":    pack(t, text),
				"two":    append(pack(t, text[:half]), pack(t, text[half:])...),
				"nested": pack(t, packers["gzip"](t, text)),
			}
			if name == "gzip" || name == "xz" {
				files["padded"] = append(pack(t, text), make([]byte, 1024)...)
			}
			for which, file := range files {
				path := write(t, filepath.Join(t.TempDir(), "audit.log"), file)
				in := discover(t, ingest.Options{}, path)
				if len(in.Sources) != 1 || in.Sources[0].Kind != ingest.AuditLog || in.Sources[0].Size != int64(len(file)) {
					t.Fatalf("%s: sources %+v", which, in.Sources)
				}
				if got, err := readAll(t, in.Sources[0]); err != nil || !bytes.Equal(got, text) {
					t.Errorf("%s: %d bytes, error %v", which, len(got), err)
				}
			}
			in := discover(t, ingest.Options{}, write(t, filepath.Join(t.TempDir(), "e"), pack(t, nil)))
			if len(in.Sources) != 1 || in.Sources[0].Kind != ingest.EmptyKind {
				t.Errorf("of nothing: %+v", in.Sources)
			}
		})
	}
}

func TestBzip2(t *testing.T) {
	t.Parallel()
	b, err := base64.StdEncoding.DecodeString(bzip2Base64)
	if err != nil {
		t.Fatal(err)
	}
	in := discover(t, ingest.Options{}, write(t, filepath.Join(t.TempDir(), "x"), append(b, b...)))
	if got, err := readAll(t, in.Sources[0]); err != nil || string(got) != bzip2Text+bzip2Text {
		t.Errorf("%q, error %v", got, err)
	}
}

// Of a stream that is cut anywhere everything before the cut is read (whole
// blocks, where the format has blocks), then the error is Damage.
func TestTruncated(t *testing.T) {
	t.Parallel()
	text := auditLog(8000)
	for name, pack := range packers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := pack(t, text)
			for i := 1; i <= 4; i++ {
				cut := len(file) * i / 4
				cut -= 1 + i%3
				path := write(t, filepath.Join(t.TempDir(), "x"), file[:cut])
				in := discover(t, ingest.Options{}, path)
				if name == "xz" && i == 1 && len(in.Sources) == 0 && len(in.Damaged) == 1 {
					continue // cut in the first block
				}
				if len(in.Sources) != 1 {
					t.Fatalf("cut at %d: sources %v", cut, in.Sources)
				}
				got, err := readAll(t, in.Sources[0])
				var damage *ingest.Damage
				if !errors.As(err, &damage) || damage.Offset != int64(len(got)) || damage.Path != path {
					t.Fatalf("cut at %d: error %v after %d bytes", cut, err, len(got))
				}
				if !bytes.HasPrefix(text, got) {
					t.Errorf("cut at %d: what was read before the damage is not what was written", cut)
				}
				// A block of xz's LZMA2 holds up to 2 MiB of text, of zstd 128 KiB, of this lz4 64 KiB.
				slack := map[string]int{"gzip": 4 << 10, "xz": 2 << 20, "zstd": 256 << 10, "lz4": 64 << 10}[name]
				if want := len(text) * i / 4; len(got) < want-slack-len(text)/20 {
					t.Errorf("cut at %d of %d: %d bytes of %d read", cut, len(file), len(got), len(text))
				}
				if len(in.Damaged) != 0 {
					t.Errorf("cut at %d: counted twice: %v", cut, in.Damaged)
				}
			}
		})
	}
}

func TestTrailingGarbage(t *testing.T) {
	t.Parallel()
	text := auditLog(100)
	for name, pack := range packers {
		file := append(pack(t, text), "\nnot compressed\n"...)
		in := discover(t, ingest.Options{}, write(t, filepath.Join(t.TempDir(), "x"), file))
		got, err := readAll(t, in.Sources[0])
		if damage := (*ingest.Damage)(nil); !errors.As(err, &damage) || !bytes.Equal(got, text) {
			t.Errorf("%s: %d bytes of %d, error %v", name, len(got), len(text), err)
		}
	}
}

func paths(in *ingest.Inputs, dir string) []string {
	var out []string
	for _, s := range in.Sources {
		out = append(out, strings.TrimPrefix(s.Path, dir+"/"))
	}
	return out
}

func skipped(in *ingest.Inputs, dir string) map[string]string {
	out := make(map[string]string)
	for _, s := range in.Skipped {
		out[strings.TrimPrefix(s.Path, dir+"/")] = s.Why
	}
	return out
}

func TestArchives(t *testing.T) {
	t.Parallel()
	text := auditLog(500)
	gz := packers["gzip"](t, text)
	members := []member{
		{name: "var/log/audit/audit.log", body: text},
		{name: "var/log/audit/audit.log.1.gz", body: gz},
		{name: strings.Repeat("long/", 40) + "audit.log", body: text[:200]},
		{name: "etc/passwd", body: []byte("root:x:0:0::/root:/bin/sh\n")},
		{name: "empty"},
		{name: "inner.tar", body: tarOf(t, tar.FormatGNU, member{name: "a.log", body: text})},
		{name: "inner.zip", body: zipOf(t, zip.Deflate, member{name: "z.log", body: gz})},
	}
	archives := map[string][]byte{
		"pax.tar":     tarOf(t, tar.FormatPAX, members...),
		"gnu.tar":     tarOf(t, tar.FormatGNU, members...),
		"deflate.zip": zipOf(t, zip.Deflate, members...),
		"store.zip":   zipOf(t, zip.Store, members...),
	}
	for name, pack := range packers {
		archives["pax.tar."+name] = pack(t, archives["pax.tar"])
		archives["zip."+name] = pack(t, archives["deflate.zip"])
	}
	archives["zstd.zip"] = zstdZip(t, members...)
	for name, file := range archives {
		for _, memory := range []int64{0, -1, 10 << 10} {
			t.Run(fmt.Sprintf("%s memory %d", name, memory), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				path := write(t, filepath.Join(dir, "bundle"), file)
				in := discover(t, ingest.Options{Memory: memory}, path)
				want := []string{
					"bundle!inner.tar!a.log",
					"bundle!inner.zip!z.log",
					"bundle!" + strings.Repeat("long/", 40) + "audit.log",
					"bundle!var/log/audit/audit.log",
					"bundle!var/log/audit/audit.log.1.gz",
				}
				if diff := cmp.Diff(want, paths(in, dir)); diff != "" {
					t.Fatalf("(-want +got):\n%s", diff)
				}
				for i, s := range in.Sources {
					want := text
					if i == 2 {
						want = text[:200]
					}
					got, err := readAll(t, s)
					if err != nil || !bytes.Equal(got, want) || s.Root != path || s.Name != s.Path[len(dir)+1:] {
						t.Errorf("%s: %d bytes, error %v, root %q, name %q", s.Path, len(got), err, s.Root, s.Name)
					}
				}
				skip := map[string]string{"bundle!etc/passwd": "no known kind (text)", "bundle!empty": "empty"}
				if diff := cmp.Diff(skip, skipped(in, dir)); diff != "" {
					t.Errorf("skipped (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func zstdZip(t testing.TB, members ...member) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	w.RegisterCompressor(zstd.ZipMethodWinZip, zstd.ZipCompressor())
	for _, m := range members {
		f, err := w.CreateHeader(&zip.FileHeader{Name: m.name, Method: zstd.ZipMethodWinZip})
		if err == nil {
			_, err = f.Write(m.body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestHostileArchive(t *testing.T) {
	t.Parallel()
	text := auditLog(10)
	members := []member{
		{name: "../../../tmp/escape.log", body: text},
		{name: "/abs.log", body: text},
		{name: "esc\x1b[31m\u202e.log", body: text},
		{name: "twice.log", body: text},
		{name: "twice.log", body: text},
		{name: "link", kind: tar.TypeSymlink},
		{name: "hard", kind: tar.TypeLink},
		{name: "fifo", kind: tar.TypeFifo},
		{name: "dir/", kind: tar.TypeDir},
	}
	dir := t.TempDir()
	in := discover(t, ingest.Options{}, write(t, filepath.Join(dir, "b"), tarOf(t, tar.FormatPAX, members...)))
	want := []string{`b!abs.log`, `b!esc\x1b[31m\u202e.log`, "b!tmp/escape.log", "b!twice.log", "b!twice.log#2"}
	if diff := cmp.Diff(want, paths(in, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	skip := map[string]string{"b!link": "link in an archive", "b!hard": "link in an archive", "b!fifo": "special file in an archive"}
	if diff := cmp.Diff(skip, skipped(in, dir)); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
}

// A truncated archive gives the members before the cut and the start of the
// one that was cut; who reads that one meets the damage.
func TestTruncatedArchive(t *testing.T) {
	t.Parallel()
	text := auditLog(2000)
	whole := tarOf(t, tar.FormatPAX, member{name: "a.log", body: text}, member{name: "b.log", body: text}, member{name: "etc/x", body: text[:1]})
	cut := whole[:len(whole)*3/4-2000]
	gz := packers["gzip"](t, whole)
	for name, file := range map[string][]byte{
		"plain":   cut,
		"gzip":    gz[:len(gz)*3/4],
		"gz full": packers["gzip"](t, cut),
	} {
		for _, memory := range []int64{0, -1} {
			in := discover(t, ingest.Options{Memory: memory}, write(t, filepath.Join(t.TempDir(), "x.tar"), file))
			if len(in.Sources) != 2 || len(in.Damaged) != 0 {
				t.Fatalf("%s: %d sources, damage %v", name, len(in.Sources), in.Damaged)
			}
			if got, err := readAll(t, in.Sources[0]); err != nil || !bytes.Equal(got, text) {
				t.Errorf("%s: first member: %d bytes, error %v", name, len(got), err)
			}
			got, err := readAll(t, in.Sources[1])
			if damage := (*ingest.Damage)(nil); !errors.As(err, &damage) || !bytes.HasPrefix(text, got) || len(got) < len(text)/3 {
				t.Errorf("%s: second member: %d bytes of %d, error %v", name, len(got), len(text), err)
			}
		}
	}
	// Damage that no source meets is the archive's.
	gz[len(gz)-6]++ // checksum
	in := discover(t, ingest.Options{}, write(t, filepath.Join(t.TempDir(), "x.tar"), gz))
	if len(in.Sources) != 2 || len(in.Damaged) != 1 {
		t.Errorf("checksum: %d sources, damage %v", len(in.Sources), in.Damaged)
	}
}

// zipBomb has 100 members that say to be of 1 GiB each.
func zipBomb(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i := range 100 {
		h := &zip.FileHeader{Name: fmt.Sprint(i), Method: zip.Deflate, UncompressedSize64: 1 << 30}
		if _, err := w.CreateRaw(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestBombs(t *testing.T) {
	t.Parallel()
	line := []byte("type=LOGIN msg=audit(1.000:1): pid=1\n")
	big := append(bytes.Clone(line), bytes.Repeat([]byte{' '}, 66<<20)...)
	deep := auditLog(10)
	for range 12 {
		deep = packers["gzip"](t, deep)
	}
	var many []member
	for i := range 50 {
		many = append(many, member{name: fmt.Sprint(i), body: line})
	}
	for _, test := range []struct {
		name string
		file []byte
		opt  ingest.Options
		want string
	}{
		{"ratio", packers["zstd"](t, big), ingest.Options{}, "decompression bomb (more than 1100:1)"},
		{"bytes", packers["gzip"](t, auditLog(5000)), ingest.Options{MaxBytes: 200_000}, "decompression bomb (more than 200000 bytes)"},
		{"window", packers["xz"](t, auditLog(5000)), ingest.Options{MaxWindow: 1 << 20}, "needs a dictionary of 8388608 bytes"},
		{"zstd window", packers["zstd"](t, big), ingest.Options{MaxWindow: 1 << 20}, "window"},
		{"members", tarOf(t, tar.FormatGNU, many...), ingest.Options{MaxMembers: 20}, "archive bomb (more than 20 members)"},
		{"zip members", zipOf(t, zip.Deflate, many...), ingest.Options{MaxMembers: 20}, "archive bomb (more than 20 members)"},
		{"zip ratio", zipBomb(t), ingest.Options{}, "more than 1100:1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			in := discover(t, test.opt, write(t, filepath.Join(t.TempDir(), "x"), test.file))
			var damage []string
			for _, d := range in.Damaged {
				damage = append(damage, d.Error())
			}
			for _, s := range in.Sources {
				r, err := s.OpenRaw()
				if err != nil {
					t.Fatal(err)
				}
				_, err = io.Copy(io.Discard, r)
				if r.Close(); err != nil {
					damage = append(damage, err.Error())
				}
			}
			if got := strings.Join(damage, "\n"); !strings.Contains(got, test.want) {
				t.Errorf("damage %q, want %q (%v)", got, test.want, time.Since(start))
			}
		})
	}
	dir := t.TempDir()
	in := discover(t, ingest.Options{}, write(t, filepath.Join(dir, "deep"), deep))
	if diff := cmp.Diff(map[string]string{"deep": "nested more than 8 deep"}, skipped(in, dir)); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
}
