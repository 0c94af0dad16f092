package tracker

import (
	"cmp"
	"slices"
	"time"
)

// tieMargin is how much nearer in time the best login must be than the second
// best for time alone to decide between them: below it they are equal.
const tieMargin = 2 * time.Second

// pair is a session and a login that could be joined.
type pair struct {
	s *session
	l *login
	v verdict
}

// Resolve decides every session that was learnt and every login that was told,
// with all of them known. Events that come afterwards wait for nothing.
func (t *SessionTracker) Resolve() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.learnAccounts()
	t.openNamedSessions()
	t.findNested()
	all := t.sessionList()
	t.joinPairs(t.pairs(all))
	for _, s := range all {
		if !s.decided {
			t.decideAlone(s)
		}
	}
	t.findOwners()
	t.resolved = true
}

// findOwners lists the logins that no audit session was opened for: sshd
// without PAM, a container without loginuid. Their events have no ses; the
// processes below their sshd are theirs.
func (t *SessionTracker) findOwners() {
	for _, l := range t.logins {
		if l.session != nil || l.shares || l.pid == 0 || l.conflicted() || t.leaderOf(l) != nil {
			continue
		}
		if t.procs.owners == nil {
			t.procs.owners = make(map[int][]*login)
		}
		t.procs.owners[l.pid] = append(t.procs.owners[l.pid], l)
	}
}

// learnAccounts maps login uids to account names by what the log says of
// sessions that state both, where it always says the same.
func (t *SessionTracker) learnAccounts() {
	disputed := make(map[string]bool)
	for _, s := range t.sessionList() {
		name := s.name
		if name == "" {
			name = s.acct
		}
		if s.auid == "" || name == "" || len(s.disputed) > 0 {
			continue
		}
		if old, ok := t.accounts[s.auid]; ok && old != name {
			disputed[s.auid] = true
		}
		t.accounts[s.auid] = name
	}
	for uid := range disputed {
		delete(t.accounts, uid)
	}
}

// openNamedSessions opens the sessions that only sshd's log knows of: the
// journal names them, the audit log lost how they began.
func (t *SessionTracker) openNamedSessions() {
	for _, l := range t.logins {
		if l.detail == nil || l.detail.AuditSes == "" || l.detail.SesConflict {
			continue
		}
		if t.sessions[l.detail.AuditSes] == nil {
			t.open(l.detail.AuditSes)
		}
	}
}

// findNested finds the logins that ran inside a session which another pid
// opened: sshd's own records say so, or the journal names the session.
func (t *SessionTracker) findNested() {
	byPID := make(map[int][]*nested)
	for _, s := range t.sessionList() {
		for _, n := range s.nested {
			byPID[n.pid] = append(byPID[n.pid], n)
		}
	}
	for _, l := range t.logins {
		for _, n := range byPID[l.pid] {
			if n.login == nil && within(n.since, l.at) {
				n.login, l.shares = l, true
			}
		}
		d := l.detail
		if l.shares || d == nil || d.AuditSes == "" || d.SesConflict || l.pid == 0 || t.leaderOf(l) != nil {
			continue
		}
		for s := t.sessions[d.AuditSes]; s != nil; s = s.older {
			if s.leader == 0 || s.leader == l.pid || !l.at.After(s.opened.Add(loginAfter)) || !s.closed.IsZero() && !l.at.Before(s.closed) {
				continue
			}
			n := s.nest(l.pid, l.at)
			n.login, l.shares = l, true
		}
	}
}

func within(since, at time.Time) bool {
	dt := since.Sub(at)
	return dt >= -loginBefore && dt <= loginAfter
}

// leaderOf finds a session that the login's own pid opened at its time.
func (t *SessionTracker) leaderOf(l *login) *session {
	for _, s := range t.byLeader[l.pid] {
		if !s.opened.IsZero() && within(s.opened, l.at) {
			return s
		}
	}
	return nil
}

// pairs judges every session against the logins that share a pid with it or
// are named by it, and those that have no pid at all.
func (t *SessionTracker) pairs(all []*session) []pair {
	byPID := make(map[int][]*login)
	bySes := make(map[string][]*login)
	byChild := make(map[int][]*login)
	var withoutPID []*login
	for _, l := range t.logins {
		if l.shares {
			continue
		}
		if l.pid == 0 {
			withoutPID = append(withoutPID, l)
		}
		byPID[l.pid] = append(byPID[l.pid], l)
		if d := l.detail; d != nil {
			if d.AuditSes != "" {
				bySes[d.AuditSes] = append(bySes[d.AuditSes], l)
			}
			if d.ChildPID != 0 {
				byChild[d.ChildPID] = append(byChild[d.ChildPID], l)
			}
		}
	}
	var out []pair
	for _, s := range all {
		if ssh, known := s.ssh(); known && !ssh {
			continue
		}
		seen := make(map[*login]bool)
		try := func(ls []*login) {
			for _, l := range ls {
				if !seen[l] {
					seen[l] = true
					out = append(out, pair{s, l, t.judge(s, l)})
				}
			}
		}
		if s.leader != 0 {
			try(byPID[s.leader])
		}
		try(bySes[s.id])
		for _, pid := range s.children {
			try(byChild[pid])
		}
		try(withoutPID)
	}
	return out
}

