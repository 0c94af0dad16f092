package tracker_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/journal"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/schema"
	sessiontracker "auditreplay/pkg/tracker"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/metal-toolbox/auditevent"
)

var hosts = []string{"bookworm-0", "bookworm-A", "trixie-A"}

// step is one thing that a live reader of a host's logs tells the tracker.
type step struct {
	at      time.Time
	event   *auditd.Event
	login   *sshd.Login // accepted
	learned *sshd.Login
}

func unzip(t testing.TB, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func hostDir(host string) string { return filepath.Join("..", "..", "testdata", "host", host) }

// steps gives what happened on a recorded host in one boot, in the order of
// time, the audit log and sshd's journal side by side.
func steps(t testing.TB, host string, boot int) []step {
	t.Helper()
	var out []step
	starts := bootStarts(t, host, &out, boot)
	of := func(at time.Time) int {
		n, _ := slices.BinarySearchFunc(starts, at, func(start, at time.Time) int {
			if start.After(at) {
				return 1
			}
			return -1
		})
		return max(n, 1) - 1
	}
	for _, ev := range auditEvents(t, host) {
		if at := time.UnixMilli(ev.Millis).UTC(); of(at) == boot {
			out = append(out, step{at: at, event: ev})
		}
	}
	slices.SortStableFunc(out, func(a, b step) int { return a.at.Compare(b.at) })
	return out
}

// bootStarts reads sshd's journal: when each boot's first entry came, and the
// logins of one boot.
func bootStarts(t testing.TB, host string, out *[]step, boot int) []time.Time {
	t.Helper()
	src := &ingest.Source{Name: "sshd.export", Path: "sshd.export", Kind: ingest.JournalExport}
	r := journal.NewExport(bytes.NewReader(unzip(t, filepath.Join(hostDir(host), "sshd.export.gz"))), src)
	c := sshd.NewConnections()
	var ids []string
	var starts []time.Time
	var line sshd.Line
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return starts
		}
		if err != nil {
			t.Fatal(err)
		}
		m := &e.Message
		if e.Kind != ingest.MessageEntry {
			continue
		}
		if !slices.Contains(ids, m.Boot) {
			ids, starts = append(ids, m.Boot), append(starts, m.Received.Add(-time.Duration(m.Mono)*time.Microsecond))
		}
		if slices.Index(ids, m.Boot) != boot {
			continue
		}
		sshd.Parse(m.Text, &line)
		c.Add(m, e.Pos, &line, func(ch sshd.Change) {
			switch {
			case !ch.Login.Accepted:
			case ch.Kind == sshd.Decided:
				*out = append(*out, step{at: m.Time, login: ch.Login})
			default:
				*out = append(*out, step{at: m.Time, learned: ch.Login})
			}
		})
	}
}

// auditEvents builds all events of a host's audit log.
func auditEvents(t testing.TB, host string) []*auditd.Event {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(hostDir(host), "var/log/audit/*.gz"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no audit log of %s: %v", host, err)
	}
	src := &ingest.Source{Name: "audit.log", Path: "audit.log"}
	re := auditd.NewReassembler()
	var pos int64
	var lines [][]byte
	for _, name := range names {
		for line := range bytes.Lines(unzip(t, name)) {
			lines = append(lines, line)
		}
	}
	for _, line := range lines {
		rec := new(auditd.Record)
		pos++
		if auditd.ParseLine(line, rec) != nil {
			continue
		}
		rec.Pos = ingest.Pos{Source: src, Line: pos}
		re.Add(0, rec)
	}
	var out []*auditd.Event
	b := auditd.NewBuilder()
	for u := re.Next(1 << 62); u != nil; u = re.Next(1 << 62) {
		ev := new(auditd.Event)
		b.Build(u.Records, ev)
		out = append(out, ev)
	}
	return out
}

