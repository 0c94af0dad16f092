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
	"testing"

	"auditreplay/pkg/ingest"

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
