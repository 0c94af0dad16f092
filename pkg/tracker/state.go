package tracker

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// stateVersion is changed whenever an older state would be misread.
const stateVersion = 1

// state is a whole SessionTracker as JSON. Logins and sessions refer to each
// other by their numbers in the lists; -1 is none.
type state struct {
	Version  int
	Boot     string // of the tracker it was taken from
	Now      time.Time
	Events   int
	Resolved bool
	Logins   []savedLogin
	Sessions []savedSession // older ones of an id first
	Risen    []savedRise
	Accounts map[string]string
	Usual    *savedWindow
	Procs    map[int]savedProcess
	Owners   []int // logins without a session
}

type savedRise struct {
	At time.Time
	ID uint64
}

type savedWindow struct{ Before, After time.Duration }

type savedProcess struct {
	process
	Owner int
}

type savedLogin struct {
	loginClaims
	Detail   *sshd.Login `json:",omitempty"`
	Pos      savedPos
	Conflict []savedPos `json:",omitempty"`
	Own      *savedFace `json:",omitempty"`
	Waits    bool       // listed: neither forgotten nor only kept by its session
	Rejected []savedRejection
}

type savedSession struct {
	claims
	Nested   []savedNested    `json:",omitempty"`
	Cited    []savedCitation  `json:",omitempty"`
	Rejected []savedRejection `json:",omitempty"`
	Login    int
	Face     *savedFace  `json:",omitempty"`
	Held     []savedHeld `json:",omitempty"`
}

type savedNested struct {
	PID          int
	Since, Until time.Time
	Login        int
}

type savedCitation struct {
	What string
	Pos  savedPos
}

type savedRejection struct {
	Session, Login int
	Why            string
}

type savedPos struct {
	Path string `json:",omitempty"`
	Line int64  `json:",omitempty"`
}

type savedFace struct {
	Source   auditevent.EventSource
	Subjects map[string]string
	Target   map[string]string `json:",omitempty"`
	Session  schema.Session
	NotSSH   bool               `json:",omitempty"`
	Cred     *schema.Credential `json:",omitempty"`
	Login    int
}

// savedHeld is an event that waits: what is not yet said is whose it is.
type savedHeld struct {
	At      time.Time
	Type    string
	Outcome string
	Extra   schema.Extra
}

func posOf(p ingest.Pos) savedPos {
	if p.Source == nil {
		return savedPos{Line: p.Line}
	}
	return savedPos{p.Source.Path, p.Line}
}

func (p savedPos) at(source func(string) *ingest.Source) ingest.Pos {
	if p.Path == "" || source == nil {
		return ingest.Pos{Line: p.Line}
	}
	return ingest.Pos{Source: source(p.Path), Line: p.Line}
}

// saver numbers what refers to each other.
type saver struct {
	t        *SessionTracker
	logins   map[*login]int
	sessions map[*session]int
	loginOf  []*login
}

func (v *saver) login(l *login) int {
	if l == nil {
		return -1
	}
	n, ok := v.logins[l]
	if !ok {
		n = len(v.loginOf)
		v.logins[l] = n
		v.loginOf = append(v.loginOf, l)
	}
	return n
}

// Snapshot gives the whole state as JSON: sessions, logins, events that wait,
// processes. A tracker that Restore makes of it goes on as this one does.
func (t *SessionTracker) Snapshot() ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := &saver{t: t, logins: make(map[*login]int), sessions: make(map[*session]int)}
	for _, l := range t.logins {
		v.login(l)
	}
	listed := len(v.loginOf)
	var all []*session
	newest := slices.SortedFunc(t.sessions.all(), func(a, b *session) int { return cmp.Compare(a.ID, b.ID) })
	for _, s := range newest {
		at := len(all)
		for ; s != nil; s = s.older {
			all = slices.Insert(all, at, s)
		}
	}
	for i, s := range all {
		v.sessions[s] = i
	}
	st := state{Version: stateVersion, Boot: t.opt.Boot, Now: t.now, Events: t.procs.events, Resolved: t.resolved,
		Accounts: t.accounts, Procs: make(map[int]savedProcess, len(t.procs.table))}
	for _, r := range t.risen {
		st.Risen = append(st.Risen, savedRise{r.at(), uint64(r.id)})
	}
	if t.usual != nil {
		st.Usual = &savedWindow{t.usual.before, t.usual.after}
	}
	for _, s := range all {
		st.Sessions = append(st.Sessions, v.session(s))
	}
	for pid, p := range t.procs.table {
		st.Procs[pid] = savedProcess{p, v.login(p.owner)}
	}
	for _, pid := range slices.Sorted(maps.Keys(t.procs.owners.first)) {
		for l := range t.procs.owners.of(pid) {
			st.Owners = append(st.Owners, v.login(l))
		}
	}
	for i := 0; i < len(v.loginOf); i++ { // a rejection may name one more
		st.Logins = append(st.Logins, v.savedLogin(v.loginOf[i], i < listed))
	}
	if t.sticky != nil {
		return nil, fmt.Errorf("tracker: a failed write is still to be reported: %w", t.sticky)
	}
	return json.Marshal(&st)
}

func (v *saver) savedLogin(l *login, listed bool) savedLogin {
	out := savedLogin{loginClaims: l.loginClaims, Detail: l.detail, Own: v.face(l.own), Waits: listed, Rejected: v.rejections(l.rejected)}
	if d := l.detail; d != nil {
		out.Pos = posOf(d.Pos)
		for _, p := range d.Conflict {
			out.Conflict = append(out.Conflict, posOf(p))
		}
	}
	return out
}

func (v *saver) session(s *session) savedSession {
	out := savedSession{claims: s.claims, Login: v.login(s.login), Rejected: v.rejections(s.rejected)}
	if s.Decided {
		out.Face = v.face(v.t.face(s))
	}
	for _, n := range s.nested {
		out.Nested = append(out.Nested, savedNested{n.PID, n.Since, n.Until, v.login(n.login)})
	}
	for _, c := range s.cited {
		out.Cited = append(out.Cited, savedCitation{c.What, posOf(c.Pos)})
	}
	for _, o := range s.held {
		out.Held = append(out.Held, savedHeld{o.event.LoggedAt, o.event.Type, o.event.Outcome, o.extra})
	}
	return out
}

// rejections leaves out those of sessions that were forgotten.
func (v *saver) rejections(rs []rejection) []savedRejection {
	var out []savedRejection
	for _, r := range rs {
		if n, ok := v.sessions[r.session]; ok {
			out = append(out, savedRejection{n, v.login(r.login), r.why})
		}
	}
	return out
}

func (v *saver) face(f *face) *savedFace {
	if f == nil {
		return nil
	}
	return &savedFace{f.source, f.subjects, f.target, f.sess, f.sess.NotSSH, f.cred, v.login(f.login)}
}
