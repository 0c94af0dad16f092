package follow

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStateMisfits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	var got map[string]int
	if ok, err := ReadState(path, &got); ok || err != nil {
		t.Errorf("no state: %v, %v", ok, err)
	}
	write, err := PrepareState(path, map[string]int{"a": 1})
	must(t, err, write())
	if ok, err := ReadState(path, &got); !ok || err != nil || got["a"] != 1 {
		t.Errorf("got %v, %v, %v", got, ok, err)
	}
	good, err := os.ReadFile(path)
	must(t, err)
	for what, c := range map[string]struct {
		text string
		why  Why
	}{
		"another version": {strings.Replace(string(good), `"version":1`, `"version":0`, 1), Old},
		"truncated":       {string(good[:len(good)-3]), Cut},
		"changed":         {strings.Replace(string(good), `"a":1`, `"a":2`, 1), Cut},
		"no state at all": {"hello\n", Cut},
		"empty":           {"", Cut},
	} {
		must(t, os.WriteFile(path, []byte(c.text), 0o600))
		_, err := ReadState(path, &got)
		var misfit *Misfit
		if !errors.As(err, &misfit) || misfit.Why != c.why || strings.Contains(misfit.What, "\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestOutput cuts an output back, also one that was rotated away.
func TestOutput(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "out")
	open := func(w *Written) *Output {
		t.Helper()
		o, err := OpenOutput(path, nil, w)
		must(t, err)
		return o
	}
	say := func(o *Output, s string) {
		t.Helper()
		_, err := o.Write([]byte(s))
		must(t, err)
	}
	o := open(nil)
	say(o, "one\n")
	w := o.Written()
	say(o, "two\n")
	must(t, o.Close())
	o = open(&w)
	say(o, "three\n")
	w = o.Written()
	say(o, "four\n")
	must(t, os.Rename(path, path+".1"), o.Reopen())
	say(o, "five\n")
	must(t, o.Close())
	// A state from before the rotation: what came later is taken back.
	must(t, os.Truncate(path, 0))
	o = open(&w)
	say(o, "five\n")
	must(t, o.Close())
	for name, want := range map[string]string{path + ".1": "one\nthree\n", path: "five\n"} {
		b, err := os.ReadFile(name)
		must(t, err)
		if diff := cmp.Diff(want, string(b)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	must(t, os.Truncate(path+".1", 3))
	_, err := OpenOutput(path, nil, &w)
	var misfit *Misfit
	if !errors.As(err, &misfit) || misfit.Why != Cut {
		t.Errorf("shorter than it was: %v", err)
	}
	must(t, os.Remove(path+".1"))
	if _, err = OpenOutput(path, nil, &w); !errors.As(err, &misfit) || misfit.Why != Other {
		t.Errorf("gone: %v", err)
	}
}

const entryText = "__CURSOR=c%\n__REALTIME_TIMESTAMP=1700000000000000\n__MONOTONIC_TIMESTAMP=5\n_BOOT_ID=0123456789abcdef0123456789abcdef\n" +
	"_TRANSPORT=syslog\n_PID=50\n_UID=0\nSYSLOG_IDENTIFIER=sshd\n_HOSTNAME=web\nMESSAGE\n\x0a\x00\x00\x00\x00\x00\x00\x00two\n\nlines\n\n"

// TestJournalRestarts starts a journalctl that ends after each entry and
// looks where it is told to go on.
func TestJournalRestarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, n := range []string{"1", "2"} {
		must(t, os.WriteFile(filepath.Join(dir, n), []byte(strings.Replace(entryText, "c%", "c"+n, 1)), 0o644))
	}
	script := `#!/bin/sh
echo "$@" >> ` + dir + `/args
case "$*" in
*cursor=c1*) cat ` + dir + `/1 ` + dir + `/2; exec sleep 600 ;;
*) cat ` + dir + `/1 ;;
esac
`
	program := filepath.Join(dir, "journalctl")
	must(t, os.WriteFile(program, []byte(script), 0o755))
	j, err := FollowJournal(JournalOptions{Program: program, Since: time.Unix(1_600_000_000, 0)})
	must(t, err)
	var got []string
	for len(got) < 2 {
		<-j.Wake()
		entries, _ := j.Read()
		for _, e := range entries {
			got = append(got, e.Cursor+" "+e.Message.Text)
		}
	}
	j.Close()
	if diff := cmp.Diff([]string{"c1 two\n\nlines", "c2 two\n\nlines"}, got); diff != "" {
		t.Error(diff)
	}
	args, err := os.ReadFile(filepath.Join(dir, "args"))
	must(t, err)
	if !strings.Contains(string(args), "--since=@1600000000") || !strings.Contains(string(args), "--follow") || !strings.Contains(string(args), "--identifier=sshd-session") {
		t.Errorf("started with %s", args)
	}
	if _, err := FollowJournal(JournalOptions{Program: filepath.Join(dir, "none")}); !errors.Is(err, ErrNoJournal) {
		t.Errorf("without journalctl: %v", err)
	}
}

func TestReadJournalCutOff(t *testing.T) {
	t.Parallel()
	text := strings.Replace(entryText, "c%", "c1", 1)
	j := ReadJournal(strings.NewReader(text+"\n\n"+text[:len(text)/2]), nil)
	defer j.Close()
	<-j.ended
	entries, _ := j.Read()
	if len(entries) != 1 || entries[0].Message.PID != 50 {
		t.Errorf("got %v", entries)
	}
	if entries, eof := j.Read(); len(entries) != 0 || !eof {
		t.Errorf("after the end: %v, %v", entries, eof)
	}
}

func TestNotify(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	var lc net.ListenConfig
	c, err := lc.ListenPacket(context.Background(), "unixgram", socket)
	must(t, err)
	defer c.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	must(t, Notify("READY=1"))
	b := make([]byte, 100)
	n, _, err := c.ReadFrom(b)
	must(t, err)
	if string(b[:n]) != "READY=1" {
		t.Errorf("got %q", b[:n])
	}
	t.Setenv("NOTIFY_SOCKET", "")
	must(t, Notify("READY=1"))
}
