package tracker

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"strings"
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

// pairs are pairs, those of one session one after the other. There may be a
// million: they stand in blocks that never move, and what contradicts them,
// which is rare, beside them.
type pairs struct {
	blocks  [][]keptPair
	against []string
}

type keptPair struct {
	s             *session
	l             *login
	apart         time.Duration
	agreed        agreement
	strong, proof bool
	against       uint32 // from 1; 0 where nothing contradicts
}

const pairBlock = 1 << 12

func (ps *pairs) add(p pair) {
	k := keptPair{s: p.s, l: p.l, apart: p.v.apart, agreed: p.v.agreed, strong: p.v.strong, proof: p.v.proof}
	if p.v.against != "" {
		ps.against = append(ps.against, p.v.against)
		k.against = uint32(len(ps.against))
	}
	n := len(ps.blocks)
	if n == 0 || len(ps.blocks[n-1]) == pairBlock {
		ps.blocks = append(ps.blocks, make([]keptPair, 0, pairBlock))
		n++
	}
	ps.blocks[n-1] = append(ps.blocks[n-1], k)
}

func (ps *pairs) all() iter.Seq[*pair] {
	return func(yield func(*pair) bool) {
		for _, block := range ps.blocks {
			for i := range block {
				k := &block[i]
				p := pair{k.s, k.l, verdict{agreed: k.agreed, strong: k.strong, proof: k.proof, apart: k.apart}}
				if k.against > 0 {
					p.v.against = ps.against[k.against-1]
				}
				if !yield(&p) {
					return
				}
			}
		}
	}
}

// Resolve decides every session that was learnt and every login that was told,
// with all of them known. Events that come afterwards wait for nothing.
func (t *SessionTracker) Resolve() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.resolving = true
	t.learnAccounts()
	t.openNamedSessions()
	all := t.sessionList()
	for s := range t.each(all) {
		t.bracket(s)
	}
	x := t.findNested(all)
	t.usual = t.usualWindow()
	t.joinPairs(t.pairs(all, x))
	for s := range t.each(all) {
		if !s.Decided {
			t.decideAlone(s)
		}
	}
	t.findOwners(all)
	for s := range t.each(all) {
		t.shared = t.shared || len(s.nested) > 0
	}
	t.resolved = true
}

// each gives the sessions of a list one after the other, to be looked at until
// the next is asked for.
func (t *SessionTracker) each(all []*session) iter.Seq[*session] {
	return func(yield func(*session) bool) {
		for _, s := range all {
			t.rest()
			if !yield(t.use(s)) {
				return
			}
		}
	}
}

// eachLogin does the same for logins.
func (t *SessionTracker) eachLogin(all []*login) iter.Seq[*login] {
	return func(yield func(*login) bool) {
		for _, l := range all {
			t.rest()
			if !yield(t.useLogin(l)) {
				return
			}
		}
	}
}

// learnAccounts maps login uids to account names by what the log says of
// sessions that state both, where it always says the same.
func (t *SessionTracker) learnAccounts() {
	disputed := make(map[string]bool)
	for s := range t.each(t.sessionList()) {
		name := s.Name
		if name == "" {
			name = s.Acct
		}
		if s.AUID == "" || name == "" || len(s.Disputed) > 0 {
			continue
		}
		if known, ok := t.accounts[s.AUID]; !ok {
			t.accounts[strings.Clone(s.AUID)] = strings.Clone(name)
		} else if known != name {
			disputed[strings.Clone(s.AUID)] = true
		}
	}
	for uid := range disputed {
		delete(t.accounts, uid)
	}
}

// openNamedSessions opens the sessions that only sshd's log knows of: the
// journal names them, the audit log lost how they began.
func (t *SessionTracker) openNamedSessions() {
	may := t.logins
	if t.opt.Store != nil {
		may = t.unheard
	}
	for l := range t.eachLogin(may) {
		if l.namesUnheard(t) {
			t.open(strings.Clone(l.detail.AuditSes))
		}
	}
	t.unheard = nil
}

// namesUnheard reports whether the journal names a session for the login that
// the audit log has said nothing of so far.
func (l *login) namesUnheard(t *SessionTracker) bool {
	d := l.detail
	return d != nil && d.AuditSes != "" && !d.SesConflict && t.sessions.get(d.AuditSes) == nil
}

// usualPairs is how many logins must agree on where LOGIN stands for that to
// be the usual, and usualSpread how far apart they may be.
const (
	usualPairs  = 5
	usualSpread = 15 * time.Second
)

