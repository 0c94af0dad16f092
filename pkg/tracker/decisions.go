package tracker

import (
	"slices"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/schema"
)

// SessionDecision is whose a session was said to be, and why.
type SessionDecision struct {
	ID     string
	Boot   string
	Leader int // pid of the process that opened it, 0 where unknown
	// Opened is the time of its LOGIN, or of the USER_START where that is
	// lost; Closed that of the leader's end. Zero where not seen.
	Opened, Closed time.Time
	HasLogin       bool // its LOGIN record was seen
	AUID           string
	Exe            string // the program that opened it
	Account        string
	Address        string
	Port           string
	Terminal       string
	Records        []Citation // that say so: its LOGIN, USER_START, end ...

	Attribution string   // a word of package schema; "" while it is undecided
	Evidence    []string // what agrees, also what was said after the session's opening
	Reason      string   // of schema.None
	Disputed    []string
	Login       *LoginDecision // of schema.BySSHD, and of a name that was taken off again
	Shared      []*LoginDecision
	Rejected    []Rejection
}

// LoginDecision is which session a login was said to have opened.
type LoginDecision struct {
	ID      string // the UserLogin's auditId
	Login   *sshd.Login
	Pos     ingest.Pos // of the Accepted line
	Time    time.Time  // of that line, on the audit log's clock
	PID     int
	Session string // audit session id; "" where none was found
	Shared  bool   // it runs in a session that another login opened
	Why     string // why no session was found
	// Rejected are the sessions that it could have opened but for one reason.
	Rejected []Rejection
}

// Rejection is a session and a login that are not each other's, and why.
type Rejection struct {
	Session string
	LoginID string
	Pos     ingest.Pos // of the login's line
	Why     string
}

// Decisions gives what was decided of every session and every accepted login,
// in the order of time. Nothing of it is shared with the tracker but what
// sshd.Login points to.
func (t *SessionTracker) Decisions() ([]SessionDecision, []LoginDecision) {
	t.mu.Lock()
	defer t.mu.Unlock()
	logins := make([]LoginDecision, 0, len(t.logins))
	of := make(map[*login]int, len(t.logins))
	sorted := slices.Clone(t.logins)
	slices.SortStableFunc(sorted, func(a, b *login) int { return a.At.Compare(b.At) })
	for l := range t.eachLogin(sorted) {
		of[l] = len(logins)
		logins = append(logins, t.decisionOf(l))
	}
	at := func(l *login) *LoginDecision {
		if i, ok := of[l]; ok {
			return &logins[i]
		}
		d := t.decisionOf(l) // forgotten since
		return &d
	}
	var sessions []SessionDecision
	for s := range t.each(t.sessionList()) {
		d := SessionDecision{ID: s.ID, Boot: t.opt.Boot, Leader: s.Leader, Opened: s.Opened, Closed: s.Closed, HasLogin: s.ByLogin,
			AUID: s.AUID, Exe: s.Exe, Account: s.account(t), Address: s.Addr, Port: s.Port, Terminal: s.Terminal,
			Records: slices.Clone(s.cited), Disputed: slices.Clone(s.Disputed), Rejected: rejections(s.rejected)}
		if s.Decided {
			sess := &t.face(s).sess
			d.Attribution, d.Reason, d.Evidence = sess.Attribution, sess.Reason, slices.Clone(sess.Evidence)
			if sess.Attribution == schema.BySSHD && s.decision.agreed != 0 {
				d.Evidence = s.decision.agreed.words()
			}
		}
		if s.login != nil {
			d.Login = at(s.login)
		}
		for _, n := range s.nested {
			if n.login != nil {
				d.Shared = append(d.Shared, at(n.login))
			}
		}
		sessions = append(sessions, d)
	}
	return sessions, logins
}

func (t *SessionTracker) decisionOf(l *login) LoginDecision {
	d := LoginDecision{ID: l.ID, Login: l.detail, Time: l.At, PID: l.PID, Shared: l.Shares, Rejected: rejections(l.rejected)}
	if l.detail != nil {
		d.Pos = l.detail.Pos
	}
	switch {
	case l.session != nil:
		d.Session = t.use(l.session).ID
	case l.Shares:
		d.Session = t.sharedSession(l)
	case l.conflicted():
		d.Why = "conflict: " + l.conflictText()
	case slices.Contains(slices.Collect(t.procs.owners.of(l.PID)), l):
		d.Why = "no audit session was opened for it: its events are those of the processes below its sshd"
	case len(l.rejected) > 0:
		d.Why = l.rejected[0].why
	case l.PID == 0:
		d.Why = "its line has no pid, and no session agrees in account, address and time"
	default:
		d.Why = "no record of a session that pid " + itoa(l.PID) + " opened at that time"
	}
	return d
}

// sharedSession finds the session that a login shares.
func (t *SessionTracker) sharedSession(l *login) string {
	for s := range t.each(t.sessionList()) {
		for _, n := range s.nested {
			if n.login == l {
				return s.ID
			}
		}
	}
	return ""
}

func rejections(rs []rejection) []Rejection {
	var out []Rejection
	for _, r := range rs {
		p := Rejection{Session: r.session.ID, LoginID: r.login.ID, Why: r.why}
		if r.login.detail != nil {
			p.Pos = r.login.detail.Pos
		}
		out = append(out, p)
	}
	return out
}

// account is what the log says of the account that a session is of.
func (s *session) account(t *SessionTracker) string {
	switch {
	case s.Acct != "":
		return s.Acct
	case s.Name != "":
		return s.Name
	}
	return t.accounts[s.AUID]
}
