package tracker_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"testing"
	"time"

	"auditreplay/pkg/schema"
	sessiontracker "auditreplay/pkg/tracker"

	"github.com/elastic/go-libaudit/v2/aucoalesce"
	"github.com/elastic/go-libaudit/v2/auparse"
	"github.com/google/go-cmp/cmp"
	"github.com/metal-toolbox/auditevent"
)

// written is what a tracker wrote: the encoder's text of each event, decoded.
type written struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	enc  *schema.Encoder
	fail func(n int) error // of the n-th Encode, from 0
	n    int
}

func newWritten() *written {
	w := new(written)
	w.enc = schema.NewEncoder(&w.buf)
	return w
}

func (w *written) Encode(v any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.n
	w.n++
	if w.fail != nil {
		if err := w.fail(n); err != nil {
			return err
		}
	}
	if err := w.enc.Encode(v); err != nil {
		return err
	}
	return w.enc.Flush()
}

func (w *written) events(t testing.TB) []*auditevent.AuditEvent {
	t.Helper()
	var out []*auditevent.AuditEvent
	d := schema.NewDecoder(bytes.NewReader(w.buf.Bytes()), "written")
	for {
		e, err := d.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
}

// lines gives one line an event: its serial, its session, whose it is.
func (w *written) lines(t testing.TB) []string {
	t.Helper()
	out := []string{}
	for _, e := range w.events(t) {
		x := schema.Of(e)
		id := ""
		if x.Event != nil {
			id = x.Event.ID[max(0, len(x.Event.ID)-1):]
		}
		out = append(out, fmt.Sprintf("%s ses=%s %s %s%s", id, e.Metadata.AuditID, e.Subjects["userID"], x.Session.Attribution, orReason(x.Session.Reason)))
	}
	return out
}

func orReason(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

func wantLines(t testing.TB, w *written, want ...string) {
	t.Helper()
	if want == nil {
		want = []string{}
	}
	if diff := cmp.Diff(want, w.lines(t)); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }

// login is an event of a LOGIN record; exec one of a command.
func login(serial uint32, ses string, pid int, when time.Time) *aucoalesce.Event {
	return &aucoalesce.Event{Timestamp: when, Sequence: serial, Type: auparse.AUDIT_LOGIN, Result: "success", Session: ses,
		Process: aucoalesce.Process{PID: strconv.Itoa(pid)}, User: aucoalesce.User{IDs: map[string]string{"auid": "1000"}}}
}

func exec(serial uint32, ses string, pid int, when time.Time) *aucoalesce.Event {
	return &aucoalesce.Event{Timestamp: when, Sequence: serial, Type: auparse.AUDIT_SYSCALL, Result: "success", Session: ses,
		Process: aucoalesce.Process{PID: strconv.Itoa(pid), PPID: "1", Exe: "/usr/bin/id", Args: []string{"id", strconv.Itoa(int(serial))}},
		Data:    map[string]string{"syscall": "execve"}, Tags: []string{"exec"}}
}

// user is a record of a program that speaks to PAM.
func user(typ auparse.AuditMessageType, serial uint32, ses string, pid int, when time.Time, exe, op, acct, addr string) *aucoalesce.Event {
	return &aucoalesce.Event{Timestamp: when, Sequence: serial, Type: typ, Result: "success", Session: ses,
		Process: aucoalesce.Process{PID: strconv.Itoa(pid), Exe: exe}, Data: map[string]string{"op": op, "acct": acct, "addr": addr, "terminal": "ssh"}}
}

func remote(who string, pid int, when time.Time) sessiontracker.RemoteUserLogin {
	return sessiontracker.RemoteUserLogin{PID: pid, CredUserID: who, Source: &auditevent.AuditEvent{LoggedAt: when,
		Source:   auditevent.EventSource{Type: "IP", Value: "10.0.0.5", Extra: map[string]any{"port": "4000"}},
		Subjects: map[string]string{"loggedAs": "core", "userID": who}, Target: map[string]string{"host": "db"}}}
}

// track gives a tracker what it gets, in order, and fails on any error.
func track(t testing.TB, st *sessiontracker.SessionTracker, what ...any) {
	t.Helper()
	for i, v := range what {
		var err error
		switch v := v.(type) {
		case *aucoalesce.Event:
			err = st.AuditdEvent(v)
		case sessiontracker.RemoteUserLogin:
			err = st.RemoteLogin(v)
		}
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

func plain(w *written) *sessiontracker.SessionTracker {
	return sessiontracker.NewSessionTracker(auditevent.NewAuditEventWriter(w), nil)
}

func keeping(w *written) *sessiontracker.SessionTracker {
	return sessiontracker.New(auditevent.NewAuditEventWriter(w), nil, sessiontracker.Options{KeepUnjoined: true})
}

func TestEventsWithoutSessionAreNoSessions(t *testing.T) {
	t.Parallel()
	w := newWritten()
	track(t, plain(w), exec(1, "", 7, at(0)), exec(2, "unset", 7, at(0)), exec(3, "4294967295", 7, at(0)), remote("alice", 7, at(0)))
	wantLines(t, w)
}

func TestEventsWaitForTheLogin(t *testing.T) {
	t.Parallel()
	w := newWritten()
	st := plain(w)
	track(t, st, login(1, "5", 7, at(0)), exec(2, "5", 8, at(1)), exec(3, "5", 9, at(2)))
	wantLines(t, w)
	track(t, st, remote("alice", 7, at(0)))
	wantLines(t, w, "1 ses=5 alice sshd", "2 ses=5 alice sshd", "3 ses=5 alice sshd")
	track(t, st, exec(4, "5", 8, at(3)))
	wantLines(t, w, "1 ses=5 alice sshd", "2 ses=5 alice sshd", "3 ses=5 alice sshd", "4 ses=5 alice sshd")
}

func TestLoginWaitsForItsSession(t *testing.T) {
	t.Parallel()
	w := newWritten()
	track(t, plain(w), remote("alice", 7, at(0)), exec(9, "4", 7, at(0)), login(1, "5", 7, at(0)), exec(2, "5", 8, at(1)))
	wantLines(t, w, "1 ses=5 alice sshd", "2 ses=5 alice sshd") // an equal pid that is no LOGIN's proves nothing
}

func TestWholeEventsAreWritten(t *testing.T) {
	t.Parallel()
	w := newWritten()
	track(t, plain(w), remote("alice", 7, at(0)), login(1, "5", 7, at(0)), exec(2, "5", 8, at(1)))
	e := w.events(t)[1]
	x := schema.Of(e)
	got := []any{e.Type, e.LoggedAt, e.Outcome, e.Component, e.Source.Value, e.Source.Extra["port"], e.Target, e.Subjects,
		x.ProcessArgs, x.Process.PID, x.Process.Exe, x.Event.ID, x.Event.Type, x.Event.Syscall, x.Event.Keys, x.Session.Evidence}
	want := []any{"UserAction", at(1), "succeeded", "auditd", "10.0.0.5", "4000", map[string]string{"host": "db"},
		map[string]string{"loggedAs": "core", "userID": "alice"}, []string{"id", "2"}, 8, "/usr/bin/id", "1767355201.000:2", "EXECVE",
		"execve", []string{"exec"}, []string{"boot", "pid", "time"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestHeldEventsAreCopies reuses one event and one login for everything, as a
// reader with buffers does.
func TestHeldEventsAreCopies(t *testing.T) {
	t.Parallel()
	w, fresh := newWritten(), newWritten()
	st := plain(w)
	reused := login(1, "5", 7, at(0))
	track(t, st, reused)
	*reused = *exec(2, "5", 8, at(1))
	track(t, st, reused)
	reused.Sequence, reused.Process.Args[1], reused.Tags[0], reused.Data["syscall"] = 3, "changed", "other", "execveat"
	track(t, st, reused)
	r := remote("alice", 7, at(0))
	track(t, st, r)
	r.Source.Subjects["userID"], r.Source.Source.Extra["port"], r.Source.Target["host"] = "bob", "1", "other"
	track(t, st, exec(4, "5", 8, at(3)))

	third := exec(3, "5", 8, at(1))
	third.Process.Args[1], third.Tags[0], third.Data["syscall"] = "changed", "other", "execveat"
	track(t, plain(fresh), remote("alice", 7, at(0)), login(1, "5", 7, at(0)), exec(2, "5", 8, at(1)), third, exec(4, "5", 8, at(3)))
	if diff := cmp.Diff(fresh.buf.String(), w.buf.String()); diff != "" {
		t.Errorf("held events differ from those written at once:\n%s", diff)
	}
}

func TestSessionWithoutLoginRecordHasNoLeader(t *testing.T) {
	t.Parallel()
	w := newWritten()
	st := plain(w)
	track(t, st, exec(1, "5", 7, at(0)), remote("alice", 7, at(0)), exec(2, "5", 7, at(1)))
	wantLines(t, w)
}

func TestSecondLoginOfASessionIDOpensANewSession(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{false, true} {
		w := newWritten()
		st := plain(w)
		if keep {
			st = keeping(w)
		}
		track(t, st, remote("alice", 7, at(0)), login(1, "5", 7, at(0)), exec(2, "5", 8, at(1)),
			login(3, "5", 70, at(100)), exec(4, "5", 8, at(101)), remote("bob", 70, at(100)),
			login(5, "5", 700, at(200)), exec(6, "5", 8, at(201)), login(7, "5", 700, at(201)), remote("carol", 700, at(201)))
		want := []string{"1 ses=5 alice sshd", "2 ses=5 alice sshd", "3 ses=5 bob sshd", "4 ses=5 bob sshd"}
		if keep { // what was held of the third is written, never given to carol
			want = append(want, "5 ses=5  none: no login", "6 ses=5  none: no login")
		}
		wantLines(t, w, append(want, "7 ses=5 carol sshd")...)
	}
}

func TestSecondLoginWithoutTimesOpensANewSession(t *testing.T) {
	t.Parallel()
	w := newWritten()
	first, second := login(0, "5", 7, time.Time{}), login(0, "5", 7, time.Time{})
	track(t, plain(w), remote("alice", 7, time.Time{}), first, second, remote("bob", 7, time.Time{}))
	wantLines(t, w, "0 ses=5 alice sshd", "0 ses=5 bob sshd")
}

func TestUnsetClaimsContradictNothing(t *testing.T) {
	t.Parallel()
	w := newWritten()
	bare := sessiontracker.RemoteUserLogin{PID: 7, CredUserID: "alice", Source: &auditevent.AuditEvent{}}
	track(t, plain(w), bare, login(1, "5", 7, at(0)),
		user(auparse.AUDIT_USER_START, 2, "5", 7, at(0), "/usr/sbin/sshd", "PAM:session_open", "core", "10.0.0.9"), exec(3, "5", 8, at(9000)))
	wantLines(t, w, "1 ses=5 alice sshd", "2 ses=5 alice sshd", "3 ses=5 alice sshd")
}

func TestTimeBoundsAPID(t *testing.T) {
	t.Parallel()
	w := newWritten()
	st := keeping(w)
	track(t, st, remote("alice", 7, at(0)), login(1, "5", 7, at(61)), login(2, "6", 7, at(59)))
	st.DeleteUsersWithoutLoginsBefore(at(1000))
	wantLines(t, w, "2 ses=6 alice sshd", "1 ses=5  none: no login")
}

func TestLaterContradictionEndsTheName(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]*aucoalesce.Event{
		"conflict: address 10.0.0.9 != 10.0.0.5": user(auparse.AUDIT_USER_START, 2, "5", 7, at(0), "/usr/sbin/sshd", "PAM:session_open", "core", "10.0.0.9"),
		"conflict: account root != core":         user(auparse.AUDIT_USER_START, 2, "5", 7, at(0), "/usr/sbin/sshd", "PAM:session_open", "root", "10.0.0.5"),
	} {
		w := newWritten()
		track(t, plain(w), remote("alice", 7, at(0)), login(1, "5", 7, at(0)), start, exec(3, "5", 8, at(1)))
		wantLines(t, w, "1 ses=5 alice sshd", "2 ses=5  none: "+name, "3 ses=5  none: "+name)
	}
}

func TestTwoLoginsOfOnePIDAreNone(t *testing.T) {
	t.Parallel()
	w := newWritten()
	track(t, plain(w), remote("alice", 7, at(0)), remote("bob", 7, at(1)), login(1, "5", 7, at(1)), exec(2, "5", 8, at(2)))
	wantLines(t, w, "1 ses=5  none: ambiguous", "2 ses=5  none: ambiguous")
	w = newWritten() // said twice is no contradiction
	track(t, plain(w), remote("alice", 7, at(0)), remote("alice", 7, at(0)), login(1, "5", 7, at(1)))
	wantLines(t, w, "1 ses=5 alice sshd")
}

func TestSudoDoesNotEndASession(t *testing.T) {
	t.Parallel()
	w := newWritten()
	track(t, plain(w), remote("alice", 7, at(0)), login(1, "5", 7, at(0)),
		user(auparse.AUDIT_CRED_DISP, 2, "5", 30, at(5), "/usr/bin/sudo", "PAM:setcred", "root", ""), exec(3, "5", 8, at(6)),
		user(auparse.AUDIT_CRED_DISP, 4, "5", 7, at(9), "/usr/sbin/sshd", "PAM:setcred", "core", "10.0.0.5"), exec(5, "5", 8, at(60)))
	wantLines(t, w, "1 ses=5 alice sshd", "2 ses=5 alice sshd", "3 ses=5 alice sshd", "4 ses=5 alice sshd", "5 ses=5 alice sshd")
}

func TestErrors(t *testing.T) {
	t.Parallel()
	st := plain(newWritten())
	for field, bad := range map[string]sessiontracker.RemoteUserLogin{
		"Source":     {PID: 7, CredUserID: "alice"},
		"PID":        {Source: &auditevent.AuditEvent{}, PID: -1, CredUserID: "alice"},
		"CredUserID": {Source: &auditevent.AuditEvent{}, PID: 7},
	} {
		err := fmt.Errorf("wrapped: %w", st.RemoteLogin(bad))
		var failed *sessiontracker.SessionTrackerError
		if !errors.As(err, &failed) || !failed.RemoteLoginFailed() || failed.ParsePIDFailed() || failed.AuditEventWriteFailed() {
			t.Errorf("%s: %v", field, err)
		}
		var cause *sessiontracker.RemoteUserLoginValidateError
		if !errors.As(err, &cause) || cause.Field() != field || !errors.As(bad.Validate(), &cause) {
			t.Errorf("%s: cause %v", field, cause)
		}
	}
	bad := login(1, "5", 7, at(0))
	bad.Process.PID = "x7"
	err := st.AuditdEvent(bad)
	var failed *sessiontracker.SessionTrackerError
	if !errors.As(err, &failed) || !failed.ParsePIDFailed() || failed.RemoteLoginFailed() || !errors.Is(err, strconv.ErrSyntax) {
		t.Errorf("bad pid: %v", err)
	}
}

// TestFailedWrites holds that a failing writer loses nothing that was held,
// and that each call says that it failed.
func TestFailedWrites(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	w := newWritten()
	w.fail = func(n int) error {
		if n == 1 || n == 2 {
			return full
		}
		return nil
	}
	st := plain(w)
	track(t, st, login(1, "5", 7, at(0)), exec(2, "5", 8, at(1)), exec(3, "5", 8, at(2)))
	isWriteError := func(err error) {
		t.Helper()
		var failed *sessiontracker.SessionTrackerError
		if !errors.As(err, &failed) || !failed.AuditEventWriteFailed() || !errors.Is(err, full) {
			t.Errorf("got %v", err)
		}
	}
	isWriteError(st.RemoteLogin(remote("alice", 7, at(0)))) // 1 written, 2 not
	isWriteError(st.AuditdEvent(exec(4, "5", 8, at(3))))    // 2 not, so 4 is not taken
	track(t, st, exec(4, "5", 8, at(3)))
	wantLines(t, w, "1 ses=5 alice sshd", "2 ses=5 alice sshd", "3 ses=5 alice sshd", "4 ses=5 alice sshd")
}

func TestFailedWriteOfDeleteIsReturnedLater(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	w := newWritten()
	w.fail = func(n int) error {
		if n == 0 {
			return full
		}
		return nil
	}
	st := keeping(w)
	track(t, st, login(1, "5", 7, at(0)), exec(2, "5", 8, at(1)))
	st.DeleteUsersWithoutLoginsBefore(at(100))
	if err := st.AuditdEvent(exec(3, "6", 8, at(200))); !errors.Is(err, full) {
		t.Errorf("next call: %v", err)
	}
	st.DeleteUsersWithoutLoginsBefore(at(300))
	track(t, st, exec(4, "5", 8, at(200)))
	wantLines(t, w, "1 ses=5  none: no login", "2 ses=5  none: no login", "3 ses=6  none: no login", "4 ses=5  none: no login")
}

func TestNilLoggerAndConcurrentUse(t *testing.T) {
	t.Parallel()
	w := newWritten()
	st := plain(w)
	const sessions, events = 16, 50
	var all sync.WaitGroup
	for s := range sessions {
		all.Go(func() {
			ses := strconv.Itoa(s + 1)
			track(t, st, login(1, ses, 1000+s, at(0)))
			for range events {
				track(t, st, exec(2, ses, 5000+s, at(1)))
			}
		})
		all.Go(func() {
			track(t, st, remote("p"+strconv.Itoa(s+1), 1000+s, at(0)))
			st.DeleteRemoteUserLoginsBefore(at(-100))
			st.DeleteUsersWithoutLoginsBefore(at(-100))
		})
	}
	all.Wait()
	got := w.events(t)
	if len(got) != sessions*(events+1) {
		t.Errorf("%d events, want %d", len(got), sessions*(events+1))
	}
	for _, e := range got {
		if e.Subjects["userID"] != "p"+e.Metadata.AuditID {
			t.Errorf("session %s under %s", e.Metadata.AuditID, e.Subjects["userID"])
		}
	}
}
