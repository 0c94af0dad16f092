package report

import (
	"net"
	"slices"
	"strings"
	"time"

	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// This file has what the HTML report (package html) asks of this package: the
// sessions by number, so that events can be sorted into them, processes
// session by session, so that those of a finished one can be let go, and one
// event in the words that the timeline has for it.

// Register is a Ledger that numbers its sessions, from 0 as they are first
// seen.
type Register struct {
	ledger  *Ledger
	numbers map[*entry]int
}

// NewRegister returns an empty Register.
func NewRegister() *Register { return &Register{NewLedger(), map[*entry]int{}} }

// Add takes note of one event and returns the number of the session that it
// belongs to, -1 for none. early is true for what a program did that sshd (or
// cron, or login) ran while it was still opening the session.
func (g *Register) Add(e *auditevent.AuditEvent) (session int, early bool) {
	x := schema.Of(e)
	s := g.ledger.add(e, x)
	if s == nil {
		return -1, false
	}
	for n := len(g.numbers); n < len(g.ledger.rows); n++ {
		g.numbers[g.ledger.rows[n]] = n
	}
	early = e.Type == schema.TypeAction && s.starting() == &s.early && x.Process != nil && x.Process.PID != s.leader
	return g.numbers[s], early
}

// Rows returns the sessions by number.
func (g *Register) Rows() []Row {
	rows := make([]Row, len(g.ledger.rows))
	for i, s := range g.ledger.rows {
		rows[i] = g.ledger.row(s)
	}
	return rows
}

// CompareRows is the order of Ledger.Rows: by start, host, boot, id and login.
func CompareRows(a, b Row) int { return compareRows(a, b) }

// Learn takes note of the names that e has for ids, and of nothing else: what
// the whole stream calls a user is then known before Take is.
func (f *Forest) Learn(e *auditevent.AuditEvent) {
	if x := schema.Of(e); e.Type == schema.TypeAction {
		f.learn(f.strs.keep(e.Target["host"]), e, x)
	}
}

// Take returns the session with the number that a Register has for it, and
// its processes, and lets go of them. It is called once, after the session's
// last event was added.
func (f *Forest) Take(session int) SessionTree {
	if session >= len(f.ledger.rows) {
		return SessionTree{}
	}
	s := f.ledger.rows[session]
	var own, others []*Process
	for _, p := range f.all {
		if p.session != s {
			others = append(others, p)
			continue
		}
		own = append(own, p)
		if at := (place{hostBoot{p.Host, p.Boot}, p.PID}); f.alive[at] == p {
			delete(f.alive, at)
		}
	}
	delete(f.sudos, s)
	all := f.all
	f.all = own
	defer func() { clear(all); f.all = append(all[:0], others...) }()
	for _, t := range f.treesOf(s) {
		return t
	}
	return SessionTree{}
}

// treesOf is Trees for a single session.
func (f *Forest) treesOf(s *entry) []SessionTree {
	ledger := f.ledger
	one := *ledger
	one.rows = []*entry{s}
	f.ledger = &one
	defer func() { f.ledger = ledger }()
	return f.Trees()
}

// CommandLine writes argv as a shell would read it back.
func CommandLine(args []string) string { return commandLine(args, nil) }

// Text is the execution as a shell would take it, after the prompt of its user.
func (one *Exec) Text() string { return one.text() }

// Forked reports whether the birth of p was recorded.
func (p *Process) Forked() bool { return p.forked }

// From is where a session came from: address and port, or the local program
// that opened it.
func (r Row) From() string { return r.from() }

// Use is the session's kind in words.
func (r Row) Use() string { return r.use() }

// The subjects that a Line can be about.
const (
	AboutLogin     = "login"     // logged in, refused, logged out
	AboutCommand   = "command"   // programs executed, keystrokes
	AboutFile      = "file"      // files opened, written, deleted, renamed
	AboutNetwork   = "network"   // connections and sockets
	AboutPrivilege = "privilege" // another user's identity asked for or taken
	AboutSession   = "session"   // the audit session's own bookkeeping
	AboutSystem    = "system"    // all else
)

// A Line is one event in the words of the timeline.
type Line struct {
	About   string // one of the constants above
	User    string // account, and after an arrow the user acted as where that is another one
	Became  bool   // User has an arrow
	TTY     string
	What    string
	Verb    string // What without its object: "opened", "connected to"
	Result  string // what became of it where it failed, else ""
	Failed  bool
	Path    string   // AboutFile: the file, absolute as far as known
	Named   []string // AboutCommand: absolute paths among the arguments
	Address string   // AboutNetwork: address and port, or the socket's path
	Program string   // base name of the program that acted
}

// Describe returns e in words.
func Describe(e *auditevent.AuditEvent) Line {
	x := schema.Of(e)
	var l Line
	l.What, l.Result = sentence(e, x)
	l.User, l.Became = actingAs(e, x)
	l.TTY = eventTTY(x)
	l.Verb = verb(x.Action)
	l.Failed = e.Outcome == schema.Failed
	l.About = about(e, x)
	switch l.About {
	case AboutFile:
		l.Path = strings.Replace(object(x), "//", "/", 1)
	case AboutNetwork:
		l.Address = socket(x.Object)
	case AboutCommand:
		for i, a := range x.ProcessArgs {
			if i > 0 && len(a) > 1 && a[0] == '/' && !slices.Contains(l.Named, a) {
				l.Named = append(l.Named, a)
			}
		}
	}
	if x.Process != nil {
		l.Program = program(x)
	}
	return l
}

// verb is an action without its object.
func verb(action string) string {
	switch action {
	case "opened-file":
		return "opened"
	case "wrote-to-file":
		return "wrote to"
	case "changed-file-attributes-of":
		return "changed attributes of"
	case "bound-socket":
		return "bound"
	case "listen-for-connections":
		return "listened"
	}
	return strings.ReplaceAll(action, "-", " ")
}

// socket is the address of a socket: of a network, or its path.
func socket(o *schema.Object) string {
	ip, port, ok := remote(o)
	switch {
	case !ok:
		return o.Primary
	case port == "":
		return ip.String()
	}
	return net.JoinHostPort(ip.String(), port)
}

// about tells what an event is about.
func about(e *auditevent.AuditEvent, x *schema.Extra) string {
	if e.Type == schema.TypeLogin || e.Type == schema.TypeLogout {
		return AboutLogin
	}
	if isExec(x) {
		return AboutCommand
	}
	switch x.Action {
	case "typed":
		return AboutCommand
	case "changed-identity-of", "ran-command", "authenticated", "changed-role-to":
		return AboutPrivilege
	}
	switch eventType(x) {
	case "LOGIN", "USER_START", "USER_END", "USER_LOGIN", "USER_LOGOUT", "USER_ACCT", "CRED_ACQ", "CRED_DISP", "CRED_REFR":
		return AboutSession
	}
	switch o := x.Object; {
	case o == nil || o.Primary == "":
	case o.Type == "socket" && syscallOf(x) != "unlink" && syscallOf(x) != "unlinkat":
		return AboutNetwork
	case isPath(o.Type) || o.Type == "socket":
		return AboutFile
	}
	return AboutSystem
}

// A Refusal is all that one source was refused, and how often it was let in.
type Refusal struct {
	Source                                  string
	Attempts, Logins                        int
	First, Last                             time.Time
	Accounts, Reasons, Methods, Keys, Hosts []Count
}

// A Count is how often a name occurred.
type Count struct {
	Name string
	N    int
}

// Refusals gathers refused logins by source, each with at most 1,000 names of
// a kind.
type Refusals struct{ all *refusals }

// NewRefusals returns an empty Refusals.
func NewRefusals() *Refusals { return &Refusals{newRefusals()} }

// Add takes note of one event.
func (rs *Refusals) Add(e *auditevent.AuditEvent) { rs.all.add(e, schema.Of(e)) }

// All returns the sources that were refused anything, by name.
func (rs *Refusals) All() []Refusal {
	var out []Refusal
	for _, r := range rs.all.bySource {
		if r.attempts > 0 {
			out = append(out, Refusal{r.source, r.attempts, r.logins, r.first, r.last,
				r.accounts.list(), r.reasons.list(), r.methods.list(), r.keys.list(), r.host.list()})
		}
	}
	slices.SortFunc(out, func(a, b Refusal) int {
		if a.Source < b.Source {
			return -1
		}
		return 1
	})
	return out
}

func (c counts) list() []Count {
	var out []Count
	for _, n := range c.common() {
		out = append(out, Count{n, c[n]})
	}
	return out
}
