package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// fullCommands are as many commands as do not fit where there is no room.
const fullCommands = 3000

// commands lets ann do something so often, all at once.
func (r *rig) commands(from, to int) {
	r.Helper()
	audit := r.args.Audit
	r.args.Audit = filepath.Join(filepath.Dir(audit), "burst")
	writeFile(r, r.args.Audit, nil)
	for i := from; i < to; i++ {
		r.command(fmt.Sprintf("mark-%d-", i))
	}
	b, err := os.ReadFile(r.args.Audit)
	if err != nil {
		r.Fatal(err)
	}
	r.args.Audit = audit
	r.append(audit, string(b))
}

// noRoom are the places where an output finds no room after some time, the
// state beside it or elsewhere.
var noRoom = map[string]struct {
	full func(r *rig)
	room func(r *rig)
	said string
}{
	"largest file": {
		full: func(r *rig) { r.args.Limit = 256 << 10 },
		room: func(r *rig) { r.args.Limit = 0 },
		said: "file too large",
	},
	"file system": {
		full: func(r *rig) {
			dir := filepath.Join(filepath.Dir(r.args.Output), "small")
			if err := os.Mkdir(dir, 0o755); err != nil {
				r.Fatal(err)
			}
			if err := unix.Mount("none", dir, "tmpfs", 0, "size=1m"); err != nil {
				r.Skip("mount: ", err)
			}
			r.Cleanup(func() {
				if err := unix.Unmount(dir, 0); err != nil {
					r.Error(err)
				}
			})
			r.args.Output, r.args.State = filepath.Join(dir, "events.jsonl"), filepath.Join(dir, "state")
		},
		room: func(r *rig) {
			if err := unix.Mount("none", filepath.Dir(r.args.Output), "tmpfs", unix.MS_REMOUNT, "size=64m"); err != nil {
				r.Fatal(err)
			}
		},
		said: "no space left",
	},
	"device": {
		full: func(r *rig) { r.args.Output = "/dev/full" },
		room: func(r *rig) { r.args.Output = filepath.Join(filepath.Dir(r.args.State), "events.jsonl") },
		said: "no space left",
	},
}

// TestFollowFull lets the output run full. The follower ends, and ends again
// while there is no room; when there is, every event is in the output once.
func TestFollowFull(t *testing.T) {
	t.Parallel()
	for name, place := range noRoom {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			place.full(r)
			r.login()
			r.child = startChild(t, r.args)
			r.commands(0, fullCommands)
			for range 2 {
				_ = r.child.Wait() // the code says it
				if code := r.child.ProcessState.ExitCode(); code != 2 || !strings.Contains(r.child.talk.String(), place.said) {
					t.Fatalf("exit %d: %s", code, &r.child.talk)
				}
				r.child = startChild(t, r.args)
			}
			_ = r.child.Wait()
			place.room(r)
			r.child = startChild(t, r.args)
			r.until(r.args.Output, fmt.Sprintf("mark-%d-", fullCommands-1), 1)
			r.until(r.args.Output, `"LOGIN"`, 1) // five seconds after it was read
			if code := r.child.end(t, syscall.SIGTERM); code != 0 {
				t.Errorf("exit %d: %s", code, &r.child.talk)
			}
			r.once(fullCommands)
		})
	}
}

// once checks that everything is in the output once.
func (r *rig) once(commands int) {
	r.Helper()
	b, err := os.ReadFile(r.args.Output)
	if err != nil {
		r.Fatal(err)
	}
	lines := eventLines(b)
	seen := make(map[string]bool)
	for _, l := range lines {
		seen[parseEvent(r, l).id] = true
	}
	if want := commands + 3; len(lines) != want || len(seen) != want { // UserLogin, LOGIN, USER_START
		r.Errorf("%d lines, %d events, not %d", len(lines), len(seen), want)
	}
	if n := bytes.Count(b, []byte(`"attribution":"sshd"`)); n != commands+2 {
		r.Errorf("%d events are ann's", n)
	}
}

// TestFollowClosedPipe takes the reader away. What it had not been given comes
// after a restart.
func TestFollowClosedPipe(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.args.Output = "-"
	r.login()
	var got strings.Builder
	// read starts a follower and reads what it writes, up to a text.
	read := func(upTo string) *os.File {
		out, in, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.child = startChildTo(t, r.args, in)
		in.Close()
		s := bufio.NewScanner(out)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			fmt.Fprintln(&got, s.Text())
			if strings.Contains(s.Text(), upTo) {
				return out
			}
		}
		t.Fatalf("no %q: %s", upTo, &r.child.talk)
		return nil
	}
	out := read("USER_START")
	out.Close()
	r.commands(0, 20)
	_ = r.child.Wait()
	if status := r.child.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGPIPE || r.child.talk.Len() > 0 {
		t.Errorf("ended by %v: %s", status, &r.child.talk)
	}
	read("mark-19-").Close()
	r.child.end(t, syscall.SIGKILL)
	for i := range 20 {
		if !strings.Contains(got.String(), fmt.Sprintf("mark-%d-", i)) {
			t.Errorf("command %d is lost", i)
		}
	}
}
