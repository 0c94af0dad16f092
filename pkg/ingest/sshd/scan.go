package sshd

import (
	"net/netip"
	"strings"
)

// decode undoes strnvis with VIS_CSTYLE and VIS_OCTAL. What is no escape is
// left as it stands.
func decode(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		if isOctal(s[i:]) {
			b = append(b, (s[i+1]-'0')<<6|(s[i+2]-'0')<<3|(s[i+3]-'0'))
			i += 3
			continue
		}
		c, ok := cstyle(s[i+1])
		if !ok {
			b = append(b, '\\')
			continue
		}
		b = append(b, c)
		i++
	}
	return string(b)
}

func cstyle(c byte) (byte, bool) {
	const from, to = `\nrbavtfs0`, "\\\n\r\b\a\v\t\f \x00"
	if i := strings.IndexByte(from, c); i >= 0 {
		return to[i], true
	}
	return 0, false
}

// isOctal reports whether s starts with a backslash and three octal digits.
func isOctal(s string) bool {
	return len(s) >= 4 && s[0] == '\\' && s[1] >= '0' && s[1] <= '3' &&
		s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7'
}

func hasOctal(s string) bool {
	for i := strings.IndexByte(s, '\\'); i >= 0 && i < len(s); i++ {
		if isOctal(s[i:]) {
			return true
		}
	}
	return false
}

// number reads the decimal digits at the start of s, nine at most.
func number(s string) (n int, rest string, ok bool) {
	i := 0
	for i < len(s) && i < 9 && s[i] >= '0' && s[i] <= '9' {
		n = n*10 + int(s[i]-'0')
		i++
	}
	return n, s[i:], i > 0
}

// isAddr reports whether s is what ssh_remote_ipaddr gives: an address, or
// UNKNOWN.
func isAddr(s string) bool {
	if s == "UNKNOWN" {
		return true
	}
	if len(s) < 2 || strings.IndexByte(s, '.') < 0 && strings.IndexByte(s, ':') < 0 {
		return false
	}
	_, err := netip.ParseAddr(s)
	return err == nil
}

// place reads "ADDR port N" at the start of s.
func place(s string) (addr string, port int, rest string, ok bool) {
	addr, rest, ok = strings.Cut(s, " port ")
	if !ok || !isAddr(addr) {
		return "", 0, s, false
	}
	port, rest, ok = number(rest)
	return addr, port, rest, ok
}

// placeAtEnd reads "BEFORE ADDR port N" or, as written up to 7.1, "BEFORE
// ADDR"; BEFORE may be empty.
func placeAtEnd(s string) (before, addr string, port int, ok bool) {
	head := s
	if i := strings.LastIndex(s, " port "); i >= 0 {
		if n, rest, ok := number(s[i+len(" port "):]); ok && rest == "" {
			head, port = s[:i], n
		}
	}
	i := strings.LastIndexByte(head, ' ')
	addr = head[i+1:]
	if !isAddr(addr) {
		return s, "", 0, false
	}
	return head[:max(i, 0)], addr, port, true
}

// who reads the end of a message that names a peer: an optional preamble with
// the account, address and port (fmt_connection_id and sshpkt_fmt_connection_id
// of packet.c, ssh_packet_set_log_preamble). monitor.c of some versions leaves
// out a blank: "authenticatinguser".
func who(s string, l *Line) bool {
	before, addr, port, ok := placeAtEnd(s)
	if !ok {
		return false
	}
	l.Addr, l.Port = addr, port
	named := false
	for _, p := range [...]struct {
		words            string
		preauth, invalid bool
	}{
		{"authenticating user ", true, false},
		{"authenticatinguser ", true, false},
		{"invalid user ", true, true},
		{"user ", false, false},
	} {
		// The blank that ends an empty account's preamble is also the one
		// before the address.
		if rest, ok := strings.CutPrefix(before+" ", p.words); ok {
			l.Account, named = strings.TrimSuffix(rest, " "), true
			l.Preauth = l.Preauth || p.preauth
			l.InvalidUser = p.invalid
			break
		}
	}
	if !named && before != "" {
		l.Addr, l.Port = "", 0
		return false
	}
	return true
}

// from finds " from ADDR port N" in s so that the rest of s satisfies after:
// the last one, or the first one.
func from(s string, last bool, after func(string) bool) (before, addr string, port int, rest string, ok bool) {
	const word = " from "
	lo, hi := 0, len(s)
	for lo <= hi {
		var i int
		if last {
			i = strings.LastIndex(s[:hi], word)
		} else if i = strings.Index(s[lo:], word); i >= 0 {
			i += lo
		}
		if i < 0 {
			break
		}
		if addr, port, rest, ok = place(s[i+len(word):]); ok && after(rest) {
			return s[:i], addr, port, rest, true
		}
		// Overlapping words (" from from ") share a blank.
		if last {
			hi = i + len(word) - 1
		} else {
			lo = i + len(word) - 1
		}
	}
	return s, "", 0, "", false
}

// quoted reads a text in quotes that runs to the last quote of s.
func quoted(s string) (text, rest string, ok bool) {
	if len(s) < 2 || s[0] != '"' {
		return "", s, false
	}
	i := strings.LastIndexByte(s, '"')
	return s[1:max(i, 1)], s[i+1:], i > 0
}

// fingerprint writes an MD5 fingerprint as 6.8 and later do: versions before
// had no prefix.
func fingerprint(s string) string {
	if len(s) == 47 && s[2] == ':' && s[44] == ':' {
		return "MD5:" + s
	}
	return s
}
