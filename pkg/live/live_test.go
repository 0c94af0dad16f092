package live

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/schema"

	"github.com/google/go-cmp/cmp"
)

// host says things at times, to a pipeline whose wall clock stands still.
type host struct {
	testing.TB
	p      *Pipeline
	opt    Options
	out    bytes.Buffer
	enc    *schema.Encoder
	audit  *ingest.Source
	sshd   *ingest.Source
	line   int64
	serial int
	wall   time.Time
}

func newHost(t testing.TB, opt Options) *host {
	h := &host{TB: t, opt: opt, serial: 100, wall: time.Unix(2_000_000_000, 0),
		audit: &ingest.Source{Name: "audit.log", Path: "/audit.log"}, sshd: &ingest.Source{Name: "auth.log", Path: "/auth.log"}}
	h.enc = schema.NewEncoder(&h.out)
	h.p = New(h.enc, opt)
	h.p.At(h.wall)
	return h
}

// record writes a record of a new event.
func (h *host) record(at float64, typ, body string) {
	h.Helper()
	h.serial++
	h.again(at, typ, body)
}

// again writes one more record of the last event.
func (h *host) again(at float64, typ, body string) {
	h.Helper()
	h.line++
	line := fmt.Sprintf("type=%s msg=audit(%.3f:%d): %s", typ, at, h.serial, body)
	if err := h.p.Audit([]byte(line), 0, ingest.Pos{Source: h.audit, Line: h.line}); err != nil {
		h.Fatal(err)
	}
}

func (h *host) say(at float64, pid int, text string) {
	h.line++
	when := time.UnixMicro(int64(at * 1e6)).UTC()
	h.p.Message(&ingest.Entry{Kind: ingest.MessageEntry, Pos: ingest.Pos{Source: h.sshd, Line: h.line},
		Message: ingest.Message{Host: "web", Ident: "sshd", PID: pid, Text: text, Time: when, Received: when, UID: -1}})
}

// round ends a round in which both logs were read to their ends.
func (h *host) round() {
	h.Helper()
	h.p.At(h.wall)
	if err := h.p.Round(Clock{Wall: h.wall, Audit: true, SSHD: true}); err != nil {
		h.Fatal(err)
	}
}

// wait lets wall time pass.
func (h *host) wait(d time.Duration) {
	h.Helper()
	h.wall = h.wall.Add(d)
	h.round()
}

// login lets somebody log in: the session is 7, its opener's pid 50.
func (h *host) login(at float64) {
	h.record(at, "LOGIN", "pid=50 uid=0 old-auid=4294967295 auid=1000 old-ses=4294967295 ses=7 res=1")
	h.record(at+0.1, "USER_START", `pid=50 uid=0 auid=1000 ses=7 msg='op=PAM:session_open acct="ann" exe="/usr/sbin/sshd" hostname=? addr=192.0.2.7 terminal=ssh res=success'`)
}

func (h *host) accepted(at float64) {
	h.say(at, 50, "Accepted publickey for ann from 192.0.2.7 port 4711 ssh2: ED25519 SHA256:abc")
}

func (h *host) command(at float64) {
	h.record(at, "USER_CMD", `pid=60 uid=1000 auid=1000 ses=7 msg='cwd="/" cmd="id" exe="/usr/bin/sudo" terminal=? res=success'`)
}

// restart saves the state, as JSON, and goes on with a pipeline made of it.
func (h *host) restart() {
	h.Helper()
	s, err := h.p.Save()
	if err != nil {
		h.Fatal(err)
	}
	b, err := json.Marshal(s)
	if err != nil {
		h.Fatal(err)
	}
	var back State
	if err := json.Unmarshal(b, &back); err != nil {
		h.Fatal(err)
	}
	if h.p, err = Restore(&back, h.enc, h.opt); err != nil {
		h.Fatal(err)
	}
	h.p.At(h.wall)
}

