package tracker

import (
	"auditreplay/pkg/spool"
)

// Store keeps what the trackers of one replay know of sessions that they were
// not asked about for a while: in a temporary file. A host that is busy for
// years has millions of them, each has some hundred bytes, and at any time a
// few matter. What stays in memory of each session is its place in the
// trackers' lists.
//
// Trackers that share a Store are for one goroutine. It is for those that
// Resolve decides, and that cite nothing (Options.Terse).
//
// What is put away has no body: to look at it without SessionTracker.use ends
// the program. It is put away in SessionTracker.rest alone, where nobody is in
// the midst of looking at it.
type Store struct {
	hold     int
	sessions shelf[*session]
	spool    spool.Spool
	code     spool.Code
	buf      []byte
	err      error
}

// NewStore makes a store. hold is how many sessions are held in memory.
func NewStore(hold int) *Store {
	return &Store{hold: hold, sessions: shelf[*session]{limit: hold}}
}

// Close frees what the store holds; its trackers cannot be used any more.
func (st *Store) Close() { st.spool.Close() }

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

// rest puts away what is too much for memory. Nobody may be looking at a
// session meanwhile that use gave.
func (t *SessionTracker) rest() {
	if st := t.opt.Store; st != nil {
		st.sessions.rest(st)
	}
}

// lost is the error of the tracker's store.
func (t *SessionTracker) lost() error {
	if t.opt.Store == nil {
		return nil
	}
	return t.opt.Store.Err()
}

// Err is the error of a store, of which the trackers' answers are worth
// nothing.
func (st *Store) Err() error {
	if st.err == nil {
		st.err = st.spool.Err()
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
	s.body = nil
}

func (st *Store) fetch(s *session) {
	s.body = &body{terse: true}
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
