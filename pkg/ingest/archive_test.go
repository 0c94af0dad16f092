package ingest_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"auditreplay/pkg/ingest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

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
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		whole := zipOf(t, method, member{name: "a.log", body: text}, member{name: "b.log", body: text}, member{name: "etc/x", body: text[:1]})
		for _, file := range [][]byte{whole[:len(whole)*3/4], packers["gzip"](t, whole)[:len(packers["gzip"](t, whole))*3/4]} {
			in := discover(t, ingest.Options{}, write(t, filepath.Join(t.TempDir(), "x.zip"), file))
			if method == zip.Store && len(in.Sources) == 0 {
				continue // written as a stream: nothing says where it ends
			}
			if len(in.Sources) != 2 || len(in.Damaged) != 1 {
				t.Fatalf("zip: %d sources, damage %v", len(in.Sources), in.Damaged)
			}
			if got, err := readAll(t, in.Sources[0]); err != nil || !bytes.Equal(got, text) {
				t.Errorf("zip: first member: %d bytes, error %v", len(got), err)
			}
			got, err := readAll(t, in.Sources[1])
			if damage := (*ingest.Damage)(nil); !errors.As(err, &damage) || !bytes.HasPrefix(text, got) || len(got) < len(text)/3 {
				t.Errorf("zip: second member: %d bytes of %d, error %v", len(got), len(text), err)
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
				t.Errorf("damage %q, want %q", got, test.want)
			}
		})
	}
	dir := t.TempDir()
	in := discover(t, ingest.Options{}, write(t, filepath.Join(dir, "deep"), deep))
	if diff := cmp.Diff(map[string]string{"deep": "nested more than 8 deep"}, skipped(in, dir)); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
}
