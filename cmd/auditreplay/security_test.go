package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/safe"

	"golang.org/x/sys/unix"
)

// These are the rows of docs/security.md that no package's own tests hold.

// onCommandLine runs a command on files and gives what it wrote.
func onCommandLine(t *testing.T, files map[string]string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, filepath.Join(dir, name))
	}
	var out, errs bytes.Buffer
	code = execute(args, strings.NewReader(""), &out, &errs)
	return out.String(), errs.String(), code
}

func session(b *strings.Builder, at, serial, pid, ses int) {
	fmt.Fprintf(b, "type=LOGIN msg=audit(%d.000:%d): pid=%d uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=%d res=1\n", at, serial, pid, ses)
	fmt.Fprintf(b, "type=USER_START msg=audit(%d.010:%d): pid=%d uid=0 auid=1000 ses=%d msg='op=PAM:session_open acct=\"alice\" exe=\"/usr/sbin/sshd\" hostname=192.0.2.7 addr=192.0.2.7 terminal=ssh res=success'\n", at, serial+1, pid, ses)
}

func acceptedLine(at, pid int, id string) string {
	return fmt.Sprintf("%s host1 sshd[%d]: Accepted publickey for alice from 192.0.2.7 port 4000 ssh2: ED25519-CERT SHA256:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ ID %s (serial 1) CA ED25519 SHA256:ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq\n",
		time.Unix(int64(at), 0).UTC().Format("2006-01-02T15:04:05.000000+00:00"), pid, id)
}

// Names that look alike stay two: what is compared are the bytes.
func TestHomoglyphNames(t *testing.T) {
	t.Parallel()
	var audit strings.Builder
	session(&audit, 1767323045, 10, 500, 1)
	session(&audit, 1767323145, 20, 510, 2)
	sshd := acceptedLine(1767323045, 500, "alice@example.com") + acceptedLine(1767323145, 510, `\320\260lice@example.com`) // Cyrillic a
	out, errs, code := onCommandLine(t, map[string]string{"audit.log": audit.String(), "auth.log": sshd}, "sessions", "-q", "--format", "csv", "--by", "person")
	if code != exitDone || strings.Count(out, "lice@example.com,1,") != 2 {
		t.Errorf("exit %d %s\n%s", code, errs, out)
	}
}

// JSON that nests without end is one rejected entry, not the end of the stack,
// and what stands after it is read.
func TestDeepJSON(t *testing.T) {
	t.Parallel()
	const entry = `{"__REALTIME_TIMESTAMP":"1767323045000000","_BOOT_ID":"0123456789abcdef0123456789abcdef","SYSLOG_IDENTIFIER":"sshd","_PID":"500","MESSAGE":"Accepted password for alice from 192.0.2.7 port 4000 ssh2"}` + "\n"
	for _, deep := range []string{strings.Repeat("[", 5_000_000), strings.Repeat(`{"a":`, 2_000_000), `{"MESSAGE":` + strings.Repeat("[", 1_000_000) + strings.Repeat("]", 1_000_000) + "}"} {
		out, errs, code := onCommandLine(t, map[string]string{"sshd.json": entry + deep + "\n" + strings.ReplaceAll(entry, "500\"", "510\"")}, "file", "-q")
		if code != exitDamaged && code != exitDone || strings.Count(out, `"UserLogin"`) != 2 {
			t.Errorf("%.12s: exit %d %s: %d logins", deep, code, errs, strings.Count(out, `"UserLogin"`))
		}
	}
}

// A command line of a megabyte in 128 records, all of it in the output.
func TestGiantArgv(t *testing.T) {
	t.Parallel()
	var audit strings.Builder
	session(&audit, 1767323045, 10, 500, 1)
	fmt.Fprintf(&audit, "type=SYSCALL msg=audit(1767323050.000:20): arch=c000003e syscall=59 success=yes exit=0 ppid=500 pid=600 auid=1000 uid=1000 euid=1000 tty=pts0 ses=1 comm=\"echo\" exe=\"/usr/bin/echo\" key=\"exec\"\n")
	arg := strings.Repeat("41", 4000) // hex of 4,000 letters
	const n = 256
	for i := range n {
		head := ""
		if i == 0 {
			head = fmt.Sprintf("argc=%d ", n)
		}
		fmt.Fprintf(&audit, "type=EXECVE msg=audit(1767323050.000:20): %sa%d=%s\n", head, i, arg)
	}
	for _, view := range [][]string{{"file", "-q"}, {"timeline", "-q"}, {"tree", "-q"}} {
		out, errs, code := onCommandLine(t, map[string]string{"audit.log": audit.String()}, view...)
		if code != exitDone || len(out) > 4<<20 {
			t.Errorf("%s: exit %d %s, %d bytes", view[0], code, errs, len(out))
		}
		if view[0] == "file" && strings.Count(out, strings.Repeat("A", 4000)) < n {
			t.Errorf("%d of %d arguments", strings.Count(out, strings.Repeat("A", 4000)), n)
		}
	}
}

