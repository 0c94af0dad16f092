package tracker

import (
	"slices"
	"strconv"
	"time"

	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/schema"

	"github.com/elastic/go-libaudit/v2/aucoalesce"
	"github.com/elastic/go-libaudit/v2/auparse"
)

// AuditdEvent takes one audit event. Events with Session "" or "unset" are no
// session's and are not written. What is written is owned by the writer until
// it returns, and reused afterwards. A call that returns an error has not
// written its event; events that earlier calls left to wait go on waiting.
func (t *SessionTracker) AuditdEvent(event *aucoalesce.Event) error {
	if unset(event.Session) {
		return nil
	}
	if event.Type == auparse.AUDIT_LOGIN {
		if _, err := strconv.Atoi(event.Process.PID); err != nil {
			return &SessionTrackerError{parsePIDFail: true, inner: err,
				message: "failed to parse pid " + strconv.Quote(event.Process.PID) + " of session " + event.Session}
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	ev := &t.fromAPI
	auditd.FromCoalesced(event, ev)
	return t.stuck(t.event(ev))
}

// unset reports whether a session id says that there is none. The kernel gives
// out ids from 1 on; while it boots its own records have 0.
func unset(ses string) bool {
	return ses == "" || ses == "unset" || ses == "4294967295" || ses == "-1" || ses == "0"
}

// Event takes one audit event with all that its records say. Events of no
// session are written as SystemAction.
func (t *SessionTracker) Event(ev *auditd.Event) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest()
	return t.stuck(t.event(ev))
}

func (t *SessionTracker) event(ev *auditd.Event) error {
	at := time.UnixMilli(ev.Millis).UTC()
	if at.After(t.now) {
		t.now = at
	}
	ses := ev.Ses
	if ses == "" {
		ses = t.procs.sessionOf(ev)
	} else if ev.CutOff {
		return t.eventCutOff(ev)
	}
	var owner *login
	if !t.opt.AllHaveSes || !t.procs.owners.empty() || t.shared {
		owner = t.procs.see(t, ev, ses)
	} else {
		t.procs.events++
	}
	if unset(ses) {
		return t.eventOfNone(ev, ses, owner)
	}
	s := t.at(ses, at)
	if err := t.lost(); err != nil {
		return err
	}
	if ev.Type == auparse.AUDIT_LOGIN && ev.Result != "fail" && ev.Ses != "" {
		if s != nil && !s.takes(ev, at) {
			if err := t.closeSession(s); err != nil {
				return err
			}
			s = nil
		}
		if s == nil {
			s = t.open(ses)
		}
		s.Begun = true
	}
	if s == nil {
		s = t.open(ses)
	}
	if s.First.IsZero() {
		s.hear(at)
	}
	if s.Known || s.Decided {
		return t.auditEventWithSession(ev, s)
	}
	return t.auditEventWithoutSession(ev, s)
}

// takes reports whether the event of a LOGIN record is of a session that is
// known already. A second LOGIN is always of a new one, unless it is a copy.
func (s *session) takes(ev *auditd.Event, at time.Time) bool {
	if s.Begun && ev.Serial == 0 {
		return false
	}
	return s.opensWith(ev.PID, at, ev.Serial)
}

// auditEventWithSession writes an event of a session whose owner is decided,
// or holds it until that is so.
func (t *SessionTracker) auditEventWithSession(ev *auditd.Event, s *session) error {
	if !t.resolved {
		t.observe(ev, s)
		if s.Decided {
			t.recheck(s)
		} else if err := t.tryJoin(s); err != nil {
			return err
		}
	}
	if !s.Decided {
		s.held = append(s.held, t.compose(ev, new(output)).keep())
		return nil
	}
	if err := t.flush(s); err != nil {
		return err
	}
	f := t.faceOf(ev, s)
	if err := t.writeLoginOf(f); err != nil || !t.wanted(ev, schema.TypeAction, f) {
		return err
	}
	return t.write(t.compose(ev, &t.out), f)
}

// auditEventWithoutSession takes the first event of a session: it opens it.
// Where there is nothing to wait for, it is decided by what the audit log says.
func (t *SessionTracker) auditEventWithoutSession(ev *auditd.Event, s *session) error {
	s.Known = true
	if t.resolved {
		t.decideAlone(s)
	}
	return t.auditEventWithSession(ev, s)
}

// faceOf says what an event shows of its session: what the session itself
// does, unless others logged in inside of it or the event is not its.
func (t *SessionTracker) faceOf(ev *auditd.Event, s *session) *face {
	if !s.Revoked && t.before(ev, s) {
		return t.noneFace(s, "conflict: an event before the session began")
	}
	// A session has one login uid. What states another has lost a digit of one
	// of the two.
	if ev.AUID != "" && s.AUID != "" && ev.AUID != s.AUID && ev.AUID != "unset" && len(ev.Records) > 0 {
		return t.noneFace(s, "conflict: auid "+s.AUID+" != "+ev.AUID)
	}
	if len(s.nested) > 0 {
		return t.procs.faceOf(t, ev, s)
	}
	return t.face(s)
}

// eventCutOff writes an event whose session's number is not whole.
func (t *SessionTracker) eventCutOff(ev *auditd.Event) error {
	f := face{unshared: true, source: unknownSource, subjects: noSubjects,
		sess: schema.Session{Boot: t.opt.Boot, Attribution: schema.None, Reason: "its session id is cut off"}}
	return t.write(t.compose(ev, &t.out), &f)
}

// before reports whether an event cannot be of the session whose number it
// has, because it is older than the session's LOGIN: by the clock and by its
// serial, or by one of them where nothing set the clock. (Serials begin again
// after 2^32.) Where the LOGIN is lost, the login's own time tells.
func (t *SessionTracker) before(ev *auditd.Event, s *session) bool {
	if s.ByLogin {
		earlier := ev.Millis < s.Opened.UnixMilli()-eventSlack.Milliseconds()
		lower := ev.Serial < s.Serial && s.Serial-ev.Serial < 1<<31
		return earlier && lower || t.opt.Steady && (earlier || lower)
	}
	l := t.useLogin(s.login)
	return l != nil && !l.At.IsZero() && ev.Millis < l.At.Add(-loginBefore).UnixMilli()
}

// eventSlack is how far an event's time may lie before its session's LOGIN:
// syscalls are stamped when they begin.
const eventSlack = 5 * time.Second

// keep makes what o borrowed from an event its own.
func (o *output) keep() *output {
	o.ev.Keys, o.ev.Contradictions = slices.Clone(o.ev.Keys), slices.Clone(o.ev.Contradictions)
	return o
}

// flush writes the events that a session holds though it is decided. Where the
// writer fails, those that it did not take are kept.
func (t *SessionTracker) flush(s *session) error {
	if len(s.held) == 0 {
		return nil
	}
	f := t.face(s)
	if err := t.writeLoginOf(f); err != nil {
		return err
	}
	for len(s.held) > 0 {
		if err := t.write(s.held[0], f); err != nil {
			return err
		}
		s.held[0] = nil
		s.held = s.held[1:]
	}
	s.held = nil
	return nil
}

// WriteLogin writes the UserLogin of an accepted or failed login, once.
func (t *SessionTracker) WriteLogin(d *sshd.Login) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest()
	if !d.Accepted {
		return t.writeUserLogin(t.newLogin(d, 0))
	}
	if l := t.known(d); l != nil && !l.Written {
		if err := t.lost(); err != nil {
			return err
		}
		return t.writeUserLogin(l)
	}
	return nil
}
