package auditd

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// fields walks over the name=value pairs of a record's text.
//
// A value is "literal" (the kernel and libaudit write a literal only where it
// has no quote, blank or control byte), or 'text' (msg= of a user record, to
// the last apostrophe of the record, whatever stands in it), or what comes
// before the next blank. Words without "=" ("user", "avc:", "{ read }") are
// skipped, but "old auid" and "new ses" of old LOGIN records are names.
type fields struct {
	b   []byte
	pos int
}

// next gives the next pair, quotes and all, as it stands.
func (f *fields) next() (name, value []byte, ok bool) {
	name, at, ok := f.nextAt()
	return name, f.b[at.from:at.to], ok
}

// nextAt is next, and gives where the value stands.
func (f *fields) nextAt() (name []byte, at span, ok bool) {
	b, i := f.b, f.pos
	for i < len(b) && b[i] == ' ' {
		i++
	}
	start := i
	if i = indexOr(b, i, '='); i >= len(b) {
		f.pos = len(b)
		return nil, span{}, false
	}
	if b[i] == ' ' {
		if start, i = skipWords(b, start, i); i == len(b) {
			f.pos = i
			return nil, span{}, false
		}
	}
	if name = b[start:i]; len(name) > 0 && name[0] == '(' { // "(hostname=..., addr=..., res=success)" of old PAM
		name = name[1:]
	}
	i++
	first := i
	if i < len(b) && b[i] != '"' && b[i] != '\'' && string(name) != "op" {
		i = indexOr(b, i, ' ')
	} else {
		i += valueEnd(b[i:], name)
	}
	f.pos = i
	if i > first && (b[i-1] == ',' || b[i-1] == ')') {
		i = first + len(trimOldPAM(b[first:i]))
	}
	return name, span{uint32(first), uint32(i)}, true
}

// span is a part of a text.
type span struct{ from, to uint32 }

func (s span) of(b []byte) []byte { return b[s.from:s.to:s.to] }

// behind and before give the span in a text that begins so many bytes earlier
// or later.
func (s span) behind(n uint32) span { return span{s.from + n, s.to + n} }
func (s span) before(n uint32) span { return span{s.from - n, s.to - n} }

// pair is what comes next in a text that keeps to an order: a name, with the
// blank before it and the "=" behind it, and where its value belongs.
type pair struct {
	head, mask uint64 // the name's first eight bytes, and which of them it has
	tail       uint64 // the last eight of a longer name
	length     uint8
	field
	quoted   bool // the value may stand in quotes
	optional bool // the pair may be missing
}

// pairOf gives the pair of a name of no more than 16 bytes.
func pairOf(name string, f field) pair {
	p := pair{field: f, length: uint8(len(name))}
	for i := range len(name) {
		p.tail = p.tail>>8 | uint64(name[i])<<56
		if i < 8 {
			p.head |= uint64(name[i]) << (8 * i)
			p.mask |= 0xff << (8 * i)
		}
	}
	return p
}

// quotedPair is pairOf for a value that may stand in quotes.
func quotedPair(name string, f field) pair {
	p := pairOf(name, f)
	p.quoted = true
	return p
}

// optionalPair is pairOf for a pair that may be missing.
func optionalPair(name string, f field) pair {
	p := pairOf(name, f)
	p.optional = true
	return p
}

// inOrder goes on over these pairs, notes in at where their values stand, and
// reports whether all were there. It stops before one that it would have to look
// at twice: it has another name, or few bytes are left, or something must be
// taken off the value.
func (f *fields) inOrder(pairs []pair, at *values) bool {
	b, pos := f.b, uint32(f.pos)
	for i := range pairs {
		p := &pairs[i]
		w, ok := word(b, pos)
		if ok = ok && w&p.mask == p.head; ok && p.length > 8 {
			w, ok = word(b, pos+uint32(p.length)-8)
			ok = ok && w == p.tail
		}
		if !ok {
			if p.optional {
				continue
			}
			return false
		}
		first := pos + uint32(p.length)
		if p.quoted && int(first) < len(b) && b[first] == '"' {
			n := bytes.IndexByte(b[first+1:], '"')
			if n < 0 {
				return false
			}
			pos = first + uint32(n) + 2
		} else {
			pos = uint32(blankAt(b, int(first)))
			if pos == first {
				return false
			}
			if a, z := b[first], b[pos-1]; (a <= ',' || z <= ',') && (a != '(' || z != ')') { // quotes, commas, brackets are
				return false
			}
		}
		at[p.field] = span{first, pos}
		f.pos = int(pos)
	}
	return true
}