// What an attacker can make many of at one place costs no more each when there
// are more of them: eight times the input takes far less than 64 times the time.
func TestQuadraticInput(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	for name, make := range map[string]func(n int) (audit, sshd string){
		"logins of one pid": func(n int) (string, string) {
			var audit, sshd strings.Builder
			for i := range n {
				session(&audit, 1767323045+i*100, 10+i*4, 500, 1+i)
				sshd.WriteString(acceptedLine(1767323045+i*100, 500, "alice"))
			}
			return audit.String(), sshd.String()
		},
		"logins of one second": func(n int) (string, string) {
			var audit, sshd strings.Builder
			for i := range n {
				session(&audit, 1767323045, 10+i*4, 1000+i, 1+i)
				sshd.WriteString(acceptedLine(1767323045, 1000+i, "alice"))
			}
			return audit.String(), sshd.String()
		},
		"one session of LOGINs": func(n int) (string, string) {
			var audit strings.Builder
			for i := range n {
				session(&audit, 1767323045+i, 10+i*4, 500+i, 1)
			}
			return audit.String(), ""
		},
		"every other serial": func(n int) (string, string) {
			var audit strings.Builder
			for i := range n {
				fmt.Fprintf(&audit, "type=USER_CMD msg=audit(%d.%03d:%d): pid=5 uid=0 auid=1000 ses=1 msg='res=success'\n", 1767323045+i/1000, i%1000, 2*(n-i))
			}
			return audit.String(), ""
		},
	} {
		// Processor time, not the clock's: others may want the machine too.
		took := func(n int) time.Duration {
			audit, sshd := make(n)
			files := map[string]string{"audit.log": audit}
			if sshd != "" {
				files["auth.log"] = sshd
			}
			start := processorTime(t)
			if _, errs, code := onCommandLine(t, files, "verify", "--format", "json"); code == exitError {
				t.Fatal(name, errs)
			}
			return processorTime(t) - start
		}
		small, large := took(1500), took(12000)
		if large > 40*small && large > 5*time.Second {
			t.Errorf("%s: 1,500 take %v, 12,000 take %v", name, small, large)
		}
	}
}

