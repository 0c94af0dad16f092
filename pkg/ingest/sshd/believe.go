package sshd

import (
	"strconv"
	"strings"

	"auditreplay/pkg/ingest"
)

// Believable reports whether a message can be sshd's own, and why not.
//
// Any process may write to syslog as "sshd". Of a journal entry the kernel
// says who it was (systemd.journal-fields(7)): the sender's user has to be
// root, or, for the messages that the user child writes, may be the user it
// runs as; and its program has to be sshd where journald could still read it
// (a process that ended at once leaves no _COMM and _EXE). A line of a text
// file has no such word and is believed.
func Believable(m *ingest.Message, l *Line) (ok bool, why string) {
	if !m.Trusted {
		return true, ""
	}
	program := isDaemon
	if m.LogindSession != "" {
		program = func(name string) bool { return name == "systemd-logind" }
	}
	if m.Comm != "" && !program(m.Comm) {
		return false, "_COMM " + m.Comm
	}
	if m.Exe != "" && !program(base(m.Exe)) {
		return false, "_EXE " + m.Exe
	}
	if m.UID <= 0 {
		return true, ""
	}
	if m.LogindSession != "" || l.Kind != Other && strings.IndexByte(l.by, 'U') < 0 || l.Kind == Refused {
		return false, "_UID " + strconv.Itoa(m.UID)
	}
	// A user can run a program of his own under sshd's name, but not from
	// where the system keeps its.
	for _, dir := range [...]string{"/home/", "/tmp/", "/var/tmp/", "/dev/shm/", "/run/user/"} {
		if strings.HasPrefix(m.Exe, dir) {
			return false, "_EXE " + m.Exe
		}
	}
	return true, ""
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// isDaemon reports whether a program's name is sshd's. The kernel cuts a comm
// to 15 bytes, which all of them fit; a replaced binary's path ends in
// " (deleted)".
func isDaemon(name string) bool {
	switch strings.TrimSuffix(name, " (deleted)") {
	case "sshd", "sshd-session", "sshd-auth":
		return true
	}
	return false
}
