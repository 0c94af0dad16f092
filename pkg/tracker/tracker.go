package tracker

import (
	"cmp"
	"slices"
	"sort"
	"strconv"
	"sync"
	"time"

	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/schema"

	"github.com/elastic/go-libaudit/v2/aucoalesce"
	"github.com/metal-toolbox/auditevent"
	"go.uber.org/zap"
)

// Auditor takes validated audit events.
type Auditor interface {
	AuditdEvent(event *aucoalesce.Event) error
}

// Options refine a SessionTracker. The zero value is what NewSessionTracker
// gives.
type Options struct {
	Host      string // target host of every event
	MachineID string
	Boot      string // session.boot of every event

	// KeepUnjoined writes the events of a session that never found a login,
	// as attribution "none", where the plain tracker forgets them.
	KeepUnjoined bool
	// Transient makes the strings of an event valid only until the writer has
	// returned. Else only the structs and maps are.
	Transient bool
	// AllHaveSes says that no event lacks ses=, so that the processes of
	// sessions need not be remembered.
	AllHaveSes bool
	// Steady says that the host's clock was not set back during this boot, so
	// that what is earlier came before.
	Steady bool
	// SetBack says that it was: what stands near by the clock may be far.
	SetBack bool
	// Raw puts the records' own lines into every event.
	Raw bool
	// Terse leaves out what only Decisions shows: the records that speak of a
	// session, and the logins that are not its.
	Terse bool
	// Paths fills schema.Event.Paths, for selections by path.
	Paths bool
	// Wanted is asked, where it is there, before an event of a session is
	// composed, with its type, time, source and subjects, and an extra that has
	// its record type, session, credential, users and process id: false leaves
	// the event out.
	Wanted func(*auditevent.AuditEvent, *schema.Extra) bool
	// Store keeps what was not asked for lately; nil: all stays in memory. With
	// it, logins are told in the order of their Numbers, and have to be given by
	// that again.
	Store *Store
	// Names gives people's names for a key (or, with ca, for a CA).
	Names func(fingerprint string, ca bool) []schema.Name
	// UserNames gives the name of a uid where the log states none.
	UserNames func(uid string) string
}

// SessionTracker joins the logins and audit sessions of one boot of one host.
// It is safe for concurrent use. "Now" is the time of the events it has seen,
// never the wall clock.
type SessionTracker struct {
	mu  sync.Mutex
	w   *auditevent.EventWriter
	log *zap.SugaredLogger
	opt Options

	sessions sessionIDs
	recent   [64]struct { // of sessions, those that were asked for last
		id string
		s  *session
	}
	byLeader  lists[*session]
	risen     []rise   // LOGINs whose id was above all before
	logins    []*login // accepted, in the order they came
	byDetail  map[*sshd.Login]*login
	doubtful  map[int]*login // by their numbers, where a store is: see LoginInDoubt
	unheard   []*login       // where a store is: those of which the journal named a session that was not known then
	waiting   lists[*login]  // by pid: those that no session claimed
	accounts  map[string]string
	target    map[string]string
	now       time.Time // time of the latest event
	sticky    error     // a write that failed where no error can be returned
	resolved  bool
	resolving bool // by Resolve, which knows all there is to be known
	shared    bool // by Resolve: several logins share a session
	out       output
	procs     processes
	owners    map[*login]*face       // of logins without a session
	decisions map[decision]*decision // sessions share them
	faced     []*session             // that keep a face that can be built again
	oldest    int                    // of them
	usual     *window                // how far LOGIN stands from its Accepted line on this boot, where that is known
	fromAPI   auditd.Event
	facts     *auditd.Facts
}

// rise is a LOGIN with the highest id so far.
type rise struct {
	millis int64 // since the epoch
	id     uint32
}

func (r rise) at() time.Time { return time.UnixMilli(r.millis).UTC() }

var _ Auditor = (*SessionTracker)(nil)

// NewSessionTracker returns a tracker that writes to w. A nil logger logs
// nothing.
func NewSessionTracker(w *auditevent.EventWriter, l *zap.SugaredLogger) *SessionTracker {
	return New(w, l, Options{})
}

// New returns a tracker with options.
func New(w *auditevent.EventWriter, l *zap.SugaredLogger, opt Options) *SessionTracker {
	if l == nil {
		l = zap.NewNop().Sugar()
	}
	t := &SessionTracker{w: w, log: l, opt: opt, facts: auditd.NewFacts(),
		sessions: newSessionIDs(), byDetail: make(map[*sshd.Login]*login),
		accounts: make(map[string]string), owners: make(map[*login]*face), decisions: make(map[decision]*decision)}
	if opt.Host != "" || opt.MachineID != "" {
		t.target = make(map[string]string, 2)
		setIf(t.target, "host", opt.Host)
		setIf(t.target, "machine-id", opt.MachineID)
	}
	return t
}

func setIf(m map[string]string, key, value string) {
	if value != "" {
		m[key] = value
	}
}

// RemoteLogin tells the tracker of a login. It is joined to the session that
// waits for it, whose held events are then written, or waits for its session.
func (t *SessionTracker) RemoteLogin(r RemoteUserLogin) error {
	if err := r.Validate(); err != nil {
		return &SessionTrackerError{remoteLoginFail: true, message: err.Error(), inner: err}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.ownLogin(r)
	t.addLogin(l)
	return t.stuck(t.joinWaiting(l))
}

// Login tells the tracker of an accepted login as sshd's log has it. ahead is
// what that log's clock is ahead of the audit log's.
func (t *SessionTracker) Login(d *sshd.Login, ahead time.Duration) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest()
	l := t.newLogin(d, ahead)
	t.addLogin(l)
	if t.resolved || t.live() {
		return t.stuck(t.joinWaiting(l))
	}
	return nil
}

