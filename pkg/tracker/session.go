package tracker

import (
	"strings"
	"time"

	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/schema"

	"github.com/elastic/go-libaudit/v2/auparse"
	"github.com/metal-toolbox/auditevent"
)

// session is one audit session: what the audit log claims of it and, once
// that is decided, whose it is.
type session struct {
	id    string
	older *session // an earlier session of this boot that had the same id

	leader int       // pid of the process that opened it, 0 where unknown
	opened time.Time // its LOGIN (or first USER_START); zero where not seen
	closed time.Time // USER_END or CRED_DISP of the leader; zero where not seen
	first  time.Time // first fact or event seen
	auid   string
	name   string // of auid: the log's own claim

	// Claims of the program that opened it.
	exe      string // "/usr/sbin/sshd", "/usr/sbin/cron"; "" where unknown
	acct     string
	addr     string
	port     string
	terminal string
	children []int // pids of sshd's later CRED_ACQ: the user child
	keyPrint string
	keyID    string
	keySer   string
	method   string
	disputed []string // claims that differ from one record to the next

	nested []*nested // sshds that ran in it and accepted logins of their own

	known   bool // an event of it was seen
	decided bool
	login   *login
	face    *face
	held    []*output // events that wait for the decision
	ended   bool      // closed or deleted: no later login binds to it
}

// nested is a login inside a session that another login opened.
type nested struct {
	pid   int
	since time.Time
	login *login // nil where its line is not in the evidence
	face  *face
}

// face is what an event of the session shows of it. It is built once and
// shared by the session's events; nobody writes to it.
type face struct {
	source   auditevent.EventSource
	subjects map[string]string
	sess     schema.Session
	cred     *schema.Credential
	login    *login
}

var noSubjects = map[string]string{}

// isSSHD reports whether exe is a server of OpenSSH: sshd, sshd-session,
// sshd-auth, wherever the distribution put it.
func isSSHD(exe string) bool {
	base := exe[strings.LastIndexByte(exe, '/')+1:]
	return base == "sshd" || strings.HasPrefix(base, "sshd-")
}

// ssh reports whether sshd opened the session; known is false where no record
// tells.
func (s *session) ssh() (ssh, known bool) {
	switch {
	case s.exe != "":
		return isSSHD(s.exe), true
	case s.login != nil || s.terminal == "ssh":
		return true, true
	}
	return false, false
}

// claim takes what a record says where nothing was said before, and notes it
// where it says something else.
func (s *session) claim(what string, to *string, value string) {
	switch {
	case value == "" || *to == value:
	case *to == "":
		*to = value
	default:
		s.disputed = append(s.disputed, what+" "+*to+" != "+value)
	}
}

// learn takes over what one record says of the session. The record's ses= is
// the session's id.
func (s *session) learn(f *auditd.Fact) {
	at := time.UnixMilli(f.Millis).UTC()
	if s.first.IsZero() || at.Before(s.first) {
		s.first = at
	}
	if f.AUID != auditd.UnsetID {
		s.auid = utoa(f.AUID)
		if f.AUIDName != "" {
			s.name = f.AUIDName
		}
	}
	switch f.Type {
	case auparse.AUDIT_LOGIN:
		s.leader, s.opened = f.PID, at
	case auparse.AUDIT_SYSCALL: // of the LOGIN
		if s.exe == "" {
			s.exe = f.Exe
		}
	case auparse.AUDIT_USER_START:
		s.learnStart(f, at)
	case auparse.AUDIT_USER_END, auparse.AUDIT_CRED_DISP:
		s.learnEnd(f, at)
	case auparse.AUDIT_CRED_ACQ:
		if isSSHD(f.Exe) && f.PID != s.leader && f.OK {
			s.children = append(s.children, f.PID)
		}
		s.identify(f, f.PID == s.leader || isSSHD(f.Exe) && s.leader == 0)
	case auparse.AUDIT_USER_LOGIN:
		if f.OK && isSSHD(f.Exe) {
			s.identify(f, f.PID == s.leader || s.leader == 0)
			if f.Terminal != "" && f.Terminal != "ssh" {
				s.terminal = f.Terminal
			}
		}
	case auparse.AUDIT_CRYPTO_SESSION, auparse.AUDIT_CRYPTO_KEY_USER:
		s.identify(f, f.PID == s.leader)
	}
}

func (s *session) learnStart(f *auditd.Fact, at time.Time) {
	if !f.OK {
		return
	}
	opener := strings.HasPrefix(f.Op, "PAM:session_open")
	if s.leader == 0 && opener && !isSwitch(f.Exe) {
		s.leader = f.PID
		if s.opened.IsZero() {
			s.opened = at
		}
	}
	s.identify(f, f.PID == s.leader)
	if opener && isSSHD(f.Exe) && s.leader != 0 && f.PID != s.leader {
		s.nest(f.PID, at)
	}
}

func (s *session) learnEnd(f *auditd.Fact, at time.Time) {
	if s.leader == 0 && isSSHD(f.Exe) && f.Op != "login" {
		s.leader = f.PID
	}
	if s.leader != 0 && f.PID == s.leader && f.Op != "login" {
		s.closed = at
		s.identify(f, true)
	}
}

// identify takes the account, address and program of a record that the
// session's leader sent.
func (s *session) identify(f *auditd.Fact, leader bool) {
	if !leader {
		return
	}
	if f.Exe != "" {
		if s.exe != "" && s.exe != f.Exe && isSSHD(s.exe) != isSSHD(f.Exe) {
			s.disputed = append(s.disputed, "exe "+s.exe+" != "+f.Exe)
		} else {
			s.exe = f.Exe
		}
	}
	s.claim("account", &s.acct, f.Acct)
	if f.Addr != "" {
		if same, _ := sameAddress(s.addr, f.Addr); !same {
			s.claim("address", &s.addr, f.Addr)
		}
	}
	if f.Terminal == "ssh" && s.terminal == "" {
		s.terminal = f.Terminal
	}
	s.claim("port", &s.port, f.RPort)
	s.claim("fingerprint", &s.keyPrint, f.Fingerprint)
	s.claim("key id", &s.keyID, f.KeyID)
	s.claim("serial", &s.keySer, f.CertSerial)
	if s.method == "" {
		s.method = f.Method
	}
}

// isSwitch reports whether a program opens PAM sessions inside a session.
func isSwitch(exe string) bool {
	switch exe[strings.LastIndexByte(exe, '/')+1:] {
	case "sudo", "su", "pkexec", "polkit-agent-helper-1", "doas", "runuser", "newgrp":
		return true
	}
	return false
}

// nest notes an sshd in the session that is not the one which opened it.
func (s *session) nest(pid int, at time.Time) *nested {
	for _, n := range s.nested {
		if n.pid == pid && at.Sub(n.since).Abs() < nestWindow {
			if at.Before(n.since) {
				n.since = at
			}
			return n
		}
	}
	n := &nested{pid: pid, since: at}
	s.nested = append(s.nested, n)
	return n
}

// nestWindow is how far the records of one nested sshd's login may lie apart.
const nestWindow = 60 * time.Second
