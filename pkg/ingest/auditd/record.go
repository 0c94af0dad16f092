package auditd

import (
	"bytes"
	"errors"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// ErrInterpreted says that a record's time was written as a date ("ausearch
// -i", audispd's interpret option): its zone, and often its serial, are lost.
var ErrInterpreted = errors.New("interpreted record: a date where seconds since 1970 must stand")

// What else ParseLine finds wrong with a line.
var (
	errEmpty          = errors.New("empty line")
	errNoHeader       = errors.New("no msg=audit(")
	errNoType         = errors.New("no type= before msg=audit(")
	errTime           = errors.New("malformed time in audit(...)")
	errTimeNegative   = errors.New("negative time in audit(...)")
	errTimeOverflow   = errors.New("time out of range in audit(...)")
	errSerial         = errors.New("malformed serial in audit(...)")
	errSerialNegative = errors.New("negative serial in audit(...)")
	errSerialOverflow = errors.New("serial out of range in audit(...)")
	errNoEnd          = errors.New("no ): after the serial")
)

// maxSeconds is the last second of the year 9999, the last one RFC 3339 can say.
const maxSeconds = 253402300799

// ParseLine cuts one line of an audit log into rec's parts, which point into
// line. Nothing is decoded and no byte is lost: what is not in a part is a
// separator. rec.Pos is left as it is; after an error the rest is undefined.
//
// Leading NUL bytes (a hard reset leaves them before the next record) are
// skipped and counted in rec.NULs; so is whatever a carrier put before node=
// or type=. The error says why the line is no record; the caller knows where.
func ParseLine(line []byte, rec *Record) error {
	var h hint
	if err := h.parse(line, rec); err != nil {
		return err
	}
	rec.Split()
	return nil
}

// Split cuts the enrichment off the body of a Chunk's record, where that was not
// done yet. Of most records nobody asks: what is looked for stands before it.
func (r *Record) Split() {
	if r.Enriched == nil {
		r.Body, r.Enriched = splitEnriched(r.Body)
	}
}

// hint is the head of the line before. Most lines begin as that one did, but
// for the type, and what is the same need not be read again.
type hint struct {
	lead   []byte // "node=NAME type=", or "type=", or empty
	node   []byte // NAME
	stamp  []byte // "SEC.MMM:SERIAL):"
	millis int64
	serial uint32
	second second
}

// second is a time's whole part as it stands, with the point, and what it is.
type second struct {
	text []byte
	n    int64
}

// parse does all of ParseLine but leaves the enrichment in the body.
func (p *hint) parse(line []byte, rec *Record) error {
	rec.NULs, rec.Enriched, rec.SameNode = 0, nil, false
	if n := len(line); n > 0 && (line[0] == 0 || line[n-1] <= '\r') {
		line, rec.NULs = trim(line)
	}
	var rest []byte // after "audit("
	if end := p.typeEnd(line); end > 0 {
		rec.Line, rec.Node, rec.TypeName, rec.SameNode = line, p.node, line[len(p.lead):end], len(p.node) > 0
		rest = line[end+len(msgAudit):]
	} else {
		h, err := findHeader(line)
		if err != nil {
			return err
		}
		p.lead, p.node = typeLead, nil
		switch {
		case h.lead > 0:
			p.lead, p.node = line[:h.lead+len(typeLead)], h.node
		case h.node != nil: // behind something else: the next line's node is its own
			p.lead = nil
		}
		rest = h.cut(line, rec)
	}
	if rec.Type = typeOf(rec.TypeName); rec.Type == 0 && bytes.IndexByte(rec.TypeName, '=') >= 0 { // "type=SYSCtype=PATH": the first was torn
		if h, err := searchHeader(line); err == nil {
			p.lead, rec.SameNode = nil, false
			rest = h.cut(line, rec)
			rec.Type = typeOf(rec.TypeName)
		}
	}
	n := len(p.stamp)
	if n == 0 || !bytes.HasPrefix(rest, p.stamp) {
		var err error
		if n, err = p.read(rest, rec.TypeName); err != nil {
			return err
		}
	}
	rec.Millis, rec.Serial = p.millis, p.serial
	if n < len(rest) && rest[n] == ' ' {
		n++
	}
	rec.Body = rest[n:]
	return nil
}

// detail reports whether a line begins as the line before did, time and serial
// as well, but for a type that no first record of an event has.
func (p *hint) detail(line []byte) bool {
	end := p.typeEnd(line)
	if end < 0 || len(p.stamp) == 0 {
		return false
	}
	switch string(line[len(p.lead):end]) {
	case "PATH", "PROCTITLE", "CWD", "EXECVE", "SOCKADDR":
		return bytes.HasPrefix(line[end+len(msgAudit):], p.stamp)
	}
	return false
}

// trim takes the NUL bytes before a line off, and what ends it.
func trim(line []byte) (rest []byte, nuls int) {
	rest = bytes.TrimLeft(line, "\x00")
	return bytes.TrimRight(rest, "\r\n"), len(line) - len(rest)
}

// msgAudit stands between a record's type and its time.
const msgAudit = " msg=audit("

var typeLead = []byte("type=")

// typeEnd gives where the type ends in a line that begins as the line before
// did, -1 in another.
func (p *hint) typeEnd(line []byte) int {
	n := len(p.lead)
	if n == 0 || !bytes.HasPrefix(line, p.lead) {
		return -1
	}
	end := blankAt(line, n)
	if end == n || !hasPrefix(line[end:], msgAudit) {
		return -1
	}
	return end
}

// read takes the time and serial that b starts with, and gives their length.
func (p *hint) read(b, typ []byte) (int, error) {
	millis, serial, n, err := parseStamp(b, &p.second)
	whole := err == nil
	if err == errNoEnd && hasPrefix(typ, "DAEMON_") && n < len(b) && b[n] == ')' {
		n, err = n+1, nil // auditd 2.x: "audit(1490239800.477:34) config changed, auid=0"
	}
	if err != nil {
		if interpreted(b) {
			return 0, ErrInterpreted
		}
		return 0, err
	}
	p.stamp, p.millis, p.serial = nil, millis, serial
	if whole {
		p.stamp = b[:n]
	}
	return n, nil
}

// header is where the parts of a line's head stand.
type header struct {
	start int // of node= or type=
	lead  int // length of "node=NAME ", 0 where there is none
	stamp int // after "audit("
	node  []byte
	typ   []byte
}

// cut takes the parts of a line's head and gives what stands after "audit(".
func (h *header) cut(line []byte, rec *Record) (rest []byte) {
	rec.Line, rec.Node, rec.TypeName = line[h.start:], h.node, h.typ
	return line[h.stamp:]
}

// findHeader finds the head where it should be, at the start of the line.
func findHeader(line []byte) (header, error) {
	var h header
	p := 0
	if hasPrefix(line, "node=") {
		sp := bytes.IndexByte(line, ' ')
		if sp < 0 {
			return h, errNoHeader
		}
		h.node = line[5:sp]
		if bytes.Contains(h.node, []byte("node=")) {
			return searchHeader(line) // "node=wenode=web1": the first was torn
		}
		p = sp + 1
		h.lead = p
	}
	if hasPrefix(line[p:], "type=") {
		name := line[p+5:]
		sp := bytes.IndexByte(name, ' ')
		if sp > 0 {
			h.typ = name[:sp]
			at := p + 5 + sp + 1
			if hasPrefix(line[at:], "msg=audit(") {
				h.stamp = at + 10
				return h, nil
			}
		}
	}
	return searchHeader(line)
}

// searchHeader finds a head behind a carrier's prefix, and the kernel's form
// of it: "audit: type=1006 audit(1670583961.051:202): ...".
func searchHeader(line []byte) (header, error) {
	if len(bytes.TrimSpace(line)) == 0 {
		return header{}, errEmpty
	}
	err := errNoHeader
	for from := 0; ; {
		i := bytes.Index(line[from:], []byte("audit("))
		if i < 0 {
			return header{}, err
		}
		at := from + i
		from = at + len("audit(")
		head, msg := bytes.CutSuffix(line[:at], []byte("msg="))
		h, ok := lastType(head)
		if ok {
			h.stamp = from
			return h, nil
		}
		if msg {
			err = errNoType
		}
	}
}

// lastType finds "[node=HOST ]type=NAME " at the end of head.
func lastType(head []byte) (header, bool) {
	rest := bytes.TrimRight(head, " ")
	if len(rest) == len(head) {
		return header{}, false
	}
	word := rest[bytes.LastIndexByte(rest, ' ')+1:]
	start := len(rest) - len(word)
	if i := bytes.LastIndex(word, []byte("type=")); i >= 0 { // "[12.8]type=1300" of a console
		start += i
		word = word[i:]
	}
	if !hasPrefix(word, "type=") || len(word) == len("type=") {
		return header{}, false
	}
	h := header{start: start, typ: word[len("type="):]}
	if before := bytes.TrimRight(rest[:start], " "); len(before) < start {
		word = before[bytes.LastIndexByte(before, ' ')+1:]
		if i := bytes.LastIndex(word, []byte("node=")); i >= 0 { // what stands before it was torn
			h.node = word[i+len("node="):]
			h.start = len(before) - len(word) + i
		}
	}
	return h, true
}

// parseStamp reads "SEC.MMM:SERIAL):" and gives its length; with errNoEnd, that
// of what comes before "):". last is that of the stamp before, and then of this.
func parseStamp(b []byte, last *second) (millis int64, serial uint32, n int, err error) {
	if hasPrefix(b, "-") {
		return 0, 0, 0, errTimeNegative
	}
	i := len(last.text)
	if i == 0 || !bytes.HasPrefix(b, last.text) {
		sec, digits := leadingNumber(b, maxSeconds)
		if sec > maxSeconds {
			return 0, 0, 0, errTimeOverflow
		}
		if digits == 0 || digits == len(b) || b[digits] != '.' {
			return 0, 0, 0, errTime
		}
		i = digits + 1
		last.text, last.n = b[:i], sec
	}
	if len(b) < i+4 || b[i+3] != ':' || !isDigit(b[i]) || !isDigit(b[i+1]) || !isDigit(b[i+2]) {
		return 0, 0, 0, errTime
	}
	millis = last.n*1000 + int64(b[i]-'0')*100 + int64(b[i+1]-'0')*10 + int64(b[i+2]-'0')
	i += 4
	if hasPrefix(b[i:], "-") {
		return 0, 0, 0, errSerialNegative
	}
	s, length := leadingNumber(b[i:], 1<<32-1)
	if s > 1<<32-1 {
		return 0, 0, 0, errSerialOverflow
	}
	i += length
	switch {
	case length == 0:
		return 0, 0, 0, errSerial
	case hasPrefix(b[i:], "):"):
		return millis, uint32(s), i + 2, nil
	case hasPrefix(b[i:], ") :"): // audispd's syslog form
		return millis, uint32(s), i + 3, nil
	}
	return millis, uint32(s), i, errNoEnd
}

// leadingNumber reads the digits that b starts with, and gives how many it
// read: no more than it takes to exceed most.
func leadingNumber(b []byte, most int64) (n int64, length int) {
	for i, c := range b {
		if c -= '0'; c > 9 || n > most {
			return n, i
		}
		n = n*10 + int64(c)
	}
	return n, len(b)
}

// interpreted reports whether a stamp that is not one is a date instead:
// "06/29/2024 09:51:56.042:202)", in whatever order a locale has it.
func interpreted(b []byte) bool {
	end := bytes.IndexByte(b, ')')
	if end < 0 {
		return false
	}
	b = b[:end]
	sp := bytes.LastIndexByte(b, ' ')
	return sp > 0 && isDigit(b[0]) && bytes.Count(b[sp:], []byte(":")) >= 2
}

// typeOf gives the number of a record type: its name, "UNKNOWN[1334]" of an
// auditd older than the kernel, "1334", or journald's "AUDIT1334". It is 0
// where there is none.
func typeOf(name []byte) auparse.AuditMessageType {
	switch string(name) { // the usual ones: the library's table costs a hash
	case "PATH":
		return auparse.AUDIT_PATH
	case "SYSCALL":
		return auparse.AUDIT_SYSCALL
	case "PROCTITLE":
		return auparse.AUDIT_PROCTITLE
	case "CWD":
		return auparse.AUDIT_CWD
	case "SOCKADDR":
		return auparse.AUDIT_SOCKADDR
	case "EXECVE":
		return auparse.AUDIT_EXECVE
	}
	if t, ok := types.find(name); ok {
		return t
	}
	if t, err := auparse.GetAuditMessageType(string(name)); err == nil { // in small letters, UNKNOWN[1334]
		return t
	}
	if hasPrefix(name, "AUDIT") {
		name = name[len("AUDIT"):]
	}
	var t uint32
	for _, c := range name {
		if !isDigit(c) || t > 1<<16 {
			return 0
		}
		t = t*10 + uint32(c-'0')
	}
	if t >= 1<<16 {
		return 0
	}
	return auparse.AuditMessageType(t)
}

// Daemon reports whether auditd itself wrote the record (DAEMON_START ...):
// its serial is auditd's own counter, not the kernel's.
func (r *Record) Daemon() bool {
	return r.Type >= auparse.AUDIT_DAEMON_START && r.Type <= auparse.AUDIT_LAST_DAEMON
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
