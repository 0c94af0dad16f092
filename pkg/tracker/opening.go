package tracker

import (
	"slices"
	"time"

	"auditreplay/pkg/ingest/sshd"
)

// Opening is how long after a session's USER_START, or its Accepted line where
// that is later, the logs still speak of its opening. On the recorded hosts
// CRED_ACQ of the user's process and USER_LOGIN came within 3 s.
const Opening = 5 * time.Second

// LateOpening is the same for the lines in which an sshd of LogLevel VERBOSE
// names the user's process and terminal, by the time of their reception:
// journald was seen to be 12 s behind.
const LateOpening = 15 * time.Second

// inOpening is what a session's events list as the evidence of a join: what agreed
// in its opening, by the times that the logs state. Whoever follows the logs
// cannot wait longer with the session's first events, and a replay, which knows
// what comes later, is to list the same.
//
// Where the opening proves nothing, because it is lost, all that agrees counts.
// And whether there is a join is no question of the opening: all evidence was
// weighed for it, and what contradicts it at any time does so.
func (t *SessionTracker) inOpening(s *session, l *login, v verdict) agreement {
	if s.Opened.IsZero() {
		return v.agreed
	}
	start := s.Opened
	if started := time.UnixMilli(s.Started).UTC(); started.After(start) && started.Sub(start) <= loginAfter {
		start = started
	}
	if o := t.judge(s.opening(start), l.opening(start)); o.proof {
		return o.agreed
	}
	return v.agreed
}

// opening is the session as far as its opening tells, for judge. What other
// sessions say of its login uid is left out.
func (s *session) opening(start time.Time) *session {
	o := &session{body: &body{claims: s.claims}}
	o.AUID = ""
	end := start.Add(Opening).UnixMilli()
	for _, c := range []struct {
		claim *string
		said  int64
	}{{&o.Exe, s.Said.Exe}, {&o.Acct, s.Said.Acct}, {&o.Name, s.Said.Name}, {&o.Addr, s.Said.Addr}, {&o.Port, s.Said.Port},
		{&o.KeyPrint, s.Said.KeyPrint}, {&o.Terminal, s.Said.TTY}} {
		if c.said > end {
			*c.claim = ""
		}
	}
	o.Children = slices.DeleteFunc(slices.Clone(s.Children), func(c child) bool { return c.At > end })
	return o
}

// opening is the login as far as its session's opening tells, for judge. Its
// log's times are those of reception, the order in which whoever follows that
// log reads it. A goodbye is no part of an opening, however soon it comes.
func (l *login) opening(start time.Time) *login {
	if l.detail == nil {
		return l
	}
	b, d := *l.loginBody, *l.detail
	b.detail = &d
	o := &login{loginBody: &b, session: l.session, pid: l.pid, nanos: l.nanos}
	start = start.Add(l.Ahead)
	if d.Received.After(start) {
		start = d.Received
	}
	end := start.Add(Opening)
	verbose := func(at time.Time) {
		if !d.ConnTime.IsZero() && at.After(end) && at.Sub(start) <= LateOpening {
			end = at
		}
	}
	if !d.ChildLate {
		verbose(time.UnixMicro(d.ChildAt))
	}
	if len(d.Sessions) > 0 {
		verbose(d.Sessions[0].Received)
	}
	if d.ChildLate || d.ChildAt > end.UnixMicro() {
		d.ChildPID = 0
	}
	d.Sessions = slices.DeleteFunc(slices.Clone(d.Sessions), func(s sshd.Started) bool { return s.Received.After(end) })
	if d.AuditSesAt > end.UnixMicro() {
		d.AuditSes = ""
	}
	d.SesConflict = d.SesConflict && d.SesConflictAt <= end.UnixMicro()
	return o
}

// named reports whether the journal named the login's session soon enough for
// a follower of the logs, who then writes the login with it.
func (l *login) named() bool {
	d := l.detail
	return d != nil && d.AuditSes != "" && !d.SesConflict && d.AuditSesAt-d.Received.UnixMicro() <= loginAfter.Microseconds()
}

// NameSession lets the events of a login name the session that the journal
// says it opened, where the audit log has shown nothing of that session, and
// nothing speaks against it. It is for a login that no session was found for;
// events of the session that come all the same are joined as any are.
func (t *SessionTracker) NameSession(d *sshd.Login) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.known(d); l != nil {
		t.nameSession(l)
	}
}

func (t *SessionTracker) nameSession(l *login) {
	d := l.detail
	if l.session != nil || l.Shares || l.conflicted() || !l.named() || t.sessions.get(d.AuditSes) != nil {
		return
	}
	for _, o := range t.logins {
		if t.useLogin(o); o != l && o.detail != nil && o.detail.AuditSes == d.AuditSes && !o.detail.SesConflict {
			return // only one of them can have opened it
		}
	}
	s := newSession(d.AuditSes, true)
	t.bracket(s)
	if t.judge(s, l).proof {
		l.Names = s.ID
	}
}