// usualWindow finds where LOGIN stands relative to its Accepted line on this
// boot. Where most logins agree within seconds, one that is half a minute off
// is another owner of the same pid, whose own line or record is lost.
func (t *SessionTracker) usualWindow() *window {
	var apart []time.Duration
	for _, l := range t.logins {
		if t.rest(); t.timeOf(l).IsZero() {
			continue
		}
		for s := range t.byLeader.of(l.pid) {
			if opened, at := time.UnixMilli(s.opened), t.timeOf(l); s.byLogin && within(opened, at) {
				apart = append(apart, opened.Sub(at))
			}
		}
	}
	slices.Sort(apart)
	from, to := 0, 0
	for i, j := 0, 0; i < len(apart); i++ {
		for j < len(apart) && apart[j]-apart[i] <= usualSpread {
			j++
		}
		if j-i > to-from {
			from, to = i, j
		}
	}
	if n := to - from; n < usualPairs || n < 3*(len(apart)-n) {
		return nil
	}
	return &window{max(0, -apart[from]) + usualSpread, max(0, apart[to-1]) + usualSpread}
}

func within(since, at time.Time) bool {
	dt := since.Sub(at)
	return dt >= -loginBefore && dt <= loginAfter
}

// index finds the logins that share something with a session.
type index struct {
	t              *SessionTracker
	byPID, byChild numbered
	bySes          numbered            // by the number of the session that the journal names
	byOddSes       map[string][]*login // where that is no number
	noPID          []*login            // in the order of time
}

// numbered finds logins by a number, in the order in which they came: 32 bits of
// it and of the login's place in a list, to be compared as they are.
type numbered struct {
	keys []uint64
	odd  map[int][]uint64 // places by numbers that have no 32 bits
}

func (x *numbered) add(n, place, all int) {
	if n < 0 || n > math.MaxUint32 {
		if x.odd == nil {
			x.odd = make(map[int][]uint64)
		}
		x.odd[n] = append(x.odd[n], uint64(place))
		return
	}
	if x.keys == nil {
		x.keys = make([]uint64, 0, all)
	}
	x.keys = append(x.keys, uint64(n)<<32|uint64(place))
}

// of gives the keys of a number, once they are in order: their lower halves are
// the places.
func (x *numbered) of(n int) []uint64 {
	if n < 0 || n > math.MaxUint32 {
		return x.odd[n]
	}
	from, _ := slices.BinarySearch(x.keys, uint64(n)<<32)
	to := from
	for to < len(x.keys) && x.keys[to]>>32 == uint64(n) {
		to++
	}
	return x.keys[from:to]
}

// add takes a login that shares no session with another, and its place among
// all.
func (x *index) add(l *login, place int) {
	all := len(x.t.logins)
	if l.PID == 0 {
		x.noPID = append(x.noPID, l)
	} else {
		x.byPID.add(l.PID, place, all)
	}
	d := l.detail
	if d == nil {
		return
	}
	if n, ok := number(d.AuditSes); ok {
		x.bySes.add(int(n), place, all)
	} else if d.AuditSes != "" {
		x.byOddSes[strings.Clone(d.AuditSes)] = append(x.byOddSes[d.AuditSes], l)
	}
	if d.ChildPID != 0 {
		x.byChild.add(d.ChildPID, place, all)
	}
}

// sort is called when all are added.
func (x *index) sort() {
	for _, keys := range [...][]uint64{x.byPID.keys, x.byChild.keys, x.bySes.keys} {
		slices.Sort(keys)
	}
	slices.SortStableFunc(x.noPID, func(a, b *login) int {
		x.t.rest()
		return x.t.timeOf(a).Compare(x.t.timeOf(b))
	})
}

// login gives that of a key.
func (x *index) login(key uint64) *login { return x.t.logins[uint32(key)] }

// named appends the logins of which the journal says that they are of a session.
func (x *index) named(to []*login, id string) []*login {
	n, ok := number(id)
	if !ok {
		return append(to, x.byOddSes[id]...)
	}
	for _, key := range x.bySes.of(int(n)) {
		to = append(to, x.login(key))
	}
	return to
}

// without gives the logins without a pid that stand near a time.
func (x *index) without(at time.Time) []*login {
	if at.IsZero() {
		return nil
	}
	from, _ := slices.BinarySearchFunc(x.noPID, at.Add(-loginAfter), func(l *login, at time.Time) int { return x.t.timeOf(l).Compare(at) })
	to := from
	for to < len(x.noPID) && !x.t.timeOf(x.noPID[to]).After(at.Add(loginBefore)) {
		to++
	}
	return x.noPID[from:to]
}

