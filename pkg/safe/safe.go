// Package safe makes text that an attacker may have chosen safe to show.
//
// # The law of output
//
// User names, key IDs, arguments, paths, host names and whole log lines are
// evidence: somebody may have written them to deceive who reads them. So no
// such text reaches a terminal, a table, a CSV cell or an error message but
// through this package, and what it changes stays readable:
//
//   - Terminal: nothing is left that a terminal obeys instead of showing
//     (control bytes, escape sequences, C1) or that changes how its neighbours
//     look (bidirectional controls, characters without width).
//   - CSVCell: nothing is left that a spreadsheet takes for a formula.
//   - JSON needs neither: its encoder escapes control bytes, and changes
//     nothing, because JSON is read by programs. HTML is html/template's work.
//
// Apply a function once, at the very end: what is counted, compared, sorted or
// stored is the text itself.
//
// Widths are those of a terminal in cells. They do not depend on the locale of
// the machine: the same text gives the same table everywhere.
package safe

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// Terminal returns s with everything made visible that a terminal would not
// just show, on one line: bytes below 0x20, DEL and bytes that are not UTF-8
// as \xNN (\n, \r, \t by their letter), all else as <U+202E>. It is not
// reversible: who needs the exact text reads the JSON.
func Terminal(s string) string {
	clean := 0
	for clean < len(s) && s[clean] >= 0x20 && s[clean] < 0x7f {
		clean++
	}
	if clean == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	b.WriteString(s[:clean])
	marks := 0
	if clean == 0 {
		marks = maxMarks // nothing of s is there to carry one
	}
	for s = s[clean:]; s != ""; {
		r, size := utf8.DecodeRuneInString(s)
		if unicode.Is(unicode.M, r) {
			marks++
		} else {
			marks = 0
		}
		switch {
		case r == utf8.RuneError && size == 1, r < 0x20, r == 0x7f:
			writeByte(&b, s[0])
		case marks > maxMarks || hidden(r):
			writeRune(&b, r)
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

// maxMarks is how many combining marks one character may carry. No script
// needs more; a heap of them covers the lines above and below.
const maxMarks = 4

// hidden tells whether r is obeyed, or not seen, rather than shown.
func hidden(r rune) bool {
	switch {
	case r < 0x80:
		return false
	case r < 0xa0: // C1 controls: U+009B begins an escape sequence
		return true
	case r == '\u034f', r == '\u115f', r == '\u1160', r == '\u3164', r == '\uffa0', r == '\u2800': // blank by definition
		return true
	case r >= '\ufe00' && r <= '\ufe0f', r >= 0xe0100 && r <= 0xe01ef, r >= '\u180b' && r <= '\u180f': // variation selectors
		return true
	case r >= '\u17b4' && r <= '\u17b5': // vowels that are not written
		return true
	}
	// Neither print nor space: the format characters (bidirectional controls
	// U+061C, U+200E, U+200F, U+202A-202E, U+2066-2069; zero-width ones, the
	// byte order mark, soft hyphen, tags), ends of lines, private use, and
	// what has no meaning that could be shown.
	return !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r)
}

const hexDigits = "0123456789abcdef"

func writeByte(b *strings.Builder, c byte) {
	b.WriteByte('\\')
	switch c {
	case '\n':
		b.WriteByte('n')
	case '\r':
		b.WriteByte('r')
	case '\t':
		b.WriteByte('t')
	default:
		b.WriteByte('x')
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&0xf])
	}
}

func writeRune(b *strings.Builder, r rune) {
	b.WriteString("<U+")
	digits := 4
	for r>>(4*digits) != 0 {
		digits++
	}
	for digits--; digits >= 0; digits-- {
		b.WriteByte("0123456789ABCDEF"[r>>(4*digits)&0xf])
	}
	b.WriteByte('>')
}

// CSVCell returns s with a ' before it where a spreadsheet would take it for
// a formula: where it starts with = + - @, a tab or a carriage return, or
// with one of these after blanks. The quoting of CSV itself is encoding/csv's
// work. Full-width forms of the signs count as the signs.
func CSVCell(s string) string {
	start := strings.TrimLeft(s, " \n\u00a0")
	r, _ := utf8.DecodeRuneInString(start)
	switch r {
	case '=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠':
		return "'" + s
	}
	return s
}

// Width returns the number of cells that s, made safe, takes on a terminal.
func Width(s string) int {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return uniseg.StringWidth(s)
		}
	}
	return len(s)
}

// Truncate cuts s, made safe, so that it takes no more than cells cells; an
// ellipsis shows where something was cut away. It never divides what is seen
// as one character.
func Truncate(s string, cells int) string {
	if Width(s) <= cells {
		return s
	}
	if cells <= 0 {
		return ""
	}
	kept, used, state := 0, 0, -1
	for rest := s; rest != ""; {
		var cluster string
		var width int
		cluster, rest, width, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if used+width > cells-1 {
			break
		}
		used += width
		kept += len(cluster)
	}
	return s[:kept] + "…"
}
