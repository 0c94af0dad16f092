package report

import (
	"cmp"
	"io"
	"slices"
	"strings"

	"auditreplay/pkg/safe"
)

// A column of a table. What it holds is made safe for a terminal when the
// table is written.
type column struct {
	title string
	short string // title where the column stands in its short form
	rank  int    // when width is short, the highest rank goes first
	min   int    // narrowest useful width; 0: never cut
	max   int    // width that is wide enough, 0: that of the widest cell
	right bool
	cells []string
	brief []string // a shorter form of the cells, tried before any is cut

	briefDoes bool  // and is good enough to make room for further columns
	paint     []ink // colour of the cells, where it is not nil
}

// essential is the last rank of the columns that a table squeezes rather than
// leaves out.
const essential = 10

type ink string

const (
	noInk  ink = ""
	bold   ink = "1"
	dim    ink = "2"
	red    ink = "31"
	green  ink = "32"
	yellow ink = "33"
	cyan   ink = "36"
)

// painted wraps s in the colour, if there is to be any.
func painted(color bool, c ink, s string) string {
	if !color || c == noInk || s == "" {
		return s
	}
	return "\x1b[" + string(c) + "m" + s + "\x1b[0m"
}

// layout is what fit found for one column.
type layout struct {
	*column
	width int
	brief bool
}

// writeTable writes the columns side by side within limit columns of the
// terminal (0: no limit): the least important are left out, the next shown in
// short or cut with "…".
func writeTable(w io.Writer, cols []*column, limit int, color bool) error {
	gap := 2
	if limit > 0 && limit < 120 {
		gap = 1
	}
	var b strings.Builder
	chosen := fit(cols, limit, gap)
	for row := -1; row < len(cols[0].cells); row++ {
		b.Reset()
		for i, c := range chosen {
			text, paint := c.text(row)
			text = safe.Truncate(text, c.width)
			pad := strings.Repeat(" ", max(0, c.width-safe.Width(text)))
			switch {
			case c.right:
				b.WriteString(pad + painted(color, paint, text))
			case i == len(chosen)-1:
				b.WriteString(painted(color, paint, text))
			default:
				b.WriteString(painted(color, paint, text) + pad)
			}
			if i < len(chosen)-1 {
				b.WriteString(strings.Repeat(" ", gap))
			}
		}
		line := strings.TrimRight(b.String(), " ")
		if _, err := io.WriteString(w, line+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// text is the cell of row, or the title for row -1.
func (l layout) text(row int) (string, ink) {
	if row < 0 {
		if l.column.short != "" && (l.brief || l.width > 0 && l.width < safe.Width(l.title)) {
			return l.column.short, bold
		}
		return l.title, bold
	}
	cells := l.cells
	if l.brief {
		cells = l.column.brief
	}
	paint := noInk
	if l.paint != nil {
		paint = l.paint[row]
	}
	if cells[row] == "" {
		return "-", dim
	}
	return safe.Terminal(cells[row]), paint
}

// natural is the width of the widest cell.
func (l layout) natural() int {
	n := 0
	for row := -1; row < len(l.cells); row++ {
		s, _ := l.text(row)
		n = max(n, safe.Width(s))
	}
	return n
}

// fit chooses columns and their widths. By rank, each column is taken that
// fits beside the others at a comfortable width; the essential ones are taken
// if they fit in their narrowest form. Then what is left goes to them, by rank.
func fit(cols []*column, limit, gap int) []layout {
	byRank := slices.Clone(cols)
	slices.SortStableFunc(byRank, func(a, b *column) int { return a.rank - b.rank })
	chosen := map[*column]layout{}
	least, comfort := -gap, -gap
	for _, c := range byRank {
		full := layout{column: c}
		full.width = full.natural()
		if limit <= 0 {
			chosen[c] = full
			continue
		}
		narrow := full.least()
		wide := comfort + gap + full.comfort()
		if wide > limit && (c.rank > essential || least+gap+narrow.width > limit) && len(chosen) > 0 {
			continue
		}
		chosen[c] = narrow
		least += gap + narrow.width
		comfort = wide
	}
	room := limit - least
	for _, target := range []func(layout) int{layout.comfort, layout.most} {
		for _, c := range byRank {
			l, ok := chosen[c]
			if !ok || limit <= 0 {
				continue
			}
			grown := l.grow(max(l.width, min(l.width+max(0, room), target(l))))
			room -= grown.width - l.width
			chosen[c] = grown
		}
	}
	var out []layout
	for _, c := range cols {
		if l, ok := chosen[c]; ok {
			out = append(out, l)
		}
	}
	return out
}

// least is the narrowest form of the column.
func (l layout) least() layout {
	if l.column.brief != nil {
		l.brief, l.width = true, 0
		l.width = l.natural()
	}
	if narrow := cmp.Or(l.min, l.max); narrow > 0 {
		l.width = min(l.width, narrow)
	}
	return l
}

// most is the width of the column with nothing cut.
func (l layout) most() int { return layout{column: l.column}.natural() }

// comfort is the width at which the column reads well.
func (l layout) comfort() int {
	n := layout{column: l.column, brief: l.column.briefDoes}.natural()
	if l.max > 0 {
		n = min(n, l.max)
	}
	return n
}

// grow is the widest form of the column within limit.
func (l layout) grow(limit int) layout {
	if most := l.most(); most <= limit {
		return layout{column: l.column, width: most}
	}
	l.width = max(l.width, min(limit, layout{column: l.column, brief: l.brief}.natural()))
	return l
}
