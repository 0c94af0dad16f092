package syslog

import (
	"bytes"
	"io"

	"auditreplay/pkg/ingest"
)

// maxLine is the longest line that is parsed: rsyslog's default is 8 KiB,
// journald's longest message from /dev/log some hundred.
const maxLine = 1 << 20

const maxRaw = 64 << 10 // of Entry.Raw

// What entries are called.
const (
	blankLine    = "blank line"
	continuation = "continuation line"
	nulBytes     = "NUL bytes"
	headerLine   = "journalctl header"
	otherProgram = "syslog: other programs"
	kernelText   = "syslog: kernel messages"
	noSerial     = "syslog: audit records without serial"
	boot         = "boot"
	rateLimit    = "rate limit"
	repeated     = "repeated"
	auditLost    = "audit records lost"
)

// Reader reads a log file line by line. Every line is an entry.
type Reader struct {
	in    *ingest.Lines
	src   *ingest.Source
	entry ingest.Entry
	names map[string]string // values that come again and again
	audit []byte

	boot string // of the last "-- Boot ID --" line
	last last
}

// last is the message of the last line, for "last message repeated".
type last struct {
	kind ingest.EntryKind
	host string
	from ingest.Message
	set  bool
}

// New returns a reader of the lines in r. Positions name src.
func New(r io.Reader, src *ingest.Source) *Reader {
	return &Reader{in: ingest.NewLines(r), src: src, names: make(map[string]string)}
}

// Next returns the next entry, valid until the next call. The error is io.EOF
// at the end, else that of the underlying reader.
func (r *Reader) Next() (*ingest.Entry, error) {
	line, number, nuls, err := r.in.Next()
	if err != nil {
		return nil, err
	}
	line, inner := withoutNULs(line)
	e := &r.entry
	*e = ingest.Entry{
		Pos:     ingest.Pos{Source: r.src, Line: number},
		NULs:    nuls + inner,
		Message: ingest.Message{UID: -1, Priority: -1, Boot: r.boot},
	}
	if len(line) > 0 && line[len(line)-1] == '\r' {
		line = line[:len(line)-1]
	}
	if number == 1 {
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	switch {
	case len(line) > maxLine:
		reject(e, "line is too long", line)
	case len(line) == 0 && e.NULs > 0:
		e.What = nulBytes
	case len(bytes.TrimLeft(line, " \t")) == 0:
		e.What = blankLine
	default:
		r.line(line)
		// A last line without newline may have been cut, or trimmed.
		e.Message.Truncated = e.Message.Truncated || e.Kind == ingest.MessageEntry && r.in.Unterminated()
	}
	return e, nil
}

// line makes the entry of a line that is not empty.
func (r *Reader) line(line []byte) {
	e := &r.entry
	switch {
	case bytes.HasPrefix(line, []byte("-- ")):
		r.control(line)
		return
	case isContinuation(line):
		e.What = continuation
		return
	case startsRecord(line):
		r.auditLine(line, line)
		return
	}
	m := &e.Message
	h, ok := parseHeader(line)
	if !ok {
		if text, ok := afterBrackets(line); ok || bytes.HasPrefix(line, []byte("audit: ")) {
			r.kernelLine(text)
			return
		}
		reject(e, "not a log line", line)
		return
	}
	m.Time, m.Received, m.Precision = h.time, h.time, h.precision
	m.Clock, m.ZoneName = h.clock, r.intern(h.zone)
	m.Host = r.intern(h.host)
	m.Priority = h.priority
	if n, ok := lastRepeated(h.rest); ok && h.app == nil {
		r.repeat(n)
		return
	}
	t := h.tag()
	r.program(h, t, line)
	r.last = last{kind: e.Kind, host: m.Host, from: *m, set: true}
}

// control reads the lines that journalctl puts between messages.
func (r *Reader) control(line []byte) {
	e := &r.entry
	e.Kind, e.What = ingest.Marker, boot
	body, _ := bytes.CutSuffix(line[3:], []byte(" --"))
	id, ok := bytes.CutPrefix(body, []byte("Boot "))
	switch {
	case ok && isID(id):
		r.boot = r.intern(id)
	case string(body) == "Reboot":
		r.boot = ""
	default:
		e.Kind, e.What = ingest.Irrelevant, headerLine
		return
	}
	e.Message.Boot = r.boot
}

func isID(b []byte) bool {
	if len(b) != 32 {
		return false
	}
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// repeat says the last message again.
func (r *Reader) repeat(times int) {
	e, m := &r.entry, &r.entry.Message
	if !r.last.set || r.last.host != m.Host {
		e.Kind, e.What, m.Repeat = ingest.Marker, repeated, times
		return
	}
	if r.last.kind != ingest.MessageEntry {
		e.What = otherProgram
		return
	}
	at := *m
	*m = r.last.from
	m.Time, m.Received, m.Clock, m.ZoneName, m.Precision = at.Time, at.Received, at.Clock, at.ZoneName, at.Precision
	m.Repeat = times
	e.Kind = ingest.MessageEntry
}

func reject(e *ingest.Entry, what string, line []byte) {
	e.Kind, e.What, e.Raw = ingest.Rejected, what, line[:min(len(line), maxRaw)]
}

// isContinuation reports whether journalctl indented the line to the message
// above it. The time is at least as long as "Nov 22 23:31:57 ".
func isContinuation(line []byte) bool {
	return line[0] == '\t' || len(line) >= 8 && string(line[:8]) == "        "
}

// withoutNULs takes the NUL bytes out of b, in place, and counts them.
func withoutNULs(b []byte) ([]byte, int) {
	i := bytes.IndexByte(b, 0)
	if i < 0 {
		return b, 0
	}
	out := b[:i]
	for _, c := range b[i:] {
		if c != 0 {
			out = append(out, c)
		}
	}
	return out, len(b) - len(out)
}

// maxNames bounds the memory of interned values.
const maxNames = 1 << 14

// intern gives the value as a string, the same one for the same value.
func (r *Reader) intern(value []byte) string {
	if len(value) == 0 {
		return ""
	}
	if s, ok := r.names[string(value)]; ok {
		return s
	}
	s := string(value)
	if len(s) <= 256 {
		if len(r.names) >= maxNames {
			clear(r.names)
		}
		r.names[s] = s
	}
	return s
}
