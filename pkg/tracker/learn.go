package tracker

import (
	"slices"
	"strings"
	"time"

	"auditreplay/pkg/ingest/auditd"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// Learn takes over what a record says of a session, ahead of its event.
func (t *SessionTracker) Learn(f *auditd.Fact) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest()
	if !f.HasSes || f.Ses == auditd.UnsetID || f.Type == auparse.AUDIT_LOGIN && !f.OK {
		return
	}
	s := t.use(t.sessions.numbers[f.Ses])
	at := time.UnixMilli(f.Millis).UTC()
	if s == nil || f.Type == auparse.AUDIT_LOGIN && !s.opensWith(f.PID, at, f.Serial) {
		s = t.open(utoa(f.Ses))
	}
	t.learn(s, f)
}

// learn takes over what one record says of s. The record's ses= is its id.
func (t *SessionTracker) learn(s *session, f *auditd.Fact) {
	at := time.UnixMilli(f.Millis).UTC()
	s.hear(at)
	if f.AUID != auditd.UnsetID && (s.AUID == "" || f.Type == auparse.AUDIT_LOGIN) {
		s.AUID = utoa(f.AUID)
	}
	if f.AUIDName != "" && s.Name == "" {
		s.Name = f.AUIDName
	}
	first(&s.Said.Name, f.AUIDName, s.Name, f.Millis)
	leader := s.Leader
	if !s.ByLogin {
		t.bracket(s)
	}
	s.learn(f, at)
	if f.Type == auparse.AUDIT_LOGIN {
		t.rises(s)
	}
	if s.Leader != leader {
		t.byLeader.add(s.Leader, s)
	}
}

func (s *session) learn(f *auditd.Fact, at time.Time) {
	switch f.Type {
	case auparse.AUDIT_LOGIN:
		if !s.ByLogin {
			s.Leader, s.Serial = f.PID, f.Serial
			s.open(at, true)
			s.cite("LOGIN", f.Pos)
		}
	case auparse.AUDIT_SYSCALL: // of the LOGIN
		if s.Exe == "" {
			s.Exe = f.Exe
		}
		first(&s.Said.Exe, f.Exe, s.Exe, f.Millis)
	case auparse.AUDIT_USER_START:
		s.learnStart(f, at)
	case auparse.AUDIT_USER_END, auparse.AUDIT_CRED_DISP:
		s.learnEnd(f, at)
	case auparse.AUDIT_CRED_ACQ:
		if isSSHD(f.Exe) && f.PID != s.Leader && f.OK && !s.hasChild(f.PID) && len(s.Children) < maxChildren {
			s.Children = append(s.Children, child{f.PID, f.Millis})
			s.cite("CRED_ACQ", f.Pos)
		}
		s.identify(f, f.PID == s.Leader || isSSHD(f.Exe) && s.Leader == 0 && !s.old(at))
	case auparse.AUDIT_USER_LOGIN:
		if f.OK && isSSHD(f.Exe) {
			s.identify(f, f.PID == s.Leader || s.Leader == 0 && !s.old(at))
			if f.Terminal != "" && f.Terminal != "ssh" && (f.PID == s.Leader || len(s.nested) == 0) {
				if s.Terminal == "" || s.Terminal == "ssh" {
					s.Terminal = f.Terminal
				}
				first(&s.Said.TTY, f.Terminal, s.Terminal, f.Millis)
			}
			s.cite("USER_LOGIN", f.Pos)
		}
	case auparse.AUDIT_CRYPTO_SESSION, auparse.AUDIT_CRYPTO_KEY_USER:
		s.identify(f, f.PID == s.Leader)
	}
}

// maxChildren bounds the user children of a session: root has one for each
// command.
const maxChildren = 32

// learnStart takes a USER_START. Where the session's LOGIN is lost it names
// the leader, unless the session is older than that: then an sshd runs in it.
func (s *session) learnStart(f *auditd.Fact, at time.Time) {
	if !f.OK {
		return
	}
	opener := strings.HasPrefix(f.Op, "PAM:session_open")
	if s.Leader == 0 && opener && !isSwitch(f.Exe) && opensSessions(f.Exe) && !s.old(at) {
		s.Leader = f.PID
		s.open(at, false)
	}
	if f.PID == s.Leader && s.Started == 0 {
		s.Started = at.UnixMilli()
	}
	s.identify(f, f.PID == s.Leader && s.Leader != 0)
	if opener && isSSHD(f.Exe) && f.PID != s.Leader {
		s.nest(f.PID, at)
		s.cite("USER_START (another sshd)", f.Pos)
		return
	}
	if f.PID == s.Leader {
		s.cite("USER_START", f.Pos)
	}
}

