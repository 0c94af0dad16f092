package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// followed is follow with these flags, over logs that are complete.
func followed(t testing.TB, dir string, flags ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "events.jsonl")
	o := new(followOptions)
	cmd := followCommand(o)
	flags = append([]string{"--audit", filepath.Join(dir, "audit.log"), "--sshd", filepath.Join(dir, "auth.log"), "-o", out}, flags...)
	if err := cmd.ParseFlags(flags); err != nil {
		t.Fatal(err)
	}
	o.noWall = true
	toEnd(t, o, 1<<30)
	return out
}

// toEnd follows to the end of both logs, or for so many rounds.
func toEnd(t testing.TB, o *followOptions, rounds int) {
	t.Helper()
	var talk bytes.Buffer
	cmd := newFollow()
	cmd.SetErr(&talk)
	f, err := o.open(cmd)
	if err != nil {
		t.Fatal(err)
	}
	for more := true; more && rounds > 0; rounds-- {
		if more, err = f.round(); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.save(true); err != nil {
		t.Fatal(err)
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	if talk.Len() > 0 {
		t.Errorf("said: %s", &talk)
	}
}

// half is the second half of a recorded host, in a folder.
func half(t testing.TB, c *corpus) (dir string) {
	t.Helper()
	dir = t.TempDir()
	var audit, auth []byte
	for _, lines := range c.audit[len(c.audit)-2:] {
		for _, l := range lines {
			audit = append(audit, l.text...)
		}
	}
	for _, l := range c.authLog {
		if !l.at.Before(c.audit[len(c.audit)-2][0].at.Add(-time.Minute)) {
			auth = append(auth, l.text...)
		}
	}
	writeFile(t, filepath.Join(dir, "audit.log"), audit)
	writeFile(t, filepath.Join(dir, "auth.log"), auth)
	return dir
}

// TestFollowFilters holds what follow writes with a filter against what the
// filter leaves of all that follow writes: the same events, in the same order.
func TestFollowFilters(t *testing.T) {
	t.Parallel()
	c := readCorpus(t, "bookworm-A")
	dir := half(t, c)
	names := []string{"--keys", hostPath("bookworm-A", "keys/h1.pub"), "--passwd", hostPath("bookworm-A", "etc/passwd"), "--scope", "all"}
	all := followed(t, dir, names...)
	for _, flags := range [][]string{
		{"--user", "alice@laptop"}, // whose key it is, by --keys
		{"--user", "alice", "--user", "carol"},
		{"--key-id", "hugo@*"},
		{"--fingerprint", "SHA256:X7PjgjdUaP+tgI3wM/qpqPZM+tGRP66iAlD/ez1nwMo"},
		{"--ip", "203.0.113.8/29"},
		{"--session", "60,61"},
		{"--exe", "sudo"},
		{"--path", "/dev/log"},
		{"--key", "privchange"},
		{"--action", "executed", "--outcome", "failed"},
		{"--type", "UserLogin,USER_CMD"},
		{"--pid", "798"},
		{"--since", "2026-11-22 23:43:30", "--user", "deploy"},
		{"--scope", "ssh"},
	} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			t.Parallel()
			got := fileLines(t, followed(t, dir, append(names[:len(names):len(names)], flags...)...))
			want := filepath.Join(t.TempDir(), "want.jsonl")
			var talk bytes.Buffer
			args := append([]string{"file", all, "--scope", "all", "-q", "-o", want}, flags...)
			if code := execute(args, strings.NewReader(""), &talk, &talk); code != exitDone {
				t.Fatalf("exit %d: %s", code, &talk)
			}
			if diff := cmp.Diff(fileLines(t, want), got); diff != "" {
				t.Errorf("%d lines (-filtered afterwards +at once):\n%.2000s", len(got), diff)
			}
		})
	}
}

func fileLines(t testing.TB, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return eventLines(b)
}

