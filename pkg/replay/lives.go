package replay

import (
	"time"

	"auditreplay/pkg/ingest/sshd"
)

// lives follows the PIDs that logins were accepted with, in the order of the
// messages, for the first sign that a PID has become another connection's.
// Such a sign need not be a login: its Accepted line may be lost.
type lives map[lifeKey][]*life

type lifeKey struct {
	bootKey
	pid int
}

// life is one life of a PID, from its Accepted line on.
type life struct {
	addr   string
	port   int
	from   time.Time // of the Accepted line, by its log
	opened time.Time // PAM's session
	end    time.Time // the PID was another's, on the audit log's clock
}

// reopened is how far apart two "session opened" of one PID are those of two
// connections: PAM says it once for each, and several modules may say it.
const reopened = 2 * time.Second

func (v lives) message(key bootKey, m *message, line *sshd.Line) {
	if m.PID == 0 {
		return
	}
	at := lifeKey{key, m.PID}
	all := v[at]
	var last *life
	if n := len(all); n > 0 {
		last = all[n-1]
	}
	switch line.Kind {
	case sshd.Accepted:
		if last == nil || last.addr != line.Addr || last.port != line.Port {
			last.ends(m)
			v[at] = append(all, &life{addr: line.Addr, port: line.Port, from: m.Time})
		}
	case sshd.Connect, sshd.Invalid, sshd.Refused, sshd.Failed, sshd.Postponed, sshd.Partial:
		if last != nil && line.Addr != "" && (line.Addr != last.addr || line.Port != 0 && line.Port != last.port) {
			last.ends(m)
		}
	case sshd.Closed, sshd.Goodbye, sshd.Kicked:
		if last != nil && line.Preauth && line.Addr != "" && (line.Addr != last.addr || line.Port != 0 && line.Port != last.port) {
			last.ends(m)
		}
	case sshd.PAMOpened:
		switch {
		case last == nil:
		case last.opened.IsZero():
			last.opened = m.Time
		case m.Time.Sub(last.opened) > reopened:
			last.ends(m)
		}
	}
}

// ends notes the first sign of another owner of the PID.
func (f *life) ends(m *message) {
	if f != nil && f.end.IsZero() {
		f.end = m.Time.Add(-m.in.offset)
	}
}

// end gives when the PID of an accepted login was another's; zero where the
// log does not show that.
func (v lives) end(key bootKey, l *loginOf) time.Time {
	if len(l.Conflict) > 0 { // two of one life say nothing of its end
		return time.Time{}
	}
	for _, f := range v[lifeKey{key, l.PID}] {
		if f.from.Equal(l.Time) && f.addr == l.Addr && f.port == l.Port {
			return f.end
		}
	}
	return time.Time{}
}
