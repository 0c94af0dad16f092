package tracker

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// session is one audit session: what the audit log claims of it and, once
// that is decided, whose it is.
type session struct {
	*body
	older    *session // an earlier session of this boot that had the same id
	login    *login
	decision *decision // nil while it is undecided
	opened   int64     // Opened, in milliseconds since the epoch; 0 where not seen
	first    int64     // First, likewise
	spooled  int64     // where its body was put
	id       uint32    // number of ID; 0 where it is none
	plain    bool      // ID is that number as it is written
	byLogin  bool      // ByLogin
}

// body is what need not be in memory of a session: see Store.
type body struct {
	claims
	nested   []*nested
	cited    []Citation
	held     []*output // events that wait for the decision, or for the writer
	rejected []rejection
	face     *face  // what its events show, where it was built: see SessionTracker.face
	terse    bool   // nothing is cited
	was      string // the claims as they stand in the store
}

// claims is what the audit log says of a session. It is saved as it is.
type claims struct {
	ID      string
	Leader  int       `json:",omitempty"` // pid of the process that opened it, 0 where unknown
	ByLogin bool      `json:",omitempty"` // its LOGIN was seen: Opened is that record's time
	Serial  uint32    `json:",omitempty"` // of the LOGIN
	Opened  time.Time // its LOGIN (or its USER_START); zero where not seen
	Started int64     `json:",omitempty"` // first USER_START of the leader, in milliseconds since the epoch; 0 where not seen
	Closed  time.Time // USER_END or CRED_DISP of the leader; zero where not seen
	First   time.Time // first fact or event seen
	// Session ids rise strictly within a boot. A session whose LOGIN is lost
	// was opened after those with lower ids and before those with higher ones.
	After  time.Time
	Before time.Time
	AUID   string `json:",omitempty"`
	Name   string `json:",omitempty"` // of AUID: the log's own claim

	// Claims of the program that opened it.
	Exe      string   `json:",omitempty"` // "/usr/sbin/sshd", "/usr/sbin/cron"; "" where unknown
	Acct     string   `json:",omitempty"`
	Addr     string   `json:",omitempty"`
	Port     string   `json:",omitempty"`
	Terminal string   `json:",omitempty"` // the first that a USER_LOGIN names, else "ssh"
	Children []child  `json:",omitempty"` // of sshd's later CRED_ACQ: the user child
	KeyPrint string   `json:",omitempty"`
	KeyID    string   `json:",omitempty"`
	KeySer   string   `json:",omitempty"`
	Method   string   `json:",omitempty"`
	Disputed []string `json:",omitempty"` // claims that differ from one record to the next

	Said said `json:",omitzero"` // when some of that was first said

	Known   bool `json:",omitempty"` // an event of it was seen
	Begun   bool `json:",omitempty"` // the event of its LOGIN was
	Decided bool `json:",omitempty"`
	Ended   bool `json:",omitempty"` // closed or deleted: no later login binds to it
	Revoked bool `json:",omitempty"` // joined, and contradicted by what came later
}

// said is when the audit log first said what of a session, in milliseconds
// since the epoch.
type said struct{ Exe, Acct, Name, Addr, Port, KeyPrint, TTY int64 }

// child is a process of sshd's below the leader, and when it was first heard
// of, in milliseconds since the epoch.
type child struct {
	PID int
	At  int64
}

// hasChild reports whether a process is one of the session's user children.
func (s *session) hasChild(pid int) bool {
	return slices.ContainsFunc(s.Children, func(c child) bool { return c.PID == pid })
}

// nested is a login inside a session that another login opened.
type nested struct {
	PID   int
	Since time.Time
	Until time.Time // its end, zero where not seen: the pid may be another's after it
	login *login    // nil where its line is not in the evidence
	face  *face
}

// Citation names a record that says something of a session.
type Citation struct {
	What string     // its type: "LOGIN", "USER_START", ...
	Pos  ingest.Pos // where it stands
}

// maxCited bounds what a session cites: the first records of each kind.
const maxCited = 8

