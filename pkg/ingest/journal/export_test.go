package journal

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/ingest"

	"github.com/google/go-cmp/cmp"
)

const head = "__CURSOR=s=6e00e7eef1a546a087397ed6af4ca378;i=284;b=49d1cdbd6e6a47b48ec61aad0fcf90d5;m=288af78;t=660e5891bb88c;x=7be5\n" +
	"__REALTIME_TIMESTAMP=1795388824336524\n__MONOTONIC_TIMESTAMP=42512248\n_BOOT_ID=49d1cdbd6e6a47b48ec61aad0fcf90d5\n" +
	"_MACHINE_ID=a06c138d5c625bd0b83036a43b188a22\n_HOSTNAME=app-17\n"

const sshdEntry = head + "_TRANSPORT=syslog\n_PID=368\n_UID=0\n_COMM=sshd\n_EXE=/usr/sbin/sshd\nSYSLOG_IDENTIFIER=sshd\nSYSLOG_PID=9\nPRIORITY=6\n" +
	"_AUDIT_SESSION=4294967295\n_SOURCE_REALTIME_TIMESTAMP=1795388824300076\nMESSAGE=Server listening on :: port 22.\n\n"

const auditEntry = head + "_TRANSPORT=audit\n_AUDIT_TYPE=1334\n_AUDIT_ID=77\n_SOURCE_REALTIME_TIMESTAMP=1795388824007000\nMESSAGE=AUDIT1334 prog-id=9 op=LOAD\n\n"

// bytesField gives a field in the form with a length.
func bytesField(name, value string) string {
	return name + "\n" + string(binary.LittleEndian.AppendUint64(nil, uint64(len(value)))) + value + "\n"
}

func message1() ingest.Message {
	return ingest.Message{
		Host: "app-17", MachineID: "a06c138d5c625bd0b83036a43b188a22", Boot: "49d1cdbd6e6a47b48ec61aad0fcf90d5",
		Time: time.UnixMicro(1795388824300076).UTC(), Received: time.UnixMicro(1795388824336524).UTC(), Mono: 42512248,
		Precision: time.Microsecond, Ident: "sshd", PID: 368, Text: "Server listening on :: port 22.", Priority: 6, Journal: true,
		Trusted: true, UID: 0, Comm: "sshd", Exe: "/usr/sbin/sshd",
	}
}

func TestExportMessage(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"plain":               sshdEntry,
		"blank lines around":  "\n\n" + sshdEntry + "\n\n",
		"crlf":                string(bytes.ReplaceAll([]byte(sshdEntry), []byte("\n"), []byte("\r\n"))),
		"crlf and binary":     string(bytes.ReplaceAll([]byte(bytesField("_SELINUX_CONTEXT", "unconfined\n")+sshdEntry), []byte("\n"), []byte("\r\n"))),
		"no separator at end": sshdEntry[:len(sshdEntry)-1],
		"binary message":      sshdEntry[:len(sshdEntry)-1] + bytesField("MESSAGE", "Server listening on :: port 22.") + "\n",
		"empty lines inside":  bytesField("X", "a\n\n__CURSOR=forged\n\n") + sshdEntry,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := NewExport(bytes.NewReader([]byte(in)), source("x"))
			e, err := x.Next()
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind != ingest.MessageEntry {
				t.Fatalf("kind %v, %s", e.Kind, e.What)
			}
			if diff := cmp.Diff(message1(), e.Message); diff != "" {
				t.Error(diff)
			}
			if want := (Seq{"6e00e7eef1a546a087397ed6af4ca378", 0x284}); x.Seq() != want {
				t.Errorf("seq %v", x.Seq())
			}
			if _, err := x.Next(); err != io.EOF {
				t.Errorf("then %v", err)
			}
		})
	}
}

