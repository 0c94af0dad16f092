package tracker

import (
	"strconv"
	"time"

	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/sshd"

	"github.com/elastic/go-libaudit/v2/aucoalesce"
	"github.com/elastic/go-libaudit/v2/auparse"
)

// AuditdEvent takes one audit event. Events with Session "" or "unset" are no
// session's and are not written. What is written is owned by the writer until
// it returns, and reused afterwards.
func (t *SessionTracker) AuditdEvent(event *aucoalesce.Event) error {
	if event.Session == "" || event.Session == "unset" {
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
	return t.event(ev)
}

// Event takes one audit event with all that its records say. Events of no
// session are written as SystemAction.
func (t *SessionTracker) Event(ev *auditd.Event) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.event(ev)
}

func (t *SessionTracker) event(ev *auditd.Event) error {
	if err := t.sticky; err != nil {
		t.sticky = nil
		return err
	}
	ses := ev.Ses
	if ses == "" {
		ses = t.procs.sessionOf(ev)
	}
	owner := t.procs.see(ev, ses)
	if ses == "" || ses == "unset" {
		return t.eventOfNone(ev, ses, owner)
	}
	at := time.UnixMilli(ev.Millis).UTC()
	s := t.at(ses, at)
	if ev.Type == auparse.AUDIT_LOGIN && ev.Result != "fail" && (s == nil || !s.opensWith(ev.PID, at)) {
		if s != nil {
			if err := t.closeSession(s); err != nil {
				return err
			}
		}
		s = t.open(ses)
	}
	if s == nil {
		s = t.open(ses)
	}
	if s.first.IsZero() {
		s.first = at
	}
	if s.decided || s.known {
		return t.auditEventWithSession(ev, s)
	}
	return t.auditEventWithoutSession(ev, s)
}

// auditEventWithSession writes an event of a session whose owner is decided,
// or holds it until that is so.
func (t *SessionTracker) auditEventWithSession(ev *auditd.Event, s *session) error {
	t.observe(ev, s)
	if !s.decided {
		s.held = append(s.held, t.compose(ev, new(output)))
		return nil
	}
	f := s.face
	if len(s.nested) > 0 {
		f = t.procs.faceOf(t, ev, s)
	}
	if err := t.writeLoginOf(f); err != nil {
		return err
	}
	o := t.compose(ev, &t.out)
	return t.write(o, f)
}

// auditEventWithoutSession takes the first event of a session: it joins the
// session to a login that waits for it, or opens it as one that waits.
func (t *SessionTracker) auditEventWithoutSession(ev *auditd.Event, s *session) error {
	s.known = true
	t.observe(ev, s)
	if t.resolved {
		t.decideAlone(s)
	} else if err := t.tryJoin(s); err != nil {
		return err
	}
	return t.auditEventWithSession(ev, s)
}

// observe takes over what an event says of its session where no first pass
// has done so.
func (t *SessionTracker) observe(ev *auditd.Event, s *session) {
	if t.resolved {
		return
	}
	at := time.UnixMilli(ev.Millis).UTC()
	if ev.Type == auparse.AUDIT_LOGIN && ev.Result != "fail" && s.leader == 0 {
		s.leader, s.opened = ev.PID, at
		t.byLeader[s.leader] = append(t.byLeader[s.leader], s)
	}
	if ev.AUID != "" && ev.AUID != "unset" {
		s.auid = ev.AUID
	}
	if ev.PID == s.leader && (ev.Type == auparse.AUDIT_USER_END || ev.Type == auparse.AUDIT_CRED_DISP) && ev.Op != "login" {
		s.closed = at
	}
}

