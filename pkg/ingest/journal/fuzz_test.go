package journal

import (
	"bytes"
	"io"
	"testing"

	"auditreplay/pkg/ingest"
)

// check reads to the end. Positions rise, rejections say why, and there are no
// more entries than the input can hold.
func check(t *testing.T, r Reader, size int, rises bool) {
	t.Helper()
	last := int64(-1)
	for n := 0; ; n++ {
		e, err := r.Next()
		if err == io.EOF {
			if _, err := r.Next(); err != io.EOF {
				t.Fatalf("after the end: %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if n > size+1 {
			t.Fatalf("%d entries of %d bytes", n, size)
		}
		if rises && (e.Pos.Line < last || e.Pos.Line > int64(size)+1) {
			t.Fatalf("position %d after %d", e.Pos.Line, last)
		}
		last = e.Pos.Line
		if (e.Kind == ingest.AuditEntry) != (e.Audit != nil) || bytes.IndexByte(e.Audit, '\n') >= 0 {
			t.Fatalf("audit: %+v", e)
		}
		if e.Kind != ingest.MessageEntry && e.Kind != ingest.AuditEntry && e.What == "" {
			t.Fatalf("nameless: %+v", e)
		}
		if len(e.Raw) > maxRaw || len(e.Message.Text) > maxValue {
			t.Fatalf("raw %d, text %d bytes", len(e.Raw), len(e.Message.Text))
		}
	}
}

func FuzzExport(f *testing.F) {
	f.Add([]byte(sshdEntry + auditEntry))
	f.Add([]byte("\x00\x00" + bytesField("MESSAGE", "a\n\nb") + sshdEntry + "MESSAGE\n\x01\x00"))
	f.Add(bytes.ReplaceAll([]byte(bytesField("MESSAGE", "a\n\nb")+sshdEntry), []byte("\n"), []byte("\r\n")))
	f.Add([]byte("x y\n\n" + sshdEntry))
	f.Fuzz(func(t *testing.T, in []byte) {
		Detect(in)
		check(t, NewExport(bytes.NewReader(in), source("x")), len(in), true)
		// Whatever stands before, a whole entry behind an empty line is read,
		// unless a field of what stands before reaches into it.
		if bytes.IndexByte(in, '=') < 0 && bytes.IndexByte(in, 0) < 0 && bytes.IndexByte(in, '\r') < 0 && !hasName(in) {
			es := all(t, NewExport(io.MultiReader(bytes.NewReader(in), bytes.NewReader([]byte("\n\n"+sshdEntry))), source("x")))
			if len(es) == 0 || es[len(es)-1].Kind != ingest.MessageEntry {
				t.Fatalf("entry lost: %+v", es)
			}
		}
	})
}

// hasName reports whether a line could be the name of a binary field.
func hasName(in []byte) bool {
	for line := range bytes.SplitSeq(in, []byte("\n")) {
		if validName(line) {
			return true
		}
	}
	return false
}

func FuzzJSON(f *testing.F) {
	const good = `{` + jsonHead + `"SYSLOG_IDENTIFIER":"sshd","MESSAGE":"m\u00e9"}`
	f.Add([]byte(good + "\n" + good))
	f.Add([]byte("\x1e" + good + "\ndata: {\"MESSAGE\":[1,2],\"A\":[null,[3],\"x\"]}\n"))
	f.Add([]byte("{\n\t\"MESSAGE\" : null\n}\n{\n{"))
	f.Fuzz(func(t *testing.T, in []byte) {
		Detect(in)
		check(t, NewJSON(bytes.NewReader(in), source("x")), len(in), true)
	})
}

func FuzzText(f *testing.F) {
	f.Add([]byte(verbose + "-- Boot x --\n" + verbose[:300]))
	f.Add([]byte("stray\n" + verbose + "\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		Detect(in)
		check(t, NewText(bytes.NewReader(in), source("x")), len(in), true)
	})
}

func FuzzBinary(f *testing.F) {
	for _, compact := range []bool{false, true} {
		b := newBuilder(compact)
		b.message("one")
		b.message("two")
		f.Add(b.bytes())
		f.Add(b.bytes()[:len(b.b)-20]) // the last object is padded to behind the end
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		check(t, newBinary(in), len(in), true)
	})
}