func TestExportAudit(t *testing.T) {
	t.Parallel()
	kernel := head + "_TRANSPORT=kernel\nSYSLOG_IDENTIFIER=kernel\nMESSAGE="
	for _, test := range []struct{ name, in, want string }{
		{"unknown type", auditEntry, "type=UNKNOWN[1334] msg=audit(1795388824.007:77): prog-id=9 op=LOAD"},
		{"further arguments", strings.Replace(auditEntry, "AUDIT1334 prog-id=9 op=LOAD", "EXECVE a2[1]=7878", 1), "type=EXECVE msg=audit(1795388824.007:77):  a2[1]=7878"},
		{"kernel log", kernel + "audit: type=1305 audit(1795387850.824:4260): op=set audit_pid=0\n\n", "type=CONFIG_CHANGE msg=audit(1795387850.824:4260): op=set audit_pid=0"},
		{"old kernel log", kernel + "type=1006 audit(1.002:3): pid=1\n\n", "type=LOGIN msg=audit(1.002:3): pid=1"},
		{"type claimed by a program", head + "_TRANSPORT=journal\n_AUDIT_TYPE=1006\n_AUDIT_ID=1\n_SOURCE_REALTIME_TIMESTAMP=1795388824007000\nMESSAGE=LOGIN pid=1\n\n", ""},
		{"kernel text of a program", head + "_TRANSPORT=syslog\nSYSLOG_IDENTIFIER=kernel\nMESSAGE=audit: type=1006 audit(1.002:3): pid=1\n\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			es := all(t, NewExport(bytes.NewReader([]byte(test.in)), source("x")))
			if len(es) != 1 || string(es[0].Audit) != test.want || (es[0].Kind == ingest.AuditEntry) != (test.want != "") {
				t.Fatalf("%+v", es)
			}
			if es[0].Message.Host != "app-17" || es[0].Message.Boot == "" || es[0].Message.Received.IsZero() {
				t.Errorf("place of the entry: %+v", es[0].Message)
			}
		})
	}
}

