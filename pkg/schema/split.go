package schema

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// splitter cuts a saved output into the texts of its events, and knows their
// lines. It judges nothing else: what it returns may be no JSON at all.
//
// JSON Lines is cut at line ends, so that damage never reaches farther than
// its line. An array, or objects spread over lines, is cut where the braces
// of an object close outside of any string.
type splitter struct {
	r      *bufio.Reader
	line   int // lines read so far
	spread bool
	begun  bool
	buf    []byte
}

// damage is a piece that is no text of an event; reading can go on.
type damage struct{ what string }

func (d *damage) Error() string { return d.what }

const (
	byteOrderMark = "\ufeff"
	blanks        = " \t\r\n"
	maxEvent      = 64 << 20 // a longer text is damage, and not kept
)

func newSplitter(r io.Reader) splitter {
	return splitter{r: bufio.NewReaderSize(r, 256<<10)}
}

// next returns the text of the next event and the line it starts on. The
// text is valid until the next call.
func (s *splitter) next() ([]byte, int, error) {
	if !s.begun {
		if err := s.begin(); err != nil {
			return nil, s.line, err
		}
	}
	if s.spread {
		return s.nextObject()
	}
	for {
		text, err := s.readLine()
		if err != nil {
			return nil, s.line, err
		}
		if text = bytes.Trim(text, blanks); len(text) > 0 {
			return text, s.line, nil
		}
	}
}

// begin skips a byte order mark and finds out how the input is laid out.
func (s *splitter) begin() error {
	s.begun = true
	if mark, _ := s.r.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		if _, err := s.r.Discard(len(mark)); err != nil {
			return err
		}
	}
	open := false // the brace of the first object has been seen
	for n := 1; n <= s.r.Size(); n++ {
		start, err := s.r.Peek(n)
		if err != nil {
			return nil // all blank, or an error that the next read meets too
		}
		switch c := start[n-1]; {
		case c == '\n' && open:
			s.spread = true
			return nil
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		case c == '{' && !open:
			open = true
		default:
			s.spread = c == '[' && !open
			return nil
		}
	}
	return nil
}

// readLine returns a line with its end. It is damage if it is too long.
func (s *splitter) readLine() ([]byte, error) {
	text, err := s.r.ReadSlice('\n')
	if err == nil {
		s.line++
		return text, nil
	}
	s.buf = append(s.buf[:0], text...)
	n := len(text)
	for err == bufio.ErrBufferFull {
		text, err = s.r.ReadSlice('\n')
		n += len(text)
		if n <= maxEvent {
			s.buf = append(s.buf, text...)
		}
	}
	if n > 0 && (err == nil || err == io.EOF) {
		s.line++
		if n > maxEvent {
			return nil, tooLong()
		}
		return s.buf, nil
	}
	return nil, err
}

func tooLong() error { return &damage{fmt.Sprintf("longer than %d MiB", maxEvent>>20)} }

// nextObject returns the next object of an array or of a sequence. Between
// objects only blanks, commas and the brackets of the array may stand.
func (s *splitter) nextObject() ([]byte, int, error) {
	stray := false
	for {
		c, err := s.r.ReadByte()
		if err != nil {
			if stray && err == io.EOF {
				return nil, s.line + 1, &damage{"text between the events"}
			}
			return nil, s.line + 1, err
		}
		switch c {
		case '\n':
			if stray {
				s.line++
				return nil, s.line, &damage{"text between the events"}
			}
			s.line++
		case '{':
			if stray {
				err := s.r.UnreadByte()
				if err == nil {
					err = &damage{"text between the events"}
				}
				return nil, s.line + 1, err
			}
			return s.object()
		case ' ', '\t', '\r', ',', '[', ']':
		default:
			stray = true
		}
	}
}

// object returns the object whose brace has just been read.
func (s *splitter) object() ([]byte, int, error) {
	start := s.line + 1
	s.buf = append(s.buf[:0], '{')
	depth, n, inString, escaped := 1, 1, false, false
	for depth > 0 {
		c, err := s.r.ReadByte()
		if err == io.EOF {
			return nil, start, &damage{"unexpected end of the input"}
		}
		if err != nil {
			return nil, start, err
		}
		if n++; n <= maxEvent {
			s.buf = append(s.buf, c)
		}
		switch {
		case c == '\n':
			s.line++
			inString, escaped = false, false // no string of JSON holds one
		case escaped:
			escaped = false
		case c == '"':
			inString = !inString
		case inString:
			escaped = c == '\\'
		case c == '{':
			depth++
		case c == '}':
			depth--
		}
	}
	if n > maxEvent {
		return nil, start, tooLong()
	}
	return s.buf, start, nil
}
