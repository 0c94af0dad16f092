package report

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// Row is one session, as far as the events told: see "Rows of the views" in
// the schema. A nil number is one that could not be known.
type Row struct {
	Person, Account                   string
	Method, Algorithm, Fingerprint    string
	KeyID, Serial, CA, CAAlgorithm    string
	SourceIP, SourcePort, Opener, TTY string // Opener: the program that opened a local session
	Kind                              string // shell, command, sftp, scp, forward, none_seen
	Start, End                        time.Time
	Ended                             string
	Duration                          *float64 // seconds
	Commands, RootCommands            *int     // programs executed; with effective uid 0
	NotRecorded                       bool     // nothing could have recorded Commands
	Failures                          *int
	Denied                            *int // failures for want of a right: EACCES, EPERM, or what PAM or sudo refused
	Session, Boot, Host, Login        string
	Attribution, Reason               string
	Evidence                          []string
}

// Ledger keeps one Row per session of a stream of events: the Sessions view
// is a Ledger written out, and other views take their sessions from one.
//
// A UserAction belongs to the login that it names and, where it names none,
// to its (host, boot, session id) without a login. So the events of an audit
// session that more than one login used, or that nobody could be named for,
// never count under somebody's name. Memory grows with sessions, not events.
type Ledger struct {
	rows  []*entry
	byKey map[sessionKey]*entry
	byID  map[sessionKey][]*entry // key without login: all entries of one audit session
	boots map[string]string       // host -> its latest boot
	execs map[hostBoot]*spans     // when anybody's execve was recorded
	down  map[hostBoot]string     // how the boot ended, as a session of it tells or SYSTEM_SHUTDOWN does
	strs  keeper
}

type hostBoot struct{ host, boot string }

type sessionKey struct {
	hostBoot
	id, login string
}

// NewLedger returns an empty Ledger.
func NewLedger() *Ledger {
	return &Ledger{
		byKey: map[sessionKey]*entry{},
		byID:  map[sessionKey][]*entry{},
		boots: map[string]string{},
		execs: map[hostBoot]*spans{},
		down:  map[hostBoot]string{},
		strs:  keeper{},
	}
}

// Add takes note of one event.
func (l *Ledger) Add(e *auditevent.AuditEvent) { l.add(e, schema.Of(e)) }

// add returns the entry that e belongs to, or nil for an event of no session.
func (l *Ledger) add(e *auditevent.AuditEvent, x *schema.Extra) *entry {
	at := l.place(e, x)
	if at.boot != "" {
		l.boots[at.host] = at.boot
	}
	if isExec(x) && e.Outcome != schema.Failed {
		l.recorded(at).note(e.LoggedAt)
	}
	var s *entry
	switch e.Type {
	case schema.TypeLogin:
		if e.Outcome != schema.Succeeded {
			return nil
		}
		s = l.entry(sessionKey{hostBoot: at, id: sessionID(x), login: l.strs.keep(e.Metadata.AuditID)})
		s.login(e, x)
	case schema.TypeLogout:
		s = l.logoutEntry(at, e, x)
		s.logout(e)
		if s.Ended == "shutdown" || s.Ended == "crash" {
			l.down[at] = s.Ended
		}
	case schema.TypeAction:
		if x.Session == nil {
			return nil
		}
		s = l.entry(sessionKey{hostBoot: at, id: sessionID(x), login: l.strs.keep(x.Session.Login)})
		s.action(e, x)
	default:
		if eventType(x) == "SYSTEM_SHUTDOWN" {
			l.down[at] = "shutdown"
		}
		return nil
	}
	s.identity(l.strs, e, x)
	return s
}

func (l *Ledger) place(e *auditevent.AuditEvent, x *schema.Extra) hostBoot {
	at := hostBoot{host: l.strs.keep(e.Target["host"])}
	if x.Session != nil {
		at.boot = l.strs.keep(x.Session.Boot)
	}
	return at
}

func sessionID(x *schema.Extra) string {
	if x.Session == nil {
		return ""
	}
	return x.Session.ID
}

func (l *Ledger) recorded(at hostBoot) *spans {
	s := l.execs[at]
	if s == nil {
		s = &spans{}
		l.execs[at] = s
	}
	return s
}

// entry returns the entry of key, making it where there is none. A login is
// unique by itself, so its session id may become known later.
func (l *Ledger) entry(key sessionKey) *entry {
	k := key
	if key.login != "" {
		k.id, k.boot = "", ""
	}
	s := l.byKey[k]
	if s == nil {
		s = &entry{Row: Row{Host: key.host, Boot: key.boot, Login: key.login}}
		l.byKey[k] = s
		l.rows = append(l.rows, s)
	}
	if s.Boot == "" {
		s.Boot = key.boot
	}
	if s.Session == "" && key.id != "" {
		s.Session = l.strs.keep(key.id)
		byID := sessionKey{hostBoot: key.hostBoot, id: s.Session}
		l.byID[byID] = append(l.byID[byID], s)
	}
	return s
}

// logoutEntry finds the session that a UserLogout ends: by its login, else
// the one login of its audit session whose sshd it names.
func (l *Ledger) logoutEntry(at hostBoot, e *auditevent.AuditEvent, x *schema.Extra) *entry {
	key := sessionKey{hostBoot: at, id: sessionID(x)}
	if x.Session != nil && x.Session.Login != "" {
		key.login = l.strs.keep(x.Session.Login)
		return l.entry(key)
	}
	pid, _ := strconv.Atoi(e.Subjects["pid"])
	var found *entry
	for _, s := range l.byID[key] {
		if found == nil || pid != 0 && s.leader == pid {
			found = s
		}
	}
	if found != nil {
		return found
	}
	return l.entry(key)
}

// Rows returns the sessions seen so far, by start, host, boot, id and login.
func (l *Ledger) Rows() []Row {
	rows := make([]Row, 0, len(l.rows))
	for _, s := range l.rows {
		rows = append(rows, l.row(s))
	}
	slices.SortStableFunc(rows, compareRows)
	return rows
}

func compareRows(a, b Row) int {
	an, _ := strconv.ParseUint(a.Session, 10, 64)
	bn, _ := strconv.ParseUint(b.Session, 10, 64)
	return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Boot, b.Boot),
		cmp.Compare(an, bn), cmp.Compare(a.Login, b.Login))
}

// row is s with what only the whole stream can tell.
func (l *Ledger) row(s *entry) Row {
	r := s.Row
	if r.Start.IsZero() {
		r.Start = s.first
	}
	at := hostBoot{r.Host, r.Boot}
	switch {
	case r.Ended != "" || !r.End.IsZero():
	case l.down[at] != "":
		r.Ended = l.down[at]
	case l.boots[r.Host] == r.Boot:
		r.Ended = "open"
	}
	if !r.End.IsZero() && !r.End.Before(r.Start) {
		d := float64(r.End.Sub(r.Start).Milliseconds()) / 1000
		r.Duration = &d
	}
	s.count(&r, l.execs[at].covers(r.Start, latest(r.End, s.last)))
	return r
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
