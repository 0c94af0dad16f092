package auditd

import "bytes"

// separator is what auditd writes between a record and its enrichment.
const separator = 0x1D

// splitEnriched cuts what auditd added for log_format=ENRICHED off a record's
// body: NAME=value pairs with upper-case names. On disk 0x1D stands between;
// rsyslog turns that into "#035", terminals into "^]", audisp-syslog into a
// blank, and copy and paste into nothing.
//
// The enrichment is always the end of the record, so it is looked for from
// the end, and never inside quotes: the text of a user record, which a
// program chose, ends with an apostrophe, which no enrichment does.
func splitEnriched(body []byte) (rest, enriched []byte) {
	if i := bytes.IndexByte(body, separator); i >= 0 {
		for next := bytes.IndexByte(body[i+1:], separator); next >= 0; next = bytes.IndexByte(body[i+1:], separator) {
			i += 1 + next
		}
		tail := body[i+1:]
		if len(tail) == 0 || isUpper(tail[0]) && tail[len(tail)-1] != '\'' {
			return body[:i], tail
		}
	}
	end := len(body)
	for end > 0 && body[end-1] == ' ' {
		end--
	}
	start := end // of the pairs found so far
	for e := end; ; {
		s := pairStart(body[:e])
		if s < 0 {
			break
		}
		start = s
		if s == 0 || body[s-1] != ' ' {
			break
		}
		e = s - 1
	}
	if start == end {
		return body, nil
	}
	rest, enriched = body[:start], body[start:end]
	for _, sep := range [...]string{" ", "#035", "^]"} {
		if n := len(rest) - len(sep); n >= 0 && string(rest[n:]) == sep {
			return rest[:n], enriched
		}
	}
	return rest, enriched
}

// pairStart gives where the NAME=value pair begins that b ends with, or -1
// where b does not end with an enrichment's pair.
func pairStart(b []byte) int {
	n := len(b) - 1
	if n < 0 {
		return -1
	}
	eq := -1
	switch b[n] {
	case '\'':
		return -1
	case '"': // UID="root"
		open := bytes.LastIndexByte(b[:n], '"')
		if open < 1 || b[open-1] != '=' {
			return -1
		}
		eq = open - 1
	case '}': // SADDR={ saddr_fam=inet laddr=127.0.0.1 lport=4444 }
		i := bytes.LastIndex(b, []byte("SADDR={ "))
		if i < 0 {
			return -1
		}
		eq = i + len("SADDR")
	default: // ARCH=x86_64
		const longest = 256
		for i := n; i >= 0 && i > n-longest; i-- {
			if c := b[i]; c == '=' {
				eq = i
				break
			} else if c == ' ' || c == '"' || c == '\'' {
				return -1
			}
		}
		if eq < 0 {
			return -1
		}
	}
	return nameStart(b[:eq])
}

// nameStart gives where the enriched name begins that b ends with, or -1. A
// value in front of it without a separator may end in capitals too (hex), so
// only the names that auditd writes count: those of ids, ARCH, SYSCALL, SADDR.
func nameStart(b []byte) int {
	i := len(b)
	for i > 0 && (isUpper(b[i-1]) || b[i-1] == '-' || b[i-1] == '_') {
		i--
	}
	for ; i < len(b); i++ {
		switch string(b[i:]) {
		case "ARCH", "SYSCALL", "SADDR", "ID",
			"UID", "EUID", "SUID", "FSUID", "GID", "EGID", "SGID", "FSGID",
			"AUID", "OUID", "OGID", "OAUID", "IUID", "IGID", "SAUID", "LOGINUID",
			"OLD-AUID", "NEW-AUID", "OLD_AUID", "NEW_AUID",
			"OBJ_UID", "OBJ_GID", "INODE_UID", "INODE_GID", "NEW_GID":
			return i
		}
	}
	return -1
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
