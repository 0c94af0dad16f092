package tracker

import (
	"errors"

	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/spool"
)

// Store keeps what the trackers of one replay know of sessions and logins that
// they were not asked about for a while: in temporary files. A host that is
// busy for years has millions of them, each has some hundred bytes, and at any
// time a few matter. What stays in memory of each is its place in the trackers'
// lists, who belongs to whom, and what Resolve compares of very many.
//
// Trackers that share a Store are for one goroutine. It is for those that
// Resolve decides, and that cite nothing (Options.Terse).
//
// What is put away has no body: to look at it without SessionTracker.use or
// useLogin ends the program. It is put away in SessionTracker.rest alone, where
// nobody is in the midst of looking at it, and its body is used again for
// another: nothing but the session or login itself refers to that.
type Store struct {
	hold     int
	sessions shelf[*session]
	logins   shelf[*login]
	recall   func(number int) (*sshd.Login, error)
	spool    spool.Spool // of sessions
	claims   spool.Spool // of logins
	code     spool.Code
	buf      []byte
	err      error

	bodies      spare[body]
	loginBodies spare[loginBody]
}

// NewStore makes a store. hold is how many sessions, and how many logins, are
// held in memory. recall gives again what SessionTracker.Login was given, by its
// Number.
func NewStore(hold int, recall func(number int) (*sshd.Login, error)) *Store {
	return &Store{hold: hold, sessions: shelf[*session]{limit: hold}, logins: shelf[*login]{limit: hold}, recall: recall}
}

// Close frees what the store holds; its trackers cannot be used any more.
func (st *Store) Close() {
	st.spool.Close()
	st.claims.Close()
}

// paged is what a store puts away.
type paged interface {
	pinned() bool // it holds what is not written
	put(*Store)
}

// shelf is what is in memory, what was there first at the beginning.
type shelf[T paged] struct {
	held  []T
	limit int
}

func (h *shelf[T]) add(v T) { h.held = append(h.held, v) }

// rest puts half of it away where there is more than is to be held.
func (h *shelf[T]) rest(st *Store) {
	if len(h.held) <= h.limit {
		return
	}
	half := len(h.held) / 2
	kept := h.held[:0]
	for i, v := range h.held {
		if i >= half || v.pinned() {
			kept = append(kept, v)
		} else {
			v.put(st)
		}
	}
	clear(h.held[len(kept):])
	h.held, h.limit = kept, max(st.hold, len(kept)+st.hold/2)
}

// use gives a session that can be looked at until rest is called.
func (t *SessionTracker) use(s *session) *session {
	if s != nil && s.body == nil {
		t.opt.Store.fetch(s)
	}
	return s
}

// useLogin does the same for a login.
func (t *SessionTracker) useLogin(l *login) *login {
	if l != nil && l.loginBody == nil {
		t.opt.Store.fetchLogin(l)
	}
	return l
}

// used does it for all of a list.
func (t *SessionTracker) used(all []*login) []*login {
	for _, l := range all {
		t.useLogin(l)
	}
	return all
}

// rest puts away what is too much for memory. Nobody may be looking at a
// session meanwhile that use gave.
func (t *SessionTracker) rest() {
	if st := t.opt.Store; st != nil {
		st.sessions.rest(st)
		st.logins.rest(st)
	}
}

// lost is the error of taking something out of the tracker's store.
func (t *SessionTracker) lost() error {
	if st := t.opt.Store; st != nil {
		return st.err
	}
	return nil
}

// Err is the error of a store, of which the trackers' answers are worth
// nothing.
func (st *Store) Err() error {
	if st.err == nil {
		st.err = errors.Join(st.spool.Err(), st.claims.Err())
	}
	return st.err
}

func (s *session) pinned() bool { return len(s.nested)+len(s.cited)+len(s.held)+len(s.rejected) > 0 }

