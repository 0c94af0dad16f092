package explain

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/root"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/schema"
	"auditreplay/pkg/tracker"

	"github.com/metal-toolbox/auditevent"
)

// Options narrow a target that occurs several times, and name ids.
type Options struct {
	Host string
	Boot string // a boot's id, or the start of it

	Users, Groups map[string]root.Name // by id, on every host: before those of its root
}

// ErrNotFound says that nothing of the evidence has the id.
var ErrNotFound = errors.New("not in the evidence")

// Explainer watches a replay for one target: it is both the run's Observer and
// the encoder that its events go to, which must be those of all scopes.
type Explainer struct {
	target Target
	opt    Options
	c      *replay.Conclusions
	login  *replay.ConcludedLogin // that has the target's id
	failed error                  // where it could not be looked for
	events []*event               // that have the target's id
	execs  map[procKey]*exec

	millis int64 // of an event
	serial uint32
	stated map[int]*stated // by node
}

var (
	_ replay.Observer         = (*Explainer)(nil)
	_ auditevent.EventEncoder = (*Explainer)(nil)
)

// New returns an Explainer for a target.
func New(t Target, opt Options) *Explainer {
	x := &Explainer{target: t, opt: opt, execs: make(map[procKey]*exec), stated: make(map[int]*stated)}
	if t.Sort == Event {
		x.millis, x.serial = stampOf(t.ID)
	}
	return x
}

// event is what is kept of an event that was asked for.
type event struct {
	host, boot string
	at         time.Time
	typ        string // of the audit event
	syscall    string
	pos        string
	outcome    string
	session    schema.Session
	process    schema.Process
	args       []string
	users      schema.Users
	says       []string
	chain      []*exec // the programs above it, nearest first
}

type procKey struct {
	host, boot string
	pid        int
}

// exec is the last program that a process was seen to become.
type exec struct {
	pid, ppid int
	ses       string
	exe       string
	args      string
	pos       string
	at        time.Time
}

// maxExecs bounds the processes that are remembered.
const maxExecs = 1 << 16

// Entry implements replay.Observer.
func (x *Explainer) Entry(int, *ingest.Entry, string) {}

// Concluded implements replay.Observer.
func (x *Explainer) Concluded(c *replay.Conclusions) {
	x.c = c
	if x.target.Sort != Login {
		return
	}
	of := func(l *replay.ConcludedLogin) {
		if l.ID == x.target.ID && x.wanted(c.Hosts[l.Host].Name, c.Hosts[l.Host].Boots[l.Boot].ID) {
			x.login = l
		}
	}
	for i := range c.Logins {
		of(&c.Logins[i])
	}
	x.failed = c.EachRefused(of)
}

// Hosts gives the names of the hosts that the evidence is of.
func (x *Explainer) Hosts() []string {
	var names []string
	if x.c != nil {
		for i := range x.c.Hosts {
			names = append(names, x.c.Hosts[i].Name)
		}
	}
	return names
}

// Encode implements auditevent.EventEncoder.
func (x *Explainer) Encode(v any) error {
	e, ok := v.(*auditevent.AuditEvent)
	if !ok {
		return fmt.Errorf("cannot encode a %T", v)
	}
	if x.target.Sort != Event || e.Type != schema.TypeAction && e.Type != schema.TypeSystem {
		return nil
	}
	extra := schema.Of(e)
	x.remember(e, extra)
	if extra.Event.ID == x.target.ID && x.wanted(e.Target["host"], extra.Session.Boot) {
		x.events = append(x.events, x.take(e, extra))
	}
	return nil
}

// wanted reports whether the options let a host and boot through.
func (x *Explainer) wanted(host, boot string) bool {
	if x.opt.Boot != "" && !strings.HasPrefix(boot, x.opt.Boot) {
		return false
	}
	if x.opt.Host == "" {
		return true
	}
	return SameHost(host, x.opt.Host)
}

// SameHost compares the names of hosts by their first label where one of them
// has no more.
func SameHost(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	if strings.Contains(a, ".") != strings.Contains(b, ".") {
		a, _, _ = strings.Cut(a, ".")
		b, _, _ = strings.Cut(b, ".")
	}
	return a == b
}

// remember notes which program a process became.
func (x *Explainer) remember(e *auditevent.AuditEvent, extra *schema.Extra) {
	if len(extra.ProcessArgs) == 0 || extra.Process == nil || extra.Process.PID == 0 {
		return
	}
	if len(x.execs) >= maxExecs {
		clear(x.execs)
	}
	p := extra.Process
	x.execs[procKey{e.Target["host"], extra.Session.Boot, p.PID}] = &exec{pid: p.PID, ppid: p.PPID, ses: extra.Session.ID, exe: p.Exe,
		args: short(strings.Join(extra.ProcessArgs, " ")), pos: extra.Event.Pos, at: e.LoggedAt}
}

// short cuts a command line to what a sentence can hold.
func short(s string) string {
	const most = 160
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// take keeps what is needed of an event.
func (x *Explainer) take(e *auditevent.AuditEvent, extra *schema.Extra) *event {
	out := &event{host: e.Target["host"], boot: extra.Session.Boot, at: e.LoggedAt, typ: extra.Event.Type, syscall: extra.Event.Syscall,
		pos: extra.Event.Pos, outcome: e.Outcome, session: *extra.Session, says: append([]string(nil), extra.Event.Contradictions...)}
	out.session.Evidence = append([]string(nil), extra.Session.Evidence...)
	if extra.Process != nil {
		out.process = *extra.Process
	}
	out.args = append([]string(nil), extra.ProcessArgs...)
	if u := extra.User; u != nil && u.AUID != nil && u.EUID != nil {
		auid, euid := *u.AUID, *u.EUID
		out.users = schema.Users{AUID: &auid, EUID: &euid}
	}
	pid := out.process.PPID
	for range 24 {
		p := x.execs[procKey{out.host, out.boot, pid}]
		if pid <= 1 || p == nil || p.at.After(out.at) || p.ses != out.session.ID {
			break
		}
		out.chain = append(out.chain, p)
		if p.ppid == pid {
			break
		}
		pid = p.ppid
	}
	return out
}

// found is a session that was found, with where it belongs.
type found struct {
	host, boot string
	s          tracker.SessionDecision
	logins     []tracker.LoginDecision // of the boot
}

// sessions gives the sessions with an id.
func (x *Explainer) sessions(id string) (out []found) {
	x.eachBoot(func(host, boot string, t *tracker.SessionTracker) {
		sessions, logins := t.Decisions()
		for _, s := range sessions {
			if s.ID == id {
				out = append(out, found{host, boot, s, logins})
			}
		}
	})
	return out
}

// eachBoot calls f for every boot that the options let through.
func (x *Explainer) eachBoot(f func(host, boot string, t *tracker.SessionTracker)) {
	for h := range x.c.Hosts {
		host := &x.c.Hosts[h]
		for b := range host.Boots {
			if t := x.c.Tracker(h, b); t != nil && x.wanted(host.Name, host.Boots[b].ID) {
				f(host.Name, host.Boots[b].ID, t)
			}
		}
	}
}
