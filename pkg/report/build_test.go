package report_test

import (
	"strconv"
	"testing"
	"time"

	"auditreplay/pkg/report"
	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// A stream makes events by hand: those of one session, one after the other.
type stream struct {
	host, boot, id, login string
	person, account, ip   string
	attribution           string
	auid                  string
	events                []*auditevent.AuditEvent
}

func session(id string) *stream {
	return &stream{host: "h", boot: "b1", id: id, login: "login-" + id, person: "alice", account: "deploy", ip: "10.0.0.1",
		attribution: schema.BySSHD, auid: "1005"}
}

// at is a moment of the day of all tests: seconds after ten.
func at(seconds float64) time.Time {
	return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
}

func (s *stream) add(t float64, kind, outcome string, x *schema.Extra) *auditevent.AuditEvent {
	if x.Session == nil {
		x.Session = &schema.Session{ID: s.id, Boot: s.boot, Login: s.login, Attribution: s.attribution}
	}
	e := &auditevent.AuditEvent{
		Type: kind, LoggedAt: at(t), Outcome: outcome, Target: map[string]string{"host": s.host},
		Subjects: map[string]string{"loggedAs": s.account, "userID": s.person, "pid": "100"},
		Source:   auditevent.EventSource{Type: "IP", Value: s.ip},
	}
	e.Metadata.AuditID = s.id
	x.Attach(e)
	s.events = append(s.events, e)
	return e
}

func (s *stream) in(t float64) *stream {
	e := s.add(t, schema.TypeLogin, schema.Succeeded, &schema.Extra{
		Event: &schema.Event{Pos: "auth.log:1"}, Session: &schema.Session{ID: s.id, Boot: s.boot}})
	e.Metadata.AuditID = s.login
	return s
}

func (s *stream) out(t float64, ended string) *stream {
	e := s.add(t, schema.TypeLogout, schema.Succeeded, &schema.Extra{Event: &schema.Event{Pos: "auth.log:2"}})
	data := []byte(`{"ended":` + strconv.Quote(ended) + `}`)
	e.Data = (*rawMessage)(&data)
	return s
}

// record adds a record that is no syscall's, by a program.
func (s *stream) record(t float64, kind string, pid int, exe string) *stream {
	s.add(t, schema.TypeAction, schema.Succeeded, &schema.Extra{
		Event:   &schema.Event{Type: kind, ID: s.nextID()},
		Process: &schema.Process{PID: pid, Exe: exe},
		User:    &schema.Users{AUID: &schema.User{ID: s.auid}, UID: &schema.User{ID: "0"}},
	})
	return s
}

func (s *stream) command(t float64, pid int, exe, cmd string) *stream {
	s.record(t, "USER_CMD", pid, exe)
	schema.Of(s.events[len(s.events)-1]).Object = &schema.Object{Type: "process", Primary: cmd}
	return s
}

// exec adds a successful execve of "[uid:]euid".
func (s *stream) exec(t float64, pid, ppid int, uid, euid, exe string, args ...string) *stream {
	s.add(t, schema.TypeAction, schema.Succeeded, &schema.Extra{
		Action: "executed", ProcessArgs: args,
		Event:   &schema.Event{Type: "EXECVE", Syscall: "execve", Exit: "0", ID: s.nextID()},
		Process: &schema.Process{PID: pid, PPID: ppid, Exe: exe, CWD: "/", TTY: "(none)"},
		User:    &schema.Users{AUID: &schema.User{ID: s.auid}, UID: &schema.User{ID: uid}, EUID: &schema.User{ID: euid}},
	})
	return s
}

// call adds a syscall that is no execve.
func (s *stream) call(t float64, pid, ppid int, exe, name, exit string) *stream {
	s.add(t, schema.TypeAction, schema.Succeeded, &schema.Extra{
		Event:   &schema.Event{Type: "SYSCALL", Syscall: name, Exit: exit, ID: s.nextID()},
		Process: &schema.Process{PID: pid, PPID: ppid, Exe: exe, CWD: "/", TTY: "(none)"},
		User:    &schema.Users{AUID: &schema.User{ID: s.auid}, UID: &schema.User{ID: s.auid}, EUID: &schema.User{ID: s.auid}},
	})
	return s
}

func (s *stream) nextID() string { return "1.000:" + strconv.Itoa(len(s.events)) }

// rows are the sessions of streams, each of which follows the one before.
func rows(t testing.TB, streams ...*stream) []report.Row {
	t.Helper()
	l := report.NewLedger()
	for _, s := range streams {
		for _, e := range s.events {
			l.Add(e)
		}
	}
	return l.Rows()
}

// trees are the processes of streams.
func trees(t testing.TB, streams ...*stream) []report.SessionTree {
	t.Helper()
	f := report.NewForest()
	for _, s := range streams {
		for _, e := range s.events {
			f.Add(e)
		}
	}
	return f.Trees()
}
