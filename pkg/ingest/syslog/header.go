package syslog

import (
	"bytes"
	"time"

	"auditreplay/pkg/ingest"
)

// header is a line up to its tag.
type header struct {
	time      time.Time
	clock     ingest.Clock
	zone      []byte
	precision time.Duration
	priority  int // severity, -1 unknown
	host      []byte
	rest      []byte // tag and text; of RFC 5424 the text
	byUnit    bool   // of a form where the tag may be a unit (-o with-unit)

	// Of RFC 5424, which has fields for them.
	app, proc []byte
}

// parseHeader reads the header of any of the forms.
func parseHeader(line []byte) (header, bool) {
	h := header{priority: -1}
	line, pri := cutPriority(line)
	if pri >= 0 {
		h.priority = pri & 7
		if body, ok := bytes.CutPrefix(line, []byte("1 ")); ok {
			return h, h.rfc5424(body)
		}
	}
	rest, ok := h.stamp(line)
	if !ok || len(rest) == 0 || rest[0] != ' ' {
		return h, false
	}
	h.hostAndRest(rest[1:])
	return h, true
}

// stamp reads the time, whose first byte tells its form.
func (h *header) stamp(b []byte) ([]byte, bool) {
	if len(b) < 10 {
		return nil, false
	}
	h.precision = time.Second
	switch c := b[0]; {
	case c >= '0' && c <= '9' && b[4] == '-':
		return h.iso(b)
	case c >= '0' && c <= '9':
		return h.unix(b)
	case c >= 'A' && c <= 'Z' && b[3] == ' ' && b[4] >= '0' && b[4] <= '9' && b[8] == '-':
		return h.full(b)
	case c >= 'A' && c <= 'Z':
		return h.rfc3164(b)
	}
	return nil, false
}

// hostAndRest splits what follows the time. A line without host starts with
// its tag; busybox writes "facility.severity" behind the host, Solaris
// "[ID 800047 auth.info]" behind the tag.
func (h *header) hostAndRest(b []byte) {
	i := bytes.IndexByte(b, ' ')
	if i < 0 {
		h.rest = b
		return
	}
	if i > 1 && b[i-1] == ':' && b[i-2] != ':' {
		h.rest = b
		return
	}
	h.host, h.rest = b[:i], bytes.TrimLeft(b[i+1:], " ")
	if word, rest, ok := bytes.Cut(h.rest, []byte{' '}); ok && h.priority < 0 {
		if _, level, ok := bytes.Cut(word, []byte{'.'}); ok && severity(level) >= 0 {
			h.priority, h.rest = severity(level), rest
		}
	}
}

// severity gives the number of a severity's name, -1 where it is none.
func severity(name []byte) int {
	switch string(name) {
	case "emerg", "panic":
		return 0
	case "alert":
		return 1
	case "crit":
		return 2
	case "err", "error":
		return 3
	case "warn", "warning":
		return 4
	case "notice":
		return 5
	case "info":
		return 6
	case "debug":
		return 7
	}
	return -1
}

// cutPriority takes "<86>" off; -1 where there is none.
func cutPriority(b []byte) ([]byte, int) {
	if len(b) < 3 || b[0] != '<' {
		return b, -1
	}
	n := 0
	for i := 1; i < len(b) && i <= 4; i++ {
		switch c := b[i]; {
		case c == '>' && i > 1 && n < 192:
			return b[i+1:], n
		case c < '0' || c > '9':
			return b, -1
		default:
			n = n*10 + int(c-'0')
		}
	}
	return b, -1
}

// rfc5424 reads the header behind "<PRI>1 ": TIMESTAMP HOSTNAME APP-NAME PROCID
// MSGID STRUCTURED-DATA [MSG].
func (h *header) rfc5424(b []byte) bool {
	var f [5][]byte
	for i := range f {
		var ok bool
		if f[i], b, ok = bytes.Cut(b, []byte{' '}); !ok {
			return false
		}
		if string(f[i]) == "-" {
			f[i] = nil
		}
	}
	h.precision = time.Second
	if rest, ok := h.iso(f[0]); !ok || len(rest) > 0 {
		return false
	}
	b, ok := cutStructured(b)
	if !ok {
		return false
	}
	h.host, h.app, h.proc = f[1], f[2], f[3]
	if h.app == nil {
		h.app = []byte{}
	}
	b = bytes.TrimPrefix(b, []byte(" "))
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	h.rest = bytes.TrimPrefix(b, []byte(" "))
	return true
}

// cutStructured takes the structured data off: "-", or elements in brackets
// whose quoted values may hold escaped brackets.
func cutStructured(b []byte) ([]byte, bool) {
	if len(b) > 0 && b[0] == '-' {
		return b[1:], true
	}
	if len(b) == 0 || b[0] != '[' {
		return nil, false
	}
	quoted := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ']' && !quoted && (i+1 == len(b) || b[i+1] != '['):
			return b[i+1:], true
		}
	}
	return nil, false
}
