package auditd

import "bytes"

// What Tear finds wrong with a line, or with its first piece.
const (
	tornByReset = "cut off: NUL bytes stand behind it, as a reset of the host leaves them"
	tornByNext  = "cut off: another record begins on its line"
	inItsText   = "another record in the text of this one: torn or forged"
)

// Tear looks whether a line of an audit log is more than one record. A reset of
// the host, or a full disk, leaves the beginning of a record, and the next one
// right behind it or behind NUL bytes: read as one, the first would have what
// the second says. why is "" for a line that is whole. Else first is a piece
// that is no record, rest what stands behind it and the nuls NUL bytes between.
//
// What the kernel writes of a program's choice has no blank (it is hex then),
// so that "type=X msg=audit(" inside of it is another record. The text of a
// user record is its sender's, who may forge one there, down to a container
// that has CAP_AUDIT_WRITE: of such a line nothing is believed.
//
// clean says that the caller knows of no NUL byte in it.
func Tear(line []byte, clean bool) (first, rest []byte, nuls int, why string) {
	i := -1
	if !clean {
		i = bytes.IndexByte(line, 0)
	}
	if i >= 0 {
		end := i
		for end < len(line) && line[end] == 0 {
			end++
		}
		return line[:i], line[end:], end - i, tornByReset
	}
	at := secondHead(line)
	switch {
	case at < 0:
		return line, nil, 0, ""
	case bytes.Contains(line[:at], []byte("msg='")):
		return line, nil, 0, inItsText
	}
	return line[:at], line[at:], 0, tornByNext
}

// secondHead gives where a second "[node=HOST ]type=NAME msg=audit(" begins in
// a line, -1 where there is none.
func secondHead(line []byte) int {
	heads := 0
	for from := 0; ; {
		i := bytes.IndexByte(line[from:], '(')
		if i < 0 {
			return -1
		}
		at := from + i
		from = at + 1
		if at < len("audit") || string(line[at-len("audit"):at]) != "audit" {
			continue
		}
		if heads++; heads == 1 {
			continue // the line's own
		}
		if head, ok := bytes.CutSuffix(line[:at], []byte("msg=audit")); ok {
			if start := headStart(head, lineNode(line)); start > 0 {
				return start
			}
		}
	}
}

// lineNode gives the "node=HOST" that a line begins with, nil where its log's
// records have none.
func lineNode(line []byte) (node []byte) {
	if hasPrefix(line, "node=") {
		node, _, _ = bytes.Cut(line, []byte(" "))
	}
	return node
}

// headStart gives where "[node=HOST ]type=NAME " begins that b ends with, -1
// where it does not. What stands before it need not end in a blank.
func headStart(b, node []byte) int {
	rest := bytes.TrimRight(b, " ")
	word := rest[bytes.LastIndexByte(rest, ' ')+1:]
	i := bytes.LastIndex(word, []byte("type="))
	if len(rest) == len(b) || i < 0 || !typeName(word[i+len("type="):]) {
		return -1
	}
	start := len(rest) - len(word) + i
	before := bytes.TrimRight(rest[:start], " ")
	if i == 0 && len(before) < start && len(node) > 0 && bytes.HasSuffix(before, node) {
		start = len(before) - len(node)
	}
	return start
}

// typeName reports whether b is the name of a record type, or its number.
func typeName(b []byte) bool {
	for _, c := range b {
		if !isUpper(c) && !isDigit(c) && c != '_' && c != '[' && c != ']' {
			return false
		}
	}
	return len(b) > 0
}
