package syslog

import (
	"testing"

	"auditreplay/pkg/ingest"
)

func TestDetect(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in   string
		want ingest.Kind
		hint string
	}{
		{"Nov 22 23:31:57 web01 sshd[341]: hi\n", ingest.SyslogText, ""},
		{"\n-- Boot 49d1cdbd6e6a47b48ec61aad0fcf90d5 --\nNov 22 23:31:57 web01 sshd[341]: hi\n", ingest.SyslogText, ""},
		{"stray\n\x00\x00Nov 22 23:31:57 web01 sshd[341]: hi\n", ingest.SyslogText, ""},
		{"Sun 2026-11-22 23:31:57 UTC web01 sshd[341]: hi\n", ingest.SyslogText, ""},
		{"<38>1 2026-11-22T23:31:57Z web sshd 1 - - hi", ingest.SyslogText, ""},
		{"1795390317.902673 web01 sshd[341]: hi", ingest.SyslogText, ""},
		{"Mar  7 19:43:35 web audispd: type=LOGIN msg=audit(1.002:3): pid=1", ingest.SyslogText, ""},
		{"[   12.834687][   T39] audit: type=1006 audit(1.002:3): pid=1", ingest.SyslogText, ""},
		{"[Sun Nov 22 23:31:57 2026] audit: type=1006 audit(1.002:3): pid=1", ingest.SyslogText, ""},
		{"[    0.000000] Linux version 6.1.0", ingest.SyslogText, ""},
		{"type=LOGIN msg=audit(1.002:3): pid=1", ingest.AuditLog, ""},
		{"----\ntime->Sat Jun 29 09:51:56 2024\nnode=a type=LOGIN msg=audit(1.002:3): pid=1", ingest.AuditLog, ""},
		{"type=LOGIN msg=audit(06/29/2024 09:51:56.042:202) : pid=1", ingest.UnusableKind, hintRaw},
		{"NODE,EVENT,DATE,TIME,SERIAL_NUM", ingest.UnusableKind, hintRaw},
		{"[   45.247379] web01 systemd[1]: Started x", ingest.UnusableKind, hintNoTime},
		{"[   40.210679 <    0.116429 >] web01 systemd[1]: Starting x", ingest.UnusableKind, hintNoTime},
		{"Started x\nServer listening on :: port 22.\n", ingest.UnusableKind, hintNoHeader},
		{"", ingest.UnknownKind, ""},
		{"#!/bin/sh\necho hi\n", ingest.UnknownKind, ""},
		{`{"MESSAGE":"x"}`, ingest.UnknownKind, ""},
		{"__CURSOR=s=1\n_BOOT_ID=2\n", ingest.UnknownKind, ""},
		{"Sun 2026-11-22 23:31:37.342284 UTC [s=a2;i=1;b=c9;m=18;t=66;x=e7]\n    MESSAGE=x\n", ingest.UnknownKind, ""},
		{"LPKSHHRH\x00\x00", ingest.UnknownKind, ""},
	} {
		if kind, hint := Detect([]byte(test.in)); kind != test.want || hint != test.hint {
			t.Errorf("%q: kind %d, %q", test.in, kind, hint)
		}
	}
}