// tryJoin joins a session to the best of the logins that wait for it.
func (t *SessionTracker) tryJoin(s *session) error {
	if s.decided || s.ended || s.leader == 0 {
		return nil
	}
	var best *login
	var bestVerdict verdict
	for _, l := range t.waiting[s.leader] {
		if v := t.judge(s, l); v.proof && !l.conflicted() && (best == nil || v.apart < bestVerdict.apart) {
			best, bestVerdict = l, v
		}
	}
	if best == nil {
		return nil
	}
	t.bind(s, best, bestVerdict)
	return t.flush(s)
}

// joinWaiting joins a login that has just come to the session that waits for
// it, if there is one.
func (t *SessionTracker) joinWaiting(l *login) error {
	var best *session
	var bestVerdict verdict
	for _, s := range t.byLeader[l.pid] {
		if s.decided || s.ended {
			continue
		}
		if v := t.judge(s, l); v.proof && !l.conflicted() && (best == nil || v.apart <= bestVerdict.apart) {
			best, bestVerdict = s, v
		}
	}
	if best == nil {
		return nil
	}
	t.bind(best, l, bestVerdict)
	return t.flush(best)
}

// flush writes the events that a session held.
func (t *SessionTracker) flush(s *session) error {
	if len(s.held) > 0 {
		if err := t.writeLoginOf(s.face); err != nil {
			return err
		}
	}
	for len(s.held) > 0 {
		o := s.held[0]
		s.held[0] = nil
		s.held = s.held[1:]
		if err := t.write(o, s.face); err != nil {
			return err
		}
	}
	s.held = nil
	return nil
}

// closeSession ends a session that a new one of the same id follows.
func (t *SessionTracker) closeSession(s *session) error {
	s.ended = true
	if s.decided {
		return nil
	}
	if !t.opt.KeepUnjoined {
		s.held = nil
		t.forget(s)
		return nil
	}
	t.decideAlone(s)
	return t.flush(s)
}

// forget takes a session out of the tracker.
func (t *SessionTracker) forget(s *session) {
	ls := t.byLeader[s.leader]
	for i := range ls {
		if ls[i] == s {
			t.byLeader[s.leader] = append(ls[:i:i], ls[i+1:]...)
			break
		}
	}
	if len(t.byLeader[s.leader]) == 0 {
		delete(t.byLeader, s.leader)
	}
	if t.sessions[s.id] == s {
		if s.older != nil {
			t.sessions[s.id] = s.older
		} else {
			delete(t.sessions, s.id)
		}
		return
	}
	for n := t.sessions[s.id]; n != nil; n = n.older {
		if n.older == s {
			n.older = s.older
		}
	}
}

// DeleteUsersWithoutLoginsBefore closes the sessions that were opened before
// that time and never found a login. With Options.KeepUnjoined their events
// are written without a name, and so will be those that follow; a failed
// write is returned by the next call that can return it. The plain tracker
// forgets them.
func (t *SessionTracker) DeleteUsersWithoutLoginsBefore(before time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.sessionList() {
		start := s.opened
		if start.IsZero() {
			start = s.first
		}
		if s.decided || s.ended || !start.Before(before) {
			continue
		}
		if err := t.closeSession(s); err != nil && t.sticky == nil {
			t.sticky = err
		}
	}
}

// DeleteRemoteUserLoginsBefore forgets the logins before that time which no
// session claimed.
func (t *SessionTracker) DeleteRemoteUserLoginsBefore(before time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := t.logins[:0]
	for _, l := range t.logins {
		if l.session == nil && !l.shares && !l.at.IsZero() && l.at.Before(before) {
			t.unwait(l)
			delete(t.byDetail, l.detail)
			continue
		}
		kept = append(kept, l)
	}
	clear(t.logins[len(kept):])
	t.logins = kept
}

// WriteLogin writes the UserLogin of an accepted or failed login, once.
func (t *SessionTracker) WriteLogin(d *sshd.Login) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !d.Accepted {
		return t.writeUserLogin(t.newLogin(d))
	}
	if l := t.byDetail[d]; l != nil && !l.written {
		return t.writeUserLogin(l)
	}
	return nil
}
