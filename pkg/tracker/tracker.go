package tracker

import (
	"strconv"
	"sync"
	"time"

	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/schema"

	"github.com/elastic/go-libaudit/v2/aucoalesce"
	"github.com/elastic/go-libaudit/v2/auparse"
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
	// Raw puts the records' own lines into every event.
	Raw bool
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

	sessions   map[string]*session // by audit session id; the newest of an id
	byLeader   map[int][]*session
	logins     []*login // accepted, in the order they came
	byDetail   map[*sshd.Login]*login
	waiting    map[int][]*login // by pid: those that no session claimed
	accounts   map[string]string
	target     map[string]string
	sticky     error // a write that failed where no error can be returned
	resolved   bool
	out        output
	procs      processes
	ownerFaces map[*login]*face
	fromAPI    auditd.Event
}

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
	t := &SessionTracker{w: w, log: l, opt: opt,
		sessions: make(map[string]*session), byLeader: make(map[int][]*session),
		waiting: make(map[int][]*login), byDetail: make(map[*sshd.Login]*login), accounts: make(map[string]string), ownerFaces: make(map[*login]*face)}
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
	l := &login{pid: r.PID, own: r.Source, credID: r.CredUserID, id: r.Source.Metadata.AuditID, at: r.Source.LoggedAt, written: true}
	l.account = r.Source.Subjects["loggedAs"]
	if r.Source.Source.Type == "IP" {
		l.addr = r.Source.Source.Value
		l.port, _ = r.Source.Source.Extra["port"].(string)
	}
	t.addLogin(l)
	return t.joinWaiting(l)
}

// Login tells the tracker of an accepted login as sshd's log has it. ahead is
// what that log's clock is ahead of the audit log's.
func (t *SessionTracker) Login(d *sshd.Login, ahead time.Duration) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.newLogin(d)
	if !l.at.IsZero() {
		l.at = l.at.Add(-ahead)
	}
	t.addLogin(l)
	if t.resolved || t.live() {
		return t.joinWaiting(l)
	}
	return nil
}

// live reports whether events came before Resolve: logins and sessions are
// then joined as they come.
func (t *SessionTracker) live() bool { return !t.resolved && t.procs.events > 0 }

func (t *SessionTracker) newLogin(d *sshd.Login) *login {
	l := &login{pid: d.PID, at: d.Time, account: d.Account, addr: d.Addr, detail: d,
		id: LoginID(t.opt.Host, t.opt.Boot, d.PID, d.Text, d.N)}
	if d.Port != 0 {
		l.port = itoa(d.Port)
	}
	l.credID = t.userID(d)
	return l
}

// userID says whose credential it was.
func (t *SessionTracker) userID(d *sshd.Login) string {
	if d.KeyID != "" {
		return d.KeyID
	}
	if t.opt.Names != nil && d.Fingerprint != "" {
		if names := t.opt.Names(d.Fingerprint, false); len(names) > 0 {
			return names[0].Name
		}
	}
	return "unknown"
}

func (t *SessionTracker) addLogin(l *login) {
	t.logins = append(t.logins, l)
	t.waiting[l.pid] = append(t.waiting[l.pid], l)
	if l.detail != nil {
		t.byDetail[l.detail] = l
	}
}

// LifeOf bounds the life that d's PID had at its time: next is when sshd's log
// shows that PID with another connection, on the audit log's clock.
func (t *SessionTracker) LifeOf(d *sshd.Login, next time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.byDetail[d]; l != nil {
		l.lifeEnd = next
	}
}

// Learn takes over what a record says of a session, ahead of its event.
func (t *SessionTracker) Learn(f *auditd.Fact) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.learn(f)
}

func (t *SessionTracker) learn(f *auditd.Fact) *session {
	if !f.HasSes || f.Ses == auditd.UnsetID {
		return nil
	}
	id := utoa(f.Ses)
	s := t.sessions[id]
	login := f.Type == auparse.AUDIT_LOGIN
	if login && !f.OK {
		return s
	}
	at := time.UnixMilli(f.Millis).UTC()
	if s == nil || login && !s.opensWith(f.PID, at) {
		s = t.open(id)
	}
	leader := s.leader
	s.learn(f)
	if s.leader != leader {
		t.byLeader[s.leader] = append(t.byLeader[s.leader], s)
	}
	return s
}

// opensWith reports whether a LOGIN record belongs to a session that is known
// already, by a copy of the record or by one that stands before it.
func (s *session) opensWith(pid int, at time.Time) bool {
	if s.leader == 0 {
		return s.first.IsZero() || at.Sub(s.first) < nestWindow
	}
	return s.leader == pid && within(at, s.opened)
}

// open opens a session with that id, closing the one that has it.
func (t *SessionTracker) open(id string) *session {
	s := &session{id: id, older: t.sessions[id]}
	t.sessions[id] = s
	return s
}

// at finds the session that had the id at that time.
func (t *SessionTracker) at(id string, when time.Time) *session {
	s := t.sessions[id]
	for s != nil && s.older != nil && !s.first.IsZero() && when.Before(s.first) {
		s = s.older
	}
	return s
}

func itoa(n int) string    { return strconv.Itoa(n) }
func utoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// Joined reports whether a session was found for the login.
func (t *SessionTracker) Joined(d *sshd.Login) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.byDetail[d]
	return l != nil && (l.session != nil || l.shares)
}
