package auditd

import (
	"bytes"
	"net/netip"
	"strconv"
)

// Address families of Linux that are told apart.
const (
	afUnix    = 1
	afINET    = 2
	afINET6   = 10
	afNetlink = 16
)

// sockaddr reads a SOCKADDR record. A malformed address is kept as it stands.
func (b *Builder) sockaddr(ev *Event, r *Record) {
	v, ok := r.Field("saddr")
	if !ok || absent(v) {
		return
	}
	ev.sock = Sock{Raw: plain(v)}
	ev.Sock = &ev.sock
	if len(v) < 4 || !isHex(v) {
		return
	}
	at := len(ev.arena)
	ev.arena = appendHex(ev.arena, v)
	raw := ev.arena[at:]
	family := int(raw[0]) | int(raw[1])<<8
	if raw[0] == 0 && raw[1] != 0 { // written by a big-endian machine
		family = int(raw[1])
	}
	s := &ev.sock
	switch family {
	case afUnix:
		s.Family = "unix"
		s.Path = unixPath(raw[2:])
	case afINET:
		if len(raw) >= 8 {
			s.Family = "ipv4"
			s.Addr = b.addr(ev, netip.AddrFrom4([4]byte(raw[4:8])))
		}
	case afINET6:
		if len(raw) >= 24 {
			s.Family = "ipv6"
			s.Addr = b.addr(ev, netip.AddrFrom16([16]byte(raw[8:24])).Unmap())
		}
	case afNetlink:
		s.Family = "netlink"
	default:
		s.Family = strconv.Itoa(family)
	}
	if s.Addr != "" {
		ev.arena = strconv.AppendUint(ev.arena, uint64(raw[2])<<8|uint64(raw[3]), 10)
		s.Port = b.str(ev.arena[at+len(raw):])
	}
}

// addr formats a behind the arena's end, so that nothing is allocated for it.
func (b *Builder) addr(ev *Event, a netip.Addr) string {
	return b.str(a.AppendTo(ev.arena[len(ev.arena):]))
}

// unixPath gives a socket's path; "@" and its name for an abstract socket.
func unixPath(p []byte) Text {
	if len(p) > 1 && p[0] == 0 {
		if name := bytes.TrimRight(p[1:], "\x00"); len(name) > 0 {
			p[0] = '@'
			return p[: len(name)+1 : len(name)+1]
		}
	}
	if end := bytes.IndexByte(p, 0); end >= 0 {
		p = p[:end:end]
	}
	return p
}
