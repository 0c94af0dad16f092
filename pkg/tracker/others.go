package tracker

import (
	"slices"
	"time"
)

// Lines without a pid are joined only where LOGIN stands this near: a syslog
// line is up to 12 s late, and PAM takes seconds.
const (
	noPIDBefore = 15 * time.Second
	noPIDAfter  = 10 * time.Second
)

// joinWithoutPID joins logins whose lines carry no pid by account, address and
// time, where only one session and one login fit each other, even in the wide
// window: the nearest of several is a guess.
func (t *SessionTracker) joinWithoutPID(pairs *pairs) {
	fits := func(p *pair) bool {
		if p.l.pid != 0 {
			return false
		}
		t.rest()
		t.useLogin(p.l)
		ssh, known := t.use(p.s).ssh()
		return p.v.against == "" && known && ssh && p.s.login == nil && p.l.session == nil &&
			p.v.agrees(sameTime) && p.v.agrees(sameAccount) && p.v.agrees(sameAddr) && !p.s.Opened.IsZero() && !p.l.conflicted()
	}
	sessions, logins := make(map[*session][]*pair), make(map[*login]int)
	var order []*session
	for p := range pairs.all() {
		if fits(p) {
			if len(sessions[p.s]) == 0 {
				order = append(order, p.s)
			}
			sessions[p.s] = append(sessions[p.s], p)
			logins[p.l]++
		}
	}
	for s := range t.each(order) {
		if s.Decided {
			continue
		}
		ps := sessions[s]
		dt := s.Opened.Sub(t.useLogin(ps[0].l).At)
		if len(ps) == 1 && logins[ps[0].l] == 1 {
			if dt >= -noPIDBefore && dt <= noPIDAfter {
				t.bind(s, ps[0].l, ps[0].v)
			}
			continue
		}
		t.decideNone(s, reasonAmbiguous)
		for _, p := range ps {
			t.reject(s, p.l, reasonAmbiguous)
		}
	}
}

// findNested finds the logins that ran inside a session which another pid
// opened: sshd's own records say so, or the journal names the session. One
// whose pid opened a session itself did not: a record that says so lost a digit
// of its pid or session.
// It gives the others.
func (t *SessionTracker) findNested(all []*session) *index {
	x := &index{t: t, byOddSes: make(map[string][]*login)}
	byPID := make(map[int][]*nested)
	for s := range t.each(all) {
		for _, n := range s.nested {
			byPID[n.PID] = append(byPID[n.PID], n)
		}
	}
	for place, l := range t.logins {
		t.rest()
		t.useLogin(l)
		for _, n := range byPID[l.PID] {
			if l.PID != 0 && n.login == nil && within(n.Since, l.At) && !l.conflicted() && t.leaderOf(l) == nil {
				n.login = l
				l.share()
			}
		}
		if !l.Shares {
			t.nestNamed(l)
		}
		if !l.Shares {
			x.add(l, place)
		}
	}
	x.sort()
	for s := range t.each(all) {
		slices.SortStableFunc(s.nested, func(a, b *nested) int { return a.Since.Compare(b.Since) })
	}
	return x
}

// nestNamed finds the session that the journal names for a login, if another
// pid opened it before and it was not over.
func (t *SessionTracker) nestNamed(l *login) {
	d := l.detail
	if d == nil || d.AuditSes == "" || d.SesConflict || l.PID == 0 {
		return
	}
	for s := t.use(t.sessions.get(d.AuditSes)); s != nil; s = t.use(s.older) {
		if s.Leader == 0 || s.Leader == l.PID || t.leaderOf(l) != nil {
			continue
		}
		if l.At.After(s.Opened.Add(loginAfter)) && (s.Closed.IsZero() || l.At.Before(s.Closed)) {
			n := s.nest(l.PID, l.At)
			n.login = l
			l.share()
			return
		}
	}
}

// leaderOf finds a session that the login's own pid opened at its time.
func (t *SessionTracker) leaderOf(l *login) *session {
	for s := range t.byLeader.of(l.pid) {
		if s.opened != 0 && within(time.UnixMilli(s.opened), t.timeOf(l)) {
			return s
		}
	}
	return nil
}
