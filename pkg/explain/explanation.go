package explain

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"auditreplay/pkg/safe"
	"auditreplay/pkg/tracker"
)

// Explanation is why something was given to a credential, or to none.
type Explanation struct {
	Sort       string      `json:"sort"` // Event, Session or Login
	ID         string      `json:"id"`
	Host       string      `json:"host,omitempty"`
	Boot       string      `json:"boot"`
	Conclusion string      `json:"conclusion"`
	Steps      []Step      `json:"steps"`
	Rejected   []Candidate `json:"rejected"`
	Overturn   []string    `json:"overturn"`
	Names      []Name      `json:"names,omitempty"` // of an event's users and groups, where they are named
}

// Step is one step of the chain from the credential to what was asked for.
type Step struct {
	What  string    `json:"what"`
	Time  time.Time `json:"time,omitzero"`
	Pos   string    `json:"pos,omitempty"`
	Lines []Line    `json:"lines,omitempty"`

	brief bool // of its lines the text shows those that name programs
}

// Line is a line of the evidence as it stands there.
type Line struct {
	Pos  string `json:"pos"`
	Text string `json:"text"`
}

// Candidate is a login or session that could have been meant, and was not.
type Candidate struct {
	Login   string `json:"login,omitempty"`   // auditId
	Session string `json:"session,omitempty"` // audit session id
	Why     string `json:"why"`
	Pos     string `json:"pos,omitempty"`
	Lines   []Line `json:"lines,omitempty"`
}

// Explain says why, once the run is over. Where the target occurs more than
// once the error lists the hosts and boots; ErrNotFound where it does not.
func (x *Explainer) Explain() (*Explanation, error) {
	if x.c == nil {
		return nil, ErrNotFound
	}
	var e *Explanation
	var err error
	switch x.target.Sort {
	case Event:
		e, err = x.explainEvent()
	case Session:
		e, err = x.explainSession()
	default:
		e, err = x.explainLogin()
	}
	if errors.Is(err, ErrNotFound) {
		err = x.notThere()
	}
	if err != nil {
		return nil, err
	}
	e.Sort, e.ID = x.target.Sort, x.target.ID
	if e.Rejected == nil {
		e.Rejected = []Candidate{}
	}
	return e, x.readLines(e)
}

// placeOf names a boot in an error, which a terminal shows.
func placeOf(host, boot string) string {
	if host == "" {
		return "boot " + safe.Terminal(boot)
	}
	return "host " + safe.Terminal(host) + ", boot " + safe.Terminal(boot)
}

// notThere is ErrNotFound; where the options let no boot through at all, with
// the boots that there are.
func (x *Explainer) notThere() error {
	const most = 20
	var places []string
	boots := 0
	for _, h := range x.c.Hosts {
		for _, b := range h.Boots {
			if x.wanted(h.Name, b.ID) {
				return ErrNotFound
			}
			if boots++; boots <= most {
				places = append(places, placeOf(h.Name, b.ID))
			}
		}
	}
	if boots == 0 {
		return ErrNotFound
	}
	if boots > most {
		places = append(places, fmt.Sprintf("and %d more", boots-most))
	}
	return fmt.Errorf("%w: no boot fits --host and --boot; there are: %s", ErrNotFound, strings.Join(places, "; "))
}

func ambiguous(what string, places []string) error {
	return fmt.Errorf("%s is in the evidence %d times; narrow it with --host or --boot: %s", what, len(places), strings.Join(places, "; "))
}

