package syslog

import (
	"bytes"

	"auditreplay/pkg/ingest"
)

// What to export instead of the unusable.
const (
	hintExport   = "make an export with journalctl -o export"
	hintRaw      = "give audit.log itself, or make the excerpt with ausearch --raw"
	hintNoTime   = "lines have a time since boot only: " + hintExport
	hintNoHeader = "messages without time and program: " + hintExport
)

// sniffLines is how many lines Detect looks at.
const sniffLines = 200

// Detect tells from the beginning of a file (some 64 KiB, decompressed) whether
// it is one of this package's. The first line whose shape is known decides. The
// hint says, for UnusableKind, what to make instead.
//
// A file that starts with an audit record is an ingest.AuditLog.
func Detect(head []byte) (kind ingest.Kind, hint string) {
	head = bytes.TrimPrefix(head, []byte("\ufeff"))
	bare := false
	for range sniffLines {
		line, rest, more := bytes.Cut(head, []byte{'\n'})
		line = bytes.TrimLeft(bytes.TrimRight(line, "\r"), "\x00")
		if kind, hint := detectLine(line); kind != ingest.UnknownKind {
			return kind, hint
		}
		bare = bare || isBareMessage(line)
		if head = rest; !more {
			break
		}
	}
	if bare {
		return ingest.UnusableKind, hintNoHeader
	}
	return ingest.UnknownKind, ""
}

func detectLine(line []byte) (ingest.Kind, string) {
	switch {
	case len(line) == 0 || bytes.HasPrefix(line, []byte("-- ")):
		return ingest.UnknownKind, "" // the next line tells
	case startsRecord(line):
		_, stamp, _ := bytes.Cut(line, []byte(" msg=audit("))
		if isStamp(stamp) {
			return ingest.AuditLog, ""
		}
		return ingest.UnusableKind, hintRaw // ausearch -i
	case bytes.HasPrefix(line, []byte("NODE,EVENT,DATE,TIME,")):
		return ingest.UnusableKind, hintRaw // ausearch --format csv
	case line[0] == '[':
		return detectBrackets(line)
	case bytes.HasPrefix(line, []byte("audit: type=")):
		return ingest.SyslogText, ""
	}
	if h, ok := parseHeader(line); ok && (len(h.host) > 0 || h.tag().colon) {
		return ingest.SyslogText, ""
	}
	return ingest.UnknownKind, ""
}

// detectBrackets tells dmesg from -o short-monotonic and -o short-delta, where
// host and program follow the time since boot.
func detectBrackets(line []byte) (ingest.Kind, string) {
	stamp, rest, ok := bytes.Cut(line[1:], []byte{']'})
	stamp = bytes.TrimLeft(stamp, " ")
	if !ok || len(stamp) < 3 || (stamp[0] < '0' || stamp[0] > '9') && weekday(stamp) == 0 {
		return ingest.UnknownKind, ""
	}
	h := header{priority: -1}
	h.hostAndRest(bytes.TrimLeft(rest, " "))
	if t := h.tag(); len(h.host) > 0 && t.colon && len(t.ident) > 0 && (t.pid > 0 || string(t.ident) == "kernel") {
		return ingest.UnusableKind, hintNoTime
	}
	return ingest.SyslogText, ""
}

// isBareMessage reports whether a line looks like a message of sshd or logind
// as journalctl -o cat prints it.
func isBareMessage(line []byte) bool {
	for _, start := range []string{
		"Accepted ", "Failed password for ", "Failed publickey for ", "Invalid user ", "Connection from ", "Connection closed by ",
		"Disconnected from ", "Received disconnect from ", "Server listening on ", "pam_unix(sshd:", "New session ", "Starting session: ",
	} {
		if bytes.HasPrefix(line, []byte(start)) {
			return true
		}
	}
	return false
}
