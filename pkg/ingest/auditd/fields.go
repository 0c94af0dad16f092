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
	b, i := f.b, f.pos
	for i < len(b) && b[i] == ' ' {
		i++
	}
	start := i
	if i = indexOr(b, i, '='); i >= len(b) {
		f.pos = len(b)
		return nil, nil, false
	}
	if b[i] == ' ' {
		if start, i = skipWords(b, start, i); i == len(b) {
			f.pos = i
			return nil, nil, false
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
	value = b[first:i]
	if i > first && (b[i-1] == ',' || b[i-1] == ')') {
		value = trimOldPAM(value)
	}
	return name, value, true
}

// over goes on over pairs with these names, in this order, as far as they are
// there and nothing else is between them.
func (f *fields) over(names ...string) {
	for _, name := range names {
		if !hasPrefix(f.b[f.pos:], name) {
			return
		}
		at := f.pos + len(name)
		if at < len(f.b) && (f.b[at] == '"' || f.b[at] == '\'') {
			return
		}
		f.pos = indexOr(f.b, at, ' ')
	}
}

// plain goes on over the pair that comes next if it has that name, given with
// the blank before and the "=" behind it, and a value that nothing need be taken
// off. dst, where there is one, gets the value.
func (f *fields) plain(name string, dst *[]byte) bool {
	b, first := f.b, f.pos+len(name)
	if !hasPrefix(b[f.pos:], name) {
		return false
	}
	end := blankAt(b, first)
	if first == end {
		return false
	}
	if a, z := b[first], b[end-1]; (a <= ',' || z <= ',') && (a != '(' || z != ')') { // quotes, commas, brackets are
		return false
	}
	if dst != nil {
		*dst = b[first:end:end]
	}
	f.pos = end
	return true
}

// quoted is plain for a value that may stand in quotes.
func (f *fields) quoted(name string, dst *[]byte) bool {
	b, first := f.b, f.pos+len(name)
	if first >= len(b) || b[first] != '"' || !hasPrefix(b[f.pos:], name) {
		return f.plain(name, dst)
	}
	n := bytes.IndexByte(b[first+1:], '"')
	if n < 0 {
		return false
	}
	f.pos = first + n + 2
	*dst = b[first:f.pos:f.pos]
	return true
}

// indexOr gives where the first c or blank stands in b, from i on; len(b) where
// there is none. Eight bytes are looked at at once: the lowest bit that is set
// after the subtraction, and was not before, is that of the first byte which
// is zero.
func indexOr(b []byte, i int, c byte) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		x, y := w^ones*uint64(c), w^ones*' '
		if zero := ((x-ones)&^x | (y-ones)&^y) & highs; zero != 0 {
			return i + bits.TrailingZeros64(zero)/8
		}
	}
	for i < len(b) && b[i] != c && b[i] != ' ' {
		i++
	}
	return i
}

// blankAt is indexOr for a blank alone.
func blankAt(b []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:]) ^ ones*' '
		if zero := (w - ones) &^ w & highs; zero != 0 {
			return i + bits.TrailingZeros64(zero)/8
		}
	}
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
		if !ok || sameName(n, name) {
			return v, ok
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
