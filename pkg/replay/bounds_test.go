package replay_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// heavy counts events, and looks now and then at how much memory is in use.
type heavy struct {
	events, late int
	most         uint64
}

func (h *heavy) Encode(v any) error {
	x := schema.Of(v.(*auditevent.AuditEvent))
	h.events++
	if x.Event.Late {
		h.late++
	}
	if h.events%5000 == 1 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		h.most = max(h.most, m.HeapAlloc)
	}
	return nil
}

func oneLog(data []byte) []*ingest.Source {
	return []*ingest.Source{{Name: "audit.log", Path: "audit.log", Kind: ingest.AuditLog, Size: int64(len(data)),
		OpenRaw: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}}
}

const execOf = "type=SYSCALL msg=audit(%d.%03d:%d): arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=0 ppid=1 pid=5 " +
	"auid=1000 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 fsgid=1000 tty=pts0 ses=3 comm=\"ls\" exe=\"/usr/bin/ls\" key=\"%s\"\n"

// TestDisorderIsBounded replays logs of which all would have to be held to put
// their events in order: what cannot be held goes, marked as late where it is
// out of its place, and nothing is lost.
func TestDisorderIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("looks at the memory in use, which the race detector takes for itself")
	}
	const n, most = 200_000, 60 << 20
	var shuffled, oneTime []string
	filler := strings.Repeat("k", 400)
	for i := range n {
		shuffled = append(shuffled, fmt.Sprintf(execOf, 1700000000+i/1000, i%1000, i+1, filler))
		oneTime = append(oneTime, fmt.Sprintf(execOf, 1700000000, 0, i+1, filler))
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for name, test := range map[string]struct {
		lines []string
		late  bool
	}{"shuffled": {shuffled, true}, "one time": {oneTime, false}} {
		data := []byte(strings.Join(test.lines, ""))
		var before runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var h heavy
		sum, err := replay.Run(oneLog(data), &h, replay.Options{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		if h.events != n || sum.Rejected != 0 || (h.late > 0) != test.late {
			t.Errorf("%s: %d events, %d of them late, %d rejected", name, h.events, h.late, sum.Rejected)
		}
		if held := int64(h.most) - int64(before.HeapAlloc); held > most || len(data) < 2*most {
			t.Errorf("%s: %d MB held of a log of %d MB", name, held>>20, len(data)>>20)
		}
	}
}

// TestOneEventOfManyRecords gives an event more records than any syscall has,
// each of them twice.
func TestOneEventOfManyRecords(t *testing.T) {
	t.Parallel()
	const n = 60_000
	var b bytes.Buffer
	for i := range n {
		for range 2 {
			fmt.Fprintf(&b, "type=PATH msg=audit(1700000000.000:1): item=%d name=\"/tmp/%d\" nametype=NORMAL\n", i, i)
		}
	}
	var what []string
	opt := replay.Options{Reject: func(_ ingest.Pos, why string, _ []byte) error {
		if !slices.Contains(what, why) {
			what = append(what, why)
		}
		return nil
	}}
	sources := oneLog(b.Bytes())
	var h heavy
	sum, err := replay.Run(sources, &h, opt)
	if err != nil {
		t.Fatal(err)
	}
	c := sources[0].Counts
	if !c.Balanced() || c.Read != 2*n || c.Duplicate == 0 || c.Rejected == 0 || c.Evidence < 16384 {
		t.Errorf("read %d lines: %d evidence, %d copies, %d rejected", c.Read, c.Evidence, c.Duplicate, c.Rejected)
	}
	if h.events < 1 || h.events > 20 || sum.Rejected != c.Rejected || len(what) != 1 || what[0] != "event of more than 16384 records" {
		t.Errorf("%d events, %d rejected, because %q", h.events, sum.Rejected, what)
	}
}

// TestNoRoomForFacts gives a log more facts of one session than are held in
// memory, where nothing can be written: the run ends with that error, and soon.
func TestNoRoomForFacts(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "gone"))
	log := bytes.NewBuffer(sessionLog(1))
	for i := range 10_000 {
		fmt.Fprintf(log, "type=USER_START msg=audit(%d.000:%d): pid=1 uid=0 auid=1000 ses=1 msg='op=PAM:session_open acct=\"core\" exe=\"/usr/bin/sudo\" res=success'\n", 1700000001+i, i+2)
	}
	var h heavy
	if _, err := replay.Run(oneLog(log.Bytes()), &h, replay.Options{Hold: 1000}); err == nil || !strings.HasPrefix(err.Error(), "temporary file: ") || h.events > 0 {
		t.Errorf("%d events, error %v", h.events, err)
	}
	if _, err := replay.Run(oneLog(log.Bytes()), &h, replay.Options{Hold: 2000}); err != nil || h.events != 10_001 {
		t.Errorf("all in memory: %d events, error %v", h.events, err)
	}
}

// sessionLog is an audit log of n sessions of which each has its LOGIN.
func sessionLog(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "type=LOGIN msg=audit(%d.000:%d): pid=%d uid=0 old-auid=4294967295 auid=1000 old-ses=4294967295 ses=%d res=1\x1dUID=\"root\" OLD-AUID=\"unset\" AUID=\"core\"\n", 1700000000+i, i+1, i+1, i+1)
	}
	return b.Bytes()
}