// truthOf reads what the clients of a host did: the person of each session.
func truthOf(t testing.TB, host string, boot int) map[string]loginTruth {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "ingest", "sshd", "testdata", host+".truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	var truth struct{ Logins []loginTruth }
	if err := json.Unmarshal(data, &truth); err != nil {
		t.Fatal(err)
	}
	out := make(map[string]loginTruth)
	for _, l := range truth.Logins {
		if l.Boot == boot+1 && l.Ses != 0 {
			out[strconv.Itoa(l.Ses)] = l
		}
	}
	return out
}

type loginTruth struct {
	ID, Account, Addr, Fingerprint string
	KeyID                          string `json:"key_id"`
	Boot, Port, Ses                int
}

// live runs steps the way a follower does. between is called before each.
func live(t testing.TB, w *written, st *sessiontracker.SessionTracker, all []step, between func(i int, st *sessiontracker.SessionTracker) *sessiontracker.SessionTracker) {
	t.Helper()
	for i, s := range all {
		if between != nil {
			st = between(i, st)
		}
		var err error
		switch {
		case s.event != nil:
			err = st.Event(s.event)
		case s.login != nil:
			err = st.Login(s.login, 0)
		default:
			st.Adopt(s.learned)
			err = st.Learned(s.learned)
		}
		if err != nil {
			t.Fatal(err)
		}
		if i%200 == 0 {
			st.DeleteUsersWithoutLoginsBefore(s.at.Add(-2 * time.Minute))
			st.DeleteRemoteUserLoginsBefore(s.at.Add(-3 * time.Minute))
		}
	}
	st.DeleteUsersWithoutLoginsBefore(all[len(all)-1].at.Add(time.Hour))
}

func liveOptions() sessiontracker.Options {
	return sessiontracker.Options{Host: "h", Boot: "b", KeepUnjoined: true}
}

// TestLiveHosts joins the recorded hosts as their logs grew, without looking
// ahead: no session gets another person's credential.
func TestLiveHosts(t *testing.T) {
	t.Parallel()
	for _, host := range hosts {
		for boot := range 2 {
			t.Run(fmt.Sprint(host, " boot ", boot+1), func(t *testing.T) {
				t.Parallel()
				w := newWritten()
				st := sessiontracker.New(auditevent.NewAuditEventWriter(w), nil, liveOptions())
				all := steps(t, host, boot)
				live(t, w, st, all, nil)
				truth := truthOf(t, host, boot)
				named, due := 0, 0
				for _, e := range w.events(t) {
					x := schema.Of(e)
					l, ok := truth[e.Metadata.AuditID]
					if e.Type != schema.TypeAction || !ok {
						continue
					}
					due++
					if x.Session.Attribution != schema.BySSHD {
						continue
					}
					named++
					got := loginTruth{l.ID, e.Subjects["loggedAs"], e.Source.Value, x.Credential.Fingerprint, x.Credential.KeyID, l.Boot, l.Port, l.Ses}
					if port, _ := e.Source.Extra["port"].(string); port != strconv.Itoa(l.Port) {
						t.Errorf("%s: port %s, want %d", x.Event.ID, port, l.Port)
					}
					if diff := gocmp.Diff(l, got); diff != "" {
						t.Errorf("%s: %s", x.Event.ID, diff)
					}
				}
				if share := float64(named) / float64(max(due, 1)); due > 0 && share < 0.9 {
					t.Errorf("%d of %d events named", named, due)
				}
				t.Logf("%d of %d events named", named, due)
				sessions, logins := st.Decisions()
				if len(sessions) == 0 || len(logins) == 0 {
					t.Errorf("%d sessions, %d logins decided", len(sessions), len(logins))
				}
			})
		}
	}
}

