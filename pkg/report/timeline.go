package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"auditreplay/pkg/safe"
	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// TimelineOptions choose what the Timeline view shows. The zero value is text
// for 80 columns, in UTC.
type TimelineOptions struct {
	Format string         // Text (default), CSV, JSON, Timesketch or TimesketchCSV
	Width  int            // columns of the terminal; 0 is 80, negative unlimited
	Color  bool           // colour the text
	Wide   bool           // text: host, session and audit event id too, and nothing cut
	Zone   *time.Location // of the times in text; nil is UTC
}

// Validate reports the first option with a value that does not exist.
func (o TimelineOptions) Validate() error {
	return oneOf("format", o.Format, Text, CSV, JSON, Timesketch, TimesketchCSV)
}

// Timeline is the timeline: one line per event, in plain words.
//
//	2026-11-22 10:00:01.123 alice@example.com deploy→root pts/0 $ cat /etc/shadow   (denied)
//
// That is when, the person, the account with the user the process acted as
// where that is another one, the terminal, and what was done. It is an
// auditevent.EventEncoder and makes one Write per event.
type Timeline struct {
	w   io.Writer
	opt TimelineOptions
	err error
	csv *csvWriter

	ledger *Ledger // tells what sessions are still being opened
}

// NewTimeline returns a Timeline that writes to w. An option that Validate
// refuses is the error of every call.
func NewTimeline(w io.Writer, opt TimelineOptions) *Timeline {
	return &Timeline{w: w, opt: opt, err: opt.Validate(), csv: newCSV(w), ledger: NewLedger()}
}

// Encode writes one event, an *auditevent.AuditEvent.
func (v *Timeline) Encode(a any) error {
	if v.err != nil {
		return v.err
	}
	e, x, err := event(a)
	if err != nil {
		return err
	}
	early := v.early(e, x)
	switch v.opt.Format {
	case CSV:
		v.err = v.csv.write(timelineFields(e, x, early))
	case JSON:
		v.err = writeJSON(v.w, timelineFields(e, x, early))
	case Timesketch:
		v.err = writeJSON(v.w, timesketchFields(e, x, early))
	case TimesketchCSV:
		v.err = v.csv.write(timesketchFields(e, x, early))
	default:
		_, v.err = io.WriteString(v.w, v.line(e, x, early))
	}
	return v.err
}

// Close writes the header of a CSV that had no events.
func (v *Timeline) Close() error {
	if v.err != nil {
		return v.err
	}
	none := &auditevent.AuditEvent{}
	switch v.opt.Format {
	case CSV:
		v.err = v.csv.header(timelineFields(none, &schema.Extra{}, false))
	case TimesketchCSV:
		v.err = v.csv.header(timesketchFields(none, &schema.Extra{}, false))
	}
	return v.err
}

// early reports whether e is a program's that sshd (or cron, or login) runs in
// a session that it is still opening: not the person's doing.
func (v *Timeline) early(e *auditevent.AuditEvent, x *schema.Extra) bool {
	s := v.ledger.add(e, x)
	return s != nil && e.Type == schema.TypeAction && s.starting() == &s.early && x.Process != nil && x.Process.PID != s.leader
}

// piece is a part of a line before what was done.
type piece struct {
	ink  ink
	text string
	max  int // columns of the text, in parts of the line; 0: all
}

// leastDone is how many columns what was done is left at least, where it has as
// many: before that the pieces go that say less.
const leastDone = 12

