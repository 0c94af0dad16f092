// Package prose writes paragraphs for a terminal: wrapped at a width, indented,
// and safe. What stands in them may be evidence, which an attacker wrote: every
// text goes through safe.Terminal, and a word that is wider than the line is
// broken, not let run on.
package prose

import (
	"bufio"
	"io"
	"strings"

	"auditreplay/pkg/safe"
)

// Width is how many columns a Writer fills where nothing else is said.
const Width = 80

// least is how many it fills at least: with indents of up to eight, words are
// left, not letters.
const least = 20

// Writer writes paragraphs. Errors are told by Flush.
type Writer struct {
	w     *bufio.Writer
	width int
}

// NewWriter returns a Writer that writes lines of so many columns to w; 0 is
// Width, and less than 20 is 20.
func NewWriter(w io.Writer, columns int) *Writer {
	if columns == 0 {
		columns = Width
	}
	return &Writer{bufio.NewWriter(w), max(columns, least)}
}

// Flush writes what is left, and tells of the first error.
func (p *Writer) Flush() error { return p.w.Flush() }

// Line ends a line without text.
func (p *Writer) Line() { p.w.WriteByte('\n') }

// Para writes a paragraph. Its further lines are indented by two more.
func (p *Writer) Para(indent int, text string) {
	pad := strings.Repeat(" ", indent)
	line, used, first := pad, indent, true
	flush := func() {
		p.w.WriteString(strings.TrimRight(line, " "))
		p.w.WriteByte('\n')
		line, used, first = pad+"  ", indent+2, true
	}
	for _, word := range strings.Split(safe.Terminal(text), " ") {
		n := safe.Width(word)
		if !first && used+1+n > p.width {
			flush()
		}
		for used+n > p.width { // one long word: a path, a key
			part := cut(word, p.width-used)
			line += part
			flush()
			word = word[len(part):]
			n = safe.Width(word)
		}
		if !first {
			line, used = line+" ", used+1
		}
		line, used, first = line+word, used+n, false
	}
	flush()
}

// cut gives the start of a word that is wider than cells: as much as fits.
func cut(word string, cells int) string {
	part := strings.TrimSuffix(safe.Truncate(word+"  ", cells+1), "…")
	if part == "" {
		return word
	}
	return part
}
