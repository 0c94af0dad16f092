package main

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestFollowNotThere starts before either log is there: both are waited for,
// which is said, and nothing of them is lost.
func TestFollowNotThere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, path := range []string{r.args.Audit, r.args.SSHD} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	r.child = startChild(t, r.args)
	r.until(r.args.State, `"offset":0`, 2)
	if code := r.child.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit %d", code)
	}
	for _, path := range []string{r.args.Audit, r.args.SSHD} {
		if !strings.Contains(r.child.talk.String(), path+": is not there yet") {
			t.Errorf("said %s", &r.child.talk)
		}
	}
	r.child = startChild(t, r.args)
	writeFile(t, r.args.SSHD, nil)
	writeFile(t, r.args.Audit, nil)
	r.login()
	r.until(r.args.Output, "USER_START", 1)
	r.until(r.args.Output, `"LOGIN"`, 1) // five seconds after it was read
	if code := r.child.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit %d", code)
	}
	b, err := os.ReadFile(r.args.Output)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b, []byte(`"attribution":"sshd"`)); n != 2 || len(eventLines(b)) != 3 {
		t.Errorf("wrote %s", b)
	}
}

// TestFollowNoDirectory names a log that cannot come: that is said, and the
// follower ends.
func TestFollowNoDirectory(t *testing.T) {
	t.Parallel()
	for _, log := range []string{"audit", "sshd"} {
		r := newRig(t)
		path := &r.args.Audit
		if log == "sshd" {
			path = &r.args.SSHD
		}
		*path = r.args.Output + ".d/log"
		r.child = startChild(t, r.args)
		_ = r.child.Wait() // the code says it
		if code := r.child.ProcessState.ExitCode(); code != 2 || !strings.Contains(r.child.talk.String(), "--"+log+": ") {
			t.Errorf("exit %d: %s", code, &r.child.talk)
		}
	}
}
