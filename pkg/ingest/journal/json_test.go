package journal

import (
	"bytes"
	"testing"

	"auditreplay/pkg/ingest"
)

const jsonHead = `"__REALTIME_TIMESTAMP":"1795388824336524","_BOOT_ID":"49d1cdbd6e6a47b48ec61aad0fcf90d5","_PID":"368","_UID":"0",`

func TestJSONValues(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, message string
		want          string
		truncated     bool
	}{
		{"string", `"hello"`, "hello", false},
		{"escapes", `"a\"b\\c\/d\n\t\r\b\f\u001d\u00e9\ud83d\ude00"`, "a\"b\\c/d\n\t\r\b\f\x1dé😀", false},
		{"lone surrogate", `"a\ud83dx"`, "a\ufffdx", false},
		{"bytes", `[98,97,100,32,255]`, "bad \xff", false},
		{"several values", `["one","two"]`, "two", false},
		{"several, bytes", `["one",[116,119,111]]`, "two", false},
		{"several, null", `["one",null]`, "", true},
		{"null", `null`, "", true},
		{"empty", `""`, "", false},
		{"no bytes", `[]`, "", false},
		{"not UTF-8", "\"a\xffb\"", "a\xffb", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			line := `{` + jsonHead + `"SYSLOG_IDENTIFIER":"sshd","MESSAGE":` + test.message + "}\n"
			es := all(t, NewJSON(bytes.NewReader([]byte(line)), source("x")))
			if len(es) != 1 || es[0].Kind != ingest.MessageEntry {
				t.Fatalf("%+v", es)
			}
			if m := es[0].Message; m.Text != test.want || m.Truncated != test.truncated {
				t.Errorf("got %q, truncated %v", m.Text, m.Truncated)
			}
		})
	}
}

// Damage costs the line it is in, or the object.
func TestJSONDamage(t *testing.T) {
	t.Parallel()
	good := `{` + jsonHead + `"SYSLOG_IDENTIFIER":"sshd","MESSAGE":"m"}`
	pretty := "{\n\t\"__REALTIME_TIMESTAMP\" : \"1795388824336524\",\n\t\"SYSLOG_IDENTIFIER\" : \"sshd\",\n\t\"MESSAGE\" : \"m\"\n}\n"
	for _, test := range []struct{ name, in, want string }{
		{"no newline at end", good, "+1"},
		{"crlf", good + "\r\n" + good + "\r\n", "+1 +2"},
		{"two on a line", good + " " + good + "\n" + good, "+1 +1 +2"},
		{"cut", good + "\n" + good[:40], "+1 -2"},
		{"damaged line", good + "\n{\"a\": x}\n" + good, "+1 -2 +3"},
		{"damaged line, open string", good + "\n{\"a\n" + good, "+1 -2 +3"},
		{"stray text", "hello\n" + good, "-1 +2"},
		{"seq", "\x1e" + good + "\n\x1e" + good + "\n", "+1 +2"},
		{"sse", "data: " + good + "\n\ndata: " + good + "\n\n", "+1 +3"},
		{"pretty", pretty + pretty, "+1 +6"},
		{"pretty, cut", pretty + pretty[:20], "+1 -6"},
		{"pretty, an end lost", pretty[:20] + "\n" + pretty, "-1 +3"},
		{"pretty, damaged", "{\n\t\"MESSAGE\" : x y\n}\n" + pretty, "-1 +4"},
		{"NULs before", "\x00\x00" + good, "+1"},
		{"NULs at the end", good + "\n\x00\x00", "+1 .2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got string
			for _, e := range all(t, NewJSON(bytes.NewReader([]byte(test.in)), source("x"))) {
				if got != "" {
					got += " "
				}
				got += map[ingest.EntryKind]string{ingest.MessageEntry: "+", ingest.Rejected: "-", ingest.Irrelevant: "."}[e.Kind]
				got += string(rune('0' + e.Pos.Line))
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// One journal gives the same entries in every form.
func TestJSONHosts(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"bookworm-0", "bookworm-A", "trixie-A"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			want := all(t, NewExport(bytes.NewReader(hostFile(t, host, "sshd.export.gz")), source("x")))
			data := hostFile(t, host, "sshd.json.gz")
			got := all(t, NewJSON(bytes.NewReader(data), source("x")))
			same(t, want, got)
			seq := all(t, NewJSON(bytes.NewReader(bytes.ReplaceAll(append([]byte("\n"), data...), []byte("\n{"), []byte("\n\x1e{"))), source("x")))
			same(t, want, seq)
			sse := all(t, NewJSON(bytes.NewReader(bytes.ReplaceAll(append([]byte("\n"), data...), []byte("\n{"), []byte("\n\ndata: {"))), source("x")))
			same(t, want, sse)
		})
	}
}

// go test -run '^$' -bench JSON ./pkg/ingest/journal
func BenchmarkJSON(b *testing.B) {
	data := hostFile(b, "bookworm-A", "sshd.json.gz")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		drain(b, NewJSON(bytes.NewReader(data), source("x")))
	}
}
