package syslog

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/ingest"

	"github.com/google/go-cmp/cmp"
)

// hostFile gives the decompressed bytes of a file of a recorded host.
func hostFile(tb testing.TB, host, name string) []byte {
	tb.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "testdata", "host", host, name))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// all reads to the end and copies every entry.
func all(tb testing.TB, in string) []ingest.Entry {
	tb.Helper()
	r := New(strings.NewReader(in), &ingest.Source{Name: "x"})
	var entries []ingest.Entry
	for {
		e, err := r.Next()
		if err == io.EOF {
			return entries
		}
		if err != nil {
			tb.Fatal(err)
		}
		c := *e
		c.Audit, c.Raw = bytes.Clone(e.Audit), bytes.Clone(e.Raw)
		c.Pos.Source = nil
		entries = append(entries, c)
	}
}

func utc(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

// Every form of the header says the same where it says it.
func TestForms(t *testing.T) {
	t.Parallel()
	const micro = time.Microsecond
	for _, test := range []struct {
		name, line string
		time       string
		clock      ingest.Clock
		zone       string
		precision  time.Duration
		priority   int
	}{
		{"rsyslog", "2026-11-22T23:31:57.902673+00:00 web01 sshd[341]: hi", "2026-11-22T23:31:57.902673Z", ingest.UTC, "", micro, -1},
		{"rsyslog with zone", "2026-11-23T01:31:57.902673+02:00 web01 sshd[341]: hi", "2026-11-22T23:31:57.902673Z", ingest.UTC, "", micro, -1},
		{"milliseconds", "2026-11-22T23:31:57.902Z web01 sshd[341]: hi", "2026-11-22T23:31:57.902Z", ingest.UTC, "", time.Millisecond, -1},
		{"no zone", "2026-11-22T23:31:57 web01 sshd[341]: hi", "2026-11-22T23:31:57Z", ingest.Local, "", time.Second, -1},
		{"short", "Nov 22 23:31:57 web01 sshd[341]: hi", "0000-11-22T23:31:57Z", ingest.NoYear, "", time.Second, -1},
		{"day padded", "Nov  2 23:31:57 web01 sshd[341]: hi", "0000-11-02T23:31:57Z", ingest.NoYear, "", time.Second, -1},
		{"leap day", "Feb 29 23:31:57 web01 sshd[341]: hi", "0000-02-29T23:31:57Z", ingest.NoYear, "", time.Second, -1},
		{"year", "Nov 22 2026 23:31:57 web01 sshd[341]: hi", "2026-11-22T23:31:57Z", ingest.Local, "", time.Second, -1},
		{"short-precise", "Nov 22 23:31:57.902673 web01 sshd[341]: hi", "0000-11-22T23:31:57.902673Z", ingest.NoYear, "", micro, -1},
		{"priority", "<38>Nov 22 23:31:57 web01 sshd[341]: hi", "0000-11-22T23:31:57Z", ingest.NoYear, "", time.Second, 6},
		{"priority and ISO", "<35>2026-11-22T23:31:57Z web01 sshd[341]: hi", "2026-11-22T23:31:57Z", ingest.UTC, "", time.Second, 3},
		{"short-iso", "2026-11-22T23:31:57+0000 web01 sshd[341]: hi", "2026-11-22T23:31:57Z", ingest.UTC, "", time.Second, -1},
		{"short-full", "Sun 2026-11-22 23:31:57 UTC web01 sshd[341]: hi", "2026-11-22T23:31:57Z", ingest.UTC, "", time.Second, -1},
		{"short-full, zone", "Sun 2026-11-22 23:31:57 EST web01 sshd[341]: hi", "2026-11-22T23:31:57Z", ingest.Zone, "EST", time.Second, -1},
		{"short-full, zone without name", "Mon 2026-11-23 02:31:57 +03 web01 sshd[341]: hi", "2026-11-22T23:31:57Z", ingest.UTC, "", time.Second, -1},
		{"with-unit", "Sun 2026-11-22 23:31:57 UTC web01 sshd.service[341]: hi", "2026-11-22T23:31:57Z", ingest.UTC, "", time.Second, -1},
		{"with-unit, Debian", "Sun 2026-11-22 23:31:57 UTC web01 ssh.service[341]: hi", "2026-11-22T23:31:57Z", ingest.UTC, "", time.Second, -1},
		{"with-unit, per connection", "Sun 2026-11-22 23:31:57 UTC web01 sshd@1-192.0.2.1:22-192.0.2.9:4.service[341]: hi", "2026-11-22T23:31:57Z", ingest.UTC, "", time.Second, -1},
		{"short-unix", "1795390317.902673 web01 sshd[341]: hi", "2026-11-22T23:31:57.902673Z", ingest.UTC, "", micro, -1},
		{"RFC 5424", `<38>1 2026-11-22T23:31:57.902673Z web01 sshd 341 - - hi`, "2026-11-22T23:31:57.902673Z", ingest.UTC, "", micro, 6},
		{"RFC 5424, data, BOM", "<38>1 2026-11-22T23:31:57Z web01 sshd 341 ID [a@1 x=\"]\\\"] \"][b@1] \ufeffhi", "2026-11-22T23:31:57Z", ingest.UTC, "", time.Second, 6},
		{"busybox", "Nov 22 23:31:57 web01 auth.info sshd[341]: hi", "0000-11-22T23:31:57Z", ingest.NoYear, "", time.Second, 6},
		{"Solaris", "Nov 22 23:31:57 web01 sshd[341]: [ID 800047 auth.info] hi", "0000-11-22T23:31:57Z", ingest.NoYear, "", time.Second, -1},
		{"CR", "Nov 22 23:31:57 web01 sshd[341]: hi\r", "0000-11-22T23:31:57Z", ingest.NoYear, "", time.Second, -1},
		{"NULs", "\x00\x00Nov 22 23:31:57 web01 ss\x00hd[341]: hi", "0000-11-22T23:31:57Z", ingest.NoYear, "", time.Second, -1},
		{"BOM", "\ufeffNov 22 23:31:57 web01 sshd[341]: hi", "0000-11-22T23:31:57Z", ingest.NoYear, "", time.Second, -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			es := all(t, test.line+"\n")
			at := utc(test.time)
			want := ingest.Message{
				Host: "web01", Time: at, Received: at, Clock: test.clock, ZoneName: test.zone, Precision: test.precision,
				Ident: "sshd", PID: 341, Text: "hi", Priority: test.priority, UID: -1,
			}
			if strings.HasPrefix(test.name, "with-unit") {
				want.Unit = strings.Fields(test.line)[5]
				want.Unit = want.Unit[:strings.LastIndex(want.Unit, "[")]
			}
			if len(es) != 1 || es[0].Kind != ingest.MessageEntry {
				t.Fatalf("%+v", es)
			}
			if diff := cmp.Diff(want, es[0].Message); diff != "" {
				t.Error(diff)
			}
			if test.name == "NULs" && es[0].NULs != 3 {
				t.Errorf("%d NULs", es[0].NULs)
			}
		})
	}
}

