package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"auditreplay/pkg/safe"
)

// A field is one named value of a row that goes to JSON or CSV. Its value is
// a string, bool, int, *int, *float64, time.Time, []string or argv; an empty
// one is unknown, and left out of JSON. An int is always known.
type field struct {
	key   string
	value any
}

// argv is a list of strings whose borders matter: CSV shows it as JSON.
type argv []string

func (f field) known() bool {
	switch v := f.value.(type) {
	case string:
		return v != ""
	case bool:
		return v
	case *int:
		return v != nil
	case *float64:
		return v != nil
	case time.Time:
		return !v.IsZero()
	case []string:
		return len(v) > 0
	case argv:
		return len(v) > 0
	}
	return f.value != nil
}

// cell is the field's text in CSV, not yet safe.
func (f field) cell() string {
	if !f.known() {
		return ""
	}
	switch v := f.value.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case *int:
		return strconv.Itoa(*v)
	case *float64:
		return strconv.FormatFloat(*v, 'f', -1, 64)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case []string:
		return strings.Join(v, " ")
	}
	b, _ := plainJSON(f.value) // argv: cannot fail
	return string(b)
}

// plainJSON is json.Marshal without the escaping that only HTML needs. Bytes
// that are not UTF-8 become U+FFFD itself, as they are in a saved output, so
// that both say the same.
func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return plainReplacement(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), err
}

// plainReplacement writes out the escape for U+FFFD, which package json puts
// for bytes that are none of UTF-8.
func plainReplacement(b []byte) []byte {
	const escape = `\ufffd`
	if !bytes.Contains(b, []byte(escape)) {
		return b
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] != '\\':
			out = append(out, b[i])
		case bytes.HasPrefix(b[i:], []byte(escape)):
			out = append(out, "\ufffd"...)
			i += len(escape) - 1
		default: // another escape: its second byte begins none
			out = append(out, b[i], b[i+1])
			i++
		}
	}
	return out
}

// writeJSON writes one object on one line, its keys in the order of fields.
func writeJSON(w io.Writer, fields []field) error {
	b := []byte{'{'}
	for _, f := range fields {
		if !f.known() {
			continue
		}
		if t, ok := f.value.(time.Time); ok {
			f.value = t.UTC()
		}
		v, err := plainJSON(f.value)
		if err != nil {
			return err
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = strconv.AppendQuote(b, f.key)
		b = append(append(b, ':'), v...)
	}
	_, err := w.Write(append(b, "}\n"...))
	return err
}

// csvWriter writes rows of fields, and their keys before the first.
type csvWriter struct {
	w      *csv.Writer
	headed bool
}

func newCSV(w io.Writer) *csvWriter {
	c := csv.NewWriter(w)
	c.UseCRLF = true // RFC 4180, 2.1
	return &csvWriter{w: c}
}

// header writes the keys of fields, once.
func (c *csvWriter) header(fields []field) error {
	if c.headed {
		return nil
	}
	c.headed = true
	row := make([]string, len(fields))
	for i, f := range fields {
		row[i] = f.key
	}
	c.w.Write(row)
	c.w.Flush()
	return c.w.Error()
}

func (c *csvWriter) write(fields []field) error {
	if err := c.header(fields); err != nil {
		return err
	}
	row := make([]string, len(fields))
	for i, f := range fields {
		row[i] = safe.CSVCell(f.cell())
	}
	c.w.Write(row)
	c.w.Flush()
	return c.w.Error()
}
