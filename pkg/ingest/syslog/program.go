package syslog

import (
	"bytes"
	"strings"

	"auditreplay/pkg/ingest"
)

// tag is who speaks, as the line says.
type tag struct {
	ident []byte
	pid   int
	colon bool // the tag ended as RFC 3164 wants it
	text  []byte
}

// tag splits tag and text: "sshd[341]: text", "sshd: text", and imfile's
// "auditd text".
func (h *header) tag() tag {
	if h.app != nil {
		return tag{ident: h.app, pid: max(pidOf(h.proc), 0), colon: true, text: h.rest}
	}
	b := h.rest
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '[':
			end := bytes.IndexByte(b[i:], ']')
			if end < 0 {
				continue
			}
			pid := pidOf(b[i+1 : i+end])
			if pid < 0 {
				continue
			}
			t := tag{ident: b[:i], pid: pid, text: b[i+end+1:]}
			if len(t.text) > 0 && t.text[0] == ':' {
				t.colon, t.text = true, t.text[1:]
			}
			t.text = solaris(bytes.TrimPrefix(t.text, []byte(" ")))
			return t
		case ':':
			if i+1 < len(b) && b[i+1] != ' ' {
				continue
			}
			return tag{ident: b[:i], colon: true, text: solaris(bytes.TrimPrefix(b[i+1:], []byte(" ")))}
		case ' ':
			return tag{ident: b[:i], text: b[i+1:]}
		}
	}
	return tag{text: b}
}

// pidOf reads the number in brackets, -1 where it is none.
func pidOf(b []byte) int {
	if len(b) == 0 || len(b) > 10 {
		return -1
	}
	return digits(b, len(b))
}

// solaris takes "[ID 800047 auth.info] " off.
func solaris(text []byte) []byte {
	if bytes.HasPrefix(text, []byte("[ID ")) {
		if _, rest, ok := bytes.Cut(text, []byte("] ")); ok {
			return rest
		}
	}
	return text
}

// maxSSH is where sshd cuts its messages (log.c: "%.500s").
const maxSSH = 500

// program makes the entry of a line with header and tag.
func (r *Reader) program(h header, t tag, line []byte) {
	e, m := &r.entry, &r.entry.Message
	m.PID = t.pid
	m.Ident = r.intern(t.ident)
	if h.byUnit {
		r.unit(m)
	}
	text, times, cut := unrepeat(t.text)
	switch {
	case m.Ident == "kernel" && t.pid == 0:
		if inner, ok := afterBrackets(text); ok {
			text = inner
		}
		r.kernelLine(text)
		return
	case startsRecord(text) && (t.pid == 0 || strings.Contains(m.Ident, "audi")) && !ofSSH(m.Ident):
		r.auditLine(text, line)
		return
	case m.Ident == "audit": // journalctl -o short prints the kernel's records so
		e.What = noSerial
		return
	case limited(m.Ident, text):
		e.Kind, e.What = ingest.Marker, rateLimit
	case ofSSH(m.Ident), m.Ident == "systemd-logind", sessionScope(m, text):
		e.Kind = ingest.MessageEntry
	default:
		e.What = otherProgram
		return
	}
	m.Truncated = cut || isBlob(text) || ofSSH(m.Ident) && len(text) == maxSSH
	m.Text, m.Repeat = string(bytes.TrimRight(text, " ")), times // as journald does
}

// unit undoes -o with-unit, which prints the unit instead of the program:
// ssh.service[341], sshd@3-192.0.2.1:22.service[9], session-3.scope[12],
// user@1000.service/x.service. The lines of a session's scope may be anybody's
// in it, sshd's among them; they keep the scope as their identifier.
func (r *Reader) unit(m *ingest.Message) {
	name, _, _ := strings.Cut(m.Ident, "/")
	service, ok := strings.CutSuffix(name, ".service")
	switch {
	case name == "init.scope":
		m.Unit, m.Ident = name, "systemd"
	case isSessionScope(name):
		m.Unit = name
	case ok:
		service, _, _ = strings.Cut(service, "@")
		if service == "ssh" {
			service = "sshd"
		}
		m.Unit, m.Ident = name, r.intern([]byte(service))
	}
}

func isSessionScope(name string) bool {
	return strings.HasPrefix(name, "session-") && strings.HasSuffix(name, ".scope")
}

// ofSSH reports whether an identifier is one of OpenSSH's server programs:
// sshd, sshd-session (9.8+), sshd-auth (10.0+), and the sftp servers.
func ofSSH(ident string) bool {
	return strings.HasPrefix(ident, "sshd") || ident == "internal-sftp" || ident == "sftp-server"
}

// sessionScope reports whether a line is about a login session: systemd's
// "Started session-3.scope - Session 3 of User alice.", or any of the scope.
func sessionScope(m *ingest.Message, text []byte) bool {
	if isSessionScope(m.Unit) {
		return true
	}
	return m.Ident == "systemd" && bytes.HasPrefix(text, []byte("Started ")) && bytes.Contains(text, []byte("Session ")) &&
		(bytes.Contains(text, []byte(" of User ")) || bytes.Contains(text, []byte(" of user ")))
}

// limited reports whether a log daemon says that it dropped messages.
func limited(ident string, text []byte) bool {
	switch ident {
	case "systemd-journald", "systemd-journal":
		return bytes.HasPrefix(text, []byte("Suppressed ")) && bytes.Contains(text, []byte(" messages from "))
	case "rsyslogd":
		return bytes.Contains(text, []byte("begin to drop messages")) || bytes.Contains(text, []byte("due to rate-limiting"))
	}
	return false
}

// isBlob reports whether journalctl left the message out because it is not
// plain text: "[17B blob data]".
func isBlob(text []byte) bool {
	return len(text) < 32 && bytes.HasPrefix(text, []byte("[")) && bytes.HasSuffix(text, []byte(" blob data]"))
}

// unrepeat takes rsyslog's "message repeated 2 times: [ text]" apart. The text
// was cut at 800 bytes with its bracket where that is missing.
func unrepeat(text []byte) (inner []byte, times int, cut bool) {
	b, ok := bytes.CutPrefix(text, []byte("message repeated "))
	if !ok {
		return text, 0, false
	}
	times, b, ok = cutTimes(b)
	b, ok2 := bytes.CutPrefix(b, []byte(": ["))
	if !ok || !ok2 {
		return text, 0, false
	}
	b = bytes.TrimPrefix(b, []byte(" "))
	inner, ok = bytes.CutSuffix(b, []byte("]"))
	return inner, times, !ok
}

// lastRepeated reads "last message repeated 2 times".
func lastRepeated(b []byte) (int, bool) {
	b, ok := bytes.CutPrefix(b, []byte("last message repeated "))
	if !ok {
		return 0, false
	}
	n, rest, ok := cutTimes(b)
	return n, ok && len(bytes.Trim(rest, " .")) == 0
}

// maxRepeat bounds what one line can claim.
const maxRepeat = 1 << 20

// cutTimes takes "2 times" off.
func cutTimes(b []byte) (int, []byte, bool) {
	number, rest, ok := bytes.Cut(b, []byte(" time"))
	n := pidOf(number)
	if !ok || n < 1 || n > maxRepeat {
		return 0, b, false
	}
	return n, bytes.TrimPrefix(rest, []byte("s")), true
}
