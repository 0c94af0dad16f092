package journal

import (
	"bytes"
	"strings"
	"time"

	"auditreplay/pkg/ingest"
)

// What an Irrelevant entry or a Marker is called.
const (
	otherProgram = "journal: other programs"
	kernelText   = "journal: kernel messages"
	rateLimit    = "rate limit"
	auditLost    = "audit records lost"
)

// logind's messages about sessions, sd-messages.h of systemd:
// SD_MESSAGE_SESSION_START and SD_MESSAGE_SESSION_STOP.
const (
	sessionStart = "8d45620c1a4348dbb17410da57c60c66"
	sessionStop  = "3354939424b4456d9802ca8333ed424a"
)

// decoder makes entries of records. All readers of this package share it, so
// that one journal gives the same entries in whatever form it is read.
type decoder struct {
	src   *ingest.Source
	entry ingest.Entry
	seq   Seq
	seqID string            // of the entry before
	names map[string]string // values that come again and again
	audit []byte
}

func newDecoder(src *ingest.Source) decoder {
	return decoder{src: src, names: make(map[string]string)}
}

// Seq is the address of an entry in its journal: the number that its writer
// gave it and the id of that count. Two entries with the same Seq, boot and
// time are one entry, seen twice. ID is "" where the carrier does not tell.
type Seq struct {
	ID  string
	Num uint64
}

// start makes the entry anew, with its position.
func (d *decoder) start(line int64, nuls int) *ingest.Entry {
	e := &d.entry
	e.Kind, e.Pos, e.NULs = ingest.Irrelevant, ingest.Pos{Source: d.src, Line: line}, nuls
	e.Audit, e.What, e.Raw = nil, "", nil
	e.Message = ingest.Message{UID: -1, Priority: -1, Journal: true}
	d.seq = Seq{}
	return e
}

// reject gives the entry up.
func (d *decoder) reject(what string, raw []byte) *ingest.Entry {
	e := &d.entry
	e.Kind, e.What, e.Raw = ingest.Rejected, what, raw[:min(len(raw), maxRaw)]
	return e
}

// decode makes the entry of a whole record.
func (d *decoder) decode(r *record, line int64, nuls int) *ingest.Entry {
	old := d.entry.Message // its strings are likely to be this entry's too
	e := d.start(line, nuls)
	m := &e.Message
	d.address(r, m, &old)
	switch string(r.val[transport]) {
	case "audit":
		m.Trusted = true
		return d.auditEntry(r)
	case "kernel":
		m.Trusted = true
		m.Ident = "kernel"
		return d.kernelEntry(r)
	}
	d.origin(r, m, &old)
	d.classify(r)
	return e
}

// address fills what places an entry: host, boot and times.
func (d *decoder) address(r *record, m, old *ingest.Message) {
	var c cursorParts
	if r.val[cursor] != nil {
		c = parseCursor(r.val[cursor])
	}
	m.Host = d.again(old.Host, r.val[hostname])
	m.MachineID = d.again(old.MachineID, r.val[machineID])
	m.Boot = d.again(old.Boot, first(r.val[bootID], c.boot))
	m.Precision = time.Microsecond

	if n, ok := decimal(r.val[monotonic]); ok {
		m.Mono = n
	} else {
		m.Mono = c.mono
	}
	received, ok := decimal(r.val[realtime])
	if !ok {
		received = c.real
	}
	if validTime(received) {
		m.Received = microTime(received)
	}
	m.Time = m.Received
	if sent, ok := decimal(r.val[sourceTime]); ok && validTime(sent) {
		m.Time = microTime(sent)
		if m.Received.IsZero() {
			m.Received = m.Time
		}
	}
	d.seqID = d.again(d.seqID, first(r.val[seqnumID], c.seqID))
	d.seq = Seq{ID: d.seqID, Num: c.seq}
	if n, ok := decimal(r.val[seqnum]); ok {
		d.seq.Num = n
	}
}

