package tracker

import (
	"auditreplay/pkg/schema"
	"strings"

	"github.com/metal-toolbox/auditevent"
)

// bind gives the session to the login.
func (t *SessionTracker) bind(s *session, l *login, v verdict) {
	s.login, l.session, s.decided = l, s, true
	f := t.loginFace(l)
	f.sess.ID, f.sess.Evidence = s.id, v.evidence
	s.face = f
	t.unwait(l)
}

// unwait takes a login off the list of those that wait for a session.
func (t *SessionTracker) unwait(l *login) {
	ls := t.waiting[l.pid]
	for i := range ls {
		if ls[i] == l {
			ls = append(ls[:i:i], ls[i+1:]...)
			break
		}
	}
	if len(ls) == 0 {
		delete(t.waiting, l.pid)
	} else {
		t.waiting[l.pid] = ls
	}
}

// loginFace is what the events of a login show.
func (t *SessionTracker) loginFace(l *login) *face {
	f := &face{login: l, sess: schema.Session{Boot: t.opt.Boot, Login: l.id, Attribution: schema.BySSHD}}
	if l.own != nil {
		f.source, f.subjects = l.own.Source, l.own.Subjects
		f.cred, _ = l.own.Metadata.Extra["credential"].(*schema.Credential)
		if f.subjects == nil {
			f.subjects = map[string]string{}
		}
		if _, ok := f.subjects["userID"]; !ok {
			f.subjects = copyMap(f.subjects)
			f.subjects["userID"] = l.credID
		}
		return f
	}
	f.source = sourceOf(l.addr, l.port)
	f.subjects = map[string]string{"loggedAs": l.account, "userID": l.credID, "pid": itoa(l.pid)}
	if l.account == "" {
		delete(f.subjects, "loggedAs")
	}
	if l.pid == 0 {
		delete(f.subjects, "pid")
	}
	f.cred = t.credentialOf(l.detail)
	return f
}

func copyMap(m map[string]string) map[string]string {
	out := make(map[string]string, len(m)+1)
	for k, v := range m {
		out[k] = v
	}
	return out
}

// decideNone leaves the session without a name, and says why.
func (t *SessionTracker) decideNone(s *session, reason string) {
	s.decided = true
	s.face = t.noneFace(s, reason)
}

func (t *SessionTracker) noneFace(s *session, reason string) *face {
	f := &face{source: unknownSource, subjects: noSubjects,
		sess: schema.Session{ID: s.id, Boot: t.opt.Boot, Attribution: schema.None, Reason: reason}}
	if s.addr != "" && !strings.HasPrefix(reason, "conflict") {
		f.source = sourceOf(s.addr, s.port)
	}
	ssh, known := s.ssh()
	f.sess.NotSSH = known && !ssh
	return f
}

// decideLocal marks a session that no sshd opened.
func (t *SessionTracker) decideLocal(s *session) {
	s.decided = true
	s.face = &face{source: auditevent.EventSource{Type: "local", Value: s.exe}, subjects: t.auditSubjects(s),
		sess: schema.Session{ID: s.id, Boot: t.opt.Boot, Attribution: schema.Local, NotSSH: true}}
}

// decideAudit gives a session of sshd the identity that the audit log holds.
func (t *SessionTracker) decideAudit(s *session) {
	s.decided = true
	f := &face{source: sourceOf(s.addr, s.port), subjects: t.auditSubjects(s),
		sess: schema.Session{ID: s.id, Boot: t.opt.Boot, Attribution: schema.ByAudit}}
	if s.keyPrint != "" || s.keyID != "" {
		f.cred = &schema.Credential{Method: s.method, Fingerprint: s.keyPrint, Serial: s.keySer}
		f.cred.KeyID, f.cred.KeyIDHex = textAndHex([]byte(s.keyID))
		if t.opt.Names != nil && s.keyPrint != "" {
			f.cred.Names = t.opt.Names(s.keyPrint, false)
		}
		if s.keyID != "" {
			f.subjects["userID"] = s.keyID
		}
	}
	for _, c := range []struct {
		what  string
		known bool
	}{{"boot", true}, {"account", s.acct != ""}, {"address", s.addr != ""}, {"port", s.port != ""},
		{"fingerprint", s.keyPrint != ""}, {"terminal", s.terminal != "" && s.terminal != "ssh"}} {
		if c.known {
			f.sess.Evidence = append(f.sess.Evidence, c.what)
		}
	}
	s.face = f
}

func (t *SessionTracker) auditSubjects(s *session) map[string]string {
	m := make(map[string]string, 3)
	setIf(m, "loggedAs", s.acct)
	m["userID"] = "unknown"
	if s.leader != 0 {
		m["pid"] = itoa(s.leader)
	}
	return m
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

// reject notes why the login did not get a session it could have opened.
func (l *login) reject(s *session, why string) {
	l.rejected = append(l.rejected, rejection{s, why})
}

// sameCredential reports whether it makes no difference which of two logins it
// was: same account, address and credential.
func (l *login) sameCredential(o *login) bool {
	return l.id == o.id
}

// key orders logins that nothing else tells apart.
func (l *login) key() string {
	if l.detail != nil {
		return l.id + l.detail.Pos.String()
	}
	return l.id
}