// Learned says that more is known of a login: its session, its end, a line
// that contradicts it. Without Resolve, what it proves or contradicts counts
// from here on.
func (t *SessionTracker) Learned(d *sshd.Login) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.known(d)
	if l == nil || t.resolved {
		return nil
	}
	if l.session != nil {
		t.recheck(t.use(l.session))
		return t.stuck(nil)
	}
	return t.stuck(t.joinWaiting(l))
}

// live reports whether events came before Resolve: logins and sessions are
// then joined as they come.
func (t *SessionTracker) live() bool { return !t.resolved && t.procs.events > 0 }

// stuck adds a write that failed earlier, where no error could be returned.
func (t *SessionTracker) stuck(err error) error {
	if t.sticky == nil {
		return err
	}
	if err == nil {
		err = t.sticky
	}
	t.sticky = nil
	return err
}

func (t *SessionTracker) newLogin(d *sshd.Login, ahead time.Duration) *login {
	l := loginBody{detail: d, loginClaims: loginClaims{PID: d.PID, At: d.Time, Ahead: ahead, Account: d.Account, Addr: d.Addr,
		ID: LoginID(t.opt.Host, t.opt.Boot, d.PID, d.Text, d.N), Seen: t.now}}
	if !l.At.IsZero() {
		l.At = l.At.Add(-ahead)
	}
	if d.Port != 0 {
		l.Port = itoa(d.Port)
	}
	l.CredID = t.userID(d)
	return newLogin(&l)
}

// known gives the login that d stands for, nil where there is none.
func (t *SessionTracker) known(d *sshd.Login) *login {
	if t.opt.Store == nil {
		return t.byDetail[d]
	}
	if l := t.doubtful[d.Number]; l != nil {
		return t.useLogin(l)
	}
	n, ok := slices.BinarySearchFunc(t.logins, d.Number, func(l *login, number int) int { return cmp.Compare(int(l.number), number) })
	if !ok {
		return nil
	}
	return t.useLogin(t.logins[n])
}

// userID says whose credential it was. A key that is listed under two names is
// nobody's: both are shown with it, and which of them it was nothing tells.
func (t *SessionTracker) userID(d *sshd.Login) string {
	if d.KeyID != "" {
		return d.KeyID
	}
	if t.opt.Names == nil || d.Fingerprint == "" {
		return "unknown"
	}
	names := t.opt.Names(d.Fingerprint, false)
	if len(names) == 0 || slices.ContainsFunc(names, func(n schema.Name) bool { return n.Name != names[0].Name }) {
		return "unknown"
	}
	return names[0].Name
}

func (t *SessionTracker) addLogin(l *login) {
	t.logins = append(t.logins, l)
	switch {
	case t.opt.Store != nil: // Resolve alone looks for it
		t.opt.Store.logins.add(l)
		if l.namesUnheard(t) {
			t.unheard = append(t.unheard, l)
		}
	default:
		t.waiting.add(l.PID, l)
		if l.detail != nil {
			t.byDetail[l.detail] = l
		}
	}
}

// LifeOf bounds the life that d's PID had at its time: next is when sshd's log
// shows that PID with another connection, on the audit log's clock.
func (t *SessionTracker) LifeOf(d *sshd.Login, next time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.known(d); l != nil {
		l.LifeEnd = next
	}
}

// newest gives the newest session of an id. Events come of a few sessions at a
// time: the last ones are compared, not hashed.
func (t *SessionTracker) newest(id string) *session {
	if id == "" {
		return nil
	}
	recent := &t.recent[(int(id[len(id)-1])+11*len(id)+7*int(id[len(id)/2]))%len(t.recent)]
	if recent.id == id {
		return t.use(recent.s)
	}
	recent.id, recent.s = id, t.sessions.get(id)
	return t.use(recent.s)
}

// open opens a session with that id.
func (t *SessionTracker) open(id string) *session {
	clear(t.recent[:])
	s := newSession(id, t.opt.Terse)
	s.older = t.sessions.get(id)
	t.sessions.set(id, s)
	if t.opt.Store != nil {
		t.opt.Store.sessions.add(s)
	}
	return s
}

// at finds the session that had the id at that time.
func (t *SessionTracker) at(id string, when time.Time) *session {
	s := t.newest(id)
	for s != nil && s.older != nil && !s.First.IsZero() && when.Before(s.First) {
		s = t.use(s.older)
	}
	return s
}

// rises notes a session's LOGIN.
func (t *SessionTracker) rises(s *session) {
	if len(t.risen) == 0 || s.id > t.risen[len(t.risen)-1].id {
		t.risen = append(t.risen, rise{s.Opened.UnixMilli(), s.id})
	}
}

// bracket says between which LOGINs a session was opened whose own is lost.
func (t *SessionTracker) bracket(s *session) {
	if s.ByLogin {
		return
	}
	n := s.id
	i := sort.Search(len(t.risen), func(i int) bool { return t.risen[i].id > n })
	if i < len(t.risen) {
		s.Before = t.risen[i].at()
	}
	if i > 0 && t.risen[i-1].id < n {
		s.After = t.risen[i-1].at()
	}
}

func itoa(n int) string    { return strconv.Itoa(n) }
func utoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// JoinedLogins is for how many logins a session was found.
func (t *SessionTracker) JoinedLogins() (n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.logins {
		if l.session != nil || l.shares {
			n++
		}
	}
	return n
}

// Joined reports whether a session was found for the login.
func (t *SessionTracker) Joined(d *sshd.Login) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.known(d)
	return l != nil && (l.session != nil || l.shares)
}