// pairs judges every session against the logins that share a pid with it or
// are named by it, and those that have no pid at all.
func (t *SessionTracker) pairs(all []*session, x *index) *pairs {
	out := new(pairs)
	var some []*login // of one session
	var found []pair
	for s := range t.each(all) {
		if ssh, known := s.ssh(); known && !ssh {
			continue
		}
		some, found = some[:0], found[:0]
		if s.Leader != 0 {
			some = x.near(some, &x.byPID, s.Leader, s)
		}
		some = x.named(some, s.ID)
		for _, c := range s.Children {
			some = x.near(some, &x.byChild, c.PID, s)
		}
		some = append(some, x.without(s.Opened)...)
		for _, l := range some {
			if slices.ContainsFunc(found, func(p pair) bool { return p.l == l }) {
				continue
			}
			t.rest()
			p := pair{s, l, t.judge(t.use(s), t.useLogin(l))}
			if !t.opt.Terse || p.matters() {
				p.v.proof = p.v.proof && !l.conflicted()
				found = append(found, p)
			}
		}
		if t.use(s); s.Leader == 0 {
			contest(s.ID, found)
		}
		for _, p := range found {
			out.add(p)
		}
	}
	return out
}

// opened reports whether the login stands where the session's opener does, by
// pid and time.
func (p *pair) opened() bool {
	return p.l.PID != 0 && p.l.PID == p.s.Leader && p.v.agrees(sameTime) && !p.s.Opened.IsZero()
}

// matters reports whether the pair decides anything, for or against a join. The
// others are of interest to who asks why there is none.
func (p *pair) matters() bool {
	switch {
	case p.v.proof || p.v.strong:
		return true
	case p.v.against != "" || p.l.conflicted():
		return p.opened()
	}
	return p.l.PID == 0
}

// near appends those of the logins of a pid that may be the session's by their
// time, and of a few those as well that the journal names for it. The others are
// of interest to who asks why a login is not the session's, as long as they are
// few.
func (x *index) near(to []*login, of *numbered, pid int, s *session) []*login {
	all := of.of(pid)
	many := len(all) >= maxRejected && !s.Opened.IsZero()
	for _, key := range all {
		l := x.login(key)
		if x.t.opt.Terse || many {
			at := x.t.timeOf(l)
			if !at.IsZero() && s.far(at) && (many || !x.names(l, s.ID)) {
				continue
			}
		}
		to = append(to, l)
	}
	return to
}

// names reports whether the journal names that session for a login.
func (x *index) names(l *login, id string) bool {
	n, ok := number(id)
	if !ok {
		return slices.Contains(x.byOddSes[id], l)
	}
	return slices.ContainsFunc(x.bySes.of(int(n)), func(key uint64) bool { return x.login(key) == l })
}

// far reports whether a login of that time cannot have opened the session,
// whatever else is known: see weighTime.
func (s *session) far(at time.Time) bool {
	if !s.Opened.IsZero() {
		return !within(s.Opened, at)
	}
	return !s.First.IsZero() && at.Sub(s.First) > loginBefore ||
		!s.After.IsZero() && s.After.Sub(at) > loginAfter || !s.Before.IsZero() && at.Sub(s.Before) > loginBefore
}

// contest looks at the logins that the journal names for one session whose
// leader is not known: only one of several can have opened it.
func contest(id string, ps []pair) {
	n := 0
	for i := range ps {
		if ps[i].v.strong && ps[i].v.against == "" {
			n++
		}
	}
	for i := range ps {
		if p := &ps[i]; n > 1 && p.v.strong && p.v.against == "" {
			p.v.against, p.v.proof = "several logins of session "+id, false
		}
	}
}

// joinPairs joins the best proven pairs, each session and login once: those
// that the journal names before those by pid, the nearer in time before the
// farther. Two equally good partners with different credentials are none.
func (t *SessionTracker) joinPairs(pairs *pairs) {
	proven := t.joinSure(pairs)
	slices.SortStableFunc(proven, func(a, b *pair) int {
		if c := cmp.Or(-cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.v.apart, b.v.apart)); c != 0 {
			return c // nearly always: what follows costs more
		}
		t.rest()
		for _, p := range [...]*pair{a, b} {
			t.use(p.s)
			t.useLogin(p.l)
		}
		return cmp.Or(
			a.s.Opened.Compare(b.s.Opened),
			a.l.At.Compare(b.l.At),
			cmp.Compare(a.s.ID, b.s.ID),
			cmp.Compare(a.l.key(), b.l.key()))
	})
	rivals := rivalsOf(proven)
	for i, p := range proven {
		t.rest()
		t.useLogin(p.l)
		if t.use(p.s); p.s.Decided || p.l.session != nil {
			if p.s.login != p.l {
				t.reject(p.s, p.l, "another pair is nearer")
			}
			continue
		}
		if rival := rivals.equal(t, proven, i); rival != nil {
			t.decideNone(p.s, reasonAmbiguous)
			t.reject(p.s, p.l, reasonAmbiguous)
			t.reject(p.s, rival.l, reasonAmbiguous)
			continue
		}
		t.bind(p.s, p.l, p.v)
	}
	t.joinWithoutPID(pairs)
	t.reportConflicts(pairs)
}

