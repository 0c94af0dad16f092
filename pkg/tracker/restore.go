package tracker

import (
	"encoding/json"
	"fmt"
	"maps"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/sshd"

	"github.com/metal-toolbox/auditevent"
	"go.uber.org/zap"
)

// Restore makes a tracker of what Snapshot gave. source gives the source of a
// path, for the positions that Decisions shows; it may be nil. Adopt ties the
// logins to those that whoever reads sshd's log knows.
func Restore(data []byte, w *auditevent.EventWriter, log *zap.SugaredLogger, opt Options, source func(path string) *ingest.Source) (*SessionTracker, error) {
	var st state
	if err := json.Unmarshal(data, &st); err != nil {
		return nil, fmt.Errorf("tracker state: %w", err)
	}
	if st.Version != stateVersion {
		return nil, fmt.Errorf("tracker state: version %d, not %d", st.Version, stateVersion)
	}
	if st.Boot != opt.Boot {
		return nil, fmt.Errorf("tracker state: of boot %s, not %s", st.Boot, opt.Boot)
	}
	t := New(w, log, opt)
	t.now, t.resolved, t.procs.events = st.Now, st.Resolved, st.Events
	for _, r := range st.Risen {
		t.risen = append(t.risen, rise{r.At.UnixMilli(), uint32(r.ID)})
	}
	maps.Copy(t.accounts, st.Accounts)
	if st.Usual != nil {
		t.usual = &window{st.Usual.Before, st.Usual.After}
	}
	r := &restorer{t: t, source: source}
	for range st.Logins {
		r.logins = append(r.logins, new(login))
	}
	for range st.Sessions {
		r.sessions = append(r.sessions, new(session))
	}
	for i := range st.Logins {
		if err := r.login(r.logins[i], &st.Logins[i]); err != nil {
			return nil, err
		}
	}
	for i := range st.Sessions {
		if err := r.session(r.sessions[i], &st.Sessions[i]); err != nil {
			return nil, err
		}
	}
	return t, r.finish(&st)
}

type restorer struct {
	t        *SessionTracker
	source   func(string) *ingest.Source
	logins   []*login
	sessions []*session
	wrong    error
}

// of gives the login with a number.
func (r *restorer) of(n int) *login {
	switch {
	case n == -1:
		return nil
	case n < 0 || n >= len(r.logins):
		r.wrong = fmt.Errorf("tracker state: no login %d", n)
		return nil
	}
	return r.logins[n]
}

func (r *restorer) login(l *login, s *savedLogin) error {
	*l = *newLogin(&loginBody{loginClaims: s.loginClaims, detail: s.Detail, own: r.face(s.Own)})
	if l.detail == nil && l.own == nil {
		return fmt.Errorf("tracker state: login %s says nothing", l.ID)
	}
	if d := l.detail; d != nil {
		d.Pos = s.Pos.at(r.source)
		d.Conflict = nil
		for _, p := range s.Conflict {
			d.Conflict = append(d.Conflict, p.at(r.source))
		}
		if s.Waits {
			r.t.byDetail[d] = l
		}
	}
	if s.Waits {
		r.t.logins = append(r.t.logins, l)
	}
	return nil
}

func (r *restorer) session(s *session, saved *savedSession) error {
	t := r.t
	*s = *newSession(saved.ID, t.opt.Terse)
	s.claims, s.login, s.face, s.older = saved.claims, r.of(saved.Login), r.face(saved.Face), t.sessions.get(saved.ID)
	if !s.First.IsZero() {
		s.first = s.First.UnixMilli()
	}
	if !s.Opened.IsZero() {
		s.open(s.Opened, s.ByLogin)
	}
	t.sessions.set(s.ID, s)
	if s.Leader != 0 {
		t.byLeader.add(s.Leader, s)
	}
	if s.login != nil {
		s.login.session = s
	}
	if s.Decided && s.face == nil {
		return fmt.Errorf("tracker state: session %s is decided and has no face", s.ID)
	}
	if s.face != nil {
		s.decision = &decision{attribution: s.face.sess.Attribution, reason: s.face.sess.Reason, opening: agreementOf(s.face.sess.Evidence)}
	}
	for _, n := range saved.Nested {
		s.nested = append(s.nested, &nested{PID: n.PID, Since: n.Since, Until: n.Until, login: r.of(n.Login)})
	}
	for _, c := range saved.Cited {
		s.cited = append(s.cited, Citation{c.What, c.Pos.at(r.source)})
	}
	for i := range saved.Held {
		s.held = append(s.held, t.held(&saved.Held[i]))
	}
	return nil
}

// held makes an event that waits of what was saved of it.
func (t *SessionTracker) held(h *savedHeld) *output {
	o := &output{extra: h.Extra}
	if h.Extra.Event != nil {
		o.ev = *h.Extra.Event
	}
	o.extra.Event = &o.ev
	o.event = auditevent.AuditEvent{Type: h.Type, LoggedAt: h.At, Outcome: h.Outcome, Component: "auditd", Target: t.target}
	return o
}

func (r *restorer) face(s *savedFace) *face {
	if s == nil {
		return nil
	}
	f := &face{source: s.Source, subjects: s.Subjects, target: s.Target, sess: s.Session, cred: s.Cred, login: r.of(s.Login)}
	f.sess.NotSSH = s.NotSSH
	return f
}

func (r *restorer) rejections(rs []savedRejection) []rejection {
	var out []rejection
	for _, s := range rs {
		if l := r.of(s.Login); l != nil && s.Session >= 0 && s.Session < len(r.sessions) {
			out = append(out, rejection{r.sessions[s.Session], l, s.Why})
		}
	}
	return out
}

func (r *restorer) finish(st *state) error {
	t := r.t
	for i := range st.Logins {
		r.logins[i].rejected = r.rejections(st.Logins[i].Rejected)
	}
	for i := range st.Sessions {
		r.sessions[i].rejected = r.rejections(st.Sessions[i].Rejected)
	}
	for _, l := range t.logins {
		if l.session == nil {
			t.waiting.add(l.PID, l)
		}
	}
	if len(st.Procs) > 0 {
		t.procs.table = make(map[int]process, len(st.Procs))
	}
	for pid, p := range st.Procs {
		p.owner = r.of(p.Owner)
		t.procs.table[pid] = p.process
	}
	for _, n := range st.Owners {
		l := r.of(n)
		if l == nil {
			break
		}
		t.procs.owners.add(l.PID, l)
	}
	t.byLeader.sort(func(a, b *session) int { return a.Opened.Compare(b.Opened) })
	return r.wrong
}

// Adopt makes d the login that a restored tracker knows by the same PID, text
// and number, and reports whether there is one.
func (t *SessionTracker) Adopt(d *sshd.Login) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	id := LoginID(t.opt.Host, t.opt.Boot, d.PID, d.Text, d.N)
	for _, l := range t.logins {
		if l.ID == id && l.detail != nil {
			delete(t.byDetail, l.detail)
			l.detail = d
			t.byDetail[d] = l
			return true
		}
	}
	return false
}
