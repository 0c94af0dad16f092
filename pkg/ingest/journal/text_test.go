package journal

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"auditreplay/pkg/ingest"

	"github.com/google/go-cmp/cmp"
)

const verbose = `Sun 2026-11-22 18:07:04.300076 EST [s=6e00e7eef1a546a087397ed6af4ca378;i=284;b=49d1cdbd6e6a47b48ec61aad0fcf90d5;m=288af78;t=660e5891bb88c;x=7be5]
    _TRANSPORT=syslog
    _BOOT_ID=49d1cdbd6e6a47b48ec61aad0fcf90d5
    _MACHINE_ID=a06c138d5c625bd0b83036a43b188a22
    _HOSTNAME=app-17
    _PID=368
    _UID=0
    _COMM=sshd
    _EXE=/usr/sbin/sshd
    SYSLOG_IDENTIFIER=sshd
    PRIORITY=6
    _SOURCE_REALTIME_TIMESTAMP=1795388824300076
    MESSAGE=Server listening on :: port 22.
    SYSLOG_PID=368
`

func TestText(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, in, want string
	}{
		{"plain", verbose, "1+"},
		{"two", verbose + verbose, "1+ 15+"},
		{"crlf", strings.ReplaceAll(verbose, "\n", "\r\n"), "1+"},
		{"no newline at end", strings.TrimSuffix(verbose, "\n"), "1+"},
		{"cut", verbose + verbose[:310], "1+ 15-"},
		{"cut in the message", verbose[:len(verbose)-30], "1-"},
		{"boot line", "-- Boot 49d1cdbd6e6a47b48ec61aad0fcf90d5 --\n" + verbose + "-- No entries --\n", "1! 2+ 16."},
		{"stray lines", "hello\nworld\n" + verbose + "stray", "1- 3+ 17-"},
		{"empty lines", "\n" + verbose + "\n\n" + verbose, "2+ 18+"},
		{"NULs", verbose + "\x00\x00" + verbose, "1+ 15+"},
		{"NULs at end", verbose + "\x00\x00", "1+ 15."},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, e := range all(t, NewText(strings.NewReader(test.in), source("x"))) {
				got = append(got, fmt.Sprint(e.Pos.Line)+string(".+?-!"[e.Kind]))
				if e.Kind == ingest.MessageEntry {
					if diff := cmp.Diff(message1(), e.Message); diff != "" {
						t.Error(diff)
					}
				}
			}
			if s := strings.Join(got, " "); s != test.want {
				t.Errorf("got %s, want %s", s, test.want)
			}
		})
	}
}

// No value can pose as a field, and what journalctl left out is known to be.
func TestTextValues(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, message, want string
		truncated           bool
	}{
		{"lines", "MESSAGE=one\n            two\n            \n            _PID=1", "one\ntwo\n\n_PID=1", false},
		{"blob", "MESSAGE=[17B blob data]", "", true},
		{"not further enough", "MESSAGE=one\n        two", "one", false},
	} {
		in := strings.Replace(verbose, "MESSAGE=Server listening on :: port 22.", test.message, 1)
		es := all(t, NewText(strings.NewReader(in), source("x")))
		if len(es) != 1 || es[0].Message.Text != test.want || es[0].Message.Truncated != test.truncated || es[0].Message.PID != 368 {
			t.Errorf("%s: %+v", test.name, es)
		}
	}
}

func TestDetect(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in   string
		want ingest.Kind
	}{
		{"LPKSHHRH\x00", ingest.JournalBinary},
		{sshdEntry, ingest.JournalExport},
		{"\n" + sshdEntry, ingest.JournalExport},
		{"\x00\x00" + sshdEntry, ingest.JournalExport},
		{strings.ReplaceAll(sshdEntry, "\n", "\r\n"), ingest.JournalExport},
		{bytesField("MESSAGE", "a\nb") + sshdEntry, ingest.JournalExport},
		{"_BOOT_ID=49d1\n", ingest.JournalExport},
		{"MESSAGE=x\nSYSLOG_IDENTIFIER=sshd\n", ingest.JournalExport},
		{`{"MESSAGE":"x"}`, ingest.JournalJSON},
		{"\x1e{\"MESSAGE\":\"x\"}", ingest.JournalJSON},
		{"data: {\"MESSAGE\":\"x\"}\n\n", ingest.JournalJSON},
		{"{\n\t\"MESSAGE\" : \"x\"\n}", ingest.JournalJSON},
		{verbose, ingest.JournalText},
		{"-- Boot x --\n" + verbose, ingest.JournalText},
		{"zz" + sshdEntry, ingest.JournalExport}, // its first line is damaged
		{"\xff{\"MESSAGE\":\"x\"}\n{\"__CURSOR\":\"s\",\"__REALTIME_TIMESTAMP\":\"1\"}\n", ingest.JournalJSON},
		{"x\n{\"MESSAGE\":\"x\"}\n", ingest.UnknownKind},
		{"", ingest.UnknownKind},
		{"PATH=/bin\nHOME=/root\n", ingest.UnknownKind},
		{`{"a":1}`, ingest.UnknownKind},
		{"type=LOGIN msg=audit(1.002:3): pid=1\n", ingest.UnknownKind},
		{"Nov 22 23:31:57 web01 sshd[341]: hi\n", ingest.UnknownKind},
		{"hello\n", ingest.UnknownKind},
	} {
		if kind := Detect([]byte(test.in)); kind != test.want {
			t.Errorf("%q: %d", test.in, kind)
		}
	}
}

func BenchmarkText(b *testing.B) {
	data := bytes.Repeat([]byte(verbose), 1000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		drain(b, NewText(bytes.NewReader(data), source("x")))
	}
}