// joinSure joins the proven pairs of which neither the session nor the login is
// in another one: that nearly all are. It gives the others.
func (t *SessionTracker) joinSure(pairs *pairs) (others []*pair) {
	proven := func(p *pair) bool { return p.v.proof }
	for p := range pairs.all() {
		if proven(p) && p.l.proven < 2 {
			p.l.proven++
		}
	}
	var ofOne []*pair
	settle := func() {
		if len(ofOne) == 1 && ofOne[0].l.proven == 1 {
			t.rest()
			t.bind(t.use(ofOne[0].s), t.useLogin(ofOne[0].l), ofOne[0].v)
		} else {
			others = append(others, ofOne...)
		}
		ofOne = ofOne[:0]
	}
	for p := range pairs.all() {
		if !proven(p) {
			continue
		}
		if len(ofOne) > 0 && ofOne[0].s != p.s {
			settle()
		}
		ofOne = append(ofOne, p)
	}
	settle()
	return others
}

// rank orders proofs of different kinds.
func (p *pair) rank() int {
	if p.v.strong {
		return 1
	}
	return 0
}

// rivals are the proven pairs of each session and of each login, in order.
type rivals struct {
	ofSession map[*session][]int
	ofLogin   map[*login][]int
}

func rivalsOf(proven []*pair) *rivals {
	r := &rivals{make(map[*session][]int, len(proven)), make(map[*login][]int, len(proven))}
	for i := range proven {
		r.ofSession[proven[i].s] = append(r.ofSession[proven[i].s], i)
		r.ofLogin[proven[i].l] = append(r.ofLogin[proven[i].l], i)
	}
	return r
}

// equal finds another free login that fits the session of pair i as well as
// its own does, or another free session that fits its login as well.
func (r *rivals) equal(t *SessionTracker, proven []*pair, i int) *pair {
	p := proven[i]
	for _, all := range [...][]int{r.ofSession[p.s], r.ofLogin[p.l]} {
		for _, j := range all {
			o := proven[j]
			if j <= i || o.rank() != p.rank() || o.v.apart-p.v.apart >= tieMargin || t.use(o.s).Decided || o.l.session != nil {
				continue
			}
			if o.s != p.s || !t.useLogin(o.l).sameCredential(p.l) {
				return o
			}
		}
	}
	return nil
}

// reportConflicts decides against the sessions that a free login would have
// opened by pid and time, had not something contradicted it.
func (t *SessionTracker) reportConflicts(pairs *pairs) {
	for p := range pairs.all() {
		if p.l.session != nil && p.l.session == p.s {
			continue
		}
		t.rest()
		t.use(p.s)
		t.useLogin(p.l)
		why := p.v.against
		if why == "" && p.l.conflicted() {
			why = p.l.conflictText()
		}
		if why == "" {
			why = "the times do not agree"
		}
		free := !p.s.Decided && p.l.session == nil
		if free && (p.opened() || p.v.strong) && (p.l.conflicted() || p.v.against != "") {
			t.decideNone(p.s, "conflict: "+why)
		}
		if p.v.strong || p.v.agrees(samePID) {
			t.reject(p.s, p.l, why)
		}
	}
}

// sessionList gives the sessions, older ones of an id first, in an order that
// depends on nothing but the evidence.
func (t *SessionTracker) sessionList() []*session {
	return t.sessionsThat(func(*session) bool { return true })
}

// sessionsThat gives those of the sessions that are asked for, in that order.
func (t *SessionTracker) sessionsThat(want func(*session) bool) []*session {
	out := make([]*session, 0, t.sessions.len())
	for s := range t.sessions.all() {
		for ; s != nil; s = s.older {
			if want(s) {
				out = append(out, s)
			}
		}
	}
	slices.SortFunc(out, t.compareSessions)
	return out
}

// compareSessions orders sessions by the time at which they were first heard
// of, and those of one time by what is known of them. Of those that nothing was
// heard of, which the journal names and of which there may be very many, it is
// the id alone.
func (t *SessionTracker) compareSessions(a, b *session) int {
	if c := cmp.Compare(a.first, b.first); c != 0 {
		return c
	}
	if a.first == 0 && a.plain && b.plain && a.id != b.id {
		return cmp.Compare(utoa(a.id), utoa(b.id))
	}
	t.rest()
	a, b = t.use(a), t.use(b)
	return cmp.Or(a.First.Compare(b.First), a.Opened.Compare(b.Opened), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Leader, b.Leader))
}
