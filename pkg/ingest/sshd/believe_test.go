package sshd

import (
	"testing"

	"auditreplay/pkg/ingest"
)

func TestBelievable(t *testing.T) {
	t.Parallel()
	accepted := "Accepted password for bob from 1.2.3.4 port 5 ssh2"
	goodbye := "Disconnected from user bob 1.2.3.4 port 5"
	for _, tt := range []struct {
		name, text string
		m          ingest.Message
		want       string
	}{
		{"text", accepted, ingest.Message{UID: -1}, ""},
		{"sshd", accepted, ingest.Message{Trusted: true, Comm: "sshd", Exe: "/usr/sbin/sshd"}, ""},
		{"sshd-session", accepted, ingest.Message{Trusted: true, Comm: "sshd-session", Exe: "/usr/lib/openssh/sshd-session"}, ""},
		{"upgraded", accepted, ingest.Message{Trusted: true, Comm: "sshd", Exe: "/usr/sbin/sshd (deleted)"}, ""},
		{"gone at once", accepted, ingest.Message{Trusted: true}, ""},
		{"logger", accepted, ingest.Message{Trusted: true, UID: 1000, Comm: "logger", Exe: "/usr/bin/logger"}, "_COMM logger"},
		{"root's logger", accepted, ingest.Message{Trusted: true, Exe: "/usr/bin/logger"}, "_EXE /usr/bin/logger"},
		{"a user", accepted, ingest.Message{Trusted: true, UID: 1000}, "_UID 1000"},
		{"the user child", goodbye, ingest.Message{Trusted: true, UID: 1000, Comm: "sshd", Exe: "/usr/sbin/sshd"}, ""},
		{"a user's sshd", goodbye, ingest.Message{Trusted: true, UID: 1000, Exe: "/home/eve/sshd"}, "_EXE /home/eve/sshd"},
		{"logind", "New session 3 of user bob.", ingest.Message{Trusted: true, Comm: "systemd-logind", LogindSession: "3"}, ""},
		{"not logind", "New session 3 of user bob.", ingest.Message{Trusted: true, Comm: "sshd", LogindSession: "3"}, "_COMM sshd"},
	} {
		var l Line
		Parse(tt.text, &l)
		ok, why := Believable(&tt.m, &l)
		if why != tt.want || ok != (tt.want == "") {
			t.Errorf("%s: %v %q, want %q", tt.name, ok, why, tt.want)
		}
	}
}