// processorTime is what this process has used of the processors.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// An output that is a symbolic link: the link is replaced, what it leads to is
// not written to.
func TestOutputIsALink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "out")
	if err := os.WriteFile(target, []byte("precious\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	var audit strings.Builder
	session(&audit, 1767323045, 10, 500, 1)
	files := map[string]string{"audit.log": audit.String()}
	for _, args := range [][]string{{"-o", link}, {"-o", filepath.Join(dir, "other"), "--manifest", link}} {
		if _, errs, code := onCommandLine(t, files, append([]string{"file", "-q"}, args...)...); code != exitError || !strings.Contains(errs, "exists (--force overwrites it)") {
			t.Errorf("%q: exit %d %s", args, code, errs)
		}
	}
	if _, errs, code := onCommandLine(t, files, "file", "-q", "--force", "-o", link); code != exitDone {
		t.Fatal(errs)
	}
	if info, err := os.Lstat(link); err != nil || !info.Mode().IsRegular() {
		t.Errorf("the link is still one: %v", err)
	}
	if data, err := os.ReadFile(target); err != nil || string(data) != "precious\n" {
		t.Errorf("written through the link: %q, %v", data, err)
	}
}

// No name of a file or host gets to the terminal as anything but what it is: in
// no error, no line of the log and no closing summary.
func TestErrorsAreSafe(t *testing.T) {
	t.Parallel()
	const hostile = "a\x1b]0;title\x07\u202e\x9bz.log"
	var audit strings.Builder
	session(&audit, 1767323045, 10, 500, 1)
	whole := strings.ReplaceAll(audit.String(), "type=", "node=h\x1b[2J type=")
	cut := strings.TrimSuffix(whole, "\n")
	for _, test := range []struct {
		text string
		args []string
		want string
	}{
		{"junk\x00\x01", []string{"file"}, "auditreplay: "},
		{cut, []string{"file"}, "damage "},
		{"\x00\x00" + whole, []string{"file"}, "damage "},
		{whole + "type=nonsense\n", []string{"file"}, "rejected "},
		{whole + "type=nonsense\n", []string{"file", "--log-level", "warn"}, "warn\t"},
		{whole + "type=nonsense\n", []string{"file", "--strict"}, "auditreplay: "},
		{"", []string{"file"}, "empty "},
		{whole, []string{"explain", "9", "--boot", "nope"}, "auditreplay: "},
	} {
		_, errs, _ := onCommandLine(t, map[string]string{hostile: test.text}, test.args...)
		if !strings.Contains(errs, test.want) || !strings.Contains(errs, `\x1b`) {
			t.Errorf("%q: no %q with the name in\n%q", test.args, test.want, errs)
		}
		for line := range strings.Lines(errs) {
			for _, part := range strings.Split(strings.TrimSuffix(line, "\n"), "\t") {
				if part != safe.Terminal(part) {
					t.Errorf("%q: %q", test.args, line)
				}
			}
		}
	}
}

// One damaged time in a saved output moves neither the end that --since counts
// from nor what "now" is.
func TestSavedDamagedTime(t *testing.T) {
	t.Parallel()
	var audit strings.Builder
	session(&audit, 1767323045, 10, 500, 1)
	for i := range 200 {
		fmt.Fprintf(&audit, "type=USER_CMD msg=audit(%d.000:%d): pid=5 uid=0 auid=1000 ses=1 msg='cmd=\"true\" res=success'\n", 1767323100+i*60, 100+i)
	}
	saved, errs, code := onCommandLine(t, map[string]string{"audit.log": audit.String()}, "file", "-q")
	if code != exitDone {
		t.Fatal(errs)
	}
	for _, year := range []string{"2099", "9999"} {
		damaged := strings.Replace(saved, `"loggedAt":"2026`, `"loggedAt":"`+year, 1)
		for args, want := range map[string]int{"--since -9m": 10 + 1, "--since -9m --until now": 10} { // the damaged one is later than all
			out, errs, code := onCommandLine(t, map[string]string{"saved.jsonl": damaged}, append([]string{"timeline", "-q"}, strings.Fields(args)...)...)
			if code != exitDone || strings.Count(out, "\n") != want {
				t.Errorf("%s, %s: exit %d %s: %d lines, want %d", year, args, code, errs, strings.Count(out, "\n"), want)
			}
		}
	}
}

// Nor does one in sshd's log, whatever carries that.
func TestDamagedMessageTime(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "..", "testdata", "host", "bookworm-A")
	logs := map[string]*regexp.Regexp{
		"auth.log":    regexp.MustCompile(`(?m)^2026(.*sshd\[[0-9]+\]: Accepted)`),
		"sshd.export": regexp.MustCompile(`(?m)^__REALTIME_TIMESTAMP=17(.*\n(?:.*\n){1,30}?MESSAGE=Accepted)`),
		"sshd.json":   regexp.MustCompile(`"__REALTIME_TIMESTAMP":"17(.*"MESSAGE":"Accepted)`),
	}
	if testing.Short() {
		delete(logs, "sshd.json") // the others show races as well
	}
	for name, accepted := range logs {
		f, err := os.Open(filepath.Join(dir, name+".gz"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		all := accepted.FindAllSubmatchIndex(whole, -1)
		if len(all) < 20 {
			t.Fatalf("%s: %d logins", name, len(all))
		}
		at := all[len(all)/2][2] - 2 // the year's or the seconds' last two digits of the first four
		damaged := append(append(bytes.Clone(whole[:at]), "91"...), whole[at+2:]...)
		if name != "auth.log" {
			copy(damaged[at:], "19")
		}
		lines := func(log []byte) int {
			out, errs, code := onCommandLine(t, map[string]string{name: string(log)}, "timeline", "-q", "--since", "-2m", filepath.Join(dir, "var", "log", "audit"))
			if code == exitError {
				t.Fatalf("%s: exit %d %s", name, code, errs)
			}
			return strings.Count(out, "\n")
		}
		want, got := lines(whole), lines(damaged)
		if want < 100 || got < want*9/10 || got > want+60 {
			t.Errorf("%s: %d events of the last two minutes, %d without the damage", name, got, want)
		}
	}
}

// docs/security.md names only tests that are there.
func TestSecurityTableNamesTests(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	doc, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	var sources strings.Builder
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			text, err := os.ReadFile(path)
			sources.Write(text)
			return err
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z][A-Za-z0-9]*`).FindAllString(string(doc), -1)
	if len(names) < 30 {
		t.Errorf("%d tests named", len(names))
	}
	for _, name := range names {
		if !strings.Contains(sources.String(), "func "+name+"(") {
			t.Errorf("docs/security.md names %s, which is not there", name)
		}
	}
	for _, file := range regexp.MustCompile("`(testdata/[^`]*)`").FindAllStringSubmatch(string(doc), -1) {
		if matches, _ := filepath.Glob(filepath.Join(root, file[1]+"*")); len(matches) == 0 {
			t.Errorf("docs/security.md names %s, which is not there", file[1])
		}
	}
}