// word gives the eight bytes of b from i on, where there are so many. (That i is
// never negative spares a look at the bounds.)
func word(b []byte, i uint32) (w uint64, ok bool) {
	at := int(i)
	if at+8 > len(b) {
		return 0, false
	}
	return binary.LittleEndian.Uint64(b[at : at+8]), true
}

// indexOr gives where the first c or blank stands in b, from i on; len(b) where
// there is none. Eight bytes are looked at at once: the lowest bit that is set
// after the subtraction, and was not before, is that of the first byte which
// is zero.
func indexOr(b []byte, i int, c byte) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	at := uint32(i)
	for w, ok := word(b, at); ok; w, ok = word(b, at) {
		x, y := w^ones*uint64(c), w^ones*' '
		if zero := ((x-ones)&^x | (y-ones)&^y) & highs; zero != 0 {
			return int(at) + bits.TrailingZeros64(zero)/8
		}
		at += 8
	}
	i = int(at)
	for i < len(b) && b[i] != c && b[i] != ' ' {
		i++
	}
	return i
}

// blankAt is indexOr for a blank alone.
func blankAt(b []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	at := uint32(i)
	for ; int(at)+8 <= len(b); at += 8 {
		w := binary.LittleEndian.Uint64(b[int(at):int(at)+8]) ^ ones*' '
		if zero := (w - ones) &^ w & highs; zero != 0 {
			return int(at) + bits.TrailingZeros64(zero)/8
		}
	}
	i = int(at)
	for i < len(b) && b[i] != ' ' {
		i++
	}
	return i
}

// skipTo goes on to the next pair that starts with s, where there is one.
func (f *fields) skipTo(s []byte) {
	if i := index(f.b[f.pos:], s); i > 0 {
		f.pos += i
	}
}

// index is bytes.Index for what begins with a blank: that looks for the first
// byte, of which a record is full, unless what it searches is short.
func index(b, s []byte) int {
	const short = 64
	for at := 0; ; at += short - len(s) + 1 {
		if len(b)-at <= short {
			if i := bytes.Index(b[at:], s); i >= 0 {
				return at + i
			}
			return -1
		}
		if i := bytes.Index(b[at:at+short], s); i >= 0 {
			return at + i
		}
	}
}

// skipWords goes on behind the word b[start:end] to the next name, and gives
// where that begins ("old" and "new" are part of it) and where its "=" stands,
// len(b) where there is none.
func skipWords(b []byte, start, end int) (name, eq int) {
	for {
		w := string(b[start:end])
		name = -1
		if w == "old" || w == "new" {
			name = start
		}
		for end < len(b) && b[end] == ' ' {
			end++
		}
		start = end
		for end < len(b) && b[end] != '=' && b[end] != ' ' {
			end++
		}
		if end == len(b) {
			return 0, end
		}
		if b[end] == '=' {
			if name < 0 {
				name = start
			}
			return name, end
		}
	}
}

// valueEnd gives the length of the value that b starts with.
func valueEnd(b, name []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch b[0] {
	case '"':
		if e := bytes.IndexByte(b[1:], '"'); e >= 0 {
			return e + 2
		}
		return len(b) // cut off
	case '\'':
		if string(name) == "msg" {
			if e := bytes.LastIndexByte(b[1:], '\''); e >= 0 {
				return e + 2
			}
			return len(b)
		}
		if e := bytes.IndexByte(b[1:], '\''); e >= 0 {
			return e + 2
		}
	}
	i := indexOr(b, 0, ' ')
	if string(name) == "op" {
		return opEnd(b, i)
	}
	return i
}

// opEnd lets op= go on over the words that follow it: "op=change password id=0".
func opEnd(b []byte, end int) int {
	for {
		i := end
		for i < len(b) && b[i] == ' ' {
			i++
		}
		start := i
		for i < len(b) && b[i] != ' ' {
			if b[i] == '=' {
				return end
			}
			i++
		}
		if i == start {
			return end
		}
		end = i
	}
}

// trimOldPAM takes a comma or closing bracket off an unquoted value.
func trimOldPAM(v []byte) []byte {
	switch {
	case v[0] == '"' || v[0] == '\'':
	case v[len(v)-1] == ',', bytes.IndexByte(v, '(') < 0:
		return v[:len(v)-1]
	}
	return v
}

