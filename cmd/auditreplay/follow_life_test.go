package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"auditreplay/pkg/ingest/follow"
)

// rig is a host's two logs and a follower of them in a process of its own.
type rig struct {
	testing.TB
	args   childArgs
	child  *child
	serial int
}

func newRig(t testing.TB) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{TB: t, args: childArgs{Audit: filepath.Join(dir, "audit.log"), SSHD: filepath.Join(dir, "auth.log"),
		Output: filepath.Join(dir, "events.jsonl"), State: filepath.Join(dir, "state"), Save: 20 * time.Millisecond, Wall: true}}
	writeFile(t, r.args.Audit, nil)
	writeFile(t, r.args.SSHD, nil)
	return r
}

func (r *rig) append(path, text string) {
	r.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		r.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		r.Fatal(err)
	}
	if err := f.Close(); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) record(at time.Time, typ, body string) {
	r.Helper()
	r.serial++
	r.append(r.args.Audit, fmt.Sprintf("type=%s msg=audit(%d.%03d:%d): %s\n", typ, at.Unix(), at.Nanosecond()/1e6, r.serial, body))
}

// login lets ann log in.
func (r *rig) login() {
	r.Helper()
	now := time.Now()
	r.append(r.args.SSHD, now.UTC().Format("2006-01-02T15:04:05.000000-07:00")+" web sshd[50]: Accepted publickey for ann from 192.0.2.7 port 4711 ssh2: ED25519 SHA256:abc\n")
	r.record(now, "LOGIN", "pid=50 uid=0 old-auid=4294967295 auid=1000 old-ses=4294967295 ses=7 res=1")
	r.record(now, "USER_START", `pid=50 uid=0 auid=1000 ses=7 msg='op=PAM:session_open acct="ann" exe="/usr/sbin/sshd" hostname=? addr=192.0.2.7 terminal=ssh res=success'`)
}

func (r *rig) command(mark string) {
	r.Helper()
	r.record(time.Now(), "USER_CMD", `pid=60 uid=1000 auid=1000 ses=7 msg='cwd="/" cmd="`+mark+`" exe="/usr/bin/sudo" terminal=? res=success'`)
}

