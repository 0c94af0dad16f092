package tracker

import (
	"strings"
	"time"

	"auditreplay/pkg/ingest"
)

// LOGIN stands within this of its Accepted line, or their equal PIDs prove
// nothing: PIDs come back, on a busy host within 37 s. A syslog file's lines
// carry the time of reception, up to 12 s late; a slow PAM stack once took
// 46 s.
const (
	loginBefore = 30 * time.Second
	loginAfter  = 60 * time.Second
)

// closeSlack is how late sshd's log may be about a session's end.
const closeSlack = 15 * time.Second

// preciseSlack is how far LOGIN may stand before the journal's source time of
// its Accepted line: both are stamped by one kernel (0.07 s was seen).
const preciseSlack = 2 * time.Second

// tight is how near LOGIN and Accepted have to be for no other process to have
// got the pid in between: sshd lives through it all.
const tight = 3 * time.Second

// window is where LOGIN may stand, relative to its Accepted line.
type window struct{ before, after time.Duration }

// windowOf is where the LOGIN of a login may stand: by what is known of its
// log's clock, and by where the other logins' stand.
func (t *SessionTracker) windowOf(l *login) window {
	w := window{loginBefore, loginAfter}
	if d := l.detail; d != nil && l.Ahead == 0 && d.Pos.Source != nil && !d.Time.Equal(d.Received) {
		switch d.Pos.Source.Kind {
		case ingest.JournalExport, ingest.JournalJSON, ingest.JournalBinary, ingest.JournalText:
			w.before = preciseSlack
			if t.opt.SetBack { // then a pid's next owner may stand in between
				w.after = tight
			}
		}
	}
	if u := t.usual; u != nil {
		w.before, w.after = min(w.before, u.before), min(w.after, u.after)
	}
	return w
}

// verdict is what is to be said for and against one login having opened one
// session.
type verdict struct {
	agreed  agreement
	against string // what contradicts: "address 10.0.0.5 != 10.0.0.9"; "" where nothing
	strong  bool   // the journal itself names the session
	proof   bool   // enough agrees for a join
	apart   time.Duration
}

// judge weighs a login and a session of one boot. Every rule is one that needs
// no other login or session; what is the best of several is decided elsewhere.
//
// The journal's word for a session (its _AUDIT_SESSION) is proof if nothing
// speaks against it. An equal pid is proof only of a session that sshd opened,
// at the time of the login: a pid comes back. Where no record names the
// program, time and account have to agree closely.
func (t *SessionTracker) judge(s *session, l *login) verdict {
	v := verdict{agreed: sameBoot}
	pid := v.weighPID(s, l)
	when := v.weighTime(t, s, l)
	v.weighAccount(t, s, l)
	v.weighAddress(s, l)
	keyed := v.weighKey(s, l)
	v.strong = v.weighSession(s, l)
	child := v.weighChild(s, l)
	v.weighTerminal(s, l)
	if len(s.Disputed) > 0 && v.against == "" {
		v.against = s.Disputed[0]
	}
	ssh, known := s.ssh()
	if known && !ssh && v.against == "" {
		v.against = "program " + s.Exe + " != sshd"
	}
	if pid && !known && len(s.nested) > 0 {
		// Nothing but the LOGIN has the opener's pid, and another sshd opened
		// PAM's session: the one of a LOGIN that lost a digit looks so.
		v.contradict("pid", itoa(s.Leader), itoa(s.nested[0].PID))
	}
	sure := ssh || l.detail == nil || v.apart <= tight && v.agrees(sameAccount)
	switch {
	case v.against != "" || when == never:
	case v.strong:
		v.proof = true
	case when == agrees:
		v.proof = pid && sure || child || keyed
	default: // no claim about time: the plain tracker's zero LoggedAt
		v.proof = pid && l.detail == nil
	}
	return v
}

func (v *verdict) agree(what agreement) { v.agreed |= what }

func (v *verdict) agrees(what agreement) bool { return v.agreed&what != 0 }

func (v *verdict) contradict(what, session, login string) {
	if v.against == "" {
		v.against = what + " " + session + " != " + login
	}
}

func (v *verdict) weighPID(s *session, l *login) bool {
	switch {
	case s.Leader == 0 || l.PID == 0:
		return false
	case s.Leader != l.PID:
		v.contradict("pid", itoa(s.Leader), itoa(l.PID))
		return false
	}
	v.agree(samePID)
	return true
}

// timing is what the times of a session and a login say of each other.
type timing uint8

const (
	silent timing = iota // one of them is not known
	agrees
	never
)