// face is what an event of the session shows of it. It is built once and
// shared by the session's events; nobody writes to it.
type face struct {
	source   auditevent.EventSource
	subjects map[string]string
	target   map[string]string
	sess     schema.Session
	cred     *schema.Credential
	login    *login
	unshared bool // it is one event's alone, or holds what others may change
}

var noSubjects = map[string]string{}

// isSSHD reports whether exe is a server of OpenSSH: sshd, sshd-session,
// sshd-auth, wherever the distribution put it.
func isSSHD(exe string) bool {
	base := baseName(exe)
	return base == "sshd" || strings.HasPrefix(base, "sshd-")
}

func baseName(exe string) string {
	return strings.TrimSuffix(exe[strings.LastIndexByte(exe, '/')+1:], " (deleted)")
}

// isSwitch reports whether a program opens PAM sessions inside a session.
func isSwitch(exe string) bool {
	switch baseName(exe) {
	case "sudo", "su", "pkexec", "polkit-agent-helper-1", "doas", "runuser", "newgrp", "sg", "ksu", "screen", "tmux":
		return true
	}
	return false
}

// opensSessions reports whether a program is known to open audit sessions:
// only these are taken for a session's opener where its LOGIN is lost.
func opensSessions(exe string) bool {
	if isSSHD(exe) {
		return true
	}
	switch base := baseName(exe); base {
	case "cron", "crond", "fcron", "atd", "login", "systemd", "agetty", "lightdm", "sddm-helper", "xdm", "lxdm",
		"slim", "greetd", "xrdp-sesman", "cockpit-session", "in.rlogind", "in.rshd", "vsftpd", "proftpd":
		return true
	default:
		return strings.HasPrefix(base, "gdm") || strings.HasPrefix(base, "systemd-")
	}
}

// ssh reports whether sshd opened the session; known is false where no record
// tells.
func (s *session) ssh() (ssh, known bool) {
	switch {
	case s.Exe != "":
		return isSSHD(s.Exe), true
	case s.login != nil || s.Terminal == "ssh":
		return true, true
	}
	return false, false
}

// newSession gives a session of which nothing is known but its id.
func newSession(id string, terse bool) *session {
	n, _ := strconv.ParseUint(id, 10, 32)
	_, plain := number(id)
	return &session{body: &body{claims: claims{ID: id}, terse: terse}, id: uint32(n), plain: plain}
}

// open takes the time at which the session was opened, by its LOGIN or, where
// that is not seen, its USER_START.
func (s *session) open(at time.Time, byLogin bool) {
	s.Opened, s.ByLogin = at, byLogin
	s.opened, s.byLogin = at.UnixMilli(), byLogin
}

// hear takes the time of something that the session was heard of by.
func (s *session) hear(at time.Time) {
	if s.First.IsZero() || at.Before(s.First) {
		s.First, s.first = at, at.UnixMilli()
	}
}

// start is when the session began, as far as the log knows.
func (s *session) start() time.Time {
	if !s.Opened.IsZero() {
		return s.Opened
	}
	return s.First
}

// old reports whether the session was there well before that time.
func (s *session) old(at time.Time) bool {
	return !s.Before.IsZero() && at.Sub(s.Before) > closeSlack ||
		s.ByLogin && at.Sub(s.Opened) > loginAfter
}

// cite remembers where a record stands.
func (s *session) cite(what string, pos ingest.Pos) {
	if s.terse || pos.Source == nil || len(s.cited) >= maxCited {
		return
	}
	n := 0
	for _, c := range s.cited {
		if c.Pos == pos {
			return
		}
		if c.What == what {
			n++
		}
	}
	if n < 2 {
		s.cited = append(s.cited, Citation{what, pos})
	}
}

// nest notes an sshd in the session that is not the one which opened it.
func (s *session) nest(pid int, at time.Time) *nested {
	for _, n := range s.nested {
		if n.PID == pid && at.Sub(n.Since).Abs() < nestWindow {
			if at.Before(n.Since) {
				n.Since = at
			}
			return n
		}
	}
	n := &nested{PID: pid, Since: at}
	s.nested = append(s.nested, n)
	return n
}

// nestWindow is how far the records of one nested sshd's login may lie apart.
const nestWindow = 60 * time.Second
