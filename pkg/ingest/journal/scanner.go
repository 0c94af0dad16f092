package journal

import (
	"bytes"
	"unicode/utf8"
)

// scanner reads one JSON object of journal fields. It is lenient about what
// journalctl cannot write (numbers and literals stand for their text), and
// strict about structure.
type scanner struct {
	b []byte
	i int
}

func (s *scanner) blanks() {
	for s.i < len(s.b) && (isBlank(s.b[s.i]) || s.b[s.i] == '\n') {
		s.i++
	}
}

// take reads c, after blanks.
func (s *scanner) take(c byte) bool {
	s.blanks()
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

func (s *scanner) peek() byte {
	s.blanks()
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// object reads an object into r.
func (s *scanner) object(r *record) bool {
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return true
	}
	for {
		if s.peek() != '"' {
			return false
		}
		name, ok := s.text(r)
		if !ok || !s.take(':') || !s.value(r, fieldOf(name)) {
			return false
		}
		if s.take('}') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// value reads a value, also in an array: bytes, or the values of a repeated
// field, of which the last stands.
func (s *scanner) value(r *record, f field) bool {
	switch c := s.peek(); {
	case c == '"':
		v, ok := s.text(r)
		if ok && f != none {
			r.put(f, v)
		}
		return ok
	case c == '[':
		s.i++
		return s.array(r, f)
	}
	v := s.bare()
	switch string(v) {
	case "":
		return false
	case "null":
		r.lost(f)
		return true
	case "true", "false":
	default:
		if c := v[0]; c != '-' && (c < '0' || c > '9') {
			return false
		}
	}
	r.put(f, v)
	return true
}

// bare reads a number or a literal.
func (s *scanner) bare() []byte {
	start := s.i
	for s.i < len(s.b) {
		c := s.b[s.i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && c != '-' && c != '+' && c != '.' && c != 'E' {
			break
		}
		s.i++
	}
	return s.b[start:s.i]
}

// array reads the rest of an array: numbers are the bytes of one value,
// anything else is a value each. Arrays nest once: bytes among the values.
func (s *scanner) array(r *record, f field) bool {
	if c := s.peek(); c >= '0' && c <= '9' {
		return s.octets(r, f)
	}
	if s.take(']') {
		r.put(f, nil)
		return true
	}
	for {
		switch s.peek() {
		case '[':
			s.i++
			if !s.octets(r, f) {
				return false
			}
		case '{':
			return false
		default:
			if !s.value(r, f) {
				return false
			}
		}
		if s.take(']') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// octets reads the rest of an array of byte values.
func (s *scanner) octets(r *record, f field) bool {
	start := len(r.buf)
	n := 0
	for !s.take(']') {
		if n > 0 && !s.take(',') {
			return false
		}
		s.blanks()
		v, ok := decimal(s.bare())
		if !ok || v > 255 {
			return false
		}
		if n++; n <= maxValue {
			r.buf = append(r.buf, byte(v))
		}
	}
	r.val[f], r.cut[f] = r.buf[start:len(r.buf):len(r.buf)], n > maxValue
	return true
}

// text reads a string. Without escapes it is a part of the input, else it is
// decoded into r's buffer.
func (s *scanner) text(r *record) ([]byte, bool) {
	s.i++
	start := s.i
	end := bytes.IndexByte(s.b[start:], '"')
	if end < 0 {
		s.i = len(s.b)
		return nil, false
	}
	raw := s.b[start : start+end]
	if bytes.IndexByte(raw, '\\') < 0 {
		s.i = start + end + 1
		return raw, true
	}
	from := len(r.buf)
	for s.i < len(s.b) {
		c := s.b[s.i]
		s.i++
		switch c {
		case '"':
			return r.buf[from:len(r.buf):len(r.buf)], true
		case '\\':
			if !s.escape(r) {
				return nil, false
			}
		default:
			r.buf = append(r.buf, c)
		}
	}
	return nil, false
}

// escape decodes what follows a backslash.
func (s *scanner) escape(r *record) bool {
	if s.i >= len(s.b) {
		return false
	}
	c := s.b[s.i]
	s.i++
	switch c {
	case '"', '\\', '/':
	case 'n':
		c = '\n'
	case 't':
		c = '\t'
	case 'r':
		c = '\r'
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'u':
		u, ok := s.hex4()
		if ok && u >= 0xd800 && u < 0xdc00 && s.i+1 < len(s.b) && s.b[s.i] == '\\' && s.b[s.i+1] == 'u' {
			at := s.i
			s.i += 2
			if low, ok := s.hex4(); ok && low >= 0xdc00 && low < 0xe000 {
				u = 0x10000 + (u-0xd800)<<10 + (low - 0xdc00)
			} else {
				s.i = at
			}
		}
		r.buf = utf8.AppendRune(r.buf, u)
		return ok
	default:
		return false
	}
	r.buf = append(r.buf, c)
	return true
}

func (s *scanner) hex4() (rune, bool) {
	if s.i+4 > len(s.b) {
		return 0, false
	}
	u, ok := hexadecimal(s.b[s.i : s.i+4])
	s.i += 4
	return rune(u), ok
}
