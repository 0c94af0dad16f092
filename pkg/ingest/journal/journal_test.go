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

	"github.com/ulikunitz/xz"
)

// hostFile gives the decompressed bytes of a file of a recorded host.
func hostFile(tb testing.TB, host, name string) []byte {
	tb.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "testdata", "host", host, name))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var r io.Reader
	if strings.HasSuffix(name, ".xz") {
		r, err = xz.NewReader(f)
	} else {
		r, err = gzip.NewReader(f)
	}
	if err != nil {
		tb.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

type reader interface {
	Next() (*ingest.Entry, error)
	Seq() Seq
}

// all reads to the end and copies every entry.
func all(tb testing.TB, r reader) []ingest.Entry {
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