// say gives an entry in a few words.
func say(e *ingest.Entry) string {
	m := &e.Message
	switch e.Kind {
	case ingest.MessageEntry:
		s := fmt.Sprintf("%s[%d]: %s", m.Ident, m.PID, m.Text)
		if m.Repeat > 0 {
			s += fmt.Sprintf(" x%d", m.Repeat)
		}
		if m.Truncated {
			s += " (cut)"
		}
		return s
	case ingest.AuditEntry:
		return string(e.Audit)
	case ingest.Rejected:
		return "rejected: " + e.What
	case ingest.Marker:
		return "marker: " + e.What
	}
	return "irrelevant: " + e.What
}

func TestLines(t *testing.T) {
	t.Parallel()
	const at = "Nov 22 23:31:57 web01 "
	for _, test := range []struct {
		name, in string
		want     []string
	}{
		{"no pid", at + "sshd: hi", []string{"sshd[0]: hi"}},
		{"sshd-session", at + "sshd-session[7]: hi", []string{"sshd-session[7]: hi"}},
		{"no host", "Nov 22 23:31:57 sshd[7]: hi", []string{"sshd[7]: hi"}},
		{"others", at + "CRON[7]: x\n" + at + "kernel: y\n" + at + "(systemd)[8]: z", []string{"irrelevant: " + otherProgram, "irrelevant: " + kernelText, "irrelevant: " + otherProgram}},
		{"logind", at + "systemd-logind[3]: New session 4 of user alice.", []string{"systemd-logind[3]: New session 4 of user alice."}},
		{"scope", at + "systemd[1]: Started session-3.scope - Session 3 of User alice.", []string{"systemd[1]: Started session-3.scope - Session 3 of User alice."}},
		{"scope as unit", "Sun 2026-11-22 23:31:57 UTC web01 session-3.scope[12]: Disconnected from user", []string{"session-3.scope[12]: Disconnected from user"}},
		{"repeated", at + "sshd[1]: message repeated 2 times: [ Failed password for x]", []string{"sshd[1]: Failed password for x x2"}},
		{"repeated, cut", at + "sshd[1]: message repeated 2 times: [ Failed pass", []string{"sshd[1]: Failed pass x2 (cut)"}},
		{"last repeated", at + "sshd[1]: a\n" + at + "last message repeated 3 times", []string{"sshd[1]: a", "sshd[1]: a x3"}},
		{"last repeated, other program", at + "cron[1]: a\n" + at + "last message repeated 3 times", []string{"irrelevant: " + otherProgram, "irrelevant: " + otherProgram}},
		{"last repeated, other host", at + "sshd[1]: a\nNov 22 23:31:57 db last message repeated 3 times", []string{"sshd[1]: a", "marker: " + repeated}},
		{"last repeated, nothing before", at + "last message repeated 3 times", []string{"marker: " + repeated}},
		{"continuation", at + "sshd[1]: a\n                           b\n", []string{"sshd[1]: a", "irrelevant: " + continuation, "irrelevant: " + blankLine}},
		{"control lines", "-- Journal begins at Sun --\n-- No entries --\n-- Reboot --", []string{"irrelevant: " + headerLine, "irrelevant: " + headerLine, "marker: " + boot}},
		{"rate limit", at + "systemd-journald[1]: Suppressed 12 messages from ssh.service", []string{"marker: " + rateLimit}},
		{"rate limit, rsyslog", at + "rsyslogd: imjournal: begin to drop messages due to rate-limiting", []string{"marker: " + rateLimit}},
		{"blob", at + "sshd[1]: [17B blob data]", []string{"sshd[1]: [17B blob data] (cut)"}},
		{"no newline", at + "sshd[1]: a", []string{"sshd[1]: a (cut)"}},
		{"500 bytes", at + "sshd[1]: " + strings.Repeat("x", 500), []string{"sshd[1]: " + strings.Repeat("x", 500) + " (cut)"}},
		{"not a log line", "hello world\n" + at + "sshd[1]: a", []string{"rejected: not a log line", "sshd[1]: a"}},
		{"no such day", "Feb 30 23:31:57 web01 sshd[1]: a", []string{"rejected: not a log line"}},
		{"too long", at + "sshd[1]: " + strings.Repeat("x", maxLine) + "\n" + at + "sshd[1]: a", []string{"rejected: line is too long", "sshd[1]: a"}},
		{"NULs alone", "\x00\x00\n" + at + "sshd[1]: a\n\x00", []string{"irrelevant: " + nulBytes, "sshd[1]: a", "irrelevant: " + nulBytes}},
		{"not UTF-8", at + "sshd[1]: a\xff", []string{"sshd[1]: a\xff"}},
		{"serial lost", at + "audit[608]: USER_LOGIN pid=608", []string{"irrelevant: " + noSerial}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			in := test.in
			if test.name != "no newline" {
				in += "\n"
			}
			for i, e := range all(t, in) {
				if e.Pos.Line != int64(i+1) {
					t.Errorf("entry %d is of line %d", i+1, e.Pos.Line)
				}
				got = append(got, say(&e))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAuditLines(t *testing.T) {
	t.Parallel()
	const at = "Mar  7 19:43:35 web "
	for _, test := range []struct{ name, in, want string }{
		{"audispd", at + "audispd: node=web type=LOGIN msg=audit(1.002:3): pid=1", "node=web type=LOGIN msg=audit(1.002:3): pid=1"},
		{"audisp-syslog", at + "audisp-syslog[673]: type=LOGIN msg=audit(1.002:3): pid=1", "type=LOGIN msg=audit(1.002:3): pid=1"},
		{"imfile, no colon", at + "auditd type=LOGIN msg=audit(1.002:3): pid=1", "type=LOGIN msg=audit(1.002:3): pid=1"},
		{"any tag", at + "tag_audit_log: type=LOGIN msg=audit(1.002:3): pid=1", "type=LOGIN msg=audit(1.002:3): pid=1"},
		{"separator escaped", at + "audispd: type=LOGIN msg=audit(1.002:3): res=1#035UID=\"root\" AUID=\"a#012\"", "type=LOGIN msg=audit(1.002:3): res=1\x1dUID=\"root\" AUID=\"a#012\""},
		{"RFC 5424", "<38>1 2026-11-22T23:31:57Z web audispd - - - type=LOGIN msg=audit(1.002:3): pid=1", "type=LOGIN msg=audit(1.002:3): pid=1"},
		{"bare", "type=LOGIN msg=audit(1.002:3): pid=1", "type=LOGIN msg=audit(1.002:3): pid=1"},
		{"kernel", at + "kernel: audit: type=1006 audit(1.002:3): pid=1", "type=LOGIN msg=audit(1.002:3): pid=1"},
		{"kernel, uptime", at + "kernel: [   12.834687] audit: type=1006 audit(1.002:3): pid=1", "type=LOGIN msg=audit(1.002:3): pid=1"},
		{"kernel, old", at + "kernel: type=1006 audit(1.002:3): pid=1", "type=LOGIN msg=audit(1.002:3): pid=1"},
		{"dmesg", "[   12.834687][   T39] audit: type=1006 audit(1.002:3): pid=1", "type=LOGIN msg=audit(1.002:3): pid=1"},
		{"dmesg -T", "[Sun Nov 22 23:31:57 2026] audit: type=1006 audit(1.002:3): pid=1", "type=LOGIN msg=audit(1.002:3): pid=1"},
		{"dmesg -t", "audit: type=1006 audit(1.002:3): pid=1", "type=LOGIN msg=audit(1.002:3): pid=1"},
		{"short-monotonic", "[   12.834687] web kernel: audit: type=1006 audit(1.002:3): pid=1", "type=LOGIN msg=audit(1.002:3): pid=1"},
		{"no name for the type", at + "kernel: audit: type=9999 audit(1.002:3): x", "type=UNKNOWN[9999] msg=audit(1.002:3): x"},
		{"interpreted", at + "audispd: type=LOGIN msg=audit(Sat 29 Jun 2024 09:51:56) : pid=1", "rejected: interpreted audit record: its time and serial are lost"},
		{"forged in a user name", at + "sshd[9]: Invalid user type=LOGIN msg=audit(1.002:3): pid=1", "sshd[9]: Invalid user type=LOGIN msg=audit(1.002:3): pid=1"},
		{"forged at the start", at + "sshd: type=LOGIN msg=audit(1.002:3): pid=1", "sshd[0]: type=LOGIN msg=audit(1.002:3): pid=1"},
		{"forged by a program with a pid", at + "bash[9]: type=LOGIN msg=audit(1.002:3): pid=1", "irrelevant: " + otherProgram},
		{"forged kernel", at + "kernel[9]: audit: type=1006 audit(1.002:3): pid=1", "irrelevant: " + otherProgram},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			es := all(t, test.in+"\n")
			if len(es) != 1 || say(&es[0]) != test.want {
				t.Errorf("got %s\nwant %s", say(&es[0]), test.want)
			}
		})
	}
}

func TestBootLine(t *testing.T) {
	t.Parallel()
	const id = "49d1cdbd6e6a47b48ec61aad0fcf90d5"
	es := all(t, "Nov 22 23:31:57 web01 sshd[1]: a\n-- Boot "+id+" --\nNov 22 23:31:57 web01 sshd[1]: a\n")
	if es[0].Message.Boot != "" || es[1].Kind != ingest.Marker || es[1].What != "boot" || es[1].Message.Boot != id || es[2].Message.Boot != id {
		t.Errorf("%+v", es)
	}
}

// The text forms of one host's log give the same lines. auth.log lacks the last
// lines of each boot, because rsyslog was stopped before sshd was done; a hard
// reset of trixie-A cost the journal ten.
func TestHosts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		host                  string
		lines, missing, extra int
	}{
		{"bookworm-0", 1760, 14, 0},
		{"bookworm-A", 1845, 11, 0},
		{"trixie-A", 1225, 20, 10},
	} {
		t.Run(test.host, func(t *testing.T) {
			t.Parallel()
			iso := sshdLines(t, hostFile(t, test.host, "sshd.short-iso.gz"))
			if diff := cmp.Diff(iso, sshdLines(t, hostFile(t, test.host, "sshd.short.gz"))); diff != "" {
				t.Error("short:", diff)
			}
			missing, extra := unmatched(iso, sshdLines(t, hostFile(t, test.host, "auth.log.gz")))
			if len(iso) != test.lines || len(missing) != test.missing || len(extra) != test.extra {
				t.Errorf("%d lines; auth.log lacks %d: %q; has %d more: %q", len(iso), len(missing), missing, len(extra), extra)
			}
		})
	}
}

