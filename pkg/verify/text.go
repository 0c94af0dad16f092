package verify

import (
	"fmt"
	"io"
	"strings"
	"time"

	"auditreplay/pkg/prose"
)

// WriteText writes the report for people, in lines of so many columns; 0 is 80.
func (r *Report) WriteText(w io.Writer, columns int) error {
	p := prose.NewWriter(w, columns)
	for i := range r.Hosts {
		r.Hosts[i].write(p)
	}
	if r.Manifest != "" {
		p.Para(0, r.Manifest+".")
	}
	if r.Sources > 0 {
		p.Para(0, r.conclusion())
	}
	last := ""
	for i := range r.Findings {
		f := &r.Findings[i]
		if head := f.head(); head != last {
			p.Line()
			p.Para(0, head)
			last = head
		}
		f.write(p)
	}
	p.Line()
	p.Para(0, "Seals: journald can seal a journal, and `journalctl --verify --verify-key=KEY` then shows what was changed "+
		"after it was sealed; the key must have been kept off the host. No line of audit.log or of a syslog file is "+
		"sealed: whoever was root could change them, and nothing above proves that nobody did.")
	return p.Flush()
}

// conclusion says whether something was found, with the figures.
func (r *Report) conclusion() string {
	figures := fmt.Sprintf("%s and entries of %s, %s, %s (%d joined to a session)", plural(r.Units, "line"),
		plural(int64(r.Sources), "source"), plural(r.Events, "audit event"), plural(r.Accepted, "accepted login"), r.Joined)
	if r.Duplicate > 0 {
		figures += fmt.Sprintf("; %d say again what others say and count once", r.Duplicate)
	}
	if len(r.Findings) == 0 {
		return "Nothing found: " + figures + "."
	}
	counts := make(map[string]int)
	for i := range r.Findings {
		counts[r.Findings[i].Kind]++
	}
	var parts []string
	for _, kind := range Kinds() {
		if n := counts[kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", kind, n))
		}
	}
	return fmt.Sprintf("%s in %s: %s.", plural(int64(len(r.Findings)), "finding"), figures, strings.Join(parts, ", "))
}

func (h *HostReport) write(p *prose.Writer) {
	name := h.Name
	if name == "" {
		name = "(not named in the evidence)"
	}
	p.Para(0, "Host "+name)
	for i := range h.Boots {
		b := &h.Boots[i]
		p.Para(2, "boot "+b.ID)
		for _, c := range b.Coverage {
			p.Para(4, fmt.Sprintf("%s to %s  %s: %s", stamp(c.From), c.To.Format(stampOfDay(c.From, c.To)), c.Source, c.What))
		}
		if b.Events > 0 {
			text := plural(b.Events, "audit event")
			if b.Serials[1] > 0 {
				text += fmt.Sprintf(", serials %d to %d, %d missing", b.Serials[0], b.Serials[1], b.Missing)
			}
			p.Para(4, text+fmt.Sprintf("; %s of auditd itself", plural(b.Daemon, "record")))
			p.Para(4, fmt.Sprintf("%s of sshd with their login, %d of other programs", plural(b.Sessions, "session"), b.Others))
			p.Para(4, "recorded: "+b.Recorded)
		}
	}
	p.Line()
}

// head is what a finding is listed under.
func (f *Finding) head() string {
	var parts []string
	if f.Host != "" {
		parts = append(parts, "host "+f.Host)
	}
	if f.Boot != "" {
		parts = append(parts, "boot "+f.Boot)
	}
	if len(parts) == 0 {
		return "The inputs"
	}
	text := strings.Join(parts, ", ")
	return strings.ToUpper(text[:1]) + text[1:]
}

func (f *Finding) write(p *prose.Writer) {
	head := f.Kind
	switch {
	case !f.From.IsZero() && !f.To.IsZero() && !f.From.Equal(f.To):
		head += "  " + stamp(f.From) + " to " + f.To.Format(stampOfDay(f.From, f.To)) + "  (" + seconds(f.To.Sub(f.From)) + ")"
	case !f.From.IsZero():
		head += "  " + stamp(f.From)
	case !f.To.IsZero():
		head += "  until " + stamp(f.To)
	}
	p.Para(2, head)
	p.Para(4, f.Detail)
	if f.Where != "" {
		p.Para(4, "at "+strings.ReplaceAll(f.Where, ",", ", "))
	}
}

const stampForm = "2006-01-02 15:04:05.000Z"

func stamp(t time.Time) string { return t.Format(stampForm) }

// stampOfDay leaves the day out where it is the other time's.
func stampOfDay(a, b time.Time) string {
	if a.YearDay() == b.YearDay() && a.Year() == b.Year() {
		return "15:04:05.000Z"
	}
	return stampForm
}