// learnEnd takes a USER_END or CRED_DISP: the session's end only where its
// leader sent it, since sudo and su write them too.
func (s *session) learnEnd(f *auditd.Fact, at time.Time) {
	if f.Op == "login" || isSwitch(f.Exe) {
		return
	}
	if isSSHD(f.Exe) && s.Leader != f.PID {
		for _, n := range s.nested {
			if n.PID == f.PID && !at.Before(n.Since) && (n.Until.IsZero() || at.Sub(n.Until) < nestWindow) {
				if at.After(n.Until) {
					n.Until = at
				}
				return
			}
		}
		if s.Leader != 0 && f.Type == auparse.AUDIT_USER_END {
			// Another sshd ends in it whose start is lost: all that
			// happened before may be its.
			s.nest(f.PID, s.start()).Until = at
			s.cite("USER_END (another sshd)", f.Pos)
		}
	}
	if s.Leader == 0 && isSSHD(f.Exe) && len(s.nested) == 0 {
		s.Leader = f.PID
	}
	if s.Leader != 0 && f.PID == s.Leader {
		s.Closed = at
		s.identify(f, true)
		s.cite(f.Type.String(), f.Pos)
	}
}

// claim takes what a record says where nothing was said before, and notes it
// where it says something else.
func (s *session) claim(what string, to *string, value string) {
	switch {
	case value == "" || *to == value:
	case *to == "":
		*to = value
	default:
		s.dispute(what + " " + *to + " != " + value)
	}
}

func (s *session) dispute(what string) {
	if !slices.Contains(s.Disputed, what) && len(s.Disputed) < maxCited {
		s.Disputed = append(s.Disputed, what)
	}
}

// identify takes the account, address and program of a record that the
// session's leader sent.
func (s *session) identify(f *auditd.Fact, leader bool) {
	if !leader {
		return
	}
	if f.Exe != "" {
		if s.Exe != "" && s.Exe != f.Exe && isSSHD(s.Exe) != isSSHD(f.Exe) {
			s.dispute("exe " + s.Exe + " != " + f.Exe)
		} else {
			s.Exe = f.Exe
		}
		first(&s.Said.Exe, f.Exe, s.Exe, f.Millis)
	}
	s.claim("account", &s.Acct, f.Acct)
	if f.Addr != "" && !likeAddress(s.Addr, f.Addr) {
		s.claim("address", &s.Addr, f.Addr)
	}
	if f.Terminal == "ssh" && s.Terminal == "" {
		s.Terminal = f.Terminal
	}
	s.claim("port", &s.Port, f.RPort)
	s.claim("fingerprint", &s.KeyPrint, f.Fingerprint)
	s.claim("key id", &s.KeyID, f.KeyID)
	s.claim("serial", &s.KeySer, f.CertSerial)
	if s.Method == "" {
		s.Method = f.Method
	}
	first(&s.Said.Acct, f.Acct, s.Acct, f.Millis)
	if f.Addr != "" && likeAddress(f.Addr, s.Addr) {
		first(&s.Said.Addr, s.Addr, s.Addr, f.Millis)
	}
	first(&s.Said.Port, f.RPort, s.Port, f.Millis)
	first(&s.Said.KeyPrint, f.Fingerprint, s.KeyPrint, f.Millis)
}

// first notes when what is known was said for the first time.
func first(at *int64, said, known string, millis int64) {
	if said != "" && said == known && (*at == 0 || millis < *at) {
		*at = millis
	}
}

// opensWith reports whether a LOGIN record belongs to a session that is known
// already: it is a copy of that session's LOGIN, or that LOGIN is not known
// yet and nothing of the session is older. (A LOGIN has the time at which its
// syscall began, so that whatever its session does is later.)
func (s *session) opensWith(pid int, at time.Time, serial uint32) bool {
	if s.ByLogin {
		return s.Leader == pid && s.Opened.Equal(at) && s.Serial == serial
	}
	if s.Leader != 0 && s.Leader != pid {
		return false
	}
	return s.First.IsZero() || at.Sub(s.First) <= disorder
}

// disorder is how far a LOGIN may stand, in time, behind a record of its own
// session: what a clock that is being set does to them.
const disorder = time.Second
