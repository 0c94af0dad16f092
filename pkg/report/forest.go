package report

import (
	"slices"
	"strconv"
	"time"

	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// Forest rebuilds processes from the audit events of sessions.
//
// A process begins with the fork that returned its pid or, as forks are
// rarely recorded, with the first event that names it; its parent is the life
// of its ppid at that moment, and a parent that no event names is there as
// Missing. A pid can be handed out again within seconds. An event belongs to
// the pid's known life where its session and parent agree and either it is no
// exec, or the kernel cannot have come round to that pid again (it hands out
// rising numbers until it wraps); otherwise a new life begins. When in doubt
// one process is shown as two, never two as one.
//
// Two parents are concluded, and marked Guessed: sshd's process for the user
// is a child of the session's leader, and the command that a sudo announced
// (USER_CMD) is its child when a process that nothing else explains executes
// it. sudo puts an unrecorded monitor process between the two.
type Forest struct {
	ledger  *Ledger
	all     []*Process
	sudos   map[*entry][]*Process // those that announced commands
	alive   map[place]*Process
	counter map[hostBoot]position
	names   map[hostUser]string // what the evidence calls a uid of a host
	strs    keeper
}

type place struct {
	hostBoot
	pid int
}

type hostUser struct{ host, id string }

// position is how far a boot has got in handing out pids.
type position struct{ lap, pid int }

// slack is how far behind the newest pid a fresh process may be seen first,
// without the counter having wrapped.
const slack = 64

// NewForest returns an empty Forest.
func NewForest() *Forest {
	return &Forest{
		ledger:  NewLedger(),
		sudos:   map[*entry][]*Process{},
		alive:   map[place]*Process{},
		counter: map[hostBoot]position{},
		names:   map[hostUser]string{},
		strs:    keeper{},
	}
}

// Add takes note of one event.
func (f *Forest) Add(e *auditevent.AuditEvent) { f.add(e, schema.Of(e)) }

func (f *Forest) add(e *auditevent.AuditEvent, x *schema.Extra) {
	s := f.ledger.add(e, x)
	if s == nil || e.Type != schema.TypeAction {
		return
	}
	at := hostBoot{s.Host, s.Boot}
	f.learn(at.host, e, x)
	p := x.Process
	if p == nil || p.PID <= 0 {
		return
	}
	life := f.life(at, e, x, s)
	life.seen, life.seenAt = e.LoggedAt, f.counter[at]
	if life.Exe == "" || p.PPID != 0 && e.Outcome != schema.Failed {
		life.Exe = f.strs.keep(p.Exe)
	}
	if u := acting(x); u != nil && (p.PPID != 0 || life.User == "") {
		life.User = f.strs.keep(u.ID)
	}
	if e.Outcome == schema.Failed {
		life.Failures++
		if r := result(e, x); r != noSuchFile && r != inProgress && !isExec(x) {
			life.Denied++
		}
	}
	if eventType(x) == "USER_CMD" && x.Object != nil && e.Outcome != schema.Failed {
		if life.sudo == nil {
			f.sudos[s] = append(f.sudos[s], life)
		}
		life.sudo = append(life.sudo, f.strs.keep(x.Object.Primary))
	}
	switch call := syscallOf(x); {
	case isExec(x):
		f.exec(life, e, x)
	case e.Outcome == schema.Failed:
	case call == "clone" || call == "clone3" || call == "fork" || call == "vfork":
		f.fork(at, life, e, x)
	case call == "exit_group":
		life.End = e.LoggedAt
	}
}

// learn keeps the names that the evidence gives to ids.
func (f *Forest) learn(host string, e *auditevent.AuditEvent, x *schema.Extra) {
	if x.User == nil {
		return
	}
	for _, u := range []*schema.User{x.User.AUID, x.User.UID, x.User.EUID} {
		if u != nil && u.Name != "" {
			f.names[hostUser{host, f.strs.keep(u.ID)}] = f.strs.keep(u.Name)
		}
	}
	if a := x.User.AUID; a != nil && a.Name == "" && a.ID != "unset" && e.Subjects["loggedAs"] != "" && x.Session != nil &&
		(x.Session.Attribution == schema.BySSHD || x.Session.Attribution == schema.ByAudit) {
		f.names[hostUser{host, f.strs.keep(a.ID)}] = f.strs.keep(e.Subjects["loggedAs"])
	}
}

// name is what the evidence calls the user with that id.
func (f *Forest) name(host, id string) string {
	if n := f.names[hostUser{host, id}]; n != "" {
		return n
	}
	return userName(&schema.User{ID: id})
}

// life returns the process that e is an event of.
func (f *Forest) life(at hostBoot, e *auditevent.AuditEvent, x *schema.Extra, s *entry) *Process {
	pid, ppid := x.Process.PID, x.Process.PPID
	now := f.alive[place{at, pid}]
	if now != nil && f.same(now, e, x, s) {
		if now.Missing {
			now.Missing = false
			now.Start = e.LoggedAt
		}
		if now.PPID == 0 && ppid != 0 {
			now.orphan()
			f.adopt(now, at, ppid, e.LoggedAt)
		}
		return now
	}
	p := f.begin(at, pid, e.LoggedAt, s)
	if isExec(x) {
		f.advance(at, pid)
	}
	switch {
	case ppid != 0:
		f.adopt(p, at, ppid, e.LoggedAt)
	case isSSHD(x.Process.Exe) && s.leader != 0 && s.leader != pid:
		f.adopt(p, at, s.leader, e.LoggedAt)
		p.PPID, p.Guessed = 0, true
	}
	return p
}

func (f *Forest) begin(at hostBoot, pid int, t time.Time, s *entry) *Process {
	p := &Process{Host: at.host, Boot: at.boot, PID: pid, Start: t, seen: t, seenAt: f.counter[at], session: s}
	f.all = append(f.all, p)
	f.alive[place{at, pid}] = p
	return p
}

// adopt makes p a child of the present life of ppid in p's session. The
// session's leader has its own parent outside of it, which is no concern here,
// and pid 1 takes in any orphan.
func (f *Forest) adopt(p *Process, at hostBoot, ppid int, t time.Time) {
	p.PPID = ppid
	if p.PID == p.session.leader || ppid == 1 {
		return
	}
	parent := f.alive[place{at, ppid}]
	if parent == nil || parent.session != p.session || !parent.End.IsZero() && parent.End.Before(t) {
		parent = f.begin(at, ppid, t, p.session)
		parent.Missing = true
	}
	if parent != p {
		p.Parent = parent
		parent.Children = append(parent.Children, p)
	}
}

// orphan takes back a guessed parent.
func (p *Process) orphan() {
	if p.Parent == nil {
		return
	}
	p.Parent.Children = slices.DeleteFunc(p.Parent.Children, func(c *Process) bool { return c == p })
	p.Parent, p.Guessed = nil, false
}

// same reports whether e can be an event of the life now.
func (f *Forest) same(now *Process, e *auditevent.AuditEvent, x *schema.Extra, s *entry) bool {
	if now.session != s || !now.End.IsZero() {
		return false
	}
	p := x.Process
	again := f.mayReuse(now)
	sameExe := now.Exe == "" || now.Exe == p.Exe
	switch {
	case now.Missing:
		return !again || !isExec(x) && isSSHD(p.Exe)
	case p.PPID == 0 || now.PPID == 0:
		return sameExe || !again
	case p.PPID != now.PPID && isExec(x):
		return !again && p.PPID == 1 && now.Parent != nil && !now.Parent.End.IsZero()
	case p.PPID != now.PPID:
		return sameExe && (p.PPID == 1 || !again)
	case isExec(x):
		return !again || e.LoggedAt.Sub(now.seen) < 2*time.Second
	}
	return sameExe || !again
}

// advance moves the boot's pid counter to that of a fresh process.
func (f *Forest) advance(at hostBoot, pid int) {
	c := f.counter[at]
	if pid < c.pid-slack {
		f.counter[at] = position{c.lap + 1, pid}
	} else {
		f.counter[at] = position{c.lap, max(c.pid, pid)}
	}
}

// mayReuse reports whether the kernel may have handed out p's pid again since
// p was last seen.
func (f *Forest) mayReuse(p *Process) bool {
	c := f.counter[hostBoot{p.Host, p.Boot}]
	return c.lap != p.seenAt.lap || p.PID > p.seenAt.pid && c.pid != p.seenAt.pid
}

// fork notes the birth of a child. A vfork's record follows those of the
// child that it waited for.
func (f *Forest) fork(at hostBoot, parent *Process, e *auditevent.AuditEvent, x *schema.Extra) {
	pid, err := strconv.Atoi(x.Event.Exit)
	if err != nil || pid <= 0 || pid == parent.PID {
		return
	}
	child := f.alive[place{at, pid}]
	known := child != nil && child.session == parent.session && !child.forked && !child.Start.Before(e.LoggedAt) &&
		(child.PPID == parent.PID || child.PPID == 0)
	if !known {
		child = f.begin(at, pid, e.LoggedAt, parent.session)
		child.Exe, child.User = parent.Exe, parent.User
		f.advance(at, pid)
		child.seenAt = f.counter[at]
	}
	child.forked = true
	child.Start = e.LoggedAt
	if child.Parent == nil {
		f.adopt(child, at, parent.PID, e.LoggedAt)
	}
}