func sshdLines(t *testing.T, data []byte) []string {
	var lines []string
	for _, e := range all(t, string(data)) {
		if e.Kind == ingest.Rejected {
			t.Errorf("%s: %s: %q", e.Pos, e.What, e.Raw)
		}
		if e.Kind == ingest.MessageEntry && ofSSH(e.Message.Ident) {
			lines = append(lines, say(&e))
		}
	}
	return lines
}

// unmatched compares two lists without regard to order.
func unmatched(a, b []string) (missing, extra []string) {
	n := make(map[string]int)
	for _, s := range b {
		n[s]++
	}
	for _, s := range a {
		if n[s]--; n[s] < 0 {
			missing = append(missing, s)
		}
	}
	for s, c := range n {
		for ; c > 0; c-- {
			extra = append(extra, s)
		}
	}
	return missing, extra
}

// go test -run '^$' -bench . ./pkg/ingest/syslog
func BenchmarkReader(b *testing.B) {
	data := hostFile(b, "bookworm-A", "auth.log.gz")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		r := New(bytes.NewReader(data), &ingest.Source{Name: "x"})
		for {
			if _, err := r.Next(); err == io.EOF {
				break
			}
		}
	}
}

// TestImpossibleYears: a stamp with a damaged year is none, and no time comes
// out that RFC 3339 could not say.
func TestImpossibleYears(t *testing.T) {
	t.Parallel()
	const rest = " web sshd[500]: Connection closed by 10.0.0.5 port 1"
	for stamp, want := range map[string]bool{
		"2026-11-22T10:00:00.000000+00:00":       true,
		"20\xc5\xc5-11-22T10:00:00.000000+00:00": false,
		"1969-11-22T10:00:00.000000+00:00":       false,
		"9998-12-31T23:59:59.000000-12:00":       true,
		"9999-12-31T23:59:59.000000-12:00":       false,
		"0000-01-01T00:00:00.000000+12:00":       false,
		"999999999999.000000":                    false,
		"1795341600.000000":                      true,
	} {
		good := "2026-11-22T10:00:00.000000+00:00" + rest + "\n" // tells what the log is
		if stamp[0] != '2' && stamp[4] != '-' {
			good = "1795341600.000000" + rest + "\n"
		}
		r := New(strings.NewReader(good+stamp+rest+"\n"), nil)
		for range 2 {
			e, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind == ingest.MessageEntry && (e.Message.Time.Year() < 1970 || e.Message.Time.Year() > 9999) {
				t.Errorf("%s: %v", stamp, e.Message.Time)
			}
			if e.Pos.Line == 2 && (e.Kind == ingest.MessageEntry) != want {
				t.Errorf("%s: %v %q", stamp, e.Kind, e.What)
			}
		}
	}
	if year := Year(time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)); year > 9998 {
		t.Errorf("year %d", year)
	}
}
