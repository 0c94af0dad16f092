package journal

// field is a journal field that says something about a session. All other
// fields of an entry are skipped without being kept.
type field uint8

// The fields, as systemd.journal-fields(7) describes them. A name with one
// leading underline was added by journald itself and cannot be set by a client;
// two underlines mark the address of the entry.
const (
	none field = iota
	cursor
	realtime
	monotonic
	seqnum
	seqnumID
	bootID
	machineID
	hostname
	transport
	sourceTime
	pid
	uid
	comm
	exe
	cmdline
	unit
	auditSession
	auditLoginUID
	auditID
	identifier
	syslogPID
	priority
	message
	messageID
	sessionID
	leader
	userID
	numFields
)

// fieldOf finds the field of a name.
func fieldOf(name []byte) field {
	switch string(name) {
	case "__CURSOR":
		return cursor
	case "__REALTIME_TIMESTAMP":
		return realtime
	case "__MONOTONIC_TIMESTAMP":
		return monotonic
	case "__SEQNUM":
		return seqnum
	case "__SEQNUM_ID":
		return seqnumID
	case "_BOOT_ID":
		return bootID
	case "_MACHINE_ID":
		return machineID
	case "_HOSTNAME":
		return hostname
	case "_TRANSPORT":
		return transport
	case "_SOURCE_REALTIME_TIMESTAMP":
		return sourceTime
	case "_PID":
		return pid
	case "_UID":
		return uid
	case "_COMM":
		return comm
	case "_EXE":
		return exe
	case "_CMDLINE":
		return cmdline
	case "_SYSTEMD_UNIT":
		return unit
	case "_AUDIT_SESSION":
		return auditSession
	case "_AUDIT_LOGINUID":
		return auditLoginUID
	case "_AUDIT_ID":
		return auditID
	case "SYSLOG_IDENTIFIER":
		return identifier
	case "SYSLOG_PID":
		return syslogPID
	case "PRIORITY":
		return priority
	case "MESSAGE":
		return message
	case "MESSAGE_ID":
		return messageID
	case "SESSION_ID":
		return sessionID
	case "LEADER":
		return leader
	case "USER_ID":
		return userID
	}
	return none
}

// maxName is the longest name of a field that journald accepts
// (journal_field_valid in systemd's journal-file.c).
const maxName = 64

// validName reports whether journald would have written a field of this name:
// capital letters, digits and underlines, not starting with a digit.
func validName(name []byte) bool {
	if len(name) == 0 || len(name) > maxName || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	for _, c := range name {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

// maxValue is how much of a value is kept. sshd cuts its messages at 500 bytes
// and the kernel its audit records at 8970.
const maxValue = 1 << 20

// record holds the values of one journal entry while it is being read. Where a
// field is repeated the last value stands, as in journalctl's own text output.
type record struct {
	val [numFields][]byte
	cut [numFields]bool // the carrier left the value out, or it exceeds maxValue
	buf []byte          // holds values that do not live in the reader's buffer
}

func (r *record) reset() {
	r.val = [numFields][]byte{}
	r.cut = [numFields]bool{}
	r.buf = r.buf[:0]
}

// put sets a value that lives in the reader's buffer.
func (r *record) put(f field, value []byte) {
	r.cut[f] = len(value) > maxValue
	r.val[f] = value[:min(len(value), maxValue)]
}

// copy sets a value that does not outlive the call.
func (r *record) copy(f field, value []byte) {
	start := len(r.buf)
	r.buf = append(r.buf, value[:min(len(value), maxValue)]...)
	r.cut[f] = len(value) > maxValue
	r.val[f] = r.buf[start:len(r.buf):len(r.buf)]
}

// lost notes a field whose value the carrier left out.
func (r *record) lost(f field) {
	r.val[f], r.cut[f] = nil, true
}