// joinPairs joins the best proven pairs, each session and login once: those
// that the journal names before those by pid, the nearer in time before the
// farther. Two equally good partners with different credentials are none.
func (t *SessionTracker) joinPairs(pairs []pair) {
	proven := slices.Clone(pairs)
	proven = slices.DeleteFunc(proven, func(p pair) bool { return !p.v.proof || p.l.conflicted() })
	slices.SortStableFunc(proven, func(a, b pair) int {
		return cmp.Or(
			-cmp.Compare(rank(a.v), rank(b.v)),
			cmp.Compare(a.v.apart, b.v.apart),
			a.s.opened.Compare(b.s.opened),
			a.l.at.Compare(b.l.at),
			cmp.Compare(a.s.id, b.s.id),
			cmp.Compare(a.l.key(), b.l.key()))
	})
	for i, p := range proven {
		if p.s.decided || p.l.session != nil {
			continue
		}
		if rival := equalRival(p, proven[i+1:]); rival != nil {
			t.decideNone(p.s, "ambiguous")
			p.l.reject(p.s, "ambiguous")
			rival.l.reject(p.s, "ambiguous")
			continue
		}
		t.bind(p.s, p.l, p.v)
	}
	t.joinWithoutPID(pairs)
	t.reportConflicts(pairs)
}

// rank orders proofs of different kinds.
func rank(v verdict) int {
	if v.strong {
		return 1
	}
	return 0
}

// equalRival finds another free login that fits p's session as well as p's
// does, or another free session that fits its login as well.
func equalRival(p pair, rest []pair) *pair {
	for i := range rest {
		r := &rest[i]
		if rank(r.v) != rank(p.v) {
			break
		}
		if r.s.decided || r.l.session != nil || r.v.apart-p.v.apart >= tieMargin {
			continue
		}
		if r.s == p.s && r.l != p.l && !r.l.sameCredential(p.l) || r.l == p.l && r.s != p.s {
			return r
		}
	}
	return nil
}

// joinWithoutPID joins logins whose lines carry no pid by account, address and
// time, where only one session and one login fit each other.
func (t *SessionTracker) joinWithoutPID(pairs []pair) {
	fits := func(p pair) bool {
		ssh, known := p.s.ssh()
		return p.l.pid == 0 && p.v.against == "" && known && ssh && !p.s.decided && p.l.session == nil &&
			hasAll(p.v.evidence, "time", "account", "address") && !p.s.opened.IsZero() && !p.l.conflicted()
	}
	sessions, logins := make(map[*session][]pair), make(map[*login]int)
	var order []*session
	for _, p := range pairs {
		if fits(p) {
			if len(sessions[p.s]) == 0 {
				order = append(order, p.s)
			}
			sessions[p.s] = append(sessions[p.s], p)
			logins[p.l]++
		}
	}
	for _, s := range order {
		ps := sessions[s]
		if len(ps) == 1 && logins[ps[0].l] == 1 {
			t.bind(s, ps[0].l, ps[0].v)
			continue
		}
		t.decideNone(s, "ambiguous")
		for _, p := range ps {
			p.l.reject(s, "ambiguous")
		}
	}
}

// reportConflicts decides against the sessions that a free login would have
// opened by pid and time, had not something contradicted it.
func (t *SessionTracker) reportConflicts(pairs []pair) {
	for _, p := range pairs {
		if p.s.decided || p.l.session != nil || p.s.opened.IsZero() {
			continue
		}
		samePID := p.l.pid != 0 && p.l.pid == p.s.leader && within(p.s.opened, p.l.at) && !p.l.anotherLife(p.s.opened)
		switch {
		case samePID && p.l.conflicted():
			t.decideNone(p.s, "conflict: "+p.l.conflictText())
		case samePID && p.v.against != "" && !p.l.at.IsZero():
			t.decideNone(p.s, "conflict: "+p.v.against)
			p.l.reject(p.s, p.v.against)
		case p.v.against != "":
			p.l.reject(p.s, p.v.against)
		}
	}
}

func hasAll(have []string, want ...string) bool {
	for _, w := range want {
		if !slices.Contains(have, w) {
			return false
		}
	}
	return true
}

// decideAlone decides a session that no login opened, by the audit log alone.
func (t *SessionTracker) decideAlone(s *session) {
	ssh, known := s.ssh()
	switch {
	case len(s.disputed) > 0 && (!known || ssh):
		t.decideNone(s, "conflict: "+s.disputed[0])
	case known && !ssh:
		t.decideLocal(s)
	case known && (s.acct != "" || s.addr != ""):
		t.decideAudit(s)
	default:
		t.decideNone(s, reasonNoLogin)
	}
}

const (
	reasonNoLogin = "no login"
	reasonShared  = "shared session"
)

// sessionList gives the sessions, older ones of an id first, in an order that
// depends on nothing but the evidence.
func (t *SessionTracker) sessionList() []*session {
	var out []*session
	for _, s := range t.sessions {
		for ; s != nil; s = s.older {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b *session) int {
		return cmp.Or(a.first.Compare(b.first), a.opened.Compare(b.opened), cmp.Compare(a.id, b.id), cmp.Compare(a.leader, b.leader))
	})
	return out
}