// TestFollowOtherFilters goes on from a state with other filters than it was
// made with: they ask what is written from then on.
func TestFollowOtherFilters(t *testing.T) {
	t.Parallel()
	dir := half(t, readCorpus(t, "bookworm-A"))
	out := filepath.Join(dir, "events.jsonl")
	o := func(flags ...string) *followOptions {
		o := new(followOptions)
		flags = append([]string{"--audit", filepath.Join(dir, "audit.log"), "--sshd", filepath.Join(dir, "auth.log"), "-o", out,
			"--state", filepath.Join(dir, "state")}, flags...)
		if err := followCommand(o).ParseFlags(flags); err != nil {
			t.Fatal(err)
		}
		o.noWall = true
		return o
	}
	toEnd(t, o("--user", "deploy"), 4)
	first := len(fileLines(t, out))
	toEnd(t, o("--user", "alice"), 1<<30)
	lines := fileLines(t, out)
	if first == 0 || first == len(lines) {
		t.Fatalf("%d lines, then %d", first, len(lines))
	}
	seen := make(map[string]bool)
	for i, l := range lines {
		who := `"loggedAs":"deploy"`
		if i >= first {
			who = `"loggedAs":"alice"`
		}
		if !strings.Contains(l, who) || seen[l] {
			t.Errorf("line %d is not of %s, or there twice: %s", i+1, who, l)
		}
		seen[l] = true
	}
}

// TestFollowSinceStays holds that a time before now is one before the first
// start: what was written while the follower was down for long is not too old.
func TestFollowSinceStays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	now := time.Now()
	service := `pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=%s comm="systemd" exe="/usr/lib/systemd/systemd" hostname=? addr=? terminal=? res=success'`
	record := func(back time.Duration, unit string) {
		r.record(now.Add(-back), "SERVICE_START", strings.Replace(service, "%s", unit, 1))
	}
	record(3*time.Hour, "old")
	record(2*time.Hour, "first")
	flags := func(since string) *followOptions {
		o := new(followOptions)
		if err := followCommand(o).ParseFlags([]string{"--audit", r.args.Audit, "--sshd", r.args.SSHD, "-o", r.args.Output, "--state", r.args.State,
			"--scope", "all", "--host", "web", "--since", since}); err != nil {
			t.Fatal(err)
		}
		return o
	}
	rounds := func(o *followOptions) {
		cmd := newFollow()
		f, err := o.open(cmd)
		if err != nil {
			t.Fatal(err)
		}
		late := now.Add(time.Minute)
		for n := f.filter.Written; f.filter.Written == n && time.Now().Before(late); {
			if _, err := f.round(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if err := f.save(true); err != nil {
			t.Fatal(err)
		}
		if err := f.close(); err != nil {
			t.Fatal(err)
		}
	}
	rounds(flags("-150m"))
	record(time.Hour, "second")
	rounds(flags("-1m"))
	got := fileLines(t, r.args.Output)
	if len(got) != 2 || !strings.Contains(got[0], "first") || !strings.Contains(got[1], "second") {
		t.Errorf("wrote %s", strings.Join(got, "\n"))
	}
	if _, err := flags("boot").open(newFollow()); err == nil {
		t.Error("--since boot is taken")
	}
}

// TestFollowApart refuses to write to what is read.
func TestFollowApart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	link := r.args.Audit + ".link"
	if err := os.Symlink(r.args.Audit, link); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{{"-o", r.args.Audit}, {"-o", link}, {"--state", r.args.SSHD}, {"-o", r.args.Output, "--state", r.args.Output}} {
		var talk bytes.Buffer
		args := append([]string{"follow", "--audit", r.args.Audit, "--sshd", r.args.SSHD}, flags...)
		if code := execute(args, strings.NewReader(""), &talk, &talk); code != exitError || !strings.Contains(talk.String(), "the same file as") {
			t.Errorf("%q: exit %d: %s", flags, code, &talk)
		}
	}
}