// Damage costs the entry it is in and no other.
func TestExportDamage(t *testing.T) {
	t.Parallel()
	type got struct {
		Kind ingest.EntryKind
		Line int64
		What string
	}
	ok := func(line int64) got { return got{ingest.MessageEntry, line, ""} }
	bad := func(line int64, what string) got { return got{ingest.Rejected, line, what} }
	lines := int64(bytes.Count([]byte(sshdEntry), []byte("\n")))
	for _, test := range []struct {
		name, in string
		want     []got
	}{
		{"stray text", "hello world\nmore\n\n" + sshdEntry, []got{bad(1, notField), ok(4)}},
		{"length out of range", "MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xffx\n\n" + sshdEntry, []got{bad(1, "length of a field is out of range"), ok(4)}},
		{"length too small", "MESSAGE\n\x01\x00\x00\x00\x00\x00\x00\x00xyz\n\n" + sshdEntry, []got{bad(1, "field without end: its length passes over 1 bytes"), ok(4)}},
		{"binary lines counted", bytesField("X", "1\n2\n3") + sshdEntry + sshdEntry, []got{ok(1), ok(lines + 5)}},
		{"cut in a text field", sshdEntry + sshdEntry[:len(sshdEntry)-10], []got{ok(1), bad(lines+1, truncated)}},
		{"cut in a length", sshdEntry + "MESSAGE\n\x01\x00", []got{ok(1), bad(lines+1, truncated)}},
		{"cut in a binary field", sshdEntry + bytesField("MESSAGE", "hello")[:18], []got{ok(1), bad(lines+1, truncated)}},
		{"cut between fields", sshdEntry + head, []got{ok(1), bad(lines+1, truncated)}},
		{"nothing but NULs at the end", sshdEntry + "\x00\x00", []got{ok(1), {ingest.Irrelevant, lines + 1, "NUL bytes"}}},
		{"audit without serial", head + "_TRANSPORT=audit\nMESSAGE=LOGIN x\n\n", []got{bad(1, "audit entry without serial")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var gots []got
			for _, e := range all(t, NewExport(bytes.NewReader([]byte(test.in)), source("x"))) {
				gots = append(gots, got{e.Kind, e.Pos.Line, e.What})
			}
			if diff := cmp.Diff(test.want, gots); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExportNULs(t *testing.T) {
	t.Parallel()
	in := append(bytes.Repeat([]byte{0}, bufSize*3+5), sshdEntry...)
	es := all(t, NewExport(bytes.NewReader(in), source("x")))
	if len(es) != 1 || es[0].NULs != bufSize*3+5 || es[0].Message.Text != message1().Text {
		t.Errorf("%d entries, %d NULs, %q", len(es), es[0].NULs, es[0].Message.Text)
	}
}

// The NUL bytes of a binary field's length are not a reset's, where damage
// before them makes text of it. Those before an entry are.
func TestExportNULsOfLengths(t *testing.T) {
	t.Parallel()
	binary := bytesField("MESSAGE", "a\nb")
	for name, in := range map[string]string{
		"no name":           head + strings.Replace(binary, "MESSAGE", "MESS AGE", 1) + "\n" + sshdEntry,
		"no line end":       head + strings.Replace(binary, "MESSAGE\n", "MESSAGE ", 1) + "\n" + sshdEntry,
		"begins within":     binary[len("MESSAGE\n"):] + "\n" + sshdEntry,
		"length not so":     head + strings.Replace(binary, "\x03", "\x01", 1) + binary + "\n" + sshdEntry,
		"length impossible": head + strings.Replace(binary, "\x03\x00\x00\x00\x00\x00", "\x03\x00\x00\x00\x00\x01", 1) + binary + "\n" + sshdEntry,
	} {
		es := all(t, NewExport(strings.NewReader(in+"\x00\x00\x00"+sshdEntry), source("x")))
		if len(es) != 3 || es[0].Kind != ingest.Rejected || es[0].NULs != 0 || es[1].Kind != ingest.MessageEntry || es[1].NULs != 0 ||
			es[2].Kind != ingest.MessageEntry || es[2].NULs != 3 {
			t.Errorf("%s: %+v", name, es)
		}
	}
}

// Lines of any length are read; of a value no more than maxValue is kept.
func TestExportLong(t *testing.T) {
	t.Parallel()
	short := sshdEntry[:len(sshdEntry)-1]
	for _, n := range []int{1000, bufSize, bufSize + 1, maxValue, maxValue + 1, maxLine, maxLine + 3*bufSize} {
		long := strings.Repeat("x", n)
		for name, in := range map[string]string{
			"text":   short + "MESSAGE=" + long + "\n\n" + sshdEntry,
			"binary": short + bytesField("MESSAGE", long) + "\n" + sshdEntry,
			"other":  short + "MESSAGE=" + long[:min(n, maxValue)] + "\nX=" + long + "\n" + bytesField("Y", long) + "\n" + sshdEntry,
		} {
			es := all(t, NewExport(strings.NewReader(in), source("x")))
			if len(es) != 2 || len(es[0].Message.Text) != min(n, maxValue) || es[1].Message != message1() {
				t.Errorf("%s of %d bytes: %d entries", name, n, len(es))
			} else if cut := es[0].Message.Truncated; cut != (n > maxValue && name != "other") {
				t.Errorf("%s of %d bytes: truncated %v", name, n, cut)
			}
		}
	}
}

// What a program can forge must not become logind's word.
func TestExportForgedSession(t *testing.T) {
	t.Parallel()
	const session = "MESSAGE_ID=" + sessionStart + "\nSESSION_ID=7\nLEADER=99\nUSER_ID=root\nMESSAGE=New session 7 of user root.\n\n"
	es := all(t, NewExport(bytes.NewReader([]byte(
		head+"_PID=5\n_UID=1000\n_COMM=systemd-logind\nSYSLOG_IDENTIFIER=systemd-logind\n"+session+
			head+"_PID=5\n_UID=0\n_COMM=systemd-logind\nSYSLOG_IDENTIFIER=systemd-logind\n"+session)), source("x")))
	if len(es) != 2 || es[0].Message.LogindLeader != 0 || es[1].Message.LogindLeader != 99 || es[1].Message.LogindSession != "7" || es[1].Message.LogindUser != "root" {
		t.Errorf("%+v", es)
	}
}

func TestExportHosts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		host, file string
		entries    int
		want       map[string]int
	}{
		{"bookworm-0", "host.export.xz", 62550, map[string]int{
			"audit": 56568, "irrelevant journal: kernel messages": 1049, "irrelevant journal: other programs": 2695, "marker audit records lost": 9,
			"message sshd": 1760, "message systemd": 116, "message systemd-logind": 353,
		}},
		{"bookworm-A", "host.export.gz", 5851, map[string]int{
			"audit": 112, "irrelevant journal: kernel messages": 1042, "irrelevant journal: other programs": 2355, "marker audit records lost": 9,
			"message sshd": 1845, "message systemd": 121, "message systemd-logind": 367,
		}},
		{"trixie-A", "host.export.gz", 6997, map[string]int{
			"audit": 281, "irrelevant journal: kernel messages": 1508, "irrelevant journal: other programs": 3304, "marker audit records lost": 23,
			"message sshd": 8, "message sshd-session": 1217, "message systemd": 140, "message systemd-logind": 516,
		}},
	} {
		t.Run(test.host, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && test.host == "bookworm-0" {
				t.Skip("54 MB")
			}
			b := hostFile(t, test.host, test.file)
			es := all(t, NewExport(bytes.NewReader(b), source("x")))
			if len(es) != test.entries {
				t.Errorf("%d entries", len(es))
			}
			if diff := cmp.Diff(test.want, kinds(es)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// go test -run '^$' -bench Export ./pkg/ingest/journal
func BenchmarkExport(b *testing.B) {
	data := hostFile(b, "bookworm-0", "host.export.xz")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		drain(b, NewExport(bytes.NewReader(data), source("x")))
	}
}
