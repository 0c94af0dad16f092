package tracker

import (
	"strings"
	"time"
)

// LOGIN stands within this of its Accepted line, or their equal PIDs prove
// nothing: PIDs come back, on a busy host within 37 s. The journal's source
// times have LOGIN from 0.07 s before to 2.5 s after; a syslog file's lines
// carry the time of reception, up to 12 s late; a slow PAM stack once took
// 46 s.
const (
	loginBefore = 30 * time.Second
	loginAfter  = 60 * time.Second
)

// closeSlack is how late sshd's log may be about a session's end.
const closeSlack = 15 * time.Second

// verdict is what is to be said for and against one login having opened one
// session.
type verdict struct {
	evidence []string // what agrees, in the words of schema.Session.Evidence
	against  string   // what contradicts: "address 10.0.0.5 != 10.0.0.9"; "" where nothing
	strong   bool     // the journal itself names the session
	proof    bool     // enough agrees for a join
	apart    time.Duration
}

// judge weighs a login and a session of one boot. Every rule is one that needs
// no other login or session; what is the best of several is decided elsewhere.
func (t *SessionTracker) judge(s *session, l *login) verdict {
	v := verdict{evidence: []string{"boot"}}
	pid := v.weighPID(s, l)
	inTime := v.weighTime(s, l)
	v.weighAccount(t, s, l)
	v.weighAddress(s, l)
	keyed := v.weighKey(s, l)
	ses := v.weighSession(s, l)
	child := v.weighChild(s, l)
	v.weighTerminal(s, l)
	v.strong = ses
	v.proof = v.against == "" && (ses || inTime && (pid || child || keyed))
	return v
}

func (v *verdict) agree(what string) { v.evidence = append(v.evidence, what) }

func (v *verdict) contradict(what, session, login string) {
	if v.against == "" {
		v.against = what + " " + session + " != " + login
	}
}

func (v *verdict) weighPID(s *session, l *login) bool {
	switch {
	case s.leader == 0 || l.pid == 0:
		return false
	case s.leader != l.pid:
		v.contradict("pid", itoa(s.leader), itoa(l.pid))
		return false
	}
	v.agree("pid")
	return true
}

// weighTime reports whether the login stands where the session's opener must.
func (v *verdict) weighTime(s *session, l *login) bool {
	if l.at.IsZero() || s.first.IsZero() && s.opened.IsZero() {
		return true // no claim
	}
	if !s.opened.IsZero() {
		dt := s.opened.Sub(l.at)
		v.apart = dt.Abs()
		if dt < -loginBefore || dt > loginAfter || l.anotherLife(s.opened) {
			return false
		}
		v.agree("time")
		return true
	}
	// Its start is not in the evidence: the leader's end must lie in this life.
	if s.closed.IsZero() {
		return false
	}
	v.apart = s.closed.Sub(l.at).Abs()
	if l.at.After(s.closed.Add(closeSlack)) || l.anotherLife(s.closed) {
		return false
	}
	if d := l.detail; d != nil && d.End != nil && d.End.Time.Add(closeSlack).Before(s.closed) {
		return false
	}
	v.agree("time")
	return true
}

// anotherLife reports whether the pid had another owner at that time, by
// sshd's own log. The bounds are sshd's and may be late, never early.
func (l *login) anotherLife(at time.Time) bool {
	return !l.lifeEnd.IsZero() && at.After(l.lifeEnd)
}

func (v *verdict) weighAccount(t *SessionTracker, s *session, l *login) {
	if l.account == "" {
		return
	}
	name := s.acct
	if name == "" {
		name = s.name
	}
	if name == "" && s.auid != "" {
		name = t.accounts[s.auid]
	}
	switch {
	case name == "":
	case name == l.account:
		v.agree("account")
	default:
		v.contradict("account", name, l.account)
	}
}

func (v *verdict) weighAddress(s *session, l *login) {
	if l.addr == "" || s.addr == "" {
		return
	}
	same, known := sameAddress(s.addr, l.addr)
	switch {
	case same:
		v.agree("address")
	case known:
		v.contradict("address", s.addr, l.addr)
	}
}

// weighKey holds Red Hat's crypto records against the login: the client's
// port, and the fingerprint of the key.
func (v *verdict) weighKey(s *session, l *login) bool {
	port := false
	if s.port != "" && l.port != "" {
		if s.port == l.port {
			v.agree("port")
			port = true
		} else {
			v.contradict("port", s.port, l.port)
		}
	}
	if d := l.detail; d != nil && s.keyPrint != "" && d.Fingerprint != "" && samePrintKind(s.keyPrint, d.Fingerprint) {
		if s.keyPrint == d.Fingerprint {
			v.agree("fingerprint")
		} else if !strings.Contains(d.Method, ",") {
			v.contradict("fingerprint", s.keyPrint, d.Fingerprint)
		}
	}
	same, _ := sameAddress(s.addr, l.addr)
	return port && same
}

func samePrintKind(a, b string) bool {
	x, _, _ := strings.Cut(a, ":")
	y, _, _ := strings.Cut(b, ":")
	return x == y
}

func (v *verdict) weighSession(s *session, l *login) bool {
	d := l.detail
	if d == nil || d.AuditSes == "" || d.SesConflict || l.shares {
		return false
	}
	if d.AuditSes != s.id {
		v.contradict("session", s.id, d.AuditSes)
		return false
	}
	if d.AuditUID != "" && s.auid != "" && d.AuditUID != s.auid {
		v.contradict("auid", s.auid, d.AuditUID)
	}
	v.agree("session")
	return true
}

func (v *verdict) weighChild(s *session, l *login) bool {
	d := l.detail
	if d == nil || d.ChildPID == 0 {
		return false
	}
	for _, pid := range s.children {
		if pid == d.ChildPID {
			v.agree("child")
			return true
		}
	}
	return false
}

func (v *verdict) weighTerminal(s *session, l *login) {
	if l.detail == nil || s.terminal == "" {
		return
	}
	for _, started := range l.detail.Sessions {
		if started.TTY != "" && strings.TrimPrefix(s.terminal, "/dev/") == started.TTY {
			v.agree("terminal")
			return
		}
	}
}
