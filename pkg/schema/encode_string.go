package schema

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special8 is zero where the eight bytes of w all stand for themselves in a
// JSON string: ASCII, not below 0x20, neither quote nor backslash. A
// subtraction carries only out of a byte that is special itself, so that no
// word with a special byte passes.
func special8(w uint64) uint64 {
	return (w | (w - ones*0x20) | ((w ^ ones*'"') - ones) | ((w ^ ones*'\\') - ones)) & highs
}

func load8(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func load4(s string) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

func plainByte(c byte) bool {
	return c >= 0x20 && c < utf8.RuneSelf && c != '"' && c != '\\'
}

// copyShort copies s, shorter than a word, and tells like special8.
func copyShort(d []byte, s string) uint64 {
	n := len(s)
	if n >= 4 {
		first, last := load4(s), load4(s[n-4:])
		binary.LittleEndian.PutUint32(d, first)
		binary.LittleEndian.PutUint32(d[n-4:], last)
		return special8(uint64(first) | uint64(last)<<32)
	}
	w := uint64(ones * ' ')
	for i := 0; i < len(s) && i < len(d); i++ {
		d[i] = s[i]
		w = w<<8 | uint64(s[i])
	}
	return special8(w)
}

// appendString writes s as a JSON string. Bytes that are not UTF-8 become
// \ufffd, as in encoding/json; who needs them writes a hex sibling. A genuine
// U+FFFD is written like that too, so that what is read back and written
// again is the same text.
//
// Nearly all strings stand for themselves: s is copied as it is, and looked at
// while it passes. If something in it was special it is written once more.
//
// Its text is not put into its callers: what is short enough without it is put
// into theirs, where keys are constants, which are copied without a call.
//
//go:noinline
func appendString(dst []byte, s string) []byte {
	at, n := len(dst), len(s)
	if cap(dst)-at < n+2 {
		dst = slices.Grow(dst, n+2)
	}
	d := dst[at : at+n+2]
	d[0] = '"'
	var special uint64
	if n < 8 {
		special = copyShort(d[1:], s)
	} else {
		last := load8(s[n-8:]) // overlaps the word before it, unless n is a multiple of 8
		binary.LittleEndian.PutUint64(d[n-7:], last)
		special = special8(last)
		rest, to := s, d[1:]
		for len(rest) > 8 && len(to) >= 8 {
			w := load8(rest)
			binary.LittleEndian.PutUint64(to, w)
			special |= special8(w)
			rest, to = rest[8:], to[8:]
		}
	}
	if special != 0 {
		dst = appendEscaped(append(dst, '"'), s)
		return append(dst, '"')
	}
	d[n+1] = '"'
	return dst[:at+n+2]
}

// appendEscaped writes the inside of a JSON string, a clean run at a time.
func appendEscaped(dst []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plainByte(c) {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			dst = append(dst, s[start:i]...)
			dst = appendEscape(dst, c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch r {
		case utf8.RuneError: // U+FFFD or no UTF-8
			dst = append(dst, s[start:i]...)
			dst = append(dst, `\ufffd`...)
			start = i + size
		case '\u2028', '\u2029': // line ends to JavaScript
			dst = append(dst, s[start:i]...)
			dst = append(dst, `\u202`...)
			dst = append(dst, hexDigits[r&0xF])
			start = i + size
		}
		i += size
	}
	return append(dst, s[start:]...)
}

const hexDigits = "0123456789abcdef"

// appendEscape writes an ASCII byte that cannot stand for itself.
func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xF])
}

// appendStrings writes a list of strings; nil is null.
func appendStrings(dst []byte, list []string) []byte {
	if list == nil {
		return append(dst, "null"...)
	}
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return append(dst, ']')
}
