package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// An entry is a Row in the making.
//
// What a session did begins when its leader (the process whose LOGIN record
// opened it: sshd's monitor, cron, login) has written USER_START. Between
// those two records PAM modules run programs of their own, pam_motd's scripts
// above all, inside the new session and as root. Those are the login's, not
// the person's, and are not counted as commands.
type entry struct {
	Row
	leader      int   // pid of the process that opened the session
	openers     []int // pids of sshd's own processes in the session, and the leader
	begun       bool  // LOGIN was seen
	opened      bool  // the leader's USER_START was seen
	audited     bool  // at least one audit event
	early       tally // before USER_START
	done        tally // after it, or all where the log shows no LOGIN
	failures    int
	denied      int
	auid        string // id of the login user
	forward     bool
	anyTTY      string // the first terminal of any of its programs
	loggedOut   bool   // a UserLogout said how it ended
	kind        kind
	first, last time.Time
}

type tally struct{ commands, root int }

func (s *entry) login(e *auditevent.AuditEvent, x *schema.Extra) {
	s.Start = e.LoggedAt
	if pid, err := strconv.Atoi(e.Subjects["pid"]); err == nil {
		s.leads(pid)
	}
}

func (s *entry) leads(pid int) {
	s.leader = pid
	s.opener(pid)
}

func (s *entry) opener(pid int) {
	if !slices.Contains(s.openers, pid) {
		s.openers = append(s.openers, pid)
	}
}

func (s *entry) logout(e *auditevent.AuditEvent) {
	s.End = e.LoggedAt
	s.Ended = dataString(e, "ended")
	if s.Ended == "open" {
		s.End = time.Time{}
	}
	s.loggedOut = true
}

// identity takes over what e says about the whole session.
func (s *entry) identity(strs keeper, e *auditevent.AuditEvent, x *schema.Extra) {
	if s.first.IsZero() || e.LoggedAt.Before(s.first) {
		s.first = e.LoggedAt
	}
	s.last = latest(s.last, e.LoggedAt)
	set := func(to *string, v string) {
		if *to == "" {
			*to = strs.keep(v)
		}
	}
	set(&s.Person, person(e))
	set(&s.Account, account(e, x))
	set(&s.SourceIP, sourceIP(e))
	if s.SourceIP != "" && s.SourceIP == sourceIP(e) {
		set(&s.SourcePort, sourcePort(e))
	}
	if e.Source.Type == "local" {
		set(&s.Opener, e.Source.Value)
	}
	if c := x.Credential; c != nil {
		set(&s.Method, c.Method)
		set(&s.Algorithm, c.Algorithm)
		set(&s.Fingerprint, c.Fingerprint)
		set(&s.KeyID, c.KeyID)
		set(&s.Serial, c.Serial)
		if c.CA != nil {
			set(&s.CA, c.CA.Fingerprint)
			set(&s.CAAlgorithm, c.CA.Algorithm)
		}
	}
	if x.Session != nil {
		set(&s.Attribution, x.Session.Attribution)
		set(&s.Reason, x.Session.Reason)
		for _, w := range x.Session.Evidence {
			if !slices.Contains(s.Evidence, w) {
				s.Evidence = append(s.Evidence, strs.keep(w))
			}
		}
	}
}

// action takes note of one audit event of the session.
func (s *entry) action(e *auditevent.AuditEvent, x *schema.Extra) {
	s.audited = true
	if e.Outcome == schema.Failed {
		s.failures++
	}
	if denied(e, x) {
		s.denied++
	}
	if x.User != nil && x.User.AUID != nil && s.auid == "" && x.User.AUID.ID != "unset" {
		s.auid = strings.Clone(x.User.AUID.ID)
	}
	p := x.Process
	if p == nil {
		return
	}
	sshd := isSSHD(p.Exe)
	switch eventType(x) {
	case "LOGIN":
		if e.Outcome != schema.Failed {
			s.begun = true
			s.leads(p.PID)
		}
	case "USER_START":
		s.opened = s.opened || p.PID == s.leader
	case "USER_LOGIN":
		if x.Object != nil && strings.HasPrefix(x.Object.Primary, "/dev/") {
			s.TTY = ttyName(x.Object.Primary)
		}
	case "TTY":
		s.kind = shell // keystrokes
	case "USER_END", "CRED_DISP":
		if p.PID == s.leader && !s.loggedOut && s.leader != 0 {
			s.End, s.Ended = e.LoggedAt, "logout"
		}
	}
	if sshd {
		s.opener(p.PID)
	}
	switch {
	case isExec(x):
		s.exec(e, x)
	case sshd && s.starting() == &s.done && p.PID != 0 && forwards(x):
		s.forward = true
	}
}

// starting is the tally that a command counts to now.
func (s *entry) starting() *tally {
	if s.begun && !s.opened {
		return &s.early
	}
	return &s.done
}

func (s *entry) exec(e *auditevent.AuditEvent, x *schema.Extra) {
	if e.Outcome == schema.Failed {
		return
	}
	t := s.starting()
	t.commands++
	if u := acting(x); u != nil && u.ID == "0" {
		t.root++
	}
	if t != &s.done {
		return
	}
	p := x.Process
	// Without the beginning of the session in the log, a child of the leader
	// can still be pam_motd's.
	channel := slices.Contains(s.openers, p.PPID) && !isSSHD(p.Exe) && (p.PPID != s.leader || s.opened)
	if channel || len(s.openers) == 0 {
		s.kind = max(s.kind, kindOf(x.ProcessArgs, p.Exe, channel))
	}
	switch tty := ttyName(p.TTY); {
	case channel && s.TTY == "":
		s.TTY = cmp.Or(tty, notty)
	case s.anyTTY == "":
		s.anyTTY = tty
	}
}

const notty = "notty"

// count fills in the numbers of r and its kind. recorded says whether an
// execve could have been recorded.
func (s *entry) count(r *Row, recorded bool) {
	t := s.done
	if !s.opened {
		t.commands += s.early.commands
		t.root += s.early.root
	}
	if s.audited {
		r.Failures, r.Denied = &s.failures, &s.denied
	}
	// None is only said of a session that the log has from its LOGIN record on.
	recorded = recorded && s.begun || t.commands > 0
	switch {
	case recorded:
		r.Commands, r.RootCommands = &t.commands, &t.root
	default:
		r.NotRecorded = true
	}
	r.TTY = cmp.Or(r.TTY, s.anyTTY)
	switch {
	case s.kind != unknownKind:
		r.Kind = s.kind.String()
	case t.commands > 0 && r.TTY != "" && r.TTY != notty:
		r.Kind = shell.String()
	case t.commands > 0:
		r.Kind = command.String()
	case s.forward:
		r.Kind = "forward"
	case recorded:
		r.Kind = "none_seen"
	case r.TTY != "" && r.TTY != notty:
		r.Kind = shell.String()
	}
}