// put writes the session's body, if it is not as it was read.
func (s *session) put(st *Store) {
	st.buf = st.code.Append(st.buf[:0], s.claims.code)
	if string(st.buf) != s.was {
		s.spooled = st.spool.Add(st.buf)
	}
	st.bodies.put(s.body)
	s.body = nil
}

// spare are structs that nobody needs, to be used again.
type spare[T any] []*T

// maxSpare bounds them.
const maxSpare = 1 << 12

func (sp *spare[T]) put(v *T) {
	if len(*sp) < maxSpare {
		var zero T
		*v = zero
		*sp = append(*sp, v)
	}
}

func (sp *spare[T]) get() *T {
	n := len(*sp) - 1
	if n < 0 {
		return new(T)
	}
	v := (*sp)[n]
	*sp = (*sp)[:n]
	return v
}

func (st *Store) fetch(s *session) {
	s.body = st.bodies.get()
	s.terse = true
	b, err := st.spool.Get(s.spooled)
	if err == nil {
		err = st.code.Read(b, s.claims.code)
		s.was = st.code.Text()
	}
	if err != nil && st.err == nil {
		st.err = err
	}
	st.sessions.add(s)
}

func (l *login) pinned() bool { return l.own != nil || len(l.rejected) > 0 }

// put writes what the tracker knows of the login. The login itself is recalled.
func (l *login) put(st *Store) {
	st.buf = st.code.Append(st.buf[:0], l.loginClaims.code)
	if string(st.buf) != l.was {
		l.spooled = st.claims.Add(st.buf)
	}
	st.loginBodies.put(l.loginBody)
	l.loginBody = nil
}

func (st *Store) fetchLogin(l *login) {
	l.loginBody = st.loginBodies.get()
	b, err := st.claims.Get(l.spooled)
	if err == nil {
		err = st.code.Read(b, l.loginClaims.code)
		l.was = st.code.Text()
	}
	if err == nil {
		l.detail, err = st.recall(int(l.number))
	}
	if err != nil {
		l.detail = new(sshd.Login)
		if st.err == nil {
			st.err = err
		}
	}
	st.logins.add(l)
}

// code is the claims in a spool.
func (l *loginClaims) code(c *spool.Code) {
	for _, v := range [...]*string{&l.ID, &l.Account, &l.Addr, &l.Port, &l.CredID, &l.Names} {
		c.String(v)
	}
	c.Int(&l.PID)
	c.Time(&l.At)
	c.Int64((*int64)(&l.Ahead))
	c.Time(&l.Seen)
	c.Time(&l.LifeEnd)
	c.Bool(&l.Shares)
	c.Bool(&l.Written)
}

// code is the claims in a spool.
func (s *claims) code(c *spool.Code) {
	for _, v := range [...]*string{&s.ID, &s.AUID, &s.Name, &s.Exe, &s.Acct, &s.Addr, &s.Port, &s.Terminal,
		&s.KeyPrint, &s.KeyID, &s.KeySer, &s.Method} {
		c.String(v)
	}
	c.Int(&s.Leader)
	c.Bool(&s.ByLogin)
	serial := uint64(s.Serial)
	c.Uint(&serial)
	s.Serial = uint32(serial)
	c.Time(&s.Opened)
	c.Int64(&s.Started)
	c.Time(&s.Closed)
	c.Time(&s.First)
	c.Time(&s.After)
	c.Time(&s.Before)
	spool.List(c, &s.Children, func(v *child) {
		c.Int(&v.PID)
		c.Int64(&v.At)
	})
	spool.List(c, &s.Disputed, c.String)
	for _, v := range [...]*int64{&s.Said.Exe, &s.Said.Acct, &s.Said.Name, &s.Said.Addr, &s.Said.Port, &s.Said.KeyPrint, &s.Said.TTY} {
		c.Int64(v)
	}
	for _, v := range [...]*bool{&s.Known, &s.Begun, &s.Decided, &s.Ended, &s.Revoked} {
		c.Bool(v)
	}
}
