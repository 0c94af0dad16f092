package schema

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"
)

// shortRoom is room for a string shorter than a word, with its quotes.
const shortRoom = 16

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special8 has no high bit set in any of its bytes where the eight bytes of w
// all stand for themselves in a JSON string: ASCII, not below 0x20, neither
// quote nor backslash. (With bit 1 turned over, the quote and what is below 0x20
// are what is below 0x21.) A subtraction carries only out of a byte that is
// special itself, so that no word with a special byte passes.
func special8(w uint64) uint64 {
	return w | ((w ^ ones*2) - ones*0x21) | ((w ^ ones*'\\') - ones)
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

// appendString writes s as a JSON string. Bytes that are not UTF-8 become
// \ufffd, as in encoding/json; who needs them writes a hex sibling. A genuine
// U+FFFD is written like that too, so that what is read back and written
// again is the same text.
//
// Nearly all strings stand for themselves: s is copied as it is, and looked at
// while it passes. If something in it was special it is written once more.
//
// It wants some more room than it needs, so that short strings have room of a
// constant length.
//
// Its text is not put into its callers: what is short enough without it is put
// into theirs, where keys are constants, which are copied without a call.
//
//go:noinline
func appendString(dst []byte, s string) []byte {
	n := len(s)
	if cap(dst)-len(dst)-shortRoom < n {
		return appendString(slices.Grow(dst, n+shortRoom), s)
	}
	to := dst[len(dst):cap(dst)]
	to[0] = '"'
	var special uint64
	if n < 8 {
		d := (*[shortRoom]byte)(to)
		switch {
		case n >= 4: // two halves that overlap
			first, last := load4(s), load4(s[n-4:])
			binary.LittleEndian.PutUint32(d[1:], first)
			binary.LittleEndian.PutUint32(d[n-3:], last)
			special = special8(uint64(first) | uint64(last)<<32)
		case n > 0: // three bytes, some of them the same
			first, middle, last := s[0], s[n/2], s[n-1]
			d[1], d[1+n/2], d[n] = first, middle, last
			special = special8(ones*' '&^0xffffff | uint64(first) | uint64(middle)<<8 | uint64(last)<<16)
		}
		d[n+1] = '"'
	} else {
		to[n+1] = '"'
		d := to[1 : n+1 : n+1]
		last := load8(s[n-8:]) // overlaps the word before it, unless n is a multiple of 8
		binary.LittleEndian.PutUint64(d[n-8:], last)
		special = special8(last)
		for i := 0; i < n-8; i += 8 {
			w := load8(s[i : i+8])
			binary.LittleEndian.PutUint64(d[i:i+8], w)
			special |= special8(w)
		}
	}
	if special&highs != 0 {
		return appendEscaped(dst, s)
	}
	return dst[:len(dst)+n+2]
}

// appendEscaped is appendString for what does not stand for itself: a clean
// run is copied at a time.
//
//go:noinline
func appendEscaped(dst []byte, s string) []byte {
	dst = append(dst, '"')
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
	dst = append(dst, s[start:]...)
	return append(dst, '"')
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
