package tracker

import (
	"maps"
	"slices"
	"strings"

	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

const (
	reasonNoLogin   = "no login"
	reasonShared    = "shared session"
	reasonAmbiguous = "ambiguous"
)

// bind gives the session to the login.
func (t *SessionTracker) bind(s *session, l *login, v verdict) {
	s.login, l.session = l, s
	if !s.First.IsZero() || l.named() {
		l.Names = s.ID
	}
	t.decide(s, decision{attribution: schema.BySSHD, opening: t.inOpening(s, l, v), agreed: v.agreed})
	t.unwait(l)
}

// unwait takes a login off the list of those that wait for a session.
func (t *SessionTracker) unwait(l *login) {
	t.waiting.remove(l.PID, l)
}

// loginFace is what the events of a login show.
func (t *SessionTracker) loginFace(l *login) *face {
	t.useLogin(l)
	f := &face{login: l, sess: schema.Session{Boot: t.opt.Boot, Login: l.ID, Attribution: schema.BySSHD}}
	if l.own != nil {
		f.unshared = true
		f.source, f.subjects, f.target, f.cred = l.own.source, l.own.subjects, l.own.target, l.own.cred
		return f
	}
	f.source = sourceOf(l.Addr, l.Port)
	f.subjects = map[string]string{"userID": l.CredID}
	setIf(f.subjects, "loggedAs", l.Account)
	if l.PID != 0 {
		f.subjects["pid"] = itoa(l.PID)
	}
	f.cred = t.credentialOf(l.detail)
	return f
}

// decideNone leaves the session without a name, and says why.
func (t *SessionTracker) decideNone(s *session, reason string) {
	t.decide(s, decision{attribution: schema.None, reason: reason})
}

func (t *SessionTracker) noneFace(s *session, reason string) *face {
	f := &face{source: unknownSource, subjects: noSubjects,
		sess: schema.Session{ID: s.ID, Boot: t.opt.Boot, Attribution: schema.None, Reason: reason}}
	if s.Addr != "" && !isConflict(reason) && reason != reasonShared {
		f.source = sourceOf(s.Addr, s.Port)
	}
	ssh, known := s.ssh()
	f.sess.NotSSH = known && !ssh
	return f
}

// localFace is what the events of a session show that no sshd opened.
func (t *SessionTracker) localFace(s *session) *face {
	return &face{source: auditevent.EventSource{Type: "local", Value: s.Exe}, subjects: t.auditSubjects(s),
		sess: schema.Session{ID: s.ID, Boot: t.opt.Boot, Attribution: schema.Local, NotSSH: true}}
}

// auditFace is what the events of a session of sshd show of which the audit
// log alone says whose it is.
func (t *SessionTracker) auditFace(s *session) *face {
	f := &face{source: sourceOf(s.Addr, s.Port), subjects: t.auditSubjects(s),
		sess: schema.Session{ID: s.ID, Boot: t.opt.Boot, Attribution: schema.ByAudit}}
	if s.KeyPrint != "" || s.KeyID != "" {
		f.cred = &schema.Credential{Method: s.Method, Fingerprint: s.KeyPrint, Serial: s.KeySer}
		f.cred.KeyID, f.cred.KeyIDHex = textAndHex([]byte(s.KeyID))
		if t.opt.Names != nil && s.KeyPrint != "" {
			f.cred.Names = t.opt.Names(s.KeyPrint, false)
		}
		if s.KeyID != "" {
			f.subjects["userID"] = s.KeyID
		}
	}
	for _, c := range []struct {
		what  string
		known bool
	}{{"boot", true}, {"account", s.Acct != ""}, {"address", s.Addr != ""}, {"port", s.Port != ""},
		{"fingerprint", s.KeyPrint != ""}, {"terminal", s.Terminal != "" && s.Terminal != "ssh"}} {
		if c.known {
			f.sess.Evidence = append(f.sess.Evidence, c.what)
		}
	}
	return f
}

func (t *SessionTracker) auditSubjects(s *session) map[string]string {
	m := make(map[string]string, 3)
	setIf(m, "loggedAs", s.Acct)
	m["userID"] = "unknown"
	if s.Leader != 0 {
		m["pid"] = itoa(s.Leader)
	}
	return m
}

// decideAlone decides a session that no login opened, by the audit log alone.
func (t *SessionTracker) decideAlone(s *session) {
	ssh, known := s.ssh()
	switch {
	case len(s.Disputed) > 0 && (!known || ssh):
		t.decideNone(s, "conflict: "+s.Disputed[0])
	case known && !ssh:
		t.decide(s, decision{attribution: schema.Local})
	case known && (s.Acct != "" || s.Addr != "") && s.vouched() && t.fits(s):
		t.decide(s, decision{attribution: schema.ByAudit})
	default:
		t.decideNone(s, reasonNoLogin)
	}
}

// vouched reports whether enough is known of the session's opener to believe
// what a record of it claims. A record whose ses= lost a digit makes a session
// of its own, and names a login of another: the address of an sshd that was
// started from within a session, say. So a CRED_ACQ or USER_LOGIN of a process
// that no record shows to be the leader is not believed alone, where the log
// has the LOGINs of lower ids and lacks this one's. Where it has none of them
// it begins in the middle of the session, and whatever comes first is true.
func (s *session) vouched() bool {
	login := s.Terminal != "" && s.Terminal != "ssh" // a USER_LOGIN names it
	return s.Leader != 0 || s.After.IsZero() || len(s.Children) > 1 || len(s.Children) == 1 && login
}

// fits reports whether a session whose LOGIN is lost stands where its id has
// to: ids rise, and each is given out once. A clock that was set back upsets
// that; whoever follows the logs learns it too late.
func (t *SessionTracker) fits(s *session) bool {
	if s.ByLogin || !t.opt.Steady {
		return true
	}
	return t.sessions.get(s.ID) == s && s.After.Sub(s.First) <= eventSlack
}

// revoke takes the name off a session whose later records contradict it.
func (t *SessionTracker) revoke(s *session, why string) {
	s.Revoked = true
	t.decideNone(s, why)
}

// conflicted reports whether sshd's log contradicts itself about the login.
func (l *login) conflicted() bool { return l.detail != nil && len(l.detail.Conflict) > 0 }

// conflictText cites the lines that contradict each other.
func (l *login) conflictText() string {
	b := []byte("two Accepted of one pid:")
	for _, p := range l.detail.Conflict {
		b = p.Append(append(b, ' '))
	}
	return string(b)
}

// reject notes why a login and a session that could belong together do not.
func (t *SessionTracker) reject(s *session, l *login, why string) {
	if t.opt.Terse {
		return
	}
	r := rejection{s, l, why}
	if len(s.rejected) < maxRejected && !slices.Contains(s.rejected, r) {
		s.rejected = append(s.rejected, r)
	}
	if len(l.rejected) < maxRejected && !slices.Contains(l.rejected, r) {
		l.rejected = append(l.rejected, r)
	}
}

// maxRejected bounds what is remembered of the partners that did not fit.
const maxRejected = 8

// key orders logins that nothing else tells apart.
func (l *login) key() string {
	if l.detail != nil {
		return l.ID + l.detail.Pos.String()
	}
	return l.ID
}

// sameCredential reports whether it makes no difference which of two logins it
// was.
func (l *login) sameCredential(o *login) bool {
	if l.detail != nil || o.detail != nil || l.own == nil || o.own == nil {
		return l.ID == o.ID
	}
	return l.ID == o.ID && l.CredID == o.CredID && l.At.Equal(o.At) && l.Account == o.Account && l.Addr == o.Addr &&
		l.Port == o.Port && maps.Equal(l.own.subjects, o.own.subjects)
}

// isConflict reports whether a reason is a contradiction.
func isConflict(reason string) bool { return strings.HasPrefix(reason, "conflict") }