// weighTime reports whether the login stands where the session's opener must.
func (v *verdict) weighTime(t *SessionTracker, s *session, l *login) timing {
	if l.At.IsZero() || s.First.IsZero() && s.Opened.IsZero() && s.After.IsZero() && s.Before.IsZero() {
		return silent
	}
	w := t.windowOf(l)
	if !s.Closed.IsZero() && l.At.Sub(s.Closed) > min(w.before, closeSlack) {
		return never // the session was over
	}
	if s.Opened.IsZero() {
		return v.weighEnd(s, l, w)
	}
	dt := s.Opened.Sub(l.At)
	v.apart = dt.Abs()
	if dt < -w.before || dt > w.after || l.over(s.Opened) {
		return never
	}
	v.agree(sameTime)
	return agrees
}

// weighEnd weighs a session whose start is not in the evidence: it must not
// have been there before the login, and both must have ended together.
func (v *verdict) weighEnd(s *session, l *login, w window) timing {
	if !s.After.IsZero() && s.After.Sub(l.At) > w.after || !s.Before.IsZero() && l.At.Sub(s.Before) > w.before ||
		!s.First.IsZero() && l.At.Sub(s.First) > w.before {
		return never
	}
	if !s.First.IsZero() && l.over(s.First) {
		return never // what outlives a login was seen before its end
	}
	if s.Closed.IsZero() {
		return silent
	}
	if l.over(s.Closed.Add(-closeSlack)) {
		return never
	}
	d := l.detail
	if d == nil || d.End == nil {
		return silent
	}
	end := d.End.Time.Add(-l.Ahead)
	v.apart = end.Sub(s.Closed).Abs()
	if v.apart > closeSlack {
		return never
	}
	v.agree(sameTime)
	return agrees
}

// over reports whether, by sshd's own log, the login had ended by that time:
// its end was logged, or its pid was heard of with somebody else. What the log
// says of an end may be late, never early.
func (l *login) over(at time.Time) bool {
	if !l.LifeEnd.IsZero() && at.After(l.LifeEnd) {
		return true
	}
	return l.detail != nil && l.detail.End != nil && at.After(l.detail.End.Time.Add(closeSlack-l.Ahead))
}

func (v *verdict) weighAccount(t *SessionTracker, s *session, l *login) {
	if l.Account == "" {
		return
	}
	name := s.account(t)
	switch {
	case name == "":
	case name == l.Account:
		v.agree(sameAccount)
	default:
		v.contradict("account", name, l.Account)
	}
}

func (v *verdict) weighAddress(s *session, l *login) {
	if l.Addr == "" || s.Addr == "" {
		return
	}
	same, known := sameAddress(s.Addr, l.Addr)
	switch {
	case same:
		v.agree(sameAddr)
	case known:
		v.contradict("address", s.Addr, l.Addr)
	}
}

// weighKey holds Red Hat's crypto records against the login: the client's
// port, and the fingerprint of the key.
func (v *verdict) weighKey(s *session, l *login) bool {
	port := false
	if s.Port != "" && l.Port != "" {
		if s.Port == l.Port {
			v.agree(samePort)
			port = true
		} else {
			v.contradict("port", s.Port, l.Port)
		}
	}
	if d := l.detail; d != nil && s.KeyPrint != "" && d.Fingerprint != "" && samePrintKind(s.KeyPrint, d.Fingerprint) {
		if s.KeyPrint == d.Fingerprint {
			v.agree(samePrint)
		} else if !strings.Contains(d.Method, ",") {
			v.contradict("fingerprint", s.KeyPrint, d.Fingerprint)
		}
	}
	return port && s.Addr != "" && likeAddress(s.Addr, l.Addr)
}

func samePrintKind(a, b string) bool {
	x, _, _ := strings.Cut(a, ":")
	y, _, _ := strings.Cut(b, ":")
	return x == y
}

// weighSession takes the journal's word. journald may have kept what it read
// of an earlier owner of the pid, so that its login uid is held against the
// session's too.
func (v *verdict) weighSession(s *session, l *login) bool {
	d := l.detail
	if d == nil || d.AuditSes == "" || d.SesConflict || l.Shares {
		return false
	}
	if d.AuditSes != s.ID {
		v.contradict("session", s.ID, d.AuditSes)
		return false
	}
	if d.AuditUID != "" && s.AUID != "" && d.AuditUID != s.AUID {
		v.contradict("auid", s.AUID, d.AuditUID)
	}
	v.agree(sameSession)
	return true
}

func (v *verdict) weighChild(s *session, l *login) bool {
	d := l.detail
	if d == nil || d.ChildPID == 0 || !s.hasChild(d.ChildPID) {
		return false
	}
	v.agree(sameChild)
	return true
}

func (v *verdict) weighTerminal(s *session, l *login) {
	if l.detail == nil || s.Terminal == "" {
		return
	}
	for _, started := range l.detail.Sessions {
		if started.TTY != "" && strings.TrimPrefix(s.Terminal, "/dev/") == started.TTY {
			v.agree(sameTTY)
			return
		}
	}
}
