package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"auditreplay/pkg/ingest"
)

// maxField is the longest value journald writes (DATA_SIZE_MAX): a greater
// length is damage. Up to that a length is believed, or a program could hide
// entries of its own making in a large field. Memory is bounded by maxValue.
const maxField = 768 << 20

// Export reads the journal export format, as `journalctl -o export` and
// systemd-journal-remote write it (systemd's docs/JOURNAL_EXPORT_FORMATS.md).
//
// An entry is a number of fields, each ended by a newline, and ends with an
// empty line. A field is "NAME=value", or, where the value is not plain text,
// the line "NAME", a little endian 64 bit length, and that many bytes. Which of
// them it is shows in whether the name ends in "=" or a newline; values of the
// second kind may hold newlines and empty lines, so the input must not be cut
// into lines first.
//
// After damage the rest of the entry, up to the next empty line, is rejected.
type Export struct {
	in  *lines
	dec decoder
	rec record
	raw []byte
}

// NewExport returns a reader of the export in r. Positions name src.
func NewExport(r io.Reader, src *ingest.Source) *Export {
	return &Export{in: newLines(r), dec: newDecoder(src)}
}

// Seq returns the address of the last entry in its journal.
func (x *Export) Seq() Seq { return x.dec.seq }

// Next returns the next entry, valid until the next call. The error is io.EOF
// at the end, else that of the underlying reader.
func (x *Export) Next() (*ingest.Entry, error) {
	x.rec.reset()
	x.in.nuls = 0
	var start int64
	for {
		line, err := x.in.next()
		if err != nil {
			return x.end(start, err)
		}
		if len(line) == 0 && start == 0 {
			continue // a separator
		}
		if len(line) == 0 {
			return x.dec.decode(&x.rec, start, x.in.nuls), nil
		}
		if start == 0 {
			start = x.in.no
		}
		if !x.in.ended {
			return x.broken(start, truncated, line), nil
		}
		if what := x.field(line); what != "" {
			if what == notField {
				x.in.nuls -= x.in.lastNULs
			}
			return x.damaged(start, what), nil
		}
	}
}

const (
	truncated = "truncated entry"
	notField  = "not a journal field"
)

// end gives what is left when the input is: nothing, an entry whose closing
// empty line is missing, or the beginning of one.
func (x *Export) end(start int64, err error) (*ingest.Entry, error) {
	if start == 0 {
		if x.in.nuls == 0 {
			return nil, err
		}
		e := x.dec.start(x.in.no, x.in.nuls)
		e.What = "NUL bytes"
		return e, nil
	}
	if err == io.EOF && x.whole() {
		return x.dec.decode(&x.rec, start, x.in.nuls), nil
	}
	return x.broken(start, truncated, nil), nil
}

// whole reports whether an entry without its closing empty line can be trusted
// to lack nothing that matters: the line may have been trimmed.
func (x *Export) whole() bool {
	v := &x.rec.val
	if v[realtime] == nil || v[bootID] == nil || v[message] == nil {
		return false
	}
	return v[pid] != nil || string(v[transport]) == "kernel" || v[auditID] != nil && v[sourceTime] != nil
}

// field takes the field that starts with line. It returns what is wrong.
func (x *Export) field(line []byte) string {
	i := bytes.IndexByte(line, '=')
	if i < 0 {
		x.raw = append(x.raw[:0], line[:min(len(line), maxRaw)]...)
		if !validName(line) {
			return notField
		}
		return x.binary(fieldOf(line))
	}
	f := fieldOf(line[:i])
	if f == none {
		if !validName(line[:i]) {
			x.raw = append(x.raw[:0], line[:min(len(line), maxRaw)]...)
			return notField
		}
		return ""
	}
	x.rec.copy(f, line[i+1:])
	if x.in.cut {
		x.rec.cut[f] = true
	}
	return ""
}

// binary reads a value with a length in front.
func (x *Export) binary(f field) string {
	in := x.in
	head, err := in.br.Peek(8)
	if err != nil {
		in.discard(len(head))
		in.err = err
		return truncated
	}
	n := binary.LittleEndian.Uint64(head)
	if n > maxField {
		return "length of a field is out of range"
	}
	in.discard(8)
	start := len(x.rec.buf)
	for left := int(n); left > 0; {
		chunk, err := in.br.Peek(min(left, bufSize))
		if f != none && len(x.rec.buf)-start < maxValue {
			x.rec.buf = append(x.rec.buf, chunk[:min(len(chunk), maxValue-(len(x.rec.buf)-start))]...)
		}
		left -= len(chunk)
		in.no += int64(bytes.Count(chunk, []byte{'\n'}))
		in.discard(len(chunk))
		if err != nil {
			in.err = err
			return truncated
		}
	}
	if f != none {
		x.rec.val[f], x.rec.cut[f] = x.rec.buf[start:len(x.rec.buf):len(x.rec.buf)], n > maxValue
	}
	switch c, err := in.br.ReadByte(); {
	case err != nil:
		in.err = err
		return truncated
	case c != '\n':
		_ = in.br.UnreadByte() // cannot fail after ReadByte
		// What its length passed over is not looked at again: a program could
		// have put entries of its own making there.
		return fmt.Sprintf("field without end: its length passes over %d bytes", n)
	}
	in.no++
	return ""
}

// discard drops bytes that were peeked at.
func (l *lines) discard(n int) { _, _ = l.br.Discard(n) }

// damaged rejects an entry and skips the rest of it. The line where the damage
// was found stands in x.raw. NUL bytes in what is rejected are no reset's: the
// length of a binary field, which nothing tells from text any more, has them.
func (x *Export) damaged(start int64, what string) *ingest.Entry {
	nuls := x.in.nuls
	for {
		line, err := x.in.next()
		if err != nil || len(line) == 0 {
			x.in.nuls = nuls
			return x.broken(start, what, x.raw)
		}
		x.raw = appendRaw(x.raw, line)
	}
}

// appendRaw appends a further line to what is kept of rejected bytes.
func appendRaw(raw, line []byte) []byte {
	if len(raw) >= maxRaw {
		return raw
	}
	raw = append(raw, '\n')
	return append(raw, line[:min(len(line), maxRaw-len(raw))]...)
}

// broken rejects an entry. What is known of its place is kept.
func (x *Export) broken(start int64, what string, raw []byte) *ingest.Entry {
	x.dec.start(start, x.in.nuls)
	old := ingest.Message{}
	x.dec.address(&x.rec, &x.dec.entry.Message, &old)
	return x.dec.reject(what, raw)
}
