package main

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
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

// TestFollowStdinEnds gives sshd's log on a standard input that ends, or is no
// export: that is said once, and the audit log is followed on.
func TestFollowStdinEnds(t *testing.T) {
	t.Parallel()
	const export = "__CURSOR=c\n__REALTIME_TIMESTAMP=1795341601005000\n_BOOT_ID=0123456789abcdef0123456789abcdef\n_PID=50\n_UID=0\n_COMM=sshd\nSYSLOG_IDENTIFIER=sshd\n" +
		"MESSAGE=Accepted publickey for ann from 192.0.2.7 port 4711 ssh2: ED25519 SHA256:abc\n\n"
	for stdin, want := range map[string]string{
		export:      "standard input is at its end",
		export[:90]: "standard input is at its end",
		"":          "standard input is at its end",
		"Nov 22 10:00:01 web sshd[50]: Accepted password for ann from 192.0.2.7 port 4711 ssh2\n": "standard input is no journal export (journalctl -o export), and is not read",
		"pam rhost=192.0.2.7\n": "standard input is no journal export (journalctl -o export), and is not read",
		export + "__CURSOR=d\nMESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff": "standard input cannot be read on (a field",
	} {
		r := newRig(t)
		var out, talk bytes.Buffer
		o := &followOptions{audit: r.args.Audit, sshd: "-", window: time.Minute, noWall: true}
		o.scope, o.output, o.logLevel = "all", "-", "warn"
		cmd := newFollow()
		cmd.SetIn(strings.NewReader(stdin))
		cmd.SetOut(&out)
		cmd.SetErr(&talk)
		f, err := o.open(cmd)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < 3000 && (!strings.Contains(talk.String(), "standard input") || !strings.Contains(out.String(), `"SERVICE_START"`)); i++ {
			if i == 5 {
				for hours := range 3 { // the next one closes an event
					r.record(time.Unix(1795341700+3600*int64(hours), 0), "SERVICE_START", "pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=cron res=success'")
				}
			}
			if _, err := f.round(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		for range 3 {
			if _, err := f.round(); err != nil {
				t.Fatal(err)
			}
		}
		f.close()
		if strings.Count(talk.String(), "standard input") != 1 || !strings.Contains(talk.String(), "--sshd: "+want) ||
			!strings.Contains(talk.String(), ": sessions from now on stay without a login\n") || !strings.Contains(out.String(), `"SERVICE_START"`) {
			t.Errorf("%q:\nsaid %s\nwrote %s", stdin, &talk, &out)
		}
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
