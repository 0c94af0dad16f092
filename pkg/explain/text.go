package explain

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"auditreplay/pkg/prose"
)

// WriteJSON writes the explanation as one JSON object on one line.
func (e *Explanation) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(e)
}

// maxShown is how much of one line the text shows; the JSON has all of it.
const maxShown = 1200

// WriteText writes the explanation for people, in lines of so many columns; 0
// is 80.
func (e *Explanation) WriteText(w io.Writer, columns int) error {
	p := prose.NewWriter(w, columns)
	head := fmt.Sprintf("%s %s", strings.ToUpper(e.Sort[:1])+e.Sort[1:], e.ID)
	if e.Host != "" {
		head += ", host " + e.Host
	}
	p.Para(0, head+", boot "+e.Boot)
	p.Line()
	p.Para(0, e.Conclusion)
	p.Line()
	p.Para(0, "The steps")
	for i := range e.Steps {
		s := &e.Steps[i]
		text := fmt.Sprintf("%d. ", i+1)
		if !s.Time.IsZero() {
			text += stamp(s.Time) + "  "
		}
		p.Para(2, text+s.What)
		lines := s.Lines
		if s.brief {
			lines = slices.DeleteFunc(slices.Clone(lines), besides)
		}
		writeLines(p, lines)
		if len(s.Lines) == 0 && s.Pos != "" {
			p.Para(5, "at "+s.Pos)
		}
	}
	p.Line()
	if len(e.Rejected) == 0 {
		p.Para(0, "No other login or session came into question.")
	} else {
		p.Para(0, "What else came into question, and why it was rejected")
	}
	for i := range e.Rejected {
		c := &e.Rejected[i]
		what := "login " + c.Login
		if c.Session != "" {
			what = "session " + c.Session
		}
		p.Para(2, "- "+what+": "+c.Why)
		writeLines(p, c.Lines)
	}
	p.Line()
	p.Para(0, "What would overturn this")
	for _, text := range e.Overturn {
		p.Para(2, "- "+text)
	}
	return p.Flush()
}

// besides tells of a record that says less than its event's others.
func besides(l Line) bool {
	for _, typ := range []string{"type=PATH ", "type=CWD ", "type=PROCTITLE "} {
		if strings.Contains(l.Text[:min(len(l.Text), 300)], typ) {
			return true
		}
	}
	return false
}

func writeLines(p *prose.Writer, lines []Line) {
	for _, l := range lines {
		text := l.Text
		if len(text) > maxShown {
			text = text[:maxShown] + fmt.Sprintf("… (%d bytes in all)", len(l.Text))
		}
		p.Para(5, l.Pos+"  "+text)
	}
}