// wrote gives what was written since the last call: type, attribution or what
// else tells, and the reason.
func (h *host) wrote() []string {
	h.Helper()
	if err := h.enc.Flush(); err != nil {
		h.Fatal(err)
	}
	var out []string
	for _, l := range strings.Split(strings.TrimSpace(h.out.String()), "\n") {
		if l == "" {
			continue
		}
		var e struct {
			Type     string
			Metadata struct{ Extra schema.Extra }
		}
		if err := json.Unmarshal([]byte(l), &e); err != nil {
			h.Fatal(err)
		}
		x := e.Metadata.Extra
		s := e.Type
		if x.Event != nil && x.Event.Type != "" {
			s += " " + x.Event.Type
		}
		if x.Session != nil && x.Session.Attribution != "" {
			s += " " + x.Session.Attribution
		}
		if x.Session != nil && x.Session.Reason != "" {
			s += ": " + x.Session.Reason
		}
		if x.Event != nil && x.Event.Late {
			s += " late"
		}
		out = append(out, s)
	}
	h.out.Reset()
	return out
}

func (h *host) want(want ...string) {
	h.Helper()
	if diff := cmp.Diff(want, h.wrote()); diff != "" {
		h.Errorf("written (-want +got):\n%s", diff)
	}
}

const t0 = 1_700_000_000.0

// joined is a host on which ann has logged in, all written.
func joined(t testing.TB) *host {
	h := newHost(t, Options{SSHD: true})
	h.accepted(t0)
	h.login(t0)
	h.round()
	h.wait(6 * time.Second)
	h.want("UserLogin", "UserAction LOGIN sshd", "UserAction USER_START sshd")
	return h
}

func TestKnownEndAtOnce(t *testing.T) {
	t.Parallel()
	h := joined(t)
	h.command(t0 + 5)
	h.round()
	h.want("UserAction USER_CMD sshd")
}

func TestUnknownEnd(t *testing.T) {
	t.Parallel()
	const open = `arch=c000003e syscall=257 success=yes exit=3 ppid=50 pid=61 auid=1000 uid=1000 ses=7 exe="/bin/cat"`
	h := joined(t)
	h.record(t0+5, "SYSCALL", open)
	h.restart()
	h.round()
	h.wait(4 * time.Second)
	h.want()
	h.wait(time.Second) // five are quiet enough
	h.want("UserAction SYSCALL sshd")

	h.record(t0+10, "SYSCALL", open)
	h.round()
	h.want()
	h.command(t0 + 12.5) // two of record time are too
	h.round()
	h.want("UserAction SYSCALL sshd", "UserAction USER_CMD sshd")
}

func TestLate(t *testing.T) {
	t.Parallel()
	h := joined(t)
	h.command(t0 + 5)
	h.round()
	h.again(t0+5, "PROCTITLE", "proctitle=6964")
	h.restart()
	h.round()
	got := h.wrote()
	if len(got) != 2 || !strings.HasSuffix(got[1], "late") {
		t.Errorf("got %q", got)
	}
}

func TestLoginWindow(t *testing.T) {
	t.Parallel()
	h := newHost(t, Options{SSHD: true, NoWall: true})
	h.say(t0, 1, "Server listening on :: port 22.")
	h.login(t0)
	for _, at := range []float64{t0 + 30, t0 + 59} {
		h.record(at, "SERVICE_START", `pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=x comm="systemd" exe="/usr/lib/systemd/systemd" res=success'`)
		h.round()
		h.restart()
	}
	for _, s := range h.wrote() {
		if strings.HasPrefix(s, "UserAction") {
			t.Errorf("too early: %s", s)
		}
	}
	h.record(t0+61, "SERVICE_START", `pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=x comm="systemd" exe="/usr/lib/systemd/systemd" res=success'`)
	h.round()
	h.restart()
	h.round()
	none := "none: login not seen within 60 s"
	h.want("SystemAction SERVICE_START", "UserAction LOGIN "+none, "UserAction USER_START "+none)

	// What comes after it stays without a name, whatever is learnt.
	h.accepted(t0 + 0.5)
	h.command(t0 + 62)
	h.round()
	h.round()
	h.want("UserAction USER_CMD "+none, "UserLogin")
}

