package journal

import (
	"bytes"

	"auditreplay/pkg/ingest"
)

// Detect tells from the beginning of a file (some 64 KiB, decompressed) whether
// it is a journal in one of this package's forms, and which.
func Detect(head []byte) ingest.Kind {
	if bytes.HasPrefix(head, signature) {
		return ingest.JournalBinary
	}
	head = bytes.TrimPrefix(head, []byte("\ufeff"))
	head = bytes.TrimLeft(head, "\x00\r\n")
	line, rest, _ := bytes.Cut(head, []byte{'\n'})
	for bytes.HasPrefix(line, []byte("-- ")) {
		line, rest, _ = bytes.Cut(rest, []byte{'\n'})
	}
	line = bytes.TrimRight(line, "\r")
	switch body := trimFrame(line); {
	case len(body) > 0 && body[0] == '{':
		if isJournalJSON(head) {
			return ingest.JournalJSON
		}
	case isVerboseHead(line):
		return ingest.JournalText
	case isExport(line, rest):
		return ingest.JournalExport
	}
	return resumed(head)
}

// resumed finds the kind of a file whose first line is damaged, or the rest of
// one: by a later line as no other file has it.
func resumed(head []byte) ingest.Kind {
	for {
		_, rest, ok := bytes.Cut(head, []byte{'\n'})
		if !ok {
			return ingest.UnknownKind
		}
		line, _, _ := bytes.Cut(rest, []byte{'\n'})
		switch {
		case bytes.HasPrefix(line, []byte("__REALTIME_TIMESTAMP=")), bytes.HasPrefix(line, []byte("__CURSOR=")):
			return ingest.JournalExport
		case len(line) > 0 && line[0] == '{' && bytes.Contains(line, []byte(`"__REALTIME_TIMESTAMP"`)) && bytes.Contains(line, []byte(`"__CURSOR"`)):
			return ingest.JournalJSON
		}
		head = rest
	}
}

// isJournalJSON looks for a field that every entry has.
func isJournalJSON(head []byte) bool {
	for _, name := range []string{"__REALTIME_TIMESTAMP", "__CURSOR", "_BOOT_ID", "MESSAGE", "SYSLOG_IDENTIFIER"} {
		if bytes.Contains(head, []byte(`"`+name+`"`)) {
			return true
		}
	}
	return false
}

// isExport reports whether a file starts with fields: one that only a journal
// has, or two that could be of one. systemd-journal-remote may lead with any.
func isExport(line, rest []byte) bool {
	name, _, ok := bytes.Cut(line, []byte{'='})
	if !validName(name) {
		return false
	}
	if !ok { // NAME, then the length of a binary value, below 2^32
		return len(rest) > 8 && bytes.Equal(rest[4:8], []byte{0, 0, 0, 0})
	}
	if f := fieldOf(name); f != none && name[0] == '_' || bytes.HasPrefix(name, []byte("__")) {
		return true
	}
	next, _, _ := bytes.Cut(rest, []byte{'\n'})
	name, _, ok = bytes.Cut(bytes.TrimRight(next, "\r"), []byte{'='})
	return ok && validName(name) && fieldOf(name) != none
}
