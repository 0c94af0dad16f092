package verify

import (
	"strings"
	"time"

	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// boot is what was found out about one boot of one host.
type boot struct {
	host, n      int // numbers
	hostName, id string

	daemons []daemonFact
	changes []changeFact
	down    []hole // auditd did not run
	off     []hole // audit_enabled=0
	periods []period
	at      int // period of the event before

	serials  serials
	events   int64
	first    int64
	last     int64 // of any evidence, set by place
	begun    bool
	late     cited
	said     map[string]*cited
	saidAll  []string
	ssh      map[string]*sshSession
	sshAll   []*sshSession
	sshN     int64
	other    int64 // sessions of other programs
	ses      map[string]bool
	openedBy map[string]time.Time       // LOGIN of the session that a login opened
	keys     map[string][abilities]bool // what the rules of a key were seen to record
	shutAt   int64
}

// hole is a time in which nothing was, or could be, recorded.
type hole struct {
	from, to int64
	where    string
	detail   string
	open     bool  // no end was seen
	kept     int64 // events of that time that are in the evidence all the same
}

// sshSession is a session that sshd opened and that got no login.
type sshSession struct {
	cited
	id, reason, attribution string
	others                  bool // something else than systemd --user was seen in it
}

// cited counts events, and knows the first and the last of them.
type cited struct {
	from, to    int64
	first, last string
	n           int64
}

func (c *cited) add(at int64, pos string) {
	if c.n == 0 {
		c.from, c.first = at, pos
	}
	c.n++
	c.from, c.to, c.last = min(c.from, at), max(c.to, at), pos
}

func (c *cited) where() string {
	if c.first == c.last {
		return c.first
	}
	return c.first + "," + c.last
}

func newBoot(host, n int, hostName, id string) *boot {
	return &boot{host: host, n: n, hostName: hostName, id: id, said: make(map[string]*cited),
		ssh: make(map[string]*sshSession), ses: make(map[string]bool)}
}

// event takes the next event of the boot; they come in the order of time.
func (b *boot) event(e *auditevent.AuditEvent, x *schema.Extra) {
	at := e.LoggedAt.UnixMilli()
	b.events++
	if !b.begun {
		b.first, b.begun = at, true
	}
	b.last = max(b.last, at)
	switch {
	case strings.HasPrefix(x.Event.Type, "DAEMON_"):
		return // placed by its neighbours: see placeDaemon
	case x.Event.Type == "SYSTEM_SHUTDOWN":
		b.shutAt = at
	}
	if serial, ok := serialOf(x.Event.ID); ok {
		b.serials.add(end{serial, at, x.Event.Pos})
	}
	for i := range b.down {
		if h := &b.down[i]; at > h.from && at < h.to {
			h.kept++
		}
	}
	if x.Event.Late {
		b.late.add(at, x.Event.Pos)
	}
	for _, what := range x.Event.Contradictions {
		b.says(what, at, x.Event.Pos)
	}
	if e.Type == schema.TypeAction {
		b.session(at, x)
	}
	b.recorded(at, e, x)
}

// says counts a contradiction within events.
func (b *boot) says(what string, at int64, pos string) {
	t := b.said[what]
	if t == nil {
		if len(b.said) >= maxKinds {
			what = "other contradictions"
			t = b.said[what]
		}
		if t == nil {
			t = new(cited)
			b.said[what] = t
			b.saidAll = append(b.saidAll, what)
		}
	}
	t.add(at, pos)
}

// session takes an event of a session.
func (b *boot) session(at int64, x *schema.Extra) {
	s := x.Session
	if s.ID == "0" { // the kernel's own, before the ids are unset
		return
	}
	if s.Attribution == schema.BySSHD || s.Attribution == schema.Local || s.NotSSH || s.ID == "" {
		if !b.ses[s.ID] && len(b.ses) < maxSessions {
			b.ses[s.ID] = true
			if s.Attribution == schema.BySSHD {
				b.sshN++
			} else {
				b.other++
			}
		}
		return
	}
	key := s.ID + " " + s.Reason
	t := b.ssh[key]
	if t == nil {
		if len(b.ssh) >= maxSessions {
			return
		}
		t = &sshSession{id: s.ID, reason: s.Reason, attribution: s.Attribution}
		b.ssh[key] = t
		b.sshAll = append(b.sshAll, t)
	}
	t.add(at, x.Event.Pos)
	t.others = t.others || x.Process == nil || !systemds(x.Process.Exe)
}

// systemds reports whether a program is systemd or one of its own helpers,
// which systemd --user runs when it starts.
func systemds(exe string) bool {
	return strings.HasPrefix(exe, "/usr/lib/systemd/") || strings.HasPrefix(exe, "/lib/systemd/")
}

// maxSessions bounds how many sessions of a boot are told apart.
const maxSessions = 1 << 17
