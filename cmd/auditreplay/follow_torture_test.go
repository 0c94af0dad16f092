package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"auditreplay/pkg/ingest/follow"
	"auditreplay/pkg/replay"

	"golang.org/x/sys/unix"
)

// More of it: go test ./cmd/auditreplay -run Torture -torture 200000 -torture.seed 7
var (
	tortureLines = flag.Int64("torture", 20000, "lines that TestFollowTorture writes")
	tortureSeed  = flag.Uint64("torture.seed", 1, "what TestFollowTorture's choices depend on")
)

// childArgs are what a follower in a process of its own is started with.
type childArgs struct {
	Audit, SSHD, Output, State string
	Save                       time.Duration
	Wall                       bool
	Limit                      uint64 // bytes of the largest file that it may write; 0 is no limit
}

const childEnv = "AUDITREPLAY_TEST_FOLLOW"

// TestFollowChild is the follower that other tests start, by running this
// test's binary again.
func TestFollowChild(t *testing.T) {
	given := os.Getenv(childEnv)
	if given == "" {
		t.Skip("only for other tests to start")
	}
	var a childArgs
	if err := json.Unmarshal([]byte(given), &a); err != nil {
		t.Fatal(err)
	}
	if a.Limit > 0 {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: a.Limit, Max: a.Limit}); err != nil {
			t.Fatal(err)
		}
	}
	o := &followOptions{audit: a.Audit, sshd: a.SSHD, state: a.State, window: time.Minute, noWall: !a.Wall, saveWait: a.Save}
	o.scope, o.output, o.logLevel, o.quiet = "all", a.Output, "warn", true
	cmd := newFollow()
	cmd.SetOut(os.Stdout)
	cmd.SetErr(os.Stderr)
	var misfit *follow.Misfit
	var ended *status
	switch err := o.follow(cmd); {
	case errors.As(err, &ended):
		os.Exit(ended.code)
	case errors.As(err, &misfit):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(int(misfit.Why))
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(0)
}

// child is a follower in a process of its own.
type child struct {
	*exec.Cmd
	talk bytes.Buffer
}

func startChild(t testing.TB, a childArgs) *child {
	t.Helper()
	return startChildTo(t, a, nil)
}

func startChildTo(t testing.TB, a childArgs, out *os.File) *child {
	t.Helper()
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	c := &child{Cmd: exec.Command(os.Args[0], "-test.run=^TestFollowChild$")}
	c.Env = append(os.Environ(), childEnv+"="+string(b))
	c.Stderr = &c.talk
	if out != nil {
		c.Stdout = out
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// end sends a signal and waits. It gives the exit code, -1 after a kill.
func (c *child) end(t testing.TB, sig os.Signal) int {
	t.Helper()
	if err := c.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	_ = c.Wait() // the code says it
	return c.ProcessState.ExitCode()
}

// step is one line of one log.
type step struct {
	sshd bool
	line []byte
	at   time.Time
}

// steps puts both logs' lines in the order in which they were said.
func (e *evidence) steps() []step {
	var steps []step
	audit, sshd := e.audit, e.sshd
	var now time.Time
	for len(audit) > 0 || len(sshd) > 0 {
		if len(audit) == 0 || len(sshd) > 0 && sshdTime(sshd[0]).Before(auditTime(audit[0])) {
			now = sshdTime(sshd[0])
			steps = append(steps, step{true, sshd[0], now})
			sshd = sshd[1:]
			continue
		}
		if at := auditTime(audit[0]); at.After(now) {
			now = at
		}
		steps = append(steps, step{false, audit[0], now})
		audit = audit[1:]
	}
	return steps
}

func auditTime(line []byte) time.Time {
	var sec, ms int64
	_, _ = fmt.Sscanf(string(line[bytes.Index(line, []byte("audit(")):]), "audit(%d.%d:", &sec, &ms)
	return time.UnixMilli(sec*1000 + ms)
}

func sshdTime(line []byte) time.Time {
	at, _ := time.Parse("2006-01-02T15:04:05.000000-07:00", strings.Fields(string(line))[0])
	return at
}

// torture is one run of the test below.
type torture struct {
	testing.TB
	rng         *rand.Rand
	args        childArgs
	child       *child
	audit, sshd *written
	kills       int
	blanks      int
	rotations   map[string]int
}

// TestFollowTorture follows two logs that are written at full speed, in pieces
// that end anywhere, and rotated in every way, while the follower is killed and
// started again; each event has to be in the output once, and the same as
// file makes of the whole logs.
func TestFollowTorture(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(*tortureSeed, 5))
	e := synthHost(t, *tortureSeed+100, *tortureLines*180)
	e.pad()
	dir := t.TempDir()
	r := &torture{TB: t, rng: rng, rotations: make(map[string]int), args: childArgs{
		Audit: filepath.Join(dir, "audit.log"), SSHD: filepath.Join(dir, "auth.log"),
		Output: filepath.Join(dir, "events.jsonl"), State: filepath.Join(dir, "state"), Save: 30 * time.Millisecond}}
	r.audit = newWritten(t, r.args.Audit, rng, false)
	r.sshd = newWritten(t, r.args.SSHD, rng, true)
	if *tortureSeed%2 == 0 {
		r.audit, r.sshd = r.sshd, r.audit
		r.args.Audit, r.args.SSHD = r.audit.path, r.sshd.path
	}
	steps := e.steps()
	r.start()
	r.caughtUp() // what was rotated before the first start is not read
	defer func() {
		if r.child != nil {
			r.child.end(t, syscall.SIGKILL)
		}
	}()
	for i, s := range steps {
		w := r.audit
		if s.sshd {
			w = r.sshd
		}
		r.audit.upTo(t, s.at)
		r.sshd.upTo(t, s.at)
		w.write(t, s.line)
		r.chance(i, len(steps))
	}
	r.start()
	r.caughtUp()
	if code := r.child.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit %d: %s", code, &r.child.talk)
	}
	if r.child.talk.Len() > 0 {
		t.Logf("said: %s", &r.child.talk)
	}
	r.child = nil
	got, err := os.ReadFile(r.args.Output)
	if err != nil {
		t.Fatal(err)
	}
	file := e.replayed(t, replay.ScopeAll)
	diff, used := differences(t, eventLines(got), file)
	t.Logf("%d lines, %d kills, rotations %v: %d events, %d by file, %d differences, %v", len(steps), r.kills, r.rotations,
		len(eventLines(got)), len(file), len(diff), used)
	for _, d := range diff[:min(len(diff), 10)] {
		t.Error(d)
	}
}