// TestProofIsWaitedFor opens a session slowly: what says most of it comes
// seconds after its first record, and all its events show it.
func TestProofIsWaitedFor(t *testing.T) {
	t.Parallel()
	h := newHost(t, Options{SSHD: true, NoWall: true})
	h.accepted(t0)
	h.record(t0, "LOGIN", "pid=50 uid=0 old-auid=4294967295 auid=1000 old-ses=4294967295 ses=7 res=1")
	h.command(t0 + 11)
	h.round()
	h.want()
	h.restart()
	h.record(t0+12, "USER_START", `pid=50 uid=0 auid=1000 ses=7 msg='op=PAM:session_open acct="ann" exe="/usr/sbin/sshd" hostname=? addr=192.0.2.7 terminal=ssh res=success'`)
	h.say(t0+14, 50, "User child is on pid 52")
	h.record(t0+14.1, "CRED_ACQ", `pid=52 uid=0 auid=1000 ses=7 msg='op=PAM:setcred acct="ann" exe="/usr/sbin/sshd" hostname=? addr=192.0.2.7 terminal=ssh res=success'`)
	h.round()
	h.command(t0 + 17)
	h.round()
	h.want()
	h.command(t0 + 20)
	h.round()
	if err := h.enc.Flush(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(h.out.String(), `["boot","pid","time","account","address","child"]`); n != 6 {
		t.Errorf("%d events with all evidence: %s", n, &h.out)
	}
}

// TestLoginWithoutSession: a login whose session the audit log shows nothing of
// names the one that the journal says it opened, and waits where records of that
// one have begun to come.
func TestLoginWithoutSession(t *testing.T) {
	t.Parallel()
	service := `pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=x comm="systemd" exe="/usr/lib/systemd/systemd" res=success'`
	for _, c := range []struct {
		named, acted float64 // seconds after the login; 0: never
		want         string
		id           bool
	}{
		{0, 0, "UserLogin", false},
		{1, 0, "UserLogin", true},
		{59, 0, "UserLogin", true},
		{62, 0, "UserLogin", false},
		{1, 50, "", true},
	} {
		h := newHost(t, Options{SSHD: true, NoWall: true})
		h.accepted(t0)
		saw := func(after float64) {
			h.record(t0+after, "SERVICE_START", service)
			h.restart()
			h.round()
		}
		for _, after := range []float64{0.5, 40, 50, 58, 61, 63} {
			if c.named > 0 && after >= c.named {
				h.line++
				when := time.UnixMilli(int64((t0 + c.named) * 1e3)).UTC()
				h.p.Message(&ingest.Entry{Kind: ingest.MessageEntry, Pos: ingest.Pos{Source: h.sshd, Line: h.line}, Message: ingest.Message{Host: "web",
					Ident: "sshd", PID: 50, Text: "pam_env(sshd:session): x", Time: when, Received: when, UID: -1, AuditSes: "7", AuditUID: "1000"}})
				c.named = 0
			}
			if c.acted == after {
				h.command(t0 + after)
			}
			saw(after)
		}
		if err := h.enc.Flush(); err != nil {
			t.Fatal(err)
		}
		login := ""
		for l := range strings.Lines(h.out.String()) {
			if strings.Contains(l, `"type":"UserLogin"`) {
				login = l
			}
		}
		if (login != "") != (c.want != "") || login != "" && strings.Contains(login, `"id":"7"`) != c.id {
			t.Errorf("%+v: wrote %q", c, login)
		}
		saw(120)
		if err := h.enc.Flush(); err != nil {
			t.Fatal(err)
		}
		if c.acted > 0 {
			if s := h.out.String(); strings.Count(s, `"id":"7"`) != 2 || !strings.Contains(s, `"attribution":"sshd"`) {
				t.Errorf("%+v: wrote %s", c, s)
			}
		}
	}
}

// TestLongLoginWithoutSession: a login that no session was found for is
// forgotten after a day, and its logout is written all the same.
func TestLongLoginWithoutSession(t *testing.T) {
	t.Parallel()
	h := newHost(t, Options{SSHD: true, NoWall: true})
	h.say(t0, 1, "Server listening on :: port 22.")
	h.accepted(t0 + 1)
	until := func(from, to float64) {
		for at := from; at <= to; at += 3600 {
			h.record(t0+at, "SERVICE_START", `pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=x comm="systemd" exe="/usr/lib/systemd/systemd" res=success'`)
			h.round()
		}
		h.restart()
	}
	until(10, 30*3600)
	h.say(t0+30*3600+60, 50, "Disconnected from user ann 192.0.2.7 port 4711")
	until(30*3600+70, 33*3600)
	var got []string
	for _, s := range h.wrote() {
		if strings.HasPrefix(s, "UserLog") {
			got = append(got, s)
		}
	}
	if diff := cmp.Diff([]string{"UserLogin", "UserLogout"}, got); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
}

// TestFirstRecordIsAuditds begins with a record of auditd's own, before sshd has
// said anything: neither names the boot or the host.
func TestFirstRecordIsAuditds(t *testing.T) {
	t.Parallel()
	h := newHost(t, Options{SSHD: true, NoWall: true})
	h.record(t0, "DAEMON_START", `op=start ver=3.0.9 format=enriched kernel=6.1 auid=4294967295 pid=200 uid=0 ses=4294967295 res=success`)
	h.round()
	h.say(t0+1, 1, "Server listening on :: port 22.")
	for i := range 5 {
		h.record(t0+1+float64(i), "SERVICE_START", `pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=x comm="systemd" exe="/usr/lib/systemd/systemd" res=success'`)
	}
	h.round()
	if err := h.enc.Flush(); err != nil {
		t.Fatal(err)
	}
	if s := h.out.String(); strings.Count(s, `"boot":"@1700000001.000"`) != 6 || strings.Count(s, `"host":"web"`) != 6 {
		t.Errorf("wrote %s", s)
	}
}

func TestLocalDoesNotWait(t *testing.T) {
	t.Parallel()
	h := newHost(t, Options{SSHD: true})
	h.say(t0, 1, "Server listening on :: port 22.")
	h.record(t0, "LOGIN", "pid=50 uid=0 old-auid=4294967295 auid=0 old-ses=4294967295 ses=7 res=1")
	h.record(t0+0.1, "USER_START", `pid=50 uid=0 auid=0 ses=7 msg='op=PAM:session_open acct="root" exe="/usr/sbin/cron" hostname=? addr=? terminal=cron res=success'`)
	h.round()
	h.wait(5 * time.Second)
	h.want("UserAction LOGIN local", "UserAction USER_START local")
}

func TestLogout(t *testing.T) {
	t.Parallel()
	h := joined(t)
	h.say(t0+20, 50, "pam_unix(sshd:session): session closed for user ann")
	h.round()
	h.restart()
	h.wait(20 * time.Second)
	h.want() // a line may yet say better how
	h.wait(40 * time.Second)
	h.want("UserLogout")
}

func TestReboot(t *testing.T) {
	t.Parallel()
	h := joined(t)
	h.serial = 9000
	h.command(t0 + 5)
	h.command(t0 + 6)
	h.serial = 0
	for i := range 4 {
		h.record(t0+60+float64(i), "SERVICE_START", `pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=x comm="systemd" exe="/usr/lib/systemd/systemd" res=success'`)
	}
	h.restart()
	h.round()
	h.wait(time.Minute)
	h.want("UserAction USER_CMD sshd", "UserAction USER_CMD sshd", "SystemAction SERVICE_START", "SystemAction SERVICE_START",
		"SystemAction SERVICE_START", "SystemAction SERVICE_START", "UserLogout")
}

// TestMessageWaitsForBoot: while it is open whether a record is of a new boot,
// a message as late as that record is given to none, and no time passes.
func TestMessageWaitsForBoot(t *testing.T) {
	t.Parallel()
	h := joined(t)
	h.serial = 9000
	h.command(t0 + 5)
	h.command(t0 + 6)
	h.say(t0+10, 1, "Received signal 15; terminating.")
	h.round()
	h.serial = 0
	service := func(at float64) {
		h.record(at, "SERVICE_START", `pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=x comm="systemd" exe="/usr/lib/systemd/systemd" res=success'`)
	}
	service(t0 + 3600)
	h.say(t0+3604, 1, "Server listening on :: port 22.")
	h.round() // both logs are at their ends, and the message is there for two rounds
	h.round()
	h.restart()
	h.round()
	for i := range 3 {
		service(t0 + 3601 + float64(i))
	}
	h.round()
	h.wait(time.Minute)
	if err := h.enc.Flush(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(h.out.String(), `"ended":"shutdown"`) {
		t.Errorf("the session did not end with the shutdown:\n%s", &h.out)
	}
	h.want("UserAction USER_CMD sshd", "UserAction USER_CMD sshd", "SystemAction SERVICE_START", "SystemAction SERVICE_START",
		"SystemAction SERVICE_START", "SystemAction SERVICE_START", "UserLogout")
}

// More of them: go test ./pkg/live -run Flat -people 200000 -v
var flatPeople = flag.Int("people", 0, "how many people come and go in TestFlat; 0 is some more than are remembered")

// TestFlat lets many people come and go: what is kept of them is bounded. Each
// has a PID, a session and a port that nobody had before; some do not get in. It
// runs by itself, because it looks at the heap.
func TestFlat(t *testing.T) {
	h := newHost(t, Options{SSHD: true, NoWall: true})
	people := *flatPeople
	if people == 0 {
		people = maxEnded + 6000
		if testing.Short() {
			people = maxEnded + 1500
		}
	}
	const soon = maxEnded + 700 // as many are remembered as will be
	var full, heap int
	for i := range people {
		h.comesAndGoes(i)
		if i == soon {
			full, heap = h.stateSize(), h.heapInUse()
		}
	}
	b := h.p.current()
	if len(b.sessions) > maxEnded+50 || len(b.logins) > 50 || len(h.p.enc.expired) > 50 || len(h.p.sources) > 2 {
		t.Errorf("%d sessions and %d logins are kept, %d that expired", len(b.sessions), len(b.logins), len(h.p.enc.expired))
	}
	last, lastHeap := h.stateSize(), h.heapInUse()
	t.Logf("%d people: a state of %d bytes after %d, %d at the end; heap %d and %d KiB", people, full, soon, last, heap>>10, lastHeap>>10)
	// sshd.Connections knows its last PIDs and decisions again, until it knows as
	// many as it will: here two of both for each that came, 16 bytes each in a state.
	// The tracker's last LOGINs, 8,192 at most, are in the tenth.
	known := 4 * min(people, 65536)
	if limit := full + full/10 + 16*known; last > limit {
		t.Errorf("the state grew from %d to %d bytes", full, last)
	}
	if limit := heap + heap/2 + 100*known; lastHeap > limit {
		t.Errorf("the heap grew from %d to %d bytes", heap, lastHeap)
	}
}

// comesAndGoes lets one more person log in and out, and another one try.
func (h *host) comesAndGoes(i int) {
	h.Helper()
	at, pid := t0+10*float64(i), 1000+4*i
	h.say(at, pid, fmt.Sprintf("Accepted publickey for ann from 192.0.2.7 port %d ssh2: ED25519 SHA256:abc", 1024+i))
	h.record(at, "LOGIN", fmt.Sprintf("pid=%d uid=0 old-auid=4294967295 auid=1000 old-ses=4294967295 ses=%d res=1", pid, i+1))
	for _, op := range []string{"USER_START", "USER_END"} {
		h.record(at+1, op, fmt.Sprintf(`pid=%d uid=0 auid=1000 ses=%d msg='op=PAM:session_x acct="ann" exe="/usr/sbin/sshd" hostname=? addr=192.0.2.7 terminal=ssh res=success'`, pid, i+1))
	}
	h.say(at+2, pid, "pam_unix(sshd:session): session closed for user ann")
	h.say(at+3, pid+2, fmt.Sprintf("Failed password for root from 198.51.100.7 port %d ssh2", 1024+i))
	h.round()
	if err := h.enc.Flush(); err != nil {
		h.Fatal(err)
	}
	h.out.Reset()
}

// stateSize is how long the state is now.
func (h *host) stateSize() int {
	h.Helper()
	s, err := h.p.Save()
	if err != nil {
		h.Fatal(err)
	}
	b, err := json.Marshal(s)
	if err != nil {
		h.Fatal(err)
	}
	return len(b)
}

// heapInUse is what is on the heap and can be reached.
func (h *host) heapInUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what a pool holds lives for one more
	runtime.ReadMemStats(&m)
	runtime.KeepAlive(h)
	return int(m.HeapAlloc)
}

// Two sessions whose LOGINs have one pid: that of the login is the nearer one,
// every time.
func TestSessionOfReusedPID(t *testing.T) {
	t.Parallel()
	at := time.Unix(1767323045, 0)
	for range 50 {
		b := &boot{sessions: make(map[string]*session)}
		for id, since := range map[string]int64{"3": 100, "4": 37_000, "5": 50_000} {
			b.sessions[id] = &session{id: id, leader: 812, byLogin: true, opened: at.UnixMilli() + since}
		}
		if s := b.sessionOf(&login{d: &sshd.Login{PID: 812, Time: at}}); s == nil || s.id != "3" {
			t.Fatalf("found %+v", s)
		}
	}
}