// TestNoRoomForSessions does the same with sessions: no event is written whose
// session nothing is known of any more.
func TestNoRoomForSessions(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "gone"))
	log := sessionLog(20_000)
	var h heavy
	if _, err := replay.Run(oneLog(log), &h, replay.Options{Hold: 1}); err == nil || !strings.HasPrefix(err.Error(), "temporary file: ") || h.events > 0 {
		t.Errorf("%d events, error %v", h.events, err)
	}
	if _, err := replay.Run(oneLog(log), &h, replay.Options{Hold: 20_000}); err != nil || h.events != 20_000 {
		t.Errorf("all in memory: %d events, error %v", h.events, err)
	}
}

// TestNoRoomForRefusals does the same with refused logins.
func TestNoRoomForRefusals(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "gone"))
	var h heavy
	if _, err := replay.Run(oneAuthLog(bruteForce(12_000)), &h, replay.Options{}); err == nil || !strings.HasPrefix(err.Error(), "temporary file: ") || h.events > 0 {
		t.Errorf("%d events, error %v", h.events, err)
	}
}

// bruteForce is sshd's log of n connections that each try one password.
func bruteForce(n int) []byte {
	var b bytes.Buffer
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		stamp := at.Add(time.Duration(i) * 2 * time.Second).Format("2006-01-02T15:04:05.000000Z07:00")
		head := fmt.Sprintf("%s web1 sshd[%d]: ", stamp, 1000+3*i%30000)
		peer := fmt.Sprintf("203.0.113.%d port %d", i%251, 20000+i%40000)
		fmt.Fprintf(&b, "%sInvalid user u%d from %s\n%sFailed password for invalid user u%d from %s ssh2\n%sConnection closed by invalid user u%d %s [preauth]\n",
			head, i, peer, head, i, peer, head, i, peer)
	}
	return b.Bytes()
}

func oneAuthLog(data []byte) []*ingest.Source {
	return []*ingest.Source{{Name: "auth.log", Path: "auth.log", Kind: ingest.SyslogText, Size: int64(len(data)),
		OpenRaw: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}}
}

// TestRefusalsAreBounded replays the log of a host that the world tries its
// passwords on: what was refused is written, in order, and not held.
func TestRefusalsAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("looks at the memory in use, which the race detector takes for itself")
	}
	const n, most = 40_000, 150 * 40_000 // bytes; a login that is held takes more than 1,000
	data := bruteForce(n)
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	h := refusedInOrder{t: t}
	sum, err := replay.Run(oneAuthLog(data), &h, replay.Options{Workers: 1})
	if err != nil || sum.Refused != n || h.events != n {
		t.Fatalf("%d events, %d refused, %v", h.events, sum.Refused, err)
	}
	if held := int64(h.most) - int64(before.HeapAlloc); held > most {
		t.Errorf("%d bytes are held for %d logins", held, n)
	}
}

// refusedInOrder looks whether each login comes, in its turn.
type refusedInOrder struct {
	heavy
	t *testing.T
}

func (r *refusedInOrder) Encode(v any) error {
	e := v.(*auditevent.AuditEvent)
	if want := fmt.Sprintf("u%d", r.events); e.Subjects["loggedAs"] != want || e.Outcome == auditevent.OutcomeSucceeded {
		r.t.Fatalf("event %d: %s of %v", r.events, e.Outcome, e.Subjects)
	}
	return r.heavy.Encode(v)
}

// TestSessionsAreBounded replays logs of more and more sessions, alone and with
// the logins that opened them: each further one takes 256 bytes at most.
func TestSessionsAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("looks at the memory in use, which the race detector takes for itself")
	}
	const few, many, most = 10_000, 40_000, 256
	held := func(n int, logins bool) int64 {
		sources := oneLog(sessionLog(n))
		if logins {
			sources = append(sources, oneAuthLog(acceptedLog(n))...)
		}
		var before runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var h heavy
		sum, err := replay.Run(sources, &h, replay.Options{Workers: 1, Hold: 500})
		if err != nil || logins && (sum.Joined != int64(n) || h.events != 2*n) || !logins && h.events != n {
			t.Fatalf("%d events, %d logins joined, %v", h.events, sum.Joined, err)
		}
		return int64(h.most) - int64(before.HeapAlloc)
	}
	for _, logins := range []bool{false, true} {
		more := int64(many - few)
		if logins {
			more *= 2
		}
		if each := (held(many, logins) - held(few, logins)) / more; each > most {
			t.Errorf("logins %t: %d bytes are held for each", logins, each)
		}
	}
}

// acceptedLog is sshd's log of the logins that opened the sessions of
// sessionLog.
func acceptedLog(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		at := time.Unix(1700000000+int64(i), 0).UTC().Format(time.RFC3339)
		fmt.Fprintf(&b, "%s web sshd[%d]: Accepted publickey for core from 10.0.%d.%d port %d ssh2: ED25519 SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\n",
			at, i+1, i>>8&255, i&255, 1024+i)
	}
	return b.Bytes()
}
