package journal

import (
	"bytes"
	"io"

	"auditreplay/pkg/ingest"
)

// JSON reads journalctl's JSON forms: json (an object a line), json-pretty (an
// object over several lines), json-seq (RFC 7464: a record separator before
// each object) and json-sse ("data: " before each, empty lines between).
//
// A value is a string; or an array of numbers, the bytes of a value that is not
// plain text; or an array of such values, where the field is repeated; or null,
// where name and value had 4096 bytes or more and --all was not given
// (logs-show.c: update_json_data, JSON_THRESHOLD).
//
// Damage costs the line it is in, in json-pretty the object.
type JSON struct {
	in   *lines
	dec  decoder
	rec  record
	rest []byte // of a line, behind its first object
	buf  []byte // an object over several lines
}

// NewJSON returns a reader of the JSON in r. Positions name src.
func NewJSON(r io.Reader, src *ingest.Source) *JSON {
	return &JSON{in: newLines(r), dec: newDecoder(src)}
}

// Seq returns the address of the last entry in its journal.
func (j *JSON) Seq() Seq { return j.dec.seq }

// Next returns the next entry, valid until the next call. The error is io.EOF
// at the end, else that of the underlying reader.
func (j *JSON) Next() (*ingest.Entry, error) {
	j.rec.reset()
	j.in.nuls = 0
	if len(j.rest) > 0 {
		return j.object(j.rest, j.in.no), nil
	}
	for {
		line, err := j.in.next()
		if err != nil && j.in.nuls > 0 {
			e := j.dec.start(j.in.no, j.in.nuls)
			e.What = "NUL bytes"
			j.in.nuls = 0
			return e, nil
		}
		if err != nil {
			return nil, err
		}
		body := trimFrame(line)
		switch {
		case len(body) == 0:
			continue // a separator
		case j.in.cut:
			j.dec.start(j.in.no, j.in.nuls)
			return j.dec.reject("line is too long", body), nil
		case len(body) == 1 && body[0] == '{':
			return j.pretty(), nil
		}
		return j.object(body, j.in.no), nil
	}
}

// trimFrame takes off what the forms put around an object.
func trimFrame(line []byte) []byte {
	line = bytes.TrimPrefix(line, []byte("data: "))
	for len(line) > 0 && (line[0] == 0x1e || isBlank(line[0])) {
		line = line[1:]
	}
	for len(line) > 0 && isBlank(line[len(line)-1]) {
		line = line[:len(line)-1]
	}
	return line
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

// object makes the entry of the object at the start of b.
func (j *JSON) object(b []byte, line int64) *ingest.Entry {
	j.rest = nil
	s := scanner{b: b}
	if !s.object(&j.rec) {
		j.dec.start(line, j.in.nuls)
		what := "damaged JSON"
		if s.i == 0 {
			what = "not a JSON object"
		} else if !j.in.ended {
			what = truncated
		}
		return j.dec.reject(what, b)
	}
	s.blanks()
	if s.i < len(b) {
		j.rest = b[s.i:]
	}
	return j.dec.decode(&j.rec, line, j.in.nuls)
}

// pretty collects the object whose first line, a lone brace, was just read.
func (j *JSON) pretty() *ingest.Entry {
	start := j.in.no
	j.buf = append(j.buf[:0], '{')
	for {
		line, err := j.in.next()
		if err != nil {
			j.dec.start(start, j.in.nuls)
			return j.dec.reject(truncated, j.buf)
		}
		body := trimFrame(line)
		if len(body) > 0 && body[0] == '{' {
			j.in.back() // a new object: this one lost its end
			j.dec.start(start, j.in.nuls)
			return j.dec.reject("damaged JSON", j.buf)
		}
		if len(j.buf)+len(body) <= maxLine && !j.in.cut {
			j.buf = append(append(j.buf, body...), ' ')
		}
		if len(line) > 0 && line[0] == '}' {
			return j.object(j.buf, start)
		}
	}
}
