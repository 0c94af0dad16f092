package report

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// Process is one life of a pid. It is known by (Host, Boot, PID, Start); Start
// is the first that the evidence has of it.
type Process struct {
	Host, Boot  string
	PID, PPID   int // PPID 0: not stated
	Start       time.Time
	End         time.Time // of its exit_group, where that was recorded
	Exe, User   string    // latest known; User is the effective one's id
	UserName    string    // filled by Trees
	Parent      *Process
	Children    []*Process // by start
	Execs       []Exec
	Missing     bool // known only as somebody's parent
	Guessed     bool // Parent is no stated fact: see Forest
	DuringLogin bool // run by the session's opener while it was logging the person in
	Failures    int  // events with outcome failed
	Denied      int  // those that failed for another reason than that nothing was there
	forked      bool // its birth was recorded
	seen        time.Time
	seenAt      position // of the pid counter when last seen
	session     *entry
	sudo        []string // commands that it announced as sudo and that were not yet seen to start
	lastFailed  *Exec    // an exec that found no such file, kept in case there is no better
}

// Exec is one execution of a program in a process, or the attempt.
type Exec struct {
	Time    time.Time
	Args    []string // argv; empty where it failed before the kernel read it
	ArgsHex []string
	Exe     string // program; where it failed, the path that was tried
	CWD     string
	User    string   // effective user after it
	Result  string   // why it failed ("denied"), or ""
	Chain   []string // who it ran as: person, account, and each user become since; filled by Trees
	ID      string   // audit event id
	setuid  bool     // a setuid program: real and effective user differ
}

// A privilege is who a process is: the chain of users from the person on, and
// the chain before, which is where a setuid program's child starts when it
// gives up the program's user again (sudo -u, su).
type privilege struct {
	chain, before []string
	setuid        bool
}

// longestChain is how many users a chain shows; of a longer one, the middle
// is left out. Nobody reads those, and switching users in a loop must not
// exhaust memory.
const longestChain = 16

// after is the privilege after an exec as user.
func (v privilege) after(user string, setuid bool) privilege {
	from := v.chain
	if user == "" || len(from) > 0 && from[len(from)-1] == user {
		return privilege{chain: from, before: v.before, setuid: v.setuid && setuid}
	}
	if v.setuid {
		from = v.before
	}
	if len(from) == 0 || from[len(from)-1] != user {
		from = append(slices.Clip(from), user)
		if len(from) > longestChain {
			from = slices.Concat(from[:2], []string{"…"}, from[len(from)-longestChain/2:])
		}
	}
	return privilege{chain: from, before: v.chain, setuid: setuid}
}

// privileges are what p had before its first execution and after each.
// inherited is its parent's when p began.
func (f *Forest) privileges(p *Process, inherited privilege) []privilege {
	v := inherited
	switch {
	case p.DuringLogin:
		v = privilege{}
	case p.Parent == nil || isSSHD(p.Parent.Exe) || p.Parent.DuringLogin:
		v = privilege{chain: p.session.who()}
	}
	all := []privilege{v}
	for i := range p.Execs {
		one := &p.Execs[i]
		if one.Result == "" && !p.Missing {
			v = v.after(f.userOf(p, one.User), one.setuid)
		}
		one.Chain = v.chain
		all = append(all, v)
	}
	return all
}

// userOf is the name of p's user with that id: the account, if it is the one
// that logged in.
func (f *Forest) userOf(p *Process, id string) string {
	if id != "" && id == p.session.auid && p.session.Account != "" {
		return p.session.Account
	}
	return f.name(p.Host, id)
}

// before is how many executions p had made when child began.
func (p *Process) before(child *Process) int {
	n := 0
	for n < len(p.Execs) && !p.Execs[n].Time.After(child.Start) {
		n++
	}
	return n
}

// who is the person and the account of a session, as far as known.
func (s *entry) who() []string {
	var w []string
	for _, name := range []string{s.Person, s.Account} {
		if name != "" {
			w = append(w, name)
		}
	}
	return w
}

// SessionTree is a session and its processes.
type SessionTree struct {
	Row   Row
	Roots []*Process // by start; those without a known parent
}

// Trees returns the sessions, in the order of Ledger.Rows, with their
// processes. Sessions without any are there too.
func (f *Forest) Trees() []SessionTree {
	roots := map[*entry][]*Process{}
	for _, p := range f.all {
		slices.SortStableFunc(p.Children, byStart)
		if p.lastFailed != nil && len(p.Execs) == 0 {
			p.Execs, p.lastFailed = []Exec{*p.lastFailed}, nil
		}
		if p.Parent == nil {
			roots[p.session] = append(roots[p.session], p)
		}
	}
	trees := make([]SessionTree, 0, len(f.ledger.rows))
	for _, s := range f.ledger.rows {
		slices.SortStableFunc(roots[s], byStart)
		trees = append(trees, SessionTree{f.ledger.row(s), roots[s]})
		f.chains(roots[s])
	}
	slices.SortStableFunc(trees, func(a, b SessionTree) int { return compareRows(a.Row, b.Row) })
	return trees
}

func byStart(a, b *Process) int {
	return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.PID, b.PID))
}

// chains fills in who every process was. It walks with a stack of its own:
// nothing bounds how deep processes can be nested.
func (f *Forest) chains(roots []*Process) {
	type step struct {
		p         *Process
		inherited privilege
	}
	stack := make([]step, 0, len(roots))
	for _, p := range roots {
		stack = append(stack, step{p: p})
	}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		had := f.privileges(at.p, at.inherited)
		at.p.UserName = f.userOf(at.p, at.p.User)
		for _, c := range at.p.Children {
			stack = append(stack, step{c, had[at.p.before(c)]})
		}
	}
}

func processID(pid int, start time.Time) string {
	return strconv.Itoa(pid) + "@" + start.UTC().Format("2006-01-02T15:04:05.000Z")
}