// chance lets something happen between two lines.
func (r *torture) chance(i, of int) {
	switch n := r.rng.IntN(6000); {
	case n < 8:
		r.rotations[r.audit.rotate(r)]++
		if r.rng.IntN(3) == 0 { // again, before anybody can have looked
			r.rotations[r.audit.rotate(r)]++
		}
	case n < 14:
		r.rotations[r.sshd.rotate(r)]++
	case n < 17:
		if r.child != nil {
			r.child.end(r, syscall.SIGKILL)
			r.child = nil
			r.kills++
		}
	case n < 27:
		r.start()
	case n < 28:
		r.replace()
	case n < 38:
		time.Sleep(time.Duration(r.rng.IntN(40)) * time.Millisecond)
	}
}

func (r *torture) start() {
	if r.child == nil {
		r.child = startChild(r, r.args)
	}
}

// replace deletes a log and makes a new one. What was in it is nowhere else, so
// the follower has to have read it.
func (r *torture) replace() {
	w := r.audit
	if w.links {
		w = r.sshd
	}
	r.start()
	r.caughtUp()
	w.file.Close()
	if err := os.Remove(w.path); err != nil {
		r.Fatal(err)
	}
	w.create(r)
	r.caughtUp()
	r.rotations["delete and create"]++
}

// caughtUp waits until the follower's state covers all that was written.
func (r *torture) caughtUp() {
	r.Helper()
	for _, w := range []*written{r.audit, r.sshd} {
		w.some(r, len(w.buf))
		if info, err := os.Stat(w.path); err != nil || info.Size() == 0 { // an empty file is not gone on to
			r.blanks++
			w.buf = append(bytes.Repeat([]byte(" "), 100+r.blanks), '\n')
			w.some(r, len(w.buf))
		}
	}
	var st state
	for range 30000 { // a minute and more: only a follower that hangs takes it
		if ok, err := follow.ReadState(r.args.State, &st); err == nil && ok && atEnd(&st.Audit) && st.SSHD.File != nil && atEnd(st.SSHD.File) {
			return
		}
		if r.child.ProcessState != nil || syscall.Kill(r.child.Process.Pid, 0) != nil {
			break
		}
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.child.Process.Pid)); err == nil {
			if _, after, ok := strings.Cut(string(b), ") "); ok && after[0] == 'Z' {
				break
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	code := r.child.end(r, syscall.SIGQUIT) // says where it stands
	a, _ := os.Stat(r.args.Audit)
	l, _ := os.Stat(r.args.SSHD)
	r.Fatalf("the follower did not read everything; exit %d: %s\naudit %v size %d %v\nsshd %v size %d", code, &r.child.talk, st.Audit, a.Size(), r.rotations, st.SSHD.File, l.Size())
}

func atEnd(p *follow.Position) bool {
	info, err := os.Stat(p.Path)
	if err != nil || p.File == nil {
		return false
	}
	st := info.Sys().(*syscall.Stat_t)
	return st.Ino == p.File.Ino && info.Size() == p.Offset
}
