// Package html writes a case report: one HTML file that holds everything a
// responder looks at, and that asks nothing of the machine it is opened on.
//
// # The file
//
// A Report is an auditevent.EventEncoder over the stream of enriched events.
// What it writes opens from disk, without a network, and says of itself how it
// was made: the inputs with their hashes, the tool's version, the command.
//
//	overview       what was found, what evidence there is for which time, what is missing
//	sessions over time   a chart with a lane for each person
//	sessions       a table to sort and search; each row opens to commands and timeline
//	privilege use, files, connections, refused logins, and the inputs
//
// The same events and the same Case give the same bytes.
//
// # Strings that an attacker chose
//
// Nearly every string in the file is evidence, and evidence lies. Three walls
// stand between such a string and the browser, each enough by itself:
//
//   - Strings reach the page as html/template's text, or as JSON in which no
//     "<", ">" or "&" stands, inside elements that are not scripts.
//   - The page's own script puts them into text nodes and nothing else; it has
//     no code that makes markup, style or script out of a string.
//   - A Content-Security-Policy allows the one script and the one style sheet
//     of the page by their SHA-256, no network at all, and (Trusted Types) no
//     assignment of markup.
//
// Control bytes, escape sequences and bidirectional controls are made visible,
// as on a terminal (package safe), and each value is isolated, so that no
// right-to-left text moves its neighbours.
//
// # How it stays fast
//
// A browser is slow at elements, not at bytes. The events stand in the file as
// JSON blocks, at most some hundred kilobytes each and each of one session;
// the script reads a block when its session is opened or its text is searched
// for, and makes elements for what is looked at. The session rows and the
// script come before the blocks, so the page can be used while the rest loads.
//
// The writer needs memory for the sessions, for what is listed by name, and
// for the processes of sessions that are open at one time; the events
// themselves wait in two unlinked temporary files, because how a session ends
// is known only behind its last event.
package html

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"auditreplay/pkg/report"
	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// Options choose what is not in the events. The zero value works.
type Options struct {
	Title   string // of the page; "SSH sessions and what was done in them" where empty
	TempDir string // for the temporary files; the system's where empty
}

// Report writes a report. Nothing is written before Close.
type Report struct {
	w   io.Writer
	opt Options
	err error
	of  *Case

	register *report.Register
	forest   *report.Forest
	refusals *report.Refusals
	coverage *coverage
	index    *index
	seen     []extent // by session number
	outside  [2]int   // events of no session: refused logins, all else

	lines  *spool // a row of each event, with the number of its session
	events *spool // the events of sessions, as JSON Lines
	enc    *schema.Encoder
}

// extent is how far the events of a session reach.
type extent struct {
	events      int
	first, last int64 // ms
}

// Events of no session go to one of these groups instead.
const (
	refusedLogins = -1
	ofNoSession   = -2
)

// New returns a Report that writes to w.
func New(w io.Writer, opt Options) *Report {
	return &Report{w: w, opt: opt,
		register: report.NewRegister(), forest: report.NewForest(), refusals: report.NewRefusals(),
		coverage: newCoverage(), index: newIndex(),
	}
}

// SetCase gives the report what the events do not know: the inputs, the
// command, the damage. It may be called at any time before Close; without it
// the report says that these are not known.
func (r *Report) SetCase(c Case) { r.of = &c }

// Encode takes the next event, an *auditevent.AuditEvent, and keeps nothing
// of it.
func (r *Report) Encode(v any) error {
	if r.err != nil {
		return r.err
	}
	e, ok := v.(*auditevent.AuditEvent)
	if !ok || e == nil {
		return fmt.Errorf("html: cannot encode a %T, only *auditevent.AuditEvent", v)
	}
	if r.lines == nil {
		if r.err = r.open(); r.err != nil {
			return r.err
		}
	}
	r.err = r.add(e)
	return r.err
}

func (r *Report) open() (err error) {
	if r.lines, err = newSpool(r.opt.TempDir); err != nil {
		return err
	}
	if r.events, err = newSpool(r.opt.TempDir); err != nil {
		return err
	}
	r.enc = schema.NewEncoder(r.events)
	return nil
}

func (r *Report) add(e *auditevent.AuditEvent) error {
	session, early := r.register.Add(e)
	r.forest.Learn(e)
	r.refusals.Add(e)
	line := report.Describe(e)
	ms := e.LoggedAt.UnixMilli()
	r.coverage.add(e, &line)
	r.index.add(session, ms, &line, early)
	group := session
	switch {
	case session >= 0:
		r.note(session, ms)
		if err := r.enc.Encode(e); err != nil {
			return err
		}
	case e.Type == schema.TypeLogin:
		group = refusedLogins
		r.outside[0]++
	default:
		group = ofNoSession
		r.outside[1]++
	}
	return r.lines.put(group, eventRow(e, &line, early))
}

func (r *Report) note(session int, ms int64) {
	for len(r.seen) <= session {
		r.seen = append(r.seen, extent{first: ms, last: ms})
	}
	s := &r.seen[session]
	s.events++
	s.first, s.last = min(s.first, ms), max(s.last, ms)
}

// Close writes the report. It must be called once, also after an error, to
// let go of the temporary files; it does not close the writer.
func (r *Report) Close() error {
	err := r.err
	if err == nil {
		err = r.write()
	}
	if r.err == nil {
		r.err = errors.New("html: report is closed")
	}
	for _, s := range []*spool{r.lines, r.events} {
		if s != nil {
			err = errors.Join(err, s.close())
		}
	}
	r.lines, r.events = nil, nil
	return err
}

func (r *Report) write() error {
	out := bufio.NewWriterSize(r.w, 256<<10)
	p := &page{out: out, report: r, rows: r.register.Rows()}
	p.sort()
	for _, part := range []func() error{p.head, p.body, p.sessions, p.script, p.blocks, p.indexes, p.end, out.Flush} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}
