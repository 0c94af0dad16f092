package journal

import (
	"bytes"
	"io"

	"auditreplay/pkg/ingest"
)

// Text reads `journalctl -o verbose`:
//
//	Sun 2026-11-22 23:31:37.342284 UTC [s=...;i=1;b=...;m=18aeaaa;t=660e5e0e8014c;x=...]
//	    _TRANSPORT=kernel
//	    MESSAGE=first line
//	            second line
//
// The cursor in brackets has the time of reception in UTC, whatever the zone
// that the line is printed in. Fields stand behind four blanks; a value's
// further lines behind as many as its first has in front of it, so that no
// value can pose as a field. A value that is not plain text, or has 300 bytes
// and more where --full was not in force, is lost: "MESSAGE=[17B blob data]".
type Text struct {
	in     *lines
	dec    decoder
	rec    record
	last   field // read last
	indent int   // of its further lines
	start  int   // of its value in rec.buf
	raw    []byte
}

// NewText returns a reader of the text in r. Positions name src.
func NewText(r io.Reader, src *ingest.Source) *Text {
	return &Text{in: newLines(r), dec: newDecoder(src)}
}

// Seq returns the address of the last entry in its journal.
func (x *Text) Seq() Seq { return x.dec.seq }

// Next returns the next entry, valid until the next call. The error is io.EOF
// at the end, else that of the underlying reader.
func (x *Text) Next() (*ingest.Entry, error) {
	x.in.nuls = 0
	for {
		line, err := x.in.next()
		if err != nil && x.in.nuls > 0 {
			return x.irrelevant("NUL bytes"), nil
		}
		if err != nil {
			return nil, err
		}
		switch {
		case len(bytes.TrimLeft(line, " ")) == 0:
			continue // a separator
		case bytes.HasPrefix(line, []byte("-- ")):
			return x.control(line), nil
		case !isVerboseHead(line):
			return x.stray(line), nil
		}
		x.rec.reset()
		x.rec.copy(cursor, verboseCursor(line))
		return x.fields(), nil
	}
}

// fields reads the fields of the entry whose head line was read.
func (x *Text) fields() *ingest.Entry {
	start := x.in.no
	x.last = none
	whole := x.in.ended
	for {
		line, err := x.in.next()
		if err != nil {
			break
		}
		if !bytes.HasPrefix(line, []byte("    ")) {
			whole = whole && (x.in.ended || len(bytes.Trim(line, " ")) > 0)
			x.in.back()
			break
		}
		whole = x.in.ended
		x.field(line)
	}
	nuls := x.in.nuls
	x.in.nuls = 0
	if !whole && !x.complete() {
		x.dec.start(start, nuls)
		return x.dec.reject(truncated, x.rec.val[message])
	}
	return x.dec.decode(&x.rec, start, nuls)
}

// complete reports whether an entry whose last line has no newline can be
// trusted to lack nothing that matters: the newline may have been trimmed.
func (x *Text) complete() bool {
	v := &x.rec.val
	return v[message] != nil && x.last != message && (v[pid] != nil || string(v[transport]) == "kernel" || v[auditID] != nil)
}

// field takes a field's line.
func (x *Text) field(line []byte) {
	if name, value, ok := bytes.Cut(line[4:], []byte{'='}); ok && validName(name) {
		x.last, x.indent = fieldOf(name), 4+len(name)+1
		x.start = len(x.rec.buf)
		switch {
		case isBlob(value):
			x.rec.lost(x.last)
			x.last = none
		case x.last != none:
			x.rec.copy(x.last, value)
		}
		return
	}
	if x.last == none || len(line) < x.indent {
		return
	}
	if r := &x.rec; len(r.buf)-x.start < maxValue { // the value ends the buffer: it can grow
		r.buf = append(append(r.buf, '\n'), line[x.indent:]...)
		r.put(x.last, r.buf[x.start:len(r.buf):len(r.buf)])
	} else {
		r.cut[x.last] = true
	}
}

// stray rejects lines that belong to no entry, up to the next that can begin
// one, as one unit.
func (x *Text) stray(line []byte) *ingest.Entry {
	start := x.in.no
	x.raw = append(x.raw[:0], line[:min(len(line), maxRaw)]...)
	for {
		line, err := x.in.next()
		if err != nil {
			break
		}
		if isVerboseHead(line) || bytes.HasPrefix(line, []byte("-- ")) {
			x.in.back()
			break
		}
		x.raw = appendRaw(x.raw, line)
	}
	x.dec.start(start, x.in.nuls)
	return x.dec.reject("not part of an entry", x.raw)
}

// control reads the lines that journalctl puts between entries, "-- Boot ID --"
// and "-- No entries --". What they say the entries say as well.
func (x *Text) control(line []byte) *ingest.Entry {
	e := x.irrelevant("journalctl header")
	id, ok := bytes.CutPrefix(line, []byte("-- Boot "))
	if id = ifID(bytes.TrimSuffix(id, []byte(" --"))); ok && id != nil {
		e.Kind, e.What, e.Message.Boot = ingest.Marker, "boot", x.dec.intern(id)
	}
	return e
}

func (x *Text) irrelevant(what string) *ingest.Entry {
	e := x.dec.start(x.in.no, x.in.nuls)
	x.in.nuls = 0
	e.What = what
	return e
}

// isVerboseHead reports whether a line ends in a cursor in brackets.
func isVerboseHead(line []byte) bool {
	return len(line) > 0 && line[0] >= 'A' && line[0] <= 'Z' && line[len(line)-1] == ']' && verboseCursor(line) != nil
}

// verboseCursor gives the cursor of a head line, nil where there is none.
func verboseCursor(line []byte) []byte {
	i := bytes.Index(line, []byte(" [s="))
	if i < 0 || line[len(line)-1] != ']' {
		return nil
	}
	return line[i+2 : len(line)-1]
}

// isBlob reports whether journalctl left a value out: "[17B blob data]".
func isBlob(value []byte) bool {
	return len(value) < 32 && bytes.HasPrefix(value, []byte("[")) && bytes.HasSuffix(value, []byte(" blob data]"))
}