// until waits until the file holds the text so often.
func (r *rig) until(path, text string, n int) {
	r.Helper()
	for range 3000 {
		if b, err := os.ReadFile(path); err == nil && bytes.Count(b, []byte(text)) >= n {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.child.end(r, syscall.SIGQUIT)
	r.Fatalf("%s: no %q: %s", path, text, &r.child.talk)
}

// More of it: go test ./cmd/auditreplay -run Latency -latency 300 -rest 1m -v
var (
	latencyEvents = flag.Int("latency", 30, "events that TestFollowLatency writes on an idle host")
	latencyRest   = flag.Duration("rest", 2*time.Second, "for how long TestFollowLatency looks at a follower that has nothing to do")
)

// TestFollowLatency measures, and judges nothing: the time from a line written
// to its event read, with the host idle and under load, and the processor time
// of a follower that has nothing to do.
func TestFollowLatency(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	r.args.Output = "-"
	r.login()
	r.child = startChildTo(t, r.args, in)
	in.Close()
	defer r.child.end(t, syscall.SIGTERM)
	lines := make(chan string, 100000)
	go func() {
		s := bufio.NewScanner(out)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			lines <- s.Text()
		}
		close(lines)
	}()
	for l := range lines {
		if strings.Contains(l, `"USER_START"`) {
			break
		}
	}
	measure := func(what string, n int, pause time.Duration) {
		done := make(chan []time.Duration)
		marks := make([]string, n)
		for i := range n {
			marks[i] = fmt.Sprintf("%s-%d-", strings.ReplaceAll(what, " ", "-"), i)
		}
		at := make(chan time.Time, n)
		go func() {
			var took []time.Duration
			for i := 0; i < n; {
				l, ok := <-lines
				if !ok {
					break
				}
				if strings.Contains(l, marks[i]) {
					took = append(took, time.Since(<-at))
					i++
				}
			}
			done <- took
		}()
		for _, m := range marks {
			at <- time.Now()
			r.command(m)
			time.Sleep(pause)
		}
		took := <-done
		slices.Sort(took)
		if len(took) > 0 {
			t.Logf("%s: %d events, p50 %v, p99 %v, longest %v", what, len(took), took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
		}
	}
	measure("idle", *latencyEvents, 100*time.Millisecond)
	measure("under load", 5000, 100*time.Microsecond)
	before := cpu(t, r.child.Process.Pid)
	time.Sleep(*latencyRest)
	t.Logf("processor time of %v with nothing to do: %v", *latencyRest, cpu(t, r.child.Process.Pid)-before)
}

// cpu is the processor time that a process has used, in hundredths of seconds.
func cpu(t testing.TB, pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Skip(err)
	}
	_, after, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(after)
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// TestFollowHangup rotates the output: after SIGHUP the follower writes to the
// new one.
func TestFollowHangup(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.login()
	r.child = startChild(t, r.args)
	r.until(r.args.Output, "USER_START", 1)
	if err := os.Rename(r.args.Output, r.args.Output+".1"); err != nil {
		t.Fatal(err)
	}
	if err := r.child.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	r.until(r.args.Output, "", 0)
	r.command("after")
	r.until(r.args.Output, "after", 1)
	if code := r.child.end(t, syscall.SIGINT); code != exitInterrupted {
		t.Errorf("exit %d: %s", code, &r.child.talk)
	}
}

// TestFollowBackfill kills a follower, rotates, and starts it again.
func TestFollowBackfill(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.login()
	r.child = startChild(t, r.args)
	r.until(r.args.Output, "USER_START", 1)
	r.until(r.args.State, `"told":true`, 1)
	r.child.end(t, syscall.SIGKILL)
	r.append(r.args.Output, "cut off in the midd")
	r.command("mark-one")
	if err := os.Rename(r.args.Audit, r.args.Audit+".1"); err != nil {
		t.Fatal(err)
	}
	writeFile(t, r.args.Audit, nil)
	r.command("mark-two")
	r.child = startChild(t, r.args)
	r.until(r.args.Output, "mark-two", 1)
	r.until(r.args.Output, `"LOGIN"`, 1) // five seconds after it was read
	if code := r.child.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit %d: %s", code, &r.child.talk)
	}
	b, err := os.ReadFile(r.args.Output)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"LOGIN"`, `"USER_START"`, "mark-one", "mark-two"} {
		if n := len(eventLines(b)); !bytes.Contains(b, []byte(want)) || n != 5 {
			t.Errorf("%d events, %q among them: %v", n, want, bytes.Contains(b, []byte(want)))
		}
	}
	if bytes.Contains(b, []byte("cut off")) || strings.Count(string(b), `"attribution":"sshd"`) != 4 {
		t.Errorf("wrote %s", b)
	}
}

// TestFollowMisfits starts followers with a state that does not fit.
func TestFollowMisfits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(r *rig)
		code  int
	}{
		"another log": {func(r *rig) { r.args.Audit += ".2"; writeFile(r, r.args.Audit, nil) }, int(follow.Other)},
		"truncated state": {func(r *rig) {
			if err := os.Truncate(r.args.State, 200); err != nil {
				r.Fatal(err)
			}
		}, int(follow.Cut)},
		"truncated output": {func(r *rig) {
			if err := os.Truncate(r.args.Output, 10); err != nil {
				r.Fatal(err)
			}
		}, int(follow.Cut)},
		"another host": {func(r *rig) {
			b, err := os.ReadFile(r.args.Audit)
			if err != nil {
				r.Fatal(err)
			}
			writeFile(r, r.args.Audit, bytes.ReplaceAll(b, []byte("type="), []byte("node=other type=")))
		}, int(follow.Other)},
		"rotated away": {func(r *rig) {
			if err := os.Remove(r.args.Audit); err != nil {
				r.Fatal(err)
			}
			writeFile(r, r.args.Audit, nil)
			r.command("new")
		}, int(follow.Old)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.login()
			r.child = startChild(t, r.args)
			r.until(r.args.Output, "USER_START", 1)
			if code := r.child.end(t, syscall.SIGTERM); code != 0 {
				t.Fatalf("exit %d: %s", code, &r.child.talk)
			}
			c.spoil(r)
			r.child = startChild(t, r.args)
			_ = r.child.Wait()
			if code := r.child.ProcessState.ExitCode(); code != c.code || strings.Count(r.child.talk.String(), "\n") != 1 {
				t.Errorf("exit %d: %s", code, &r.child.talk)
			}
		})
	}
}