// split gives a record's text in two: what the kernel wrote, and what a
// program supplied inside msg='...' (nil where there is no such thing).
func (r *Record) split() (outer, inner []byte) {
	f := fields{b: r.Body}
	for {
		at := f.pos
		name, value, ok := f.next()
		if !ok {
			return r.Body, nil
		}
		if string(name) == "msg" && len(value) > 0 && value[0] == '\'' {
			return r.Body[:at], unapostrophe(value)
		}
	}
}

func unapostrophe(v []byte) []byte {
	v = v[1:]
	if n := len(v); n > 0 && v[n-1] == '\'' {
		v = v[:n-1]
	}
	return v
}

// Field gives the value of one of the record's own fields as it stands in the
// log, quotes and all: what the kernel (or auditd, in DAEMON_ records) wrote.
func (r *Record) Field(name string) (value []byte, ok bool) {
	f := fields{b: r.Body}
	for {
		n, v, ok := f.next()
		if !ok || string(n) == "msg" && len(v) > 0 && v[0] == '\'' {
			return nil, false
		}
		if sameName(n, name) {
			return v, true
		}
	}
}

// InnerField gives the value of a field inside a user record's msg='...': what
// the program that sent it claims.
func (r *Record) InnerField(name string) (value []byte, ok bool) {
	_, inner := r.split()
	f := fields{b: inner}
	for {
		n, v, ok := f.next()
		if !ok {
			return nil, false
		}
		if sameName(n, name) {
			return v, true
		}
	}
}

// sameName compares names; "old auid" is old_auid.
func sameName(n []byte, name string) bool {
	if len(n) != len(name) {
		return false
	}
	if string(n) == name {
		return true
	}
	return len(n) > 4 && n[3] == ' ' && name[3] == '_' && string(n[:3]) == name[:3] && string(n[4:]) == name[4:]
}

// absent reports whether a value as it stands in the log says that there is
// none. The same text in quotes is a value.
func absent(v []byte) bool {
	switch string(v) {
	case "", "?", "(null)":
		return true
	}
	return false
}

// encodable reports whether the kernel or libaudit writes a field of that name
// in hex where its value is not plain text. Other fields may look like hex,
// and mean what they look like.
func encodable(name string) bool {
	switch name {
	case "acct", "exe", "comm", "name", "proctitle", "cmd", "cwd", "data", "key", "path", "dir", "file",
		"new-disk", "old-disk", "new-fs", "old-fs", "device", "dev", "vm", "unit", "cgroup", "watch", "reason",
		"new-chardev", "old-chardev", "new-mem", "grp", "sw", "root_dir", "profile", "operation", "info":
		return true
	}
	return false
}

// isHex reports whether v is what the kernel writes for encoded bytes: an
// even number of digits and capital letters.
func isHex(v []byte) bool {
	if len(v) == 0 || len(v)%2 == 1 {
		return false
	}
	for _, c := range v {
		if !isDigit(c) && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

// appendHex appends the bytes that v, for which isHex holds, stands for.
func appendHex(dst, v []byte) []byte {
	for i := 0; i+1 < len(v); i += 2 {
		dst = append(dst, nibble(v[i])<<4|nibble(v[i+1]))
	}
	return dst
}

func nibble(c byte) byte {
	if c >= 'A' {
		return c - 'A' + 10
	}
	return c - '0'
}

// plain takes the quotes off a value.
func plain(v []byte) []byte {
	if len(v) > 0 && v[0] == '"' {
		v = v[1:]
		if n := len(v); n > 0 && v[n-1] == '"' {
			v = v[:n-1]
		}
	}
	return v
}

// text decodes a value of an encodable field: a part of the line, or bytes in
// the event's arena.
func (ev *Event) text(v []byte) Text {
	if !isHex(v) {
		return plain(v)
	}
	at := len(ev.arena)
	ev.arena = appendHex(ev.arena, v)
	return ev.arena[at:len(ev.arena):len(ev.arena)]
}

// copied gives s as a Text, nil for "".
func (ev *Event) copied(s string) Text {
	if s == "" {
		return nil
	}
	at := len(ev.arena)
	ev.arena = append(ev.arena, s...)
	return ev.arena[at:len(ev.arena):len(ev.arena)]
}