// origin fills who sent the message.
func (d *decoder) origin(r *record, m, old *ingest.Message) {
	m.Ident = d.again(old.Ident, r.val[identifier])
	if n, ok := decimal(r.val[priority]); ok && n < 8 {
		m.Priority = int(n)
	}
	if n, ok := number(r.val[pid]); ok {
		m.Trusted, m.PID = true, n
	} else if n, ok := number(r.val[syslogPID]); ok {
		m.PID = n
		return
	}
	if n, ok := number(r.val[uid]); ok {
		m.UID = n
	}
	m.Comm = d.again(old.Comm, r.val[comm])
	if m.Ident == "" {
		m.Ident = m.Comm // as journalctl prints it
	}
	m.Exe = d.again(old.Exe, r.val[exe])
	m.Unit = d.again(old.Unit, r.val[unit])
	m.AuditSes = d.set(r.val[auditSession])
	m.AuditUID = d.set(r.val[auditLoginUID])
}

// set gives an audit id, or "" for the kernel's "unset", (uint32)-1.
func (d *decoder) set(value []byte) string {
	if n, ok := decimal(value); !ok || n >= 1<<32-1 {
		return ""
	}
	return d.intern(value)
}

// classify says what a message of a program is to us.
func (d *decoder) classify(r *record) {
	e := &d.entry
	m := &e.Message
	text := r.val[message]
	switch {
	case bytes.HasPrefix(text, []byte("Suppressed ")) && bytes.Contains(text, []byte(" messages from ")) && m.Ident == "systemd-journald":
		e.Kind, e.What = ingest.Marker, rateLimit
	case isLogind(m) && isSession(r.val[messageID]):
		e.Kind = ingest.MessageEntry
		m.LogindSession = d.intern(r.val[sessionID])
		m.LogindUser = d.intern(r.val[userID])
		m.LogindLeader, _ = number(r.val[leader])
	case ofSSH(m.Ident), strings.HasPrefix(m.Comm, "sshd"), m.Ident == "systemd-logind", sessionScope(m.Ident, text):
		e.Kind = ingest.MessageEntry
	default:
		e.What = otherProgram
		return
	}
	if m.Time.IsZero() {
		d.reject("entry without time", text)
		return
	}
	m.Text = string(text)
	m.Cmdline = d.intern(r.val[cmdline])
	m.Truncated = r.cut[message] || len(text) == maxSSH && ofSSH(m.Ident)
}

// maxSSH is where sshd cuts its messages (log.c: "%.500s").
const maxSSH = 500

// isLogind reports whether journald knows that logind sent the message. Any
// program can send MESSAGE_ID, SESSION_ID and LEADER.
func isLogind(m *ingest.Message) bool {
	return m.Trusted && m.UID == 0 && (m.Comm == "systemd-logind" || m.Unit == "systemd-logind.service")
}

func isSession(id []byte) bool { return string(id) == sessionStart || string(id) == sessionStop }

// ofSSH reports whether an identifier is one of OpenSSH's server programs:
// sshd, sshd-session (9.8+), sshd-auth (10.0+), and the sftp servers.
func ofSSH(ident string) bool {
	return strings.HasPrefix(ident, "sshd") || ident == "internal-sftp" || ident == "sftp-server"
}

// sessionScope reports whether systemd itself announces a login session:
// "Started session-3.scope - Session 3 of User alice."
func sessionScope(ident string, text []byte) bool {
	return ident == "systemd" && bytes.HasPrefix(text, []byte("Started ")) && bytes.Contains(text, []byte("Session ")) &&
		(bytes.Contains(text, []byte(" of User ")) || bytes.Contains(text, []byte(" of user ")))
}

// maxNames bounds the memory of interned values.
const maxNames = 1 << 14

// intern gives the value as a string, the same one for the same value.
func (d *decoder) intern(value []byte) string {
	if len(value) == 0 {
		return ""
	}
	if s, ok := d.names[string(value)]; ok {
		return s
	}
	s := string(value)
	if len(s) <= 256 {
		if len(d.names) >= maxNames {
			clear(d.names)
		}
		d.names[s] = s
	}
	return s
}

// again is intern for values that mostly are the last entry's.
func (d *decoder) again(old string, value []byte) string {
	if string(value) == old {
		return old
	}
	return d.intern(value)
}

func first(a, b []byte) []byte {
	if a != nil {
		return a
	}
	return b
}