// TestSnapshotAtEveryStep saves and restores the tracker between any two steps
// of a host's life: what it writes stays the same.
func TestSnapshotAtEveryStep(t *testing.T) {
	t.Parallel()
	all := steps(t, "bookworm-A", 0)
	every := 61
	if testing.Short() {
		every = 997
	}
	first := slices.IndexFunc(all, func(s step) bool { return s.login != nil })
	want := newWritten()
	live(t, want, sessiontracker.New(auditevent.NewAuditEventWriter(want), nil, liveOptions()), freshLogins(t), nil)
	sources := make(map[string]*ingest.Source)
	source := func(path string) *ingest.Source {
		if sources[path] == nil {
			sources[path] = &ingest.Source{Name: path, Path: path}
		}
		return sources[path]
	}
	got := newWritten()
	st := sessiontracker.New(auditevent.NewAuditEventWriter(got), nil, liveOptions())
	live(t, got, st, freshLogins(t), func(i int, st *sessiontracker.SessionTracker) *sessiontracker.SessionTracker {
		if i%every != 0 && (i < first || i > first+300) {
			return st
		}
		data, err := st.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		again, err := sessiontracker.Restore(data, auditevent.NewAuditEventWriter(got), nil, liveOptions(), source)
		if err != nil {
			t.Fatal(err)
		}
		return again
	})
	if !bytes.Equal(want.buf.Bytes(), got.buf.Bytes()) {
		w, g := bytes.Split(want.buf.Bytes(), []byte("\n")), bytes.Split(got.buf.Bytes(), []byte("\n"))
		for i := range min(len(w), len(g)) {
			if !bytes.Equal(w[i], g[i]) {
				t.Fatalf("line %d (of %d and %d):\n%s\n%s", i+1, len(w), len(g), w[i], g[i])
			}
		}
		t.Fatalf("%d and %d lines", len(w), len(g))
	}
}

// freshLogins gives the steps anew: logins are changed while they are used.
func freshLogins(t testing.TB) []step { return steps(t, "bookworm-A", 0) }

func TestSnapshotSaysTheSameTwice(t *testing.T) {
	t.Parallel()
	st := sessiontracker.New(auditevent.NewAuditEventWriter(newWritten()), nil, liveOptions())
	track(t, st, remote("alice", 7, at(0)), login(1, "5", 7, at(0)), exec(2, "6", 8, at(1)), exec(3, "6", 8, at(1)), remote("bob", 9, at(1)))
	a, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	again, err := sessiontracker.Restore(a, auditevent.NewAuditEventWriter(newWritten()), nil, liveOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := again.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(a), string(b)); diff != "" {
		t.Error(diff)
	}
}

func TestRestoreRefusesWhatIsNoState(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "{", "{}", `{"Version":1,"Boot":"other"}`, `{"Version":1,"Boot":"b","Sessions":[{"ID":"5","Login":3}]}`,
		`{"Version":1,"Boot":"b","Sessions":[{"ID":"5","Login":-1,"Decided":true}]}`, `{"Version":1,"Boot":"b","Logins":[{"ID":"x"}]}`} {
		if _, err := sessiontracker.Restore([]byte(bad), nil, nil, liveOptions(), nil); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

// TestAdopt ties a restored tracker to the logins of whoever reads sshd's log.
func TestAdopt(t *testing.T) {
	t.Parallel()
	d := &sshd.Login{PID: 7, Time: at(0), Accepted: true, Account: "core", Addr: "10.0.0.5", Port: 4000, Text: "Accepted", N: 1}
	w := newWritten()
	st := sessiontracker.New(auditevent.NewAuditEventWriter(w), nil, liveOptions())
	if err := st.Login(d, 0); err != nil {
		t.Fatal(err)
	}
	data, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	st, err = sessiontracker.Restore(data, auditevent.NewAuditEventWriter(w), nil, liveOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	later := *d
	if !st.Adopt(&later) || st.Adopt(&sshd.Login{PID: 8}) {
		t.Fatal("adopted the wrong one")
	}
	track(t, st, login(1, "5", 7, at(0)), user(1105, 2, "5", 7, at(0), "/usr/sbin/sshd", "PAM:session_open", "core", "10.0.0.5"))
	if !st.Joined(&later) {
		t.Error("the adopted login got no session")
	}
}
