package replay

import (
	"strings"
	"time"

	"auditreplay/pkg/ingest/sshd"
)

// lives follows the PIDs that logins were accepted with, in the order of the
// messages, for the first sign that a PID has become another connection's.
// Such a sign need not be a login: its Accepted line may be lost.
type lives struct {
	last  map[lifeKey]life // of each PID
	addrs map[string]string
	ended func(login int, at time.Time) // is told the time, on the audit log's clock
}

type lifeKey struct {
	host, boot int32
	pid        int
}

// life is one life of a PID, from its Accepted line on.
type life struct {
	addr   string
	port   int
	opened int64 // PAM's session, in nanoseconds since the epoch; 0 where not seen
	login  int32 // that was accepted; noLogin where that is of another life
	over   bool  // the PID was another's
}

const noLogin = -1

func newLives(ended func(login int, at time.Time)) *lives {
	return &lives{make(map[lifeKey]life), make(map[string]string), ended}
}

// reopened is how far apart two "session opened" of one PID are those of two
// connections: PAM says it once for each, and several modules may say it.
const reopened = 2 * time.Second

// message takes a message, ahead of sshd.Connections. It reports whether a life
// begins with it: then login is to be called.
func (v *lives) message(key bootKey, m *message, line *sshd.Line) (begins bool) {
	if m.PID == 0 {
		return false
	}
	at := lifeKey{int32(key.host), int32(key.boot), m.PID}
	last, known := v.last[at]
	other := known && (line.Addr != last.addr || line.Port != 0 && line.Port != last.port)
	switch line.Kind {
	case sshd.Accepted:
		if !known || last.addr != line.Addr || last.port != line.Port {
			v.end(at, last, known, m)
			v.last[at] = life{addr: v.own(line.Addr), port: line.Port, login: noLogin}
			return true
		}
	case sshd.Connect, sshd.Invalid, sshd.Refused, sshd.Failed, sshd.Postponed, sshd.Partial:
		v.end(at, last, other && line.Addr != "", m)
	case sshd.Closed, sshd.Goodbye, sshd.Kicked:
		v.end(at, last, other && line.Addr != "" && line.Preauth, m)
	case sshd.PAMOpened:
		switch now := m.Time.UnixNano(); {
		case !known:
		case last.opened == 0:
			last.opened = now
			v.last[at] = last
		default:
			v.end(at, last, now-last.opened > reopened.Nanoseconds(), m)
		}
	}
	return false
}

// login says which login was accepted by the message with which a life began.
func (v *lives) login(key bootKey, pid, login int) {
	at := lifeKey{int32(key.host), int32(key.boot), pid}
	f := v.last[at]
	f.login = int32(login)
	v.last[at] = f
}

// end notes the first sign of another owner of the PID.
func (v *lives) end(at lifeKey, f life, is bool, m *message) {
	if !is || f.over {
		return
	}
	f.over = true
	v.last[at] = f
	if f.login != noLogin {
		v.ended(int(f.login), m.Time.Add(-m.in.offset))
	}
}

// maxAddrs bounds the addresses that lives have in common.
const maxAddrs = 1 << 14

func (v *lives) own(addr string) string {
	if known, ok := v.addrs[addr]; ok {
		return known
	}
	if len(v.addrs) >= maxAddrs {
		clear(v.addrs)
	}
	addr = strings.Clone(addr)
	v.addrs[addr] = addr
	return addr
}
