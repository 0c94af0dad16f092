package ingest

import (
	"bufio"
	"bytes"
	"io"
	"path"
	"regexp"
)

// maxNULs is how long a run of NULs may be before the first line.
const maxNULs = 64 << 20

// trimHead leaves out what may stand before the first line: NULs of a hard
// reset and a UTF-8 byte order mark.
func trimHead(head []byte) []byte {
	return bytes.TrimPrefix(bytes.TrimLeft(head, "\x00"), []byte("\xef\xbb\xbf"))
}

// pastNULs gives the first bytes after a run of NULs.
func pastNULs(r io.Reader) []byte {
	br := bufio.NewReaderSize(io.LimitReader(r, maxNULs+headSize), headSize)
	for {
		head, err := br.Peek(headSize)
		n := len(head) - len(bytes.TrimLeft(head, "\x00"))
		br.Discard(n)
		if n < len(head) || err != nil {
			head, _ = br.Peek(headSize)
			return head
		}
	}
}

// kind asks, from what is surest to what is least: lines that are audit
// records; the carriers; in what the user named, any line that holds an audit
// record somewhere (a program's manual may, which nobody names as evidence).
func (d *discovery) kind(head []byte, named bool) (Kind, string) {
	audit, hint := DetectAudit(head)
	if audit == AuditLog {
		return AuditLog, ""
	}
	for _, detect := range d.opt.Detect {
		if kind, hint := detect(head); kind != UnknownKind {
			return kind, hint
		}
	}
	if audit == UnknownKind {
		if lines, inside := auditLines(head); inside > 0 && (named || 2*inside >= lines) {
			return AuditLog, ""
		}
	}
	return audit, hint
}

// auditLines counts the first lines, and those with an audit record in them.
func auditLines(head []byte) (lines, inside int) {
	for line := range bytes.Lines(head) {
		if len(bytes.TrimSpace(line)) > 0 {
			lines++
		}
		if bytes.Contains(line, []byte("audit(")) && auditInside.Match(line) {
			inside++
		}
	}
	return lines, inside
}

// The shapes of an audit record in text. The header is written by the kernel's
// audit_log_start ("audit(%llu.%03lu:%u): ") behind auditd's "type=%s msg=".
var (
	auditLine   = regexp.MustCompile(`^(?:node=\S+ )?type=\S+ msg=audit\([0-9]+\.[0-9]{3}:[0-9]+\)`)
	auditInside = regexp.MustCompile(`\baudit\([0-9]+\.[0-9]{3}:[0-9]+\)`)
	// ausearch -i and audisp-syslog's interpret write a date of the locale.
	auditDate = regexp.MustCompile(`^(?:node=\S+ )?type=\S+ msg=audit\([^)]*[^)0-9.:][^)]*\)`)
	// ausearch --format csv and --format text.
	auditCSV  = regexp.MustCompile(`^"?(?:NODE|EVENT)"?,"?(?:EVENT|DATE)"?,`)
	auditText = regexp.MustCompile(`^(?:On \S+ )?[Aa]t [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{2}/[0-9]{2}/[0-9]{2,4} `)
)

const interpretedHint = "interpreted ausearch output has lost ids and exact values; export with ausearch --raw"

// DetectAudit tells audit logs: at least half of the first lines are audit
// records (the separators of ausearch's raw output do not count). Interpreted
// output is UnusableKind.
func DetectAudit(head []byte) (Kind, string) {
	var lines, records, interpreted int
	for len(head) > 0 && lines < 1000 {
		line, rest, _ := bytes.Cut(head, []byte("\n"))
		head = rest
		line = bytes.TrimLeft(line, "\x00")
		switch {
		case len(bytes.TrimSpace(line)) == 0 || bytes.HasPrefix(line, []byte("----")) || bytes.HasPrefix(line, []byte("time->")):
			continue
		case auditLine.Match(line):
			records++
		case auditDate.Match(line) || auditCSV.Match(line) || auditText.Match(line):
			interpreted++
		}
		lines++
	}
	switch {
	case records > 0 && 2*records >= lines:
		return AuditLog, ""
	case interpreted > 0 && records == 0:
		return UnusableKind, interpretedHint
	}
	return UnknownKind, ""
}

// broken says what is wrong with a file that holds nothing readable but shows
// that it did: nothing but NUL bytes, a compression's first bytes before what is
// none, or the name that a log has. Beside evidence that is damage, not another
// kind of file.
func broken(name string, head, text []byte, kind Kind) string {
	switch {
	case kind != UnknownKind && kind != EmptyKind || len(head) == 0:
		return ""
	case len(trimHead(text)) == 0:
		return "nothing but NUL bytes"
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return "damaged gzip data"
	case bytes.HasPrefix(head, []byte("BZh")) && len(head) > 3 && '1' <= head[3] && head[3] <= '9':
		return "damaged bzip2 data"
	case bytes.HasPrefix(head, []byte("\xfd7zXZ")):
		return "damaged xz data"
	case kind == UnknownKind && logName.MatchString(path.Base(name)):
		return "has the name of a log, and begins as none does"
	}
	return ""
}

// logName is what auditd, journald and syslog daemons call the logs that are
// read: audit.log.3, auth.log-20261122, system.journal.
var logName = regexp.MustCompile(`^(audit|auth)\.log([.-][0-9]+)?$|^secure([.-][0-9]+)?$|\.journal~?$`)

// notEvidence says why something found in a directory or archive is skipped.
func notEvidence(name string, head []byte, kind Kind, hint string) string {
	switch kind {
	case EmptyKind:
		return "empty"
	case UnusableKind:
		return "unusable: " + hint
	case UnknownKind:
	default:
		return ""
	}
	if ext := path.Ext(name); len(ext) > 1 && len(ext) < 10 && printable(ext) == ext {
		return "no known kind (" + ext + ")"
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return "no known kind (binary)"
	}
	return "no known kind (text)"
}
