package replay

import (
	"math"
	"strings"
	"time"

	"auditreplay/pkg/ingest/sshd"
)

// lives follows the PIDs that logins were accepted with, in the order of the
// messages, for the first sign that a PID has become another connection's.
// Such a sign need not be a login: its Accepted line may be lost.
type lives struct {
	of    map[lifeKey]lived
	addrs map[string]string
}

type lifeKey struct {
	host, boot int32
	pid        int
}

// lived are the lives of one PID, of which most have one.
type lived struct {
	first life
	more  []life
}

// life is one life of a PID, from its Accepted line on. Times are nanoseconds
// since the epoch; unseen stands for none.
type life struct {
	addr   string
	port   int32
	from   int64 // of the Accepted line, by its log
	opened int64 // PAM's session
	end    int64 // the PID was another's, on the audit log's clock
}

const unseen = math.MinInt64

func newLives() *lives { return &lives{make(map[lifeKey]lived), make(map[string]string)} }

// reopened is how far apart two "session opened" of one PID are those of two
// connections: PAM says it once for each, and several modules may say it.
const reopened = 2 * time.Second

func (v *lives) message(key bootKey, m *message, line *sshd.Line) {
	if m.PID == 0 {
		return
	}
	at := lifeKey{int32(key.host), int32(key.boot), m.PID}
	all, known := v.of[at]
	last := &all.first
	if n := len(all.more); n > 0 {
		last = &all.more[n-1]
	}
	other := known && line.Addr != "" && (line.Addr != last.addr || line.Port != 0 && int32(line.Port) != last.port)
	changed := false
	switch line.Kind {
	case sshd.Accepted:
		if known && last.addr == line.Addr && last.port == int32(line.Port) {
			return
		}
		next := life{addr: v.own(line.Addr), port: int32(line.Port), from: m.Time.UnixNano(), opened: unseen, end: unseen}
		if !known {
			v.of[at] = lived{first: next}
			return
		}
		last.ends(m)
		all.more = append(all.more, next)
		changed = true
	case sshd.Connect, sshd.Invalid, sshd.Refused, sshd.Failed, sshd.Postponed, sshd.Partial:
		changed = other && last.ends(m)
	case sshd.Closed, sshd.Goodbye, sshd.Kicked:
		changed = other && line.Preauth && last.ends(m)
	case sshd.PAMOpened:
		switch now := m.Time.UnixNano(); {
		case !known:
		case last.opened == unseen:
			last.opened, changed = now, true
		case now-last.opened > reopened.Nanoseconds():
			changed = last.ends(m)
		}
	}
	if changed {
		v.of[at] = all
	}
}

// ends notes the first sign of another owner of the PID.
func (f *life) ends(m *message) bool {
	if f.end != unseen {
		return false
	}
	f.end = m.Time.Add(-m.in.offset).UnixNano()
	return true
}

// end gives when the PID of an accepted login was another's; zero where the
// log does not show that.
func (v *lives) end(key bootKey, l *loginOf) time.Time {
	if len(l.Conflict) > 0 { // two of one life say nothing of its end
		return time.Time{}
	}
	all := v.of[lifeKey{int32(key.host), int32(key.boot), l.PID}]
	for f := &all.first; ; {
		if f.from == l.Time.UnixNano() && f.addr == l.Addr && f.port == int32(l.Port) {
			if f.end == unseen {
				return time.Time{}
			}
			return time.Unix(0, f.end).UTC()
		}
		if len(all.more) == 0 {
			return time.Time{}
		}
		f, all.more = &all.more[0], all.more[1:]
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
