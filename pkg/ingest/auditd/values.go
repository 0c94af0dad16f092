package auditd

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"strconv"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// Strings gives one string for the many times that the same bytes stand in the
// evidence: make(Strings, n), with a power of two. Each has two places, so that two
// strings of one event are not each other's end again and again, and stays until
// others take them.
type Strings []string

// longestShared is how many bytes a string has that is kept.
const longestShared = 64

// Get gives v as a string.
func (s Strings) Get(v []byte) string {
	if len(v) == 0 {
		return ""
	}
	if len(v) > longestShared {
		return string(v)
	}
	at := place(v) & uint32(len(s)-1)
	one, two := &s[at], &s[at^1]
	switch {
	case *one == string(v):
		return *one
	case *two == string(v):
		return *two
	}
	*one, *two = string(v), *one
	return *one
}

// str gives v as a string; those that come again and again are made once.
func (b *Builder) str(v []byte) string { return b.strings.Get(v) }

// place gives a number that depends on the first and the last eight bytes.
func place(v []byte) uint32 {
	var first, last uint64
	switch n := len(v); {
	case n >= 8:
		first, last = binary.LittleEndian.Uint64(v), binary.LittleEndian.Uint64(v[n-8:])
	case n >= 4:
		first, last = uint64(binary.LittleEndian.Uint32(v)), uint64(binary.LittleEndian.Uint32(v[n-4:]))
	default:
		for _, c := range v {
			first = first<<8 | uint64(c)
		}
	}
	h := (first ^ uint64(len(v))) * 0x9E3779B97F4A7C15 // Knuth's multiplicative hashing
	h = (h ^ h>>32 ^ last) * 0x9E3779B97F4A7C15
	return uint32(h >> 40)
}

// value is str for a field that may be absent.
func (b *Builder) value(v []byte) string {
	if absent(v) {
		return ""
	}
	return b.str(plain(v))
}

// id gives an id as the Event holds it. The kernel writes (uint32)-1 for one
// that was never set, auditd "-1", an interpreting tool "unset".
func (b *Builder) id(v []byte) string {
	switch string(v) {
	case "", "?":
		return ""
	case "4294967295", "-1", "unset":
		return "unset"
	}
	return b.str(plain(v))
}

// names takes the names of AUID, UID and EUID from the enrichment of the
// record at, where not known yet. They are claims of the log: a name auditd
// could not find stays unknown. sys is the place of the SYSCALL record.
func (b *Builder) names(ev *Event, at, sys int) {
	if at < 0 || len(ev.Records[at].Enriched) == 0 {
		return
	}
	enriched := ev.Records[at].Enriched
	var claimed *Names
	if b.ids != nil && at == sys {
		claimed = b.claimed(ev, &b.ids.claim, behindSyscall(enriched))
	} else {
		claimed = b.claimed(ev, &b.claimsOf[maphash.Bytes(b.seed, enriched)%uint64(len(b.claimsOf))], enriched)
	}
	setName(&ev.Names.AUID, ev.AUID, claimed.AUID)
	setName(&ev.Names.UID, ev.UID, claimed.UID)
	setName(&ev.Names.EUID, ev.EUID, claimed.EUID)
}

// behindSyscall leaves out what an enrichment says of the syscall: the rest
// is the same for all syscalls of the same credentials.
func behindSyscall(enriched []byte) []byte {
	const arch, syscall = "ARCH=", " SYSCALL="
	b := enriched
	if len(b) <= len(arch) || string(b[:len(arch)]) != arch || b[len(arch)] == '"' || b[len(arch)] == '\'' {
		return enriched
	}
	b = b[blankAt(b, len(arch)):]
	if len(b) <= len(syscall) || string(b[:len(syscall)]) != syscall || b[len(syscall)] == '"' || b[len(syscall)] == '\'' {
		return enriched
	}
	return b[blankAt(b, len(syscall)):]
}

func setName(dst *string, id, name string) {
	if *dst == "" && id != "" && id != "unset" {
		*dst = name
	}
}

// claim is an enrichment and the names in it.
type claim struct {
	enriched []byte
	names    Names
}

// claimed reads the names of an enrichment, which c may remember. There are few,
// each of which stands on many records.
func (b *Builder) claimed(ev *Event, c *claim, enriched []byte) *Names {
	if bytes.Equal(c.enriched, enriched) {
		return &c.names
	}
	var n Names
	f := fields{b: enriched}
	for {
		name, v, ok := f.next()
		if !ok {
			break
		}
		var dst *string
		switch string(name) {
		case "AUID":
			dst = &n.AUID
		case "UID":
			dst = &n.UID
		case "EUID":
			dst = &n.EUID
		default:
			continue
		}
		if *dst == "" {
			*dst = b.str(ev.claimedName(v))
		}
	}
	if len(enriched) > longestClaim {
		once := n
		return &once
	}
	c.enriched, c.names = append(c.enriched[:0], enriched...), n
	return &c.names
}

// longestClaim bounds the enrichments that a Builder remembers; they seldom have
// 200 bytes.
const longestClaim = 1024

// claimedName decodes a name of the enrichment, nil for one not known.
func (ev *Event) claimedName(v []byte) []byte {
	if absent(v) {
		return nil
	}
	if isHex(v) {
		return ev.text(v)
	}
	if v = plain(v); hasPrefix(v, "unknown(") || string(v) == "unset" {
		return nil
	}
	return v
}

// syscallName is an entry of the Builder's cache.
type syscallName struct {
	arch   uint32
	number uint32
	name   string
}

// setSyscall names the syscall, by architecture. What is not in the tables, or
// already a name, stays as it stands.
func (b *Builder) setSyscall(ev *Event, arch, nr []byte) {
	if absent(nr) {
		return
	}
	a, ok := hex32(arch)
	if !ok || !isDigit(nr[0]) || len(nr) > 6 {
		ev.Syscall = b.str(plain(nr))
		return
	}
	n := digits(nr)
	s := &b.syscalls[(n^a>>4)%uint32(len(b.syscalls))]
	if s.name == "" || s.arch != a || s.number != n {
		name, ok := auparse.AuditSyscalls[auparse.AuditArch(a).String()][int(n)]
		if !ok {
			ev.Syscall = b.str(nr)
			return
		}
		*s = syscallName{a, n, name}
	}
	ev.Syscall = s.name
}

func hex32(v []byte) (n uint32, ok bool) {
	if len(v) == 0 || len(v) > 8 {
		return 0, false
	}
	for _, c := range v {
		switch {
		case isDigit(c):
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		n = n<<4 | uint32(c)
	}
	return n, true
}

// setExit keeps a syscall's return value, or names the error it is.
func (b *Builder) setExit(ev *Event, v []byte) {
	if absent(v) {
		return
	}
	if v[0] == '-' && len(v) < 6 {
		if n, err := strconv.Atoi(string(v[1:])); err == nil {
			if name, ok := auparse.AuditErrnoToName[n]; ok {
				ev.Exit = name
				return
			}
		}
	}
	ev.Exit = b.str(v)
}

// appendKeys appends what key= of one of the event's records says: the keys of
// the audit rules that asked for it. Several are joined by 0x01, which makes the
// whole hex.
func (b *Builder) appendKeys(dst []string, ev *Event, key []byte) []string {
	if absent(key) {
		return dst
	}
	v := []byte(ev.text(key))
	for {
		k, rest, more := bytes.Cut(v, []byte{1})
		if k = bytes.TrimPrefix(k, []byte("key=")); len(k) > 0 {
			dst = append(dst, b.str(k))
		}
		if !more {
			return dst
		}
		v = rest
	}
}
