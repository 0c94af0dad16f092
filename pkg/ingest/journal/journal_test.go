package journal

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auditreplay/pkg/ingest"

	"github.com/google/go-cmp/cmp"
	"github.com/ulikunitz/xz"
)

// hostFile gives the decompressed bytes of a file of a recorded host.
func hostFile(tb testing.TB, host, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "testdata", "host", host, name))
	if err != nil {
		tb.Fatal(err)
	}
	return decompress(tb, name, b)
}

func decompress(tb testing.TB, name string, b []byte) []byte {
	tb.Helper()
	var r io.Reader
	var err error
	if strings.HasSuffix(name, ".xz") {
		r, err = xz.NewReader(bytes.NewReader(b))
	} else {
		r, err = gzip.NewReader(bytes.NewReader(b))
	}
	if err != nil {
		tb.Fatal(err)
	}
	b, err = io.ReadAll(r)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// all reads to the end and copies every entry.
func all(tb testing.TB, r Reader) []ingest.Entry {
	tb.Helper()
	var entries []ingest.Entry
	for {
		e, err := r.Next()
		if err == io.EOF {
			return entries
		}
		if err != nil {
			tb.Fatal(err)
		}
		c := *e
		c.Audit, c.Raw = bytes.Clone(e.Audit), bytes.Clone(e.Raw)
		c.Pos.Source = nil
		entries = append(entries, c)
	}
}

func kinds(entries []ingest.Entry) map[string]int {
	n := make(map[string]int)
	for i := range entries {
		e := &entries[i]
		switch e.Kind {
		case ingest.MessageEntry:
			n["message "+e.Message.Ident]++
		case ingest.AuditEntry:
			n["audit"]++
		case ingest.Irrelevant:
			n["irrelevant "+e.What]++
		case ingest.Rejected:
			n["rejected "+e.What]++
		case ingest.Marker:
			n["marker "+e.What]++
		}
	}
	return n
}

func source(name string) *ingest.Source { return &ingest.Source{Name: name} }

// drain reads to the end.
func drain(tb testing.TB, r Reader) {
	for {
		if _, err := r.Next(); err == io.EOF {
			return
		} else if err != nil {
			tb.Fatal(err)
		}
	}
}

// same compares entries, but for their positions. It does by hand what cmp
// would take seconds for, and leaves it the first difference.
func same(t *testing.T, want, got []ingest.Entry) {
	t.Helper()
	for i := range min(len(want), len(got)) {
		w, g := want[i], got[i]
		w.Pos, g.Pos = ingest.Pos{}, ingest.Pos{}
		if w.Kind == g.Kind && w.What == g.What && w.NULs == g.NULs && w.Message == g.Message && bytes.Equal(w.Audit, g.Audit) && bytes.Equal(w.Raw, g.Raw) {
			continue
		}
		t.Fatalf("entry %d: %s", i, cmp.Diff(w, g))
	}
	if len(want) != len(got) {
		t.Fatalf("%d entries, want %d", len(got), len(want))
	}
}