func (x *Explainer) explainEvent() (*Explanation, error) {
	if len(x.events) == 0 {
		return nil, ErrNotFound
	}
	if len(x.events) > 1 && !x.events[0].sameAs(x.events[1:]) {
		var places []string
		for _, ev := range x.events {
			places = append(places, placeOf(ev.host, ev.boot)+", "+ev.pos)
		}
		return nil, ambiguous("event "+x.target.ID, places)
	}
	ev := x.events[0]
	e := &Explanation{Host: ev.host, Boot: ev.boot}
	acting, names := x.acting(ev)
	e.Names = names
	last := Step{What: ev.sentence(acting), Time: ev.at, Pos: ev.pos}
	for _, more := range x.events[1:] {
		last.Pos += "," + more.pos
	}
	f, ok := x.sessionOf(ev)
	switch {
	case ev.session.ID == "":
		x.explainSessionless(e, ev)
	case !ok:
		e.Conclusion = fmt.Sprintf("The event is of session %s, of which nothing else is known: %s.", ev.session.ID, orNone(ev.session.Reason))
	default:
		x.explain(e, &f)
		nested := ev.nestedLogin(&f)
		switch {
		case nested != nil:
			e.Steps = append(e.Steps, loginSteps(nested)...)
			e.Steps = append(e.Steps, Step{What: fmt.Sprintf("Session %s is shared: an sshd that was started from within it accepted the login %s. The event's process descends from that sshd, pid %d, so it is that login's.", ev.session.ID, nested.ID, nested.PID)})
			e.Conclusion = "The event is given to " + who(nested) + "."
		case ev.session.Attribution != f.s.Attribution || ev.session.Reason != f.s.Reason:
			e.Conclusion = "The event is given to nobody: " + orNone(ev.session.Reason) + ". Its session " + ev.session.ID + " is shared by several logins, and its process descends from none that is known."
		default:
			e.Conclusion = strings.Replace(e.Conclusion, "The session", "The event", 1)
		}
	}
	for i := len(ev.chain) - 1; i >= 0; i-- {
		p := ev.chain[i]
		e.Steps = append(e.Steps, Step{What: fmt.Sprintf("Process %d, child of %d, had become %s: %s", p.pid, p.ppid, p.exe, p.args), Time: p.at, Pos: p.pos, brief: true})
	}
	e.Steps = append(e.Steps, last)
	if ok {
		e.Steps = append(e.Steps, Step{What: fmt.Sprintf("The kernel wrote ses=%s into that record: the session of the process that acted. A process cannot choose it, and keeps it through sudo and su.", ev.session.ID), Pos: ev.pos})
	}
	if ev.session.Reason == tracker.NoSession {
		e.Steps = append(e.Steps, Step{What: "None of these records says which process acted, or in which session. The SYSCALL record, which would, is not in the evidence: the file begins or ends within the event, or the record was lost."})
	}
	for _, what := range ev.says {
		e.Steps = append(e.Steps, Step{What: "The event's records state two things: " + what + ". What the kernel wrote counts; what a process claimed inside msg='…' does not.", Pos: ev.pos})
	}
	if e.Overturn == nil {
		e.Overturn = []string{"A login or session record of that time that is not in the evidence."}
	}
	return e, nil
}

// explainSessionless says whose an event is whose records name no session.
func (x *Explainer) explainSessionless(e *Explanation, ev *event) {
	switch {
	case ev.session.Login != "":
		e.Conclusion = "The event's records name no session. It is given to the login " + ev.session.Login + " because its process descends from that login's sshd, for which no audit session was opened."
		if l := x.loginNamed(ev.session.Login); l != nil {
			e.Steps = append(e.Steps, loginSteps(l)...)
		}
	case ev.session.Reason != "":
		e.Conclusion = "The event is given to nobody: " + ev.session.Reason + "."
	default:
		e.Conclusion = "The event is of no session, so it is nobody's: the kernel, or a process that no login started, caused it."
	}
}

// sameAs reports whether parts of one event came at several times.
func (ev *event) sameAs(others []*event) bool {
	for _, o := range others {
		if o.host != ev.host || o.boot != ev.boot {
			return false
		}
	}
	return true
}

// sentence says what the event is, and who acted.
func (ev *event) sentence(acting string) string {
	text := "The event: " + ev.typ
	if ev.syscall != "" && !strings.EqualFold(ev.syscall, ev.typ) {
		text += " (" + ev.syscall + ")"
	}
	if ev.process.PID != 0 {
		text += fmt.Sprintf(" of process %d", ev.process.PID)
	}
	if ev.process.PPID != 0 {
		text += fmt.Sprintf(", child of %d", ev.process.PPID)
	}
	if ev.process.Exe != "" {
		text += ", program " + ev.process.Exe
	}
	text += acting + ", " + ev.outcome + "."
	if len(ev.args) > 0 {
		text += " Command: " + short(strings.Join(ev.args, " "))
	}
	return text
}

// sessionOf finds the session that an event belongs to.
func (x *Explainer) sessionOf(ev *event) (found, bool) {
	var best found
	ok := false
	for _, f := range x.sessions(ev.session.ID) {
		if f.host != ev.host || f.boot != ev.boot {
			continue
		}
		if !ok || !f.s.Opened.After(ev.at) {
			best, ok = f, true
		}
	}
	return best, ok
}

// nestedLogin gives the login that the event was given to, where that is not
// the one which opened the session.
func (ev *event) nestedLogin(f *found) *tracker.LoginDecision {
	if ev.session.Login == "" || f.s.Login != nil && f.s.Login.ID == ev.session.Login {
		return nil
	}
	for _, l := range f.s.Shared {
		if l.ID == ev.session.Login {
			return l
		}
	}
	return nil
}

func (x *Explainer) explainSession() (*Explanation, error) {
	all := x.sessions(x.target.ID)
	switch {
	case len(all) == 0:
		return nil, ErrNotFound
	case len(all) > 1:
		var places []string
		for _, f := range all {
			opened := "how it was opened is not in the evidence"
			if !f.s.Opened.IsZero() {
				opened = "opened " + f.s.Opened.Format(time.RFC3339)
			}
			places = append(places, placeOf(f.host, f.boot)+", "+opened)
		}
		return nil, ambiguous("session "+x.target.ID, places)
	}
	f := &all[0]
	e := &Explanation{Host: f.host, Boot: f.boot}
	x.explain(e, f)
	return e, nil
}

func orNone(reason string) string {
	if reason == "" {
		return "no login"
	}
	return reason
}
