package journal

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"auditreplay/pkg/ingest"

	"github.com/google/go-cmp/cmp"
)

// journalFiles gives the .journal files of a recorded host by name.
func journalFiles(tb testing.TB, host string) map[string][]byte {
	tb.Helper()
	files := make(map[string][]byte)
	r := tar.NewReader(bytes.NewReader(hostFile(tb, host, "journal.tar.xz")))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			tb.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		b, err := io.ReadAll(r)
		if err != nil {
			tb.Fatal(err)
		}
		files[filepath.Base(h.Name)] = b
	}
}

func newBinary(b []byte) *Binary {
	return NewBinary(bytes.NewReader(b), int64(len(b)), &ingest.Source{Name: "x", Offsets: true})
}

// The binary files, merged, and the export of the whole journal give the same
// entries in the same order.
func TestBinaryHosts(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"bookworm-A", "trixie-A"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			var readers []Reader
			files := journalFiles(t, host)
			for _, name := range slices.Sorted(maps.Keys(files)) {
				readers = append(readers, newBinary(files[name]))
			}
			got := all(t, Merge(readers...))
			want := all(t, NewExport(bytes.NewReader(hostFile(t, host, "host.export.gz")), source("x")))
			same(t, want, got)
		})
	}
}

// fieldsOf gives all fields of all entries of a file, as NAME=value lines in
// order, journald's address fields included.
func fieldsOf(t *testing.T, b *Binary) []string {
	var list []string
	for {
		e, err := b.Next()
		if err == io.EOF {
			return list
		}
		if err != nil || e.Kind == ingest.Rejected {
			t.Fatal(e, err)
		}
		fields := []string{
			fmt.Sprintf("__SEQNUM=%d", b.Seq().Num), "__SEQNUM_ID=" + b.Seq().ID, "_BOOT_ID=" + e.Message.Boot,
			fmt.Sprintf("__REALTIME_TIMESTAMP=%d", e.Message.Received.UnixMicro()), fmt.Sprintf("__MONOTONIC_TIMESTAMP=%d", e.Message.Mono),
		}
		for _, at := range b.items {
			p, cut, ok := b.payload(at)
			if !ok || cut {
				t.Fatalf("%d: payload %v, cut %v", at, ok, cut)
			}
			fields = append(fields, string(p))
		}
		list = append(list, canonical(fields))
	}
}

func canonical(fields []string) string {
	slices.Sort(fields)
	return strings.Join(slices.Compact(fields), "\n")
}

// exportFields does the same with an export; the cursor has the address.
func exportFields(t *testing.T, b []byte) []string {
	var list, fields []string
	for len(b) > 0 {
		if b[0] == '\n' {
			list, fields, b = append(list, canonical(fields)), nil, b[1:]
			continue
		}
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		name, _, ok := bytes.Cut(line, []byte("="))
		field := string(line)
		if !ok {
			n := binary.LittleEndian.Uint64(rest)
			field = string(name) + "=" + string(rest[8:8+n])
			rest = rest[9+n:]
		}
		b = rest
		if string(name) == "__CURSOR" {
			c := parseCursor(line[9:])
			fields = append(fields, fmt.Sprintf("__SEQNUM=%d", c.seq), "__SEQNUM_ID="+string(c.seqID))
			continue
		}
		fields = append(fields, field)
	}
	return list
}

// journalctl gives the same entries with the same fields.
func TestBinaryAsJournalctl(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("journalctl")
	if err != nil {
		t.Skip("no journalctl here")
	}
	for _, host := range []string{"bookworm-A", "trixie-A"} {
		for name, data := range journalFiles(t, host) {
			t.Run(host+"/"+name, func(t *testing.T) {
				t.Parallel()
				path := filepath.Join(t.TempDir(), name)
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
				out, err := exec.Command(tool, "--file", path, "-o", "export", "--no-pager").Output()
				if err != nil {
					t.Fatal(err)
				}
				want, got := exportFields(t, out), fieldsOf(t, newBinary(data))
				if len(want) == 0 {
					t.Fatal("journalctl shows nothing")
				}
				for i := range min(len(want), len(got)) {
					if want[i] != got[i] {
						t.Fatalf("entry %d: %s", i, cmp.Diff(want[i], got[i]))
					}
				}
				if len(want) != len(got) {
					t.Errorf("%d entries, want %d", len(got), len(want))
				}
			})
		}
	}
}

// What journalctl itself prints of a file, in every form, gives the
// same entries as the file.
func TestFormsAsJournalctl(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("journalctl")
	if err != nil {
		t.Skip("no journalctl here")
	}
	dir := t.TempDir()
	var readers []Reader
	for name, data := range journalFiles(t, "trixie-A") {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
		readers = append(readers, newBinary(data))
	}
	want := all(t, Merge(readers...))
	for form, kind := range map[string]ingest.Kind{
		"export": ingest.JournalExport, "json": ingest.JournalJSON, "json-pretty": ingest.JournalJSON,
		"json-seq": ingest.JournalJSON, "json-sse": ingest.JournalJSON, "verbose": ingest.JournalText,
	} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			out, err := exec.Command(tool, "-D", dir, "-o", form, "--no-pager", "--all", "-q").Output()
			if err != nil {
				t.Fatal(err)
			}
			if got := Detect(out[:min(len(out), 64<<10)]); got != kind {
				t.Errorf("detected as %d", got)
			}
			var r Reader
			switch kind {
			case ingest.JournalExport:
				r = NewExport(bytes.NewReader(out), source("x"))
			case ingest.JournalJSON:
				r = NewJSON(bytes.NewReader(out), source("x"))
			default:
				r = NewText(bytes.NewReader(out), source("x"))
			}
			same(t, want, all(t, r))
		})
	}
}

// go test -run '^$' -bench Binary ./pkg/ingest/journal
func BenchmarkBinary(b *testing.B) {
	data := journalFiles(b, "bookworm-A")["system.journal"]
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		drain(b, newBinary(data))
	}
}