// line is the event as text. Where it is too long, what was done is cut, and
// never its outcome.
func (v *Timeline) line(e *auditevent.AuditEvent, x *schema.Extra, early bool) string {
	what, outcome := sentence(e, x)
	pieces := []piece{{dim, in(e.LoggedAt, v.opt.Zone).Format(clockDate), 0}}
	if v.opt.Wide {
		pieces = append(pieces, piece{noInk, e.Target["host"], 0}, piece{dim, sessionLabel(x), 0})
	}
	limit := columns(v.opt.Width, v.opt.Wide)
	label := personLabel(e, x)
	if v.opt.Wide && person(e) == "" && x.Credential != nil && x.Credential.Fingerprint != "" {
		label = x.Credential.Fingerprint
	}
	pieces = append(pieces, piece{bold, label, 4})
	who, changed := actingAs(e, x)
	if early {
		what = duringLogin + what
	}
	pieces = append(pieces, piece{changedInk(changed), who, 5}, piece{noInk, eventTTY(x), 8})
	tail := ""
	if outcome != "" {
		tail = "   (" + safe.Terminal(outcome) + ")"
	}
	what = safe.Terminal(what)
	if v.opt.Wide && x.Event != nil && x.Event.ID != "" {
		tail += "  [" + safe.Terminal(x.Event.ID) + "]"
	}
	head, used := v.head(pieces, limit, safe.Width(tail)+min(safe.Width(what), leastDone))
	if limit > 0 {
		what = safe.Truncate(what, max(1, limit-used-safe.Width(tail)))
		tail = safe.Truncate(tail, max(0, limit-used-safe.Width(what)))
	}
	c := noInk
	if e.Outcome == schema.Failed {
		c = red
	}
	return head + painted(v.opt.Color, c, what+tail) + "\n"
}

// head puts the pieces side by side and gives their width. Where that and rest
// are more than limit (0: no limit), the terminal, the account and the day go,
// in this order, and then whatever is last.
func (v *Timeline) head(pieces []piece, limit, rest int) (string, int) {
	kept := pieces[:0]
	used := 0
	for _, p := range pieces {
		if p.text = safe.Terminal(p.text); p.text == "" {
			continue
		}
		if limit > 0 && p.max > 0 {
			p.text = safe.Truncate(p.text, max(8, limit/p.max))
		}
		kept = append(kept, p)
		used += safe.Width(p.text) + 1
	}
	for limit > 0 && used+rest > limit && len(kept) > 0 {
		if day, clock, ok := strings.Cut(kept[0].text, " "); ok && len(kept) <= 2 {
			kept[0].text = clock
			used -= len(day) + 1
			continue
		}
		used -= safe.Width(kept[len(kept)-1].text) + 1
		kept = kept[:len(kept)-1]
	}
	var b strings.Builder
	for _, p := range kept {
		b.WriteString(painted(v.opt.Color, p.ink, p.text) + " ")
	}
	return b.String(), used
}

// duringLogin stands before what a program did while the session was opened.
const duringLogin = "while logging in: "

func changedInk(changed bool) ink {
	if changed {
		return yellow
	}
	return noInk
}

// personLabel is the person or, unnamed, the key; else why there is none.
func personLabel(e *auditevent.AuditEvent, x *schema.Extra) string {
	switch p := person(e); {
	case p != "":
		return p
	case x.Credential != nil && x.Credential.Fingerprint != "":
		return fingerprintBrief(x.Credential.Fingerprint)
	case e.Source.Type == "local":
		return base(e.Source.Value)
	case e.Type == schema.TypeSystem:
		return "system"
	}
	return "unknown"
}

// actingAs is the account, with an arrow to the user that the process acted
// as where that is another one. sshd itself acts as root in every session:
// nobody's doing, and not shown.
func actingAs(e *auditevent.AuditEvent, x *schema.Extra) (who string, changed bool) {
	who = account(e, x)
	if x.Process != nil && isSSHD(x.Process.Exe) {
		return who, false
	}
	u := acting(x)
	if u == nil || x.User.AUID != nil && x.User.AUID.ID == u.ID {
		return who, false
	}
	switch name := actingName(e, x); {
	case who == "" || name == "" || name == who:
		return cmp.Or(who, name), false
	default:
		return who + "→" + name, true
	}
}

func eventTTY(x *schema.Extra) string {
	if x.Process == nil {
		return ""
	}
	return ttyName(x.Process.TTY)
}

func sessionLabel(x *schema.Extra) string {
	if id := sessionID(x); id != "" {
		return fmt.Sprintf("session %s", id)
	}
	return ""
}
