package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"auditreplay/pkg/safe"
)

// TreeOptions choose what the Tree view shows. The zero value is text for 80
// columns, in UTC.
type TreeOptions struct {
	Format string         // Text (default) or JSON
	Width  int            // columns of the terminal; 0 is 80, negative unlimited
	Color  bool           // colour the text
	Wide   bool           // text: nothing cut, nothing folded
	Zone   *time.Location // of the times in text; nil is UTC
}

// Validate reports the first option with a value that does not exist.
func (o TreeOptions) Validate() error { return oneOf("format", o.Format, Text, JSON) }

// Tree shows the processes of each session as a tree: who ran what, under
// which parent, and as whom. It is an auditevent.EventEncoder; nothing is
// written before Close.
//
// In text, a process shows the chain of users where it became another one,
// each program it executed in turn, and why an execution failed. Folded to
// one line are the programs that the opener of a session ran while it was
// logging the person in, and forks of which nothing else is known. JSON has
// one object per process, parents before their children; "id" and "parent"
// are pid@start, unique within host and boot.
type Tree struct {
	w      io.Writer
	opt    TreeOptions
	err    error
	forest *Forest
}

// NewTree returns a Tree that writes to w. An option that Validate refuses is
// the error of every call.
func NewTree(w io.Writer, opt TreeOptions) *Tree {
	return &Tree{w: w, opt: opt, err: opt.Validate(), forest: NewForest()}
}

// Encode takes the next event, an *auditevent.AuditEvent.
func (v *Tree) Encode(a any) error {
	if v.err != nil {
		return v.err
	}
	e, x, err := event(a)
	if err != nil {
		return err
	}
	v.forest.add(e, x)
	return nil
}

// Close writes the trees.
func (v *Tree) Close() error {
	if v.err != nil {
		return v.err
	}
	for i, t := range v.forest.Trees() {
		if v.opt.Format == JSON {
			v.err = writeTreeJSON(v.w, &t)
		} else {
			v.err = v.text(&t, i > 0)
		}
		if v.err != nil {
			return v.err
		}
	}
	return nil
}

// text writes one session and the lines of its tree.
func (v *Tree) text(t *SessionTree, blank bool) error {
	d := treeText{opt: v.opt, limit: columns(v.opt.Width, v.opt.Wide), row: &t.Row}
	if blank {
		d.b.WriteByte('\n')
	}
	d.header()
	d.days = spansDays(t, v.opt.Zone)
	d.walk(t.Roots)
	if t.Row.NotRecorded {
		d.line("", "", noInk, "executions were not recorded")
	}
	_, err := io.WriteString(v.w, d.b.String())
	return err
}

// treeText writes one session's tree.
type treeText struct {
	b     strings.Builder
	opt   TreeOptions
	limit int
	row   *Row
	days  bool // the session spans days, so times have dates
}

func (d *treeText) header() {
	r := d.row
	who := cmp.Or(r.Person, "unknown")
	if r.Person == "" && r.Opener != "" {
		who = base(r.Opener)
	}
	parts := []string{}
	if r.Account != "" {
		parts = append(parts, "as "+r.Account)
	}
	if from := r.from(); from != "" {
		parts = append(parts, "from "+from)
	}
	if r.Fingerprint != "" {
		key := fingerprintBrief(r.Fingerprint)
		if d.opt.Wide {
			key = r.Fingerprint
		}
		parts = append(parts, "with "+key)
	}
	if r.Session != "" {
		parts = append(parts, "session "+r.Session)
	}
	if r.Host != "" {
		parts = append(parts, "on "+r.Host)
	}
	when := clock(r.Start, d.opt.Zone)
	if !r.End.IsZero() {
		when += " to " + clock(r.End, d.opt.Zone)
	}
	if r.Ended != "" {
		when += " (" + r.Ended + ")"
	}
	parts = append(parts, when)
	who, rest := safe.Terminal(who), safe.Terminal(strings.Join(parts, ", "))
	if d.limit > 0 {
		who = safe.Truncate(who, max(12, d.limit/2))
		// The header is what a person reads first: broken, never cut.
		for safe.Width(who)+1+safe.Width(rest) > d.limit && len(parts) > 1 {
			line := d.fill(&parts, safe.Width(who)+1)
			d.b.WriteString(painted(d.opt.Color, bold, who) + " " + safe.Truncate(line, d.limit-1-safe.Width(who)) + "\n")
			who, rest = "   ", safe.Terminal(strings.Join(parts, ", "))
		}
		rest = safe.Truncate(rest, d.limit-1-safe.Width(who))
	}
	d.b.WriteString(painted(d.opt.Color, bold, who) + " " + rest + "\n")
}

// fill takes as many parts as fit on a line that already has used columns; at
// least one, and leaves at least one.
func (d *treeText) fill(parts *[]string, used int) string {
	n := 1
	for n < len(*parts)-1 && used+safe.Width(safe.Terminal(strings.Join((*parts)[:n+1], ", ")))+1 <= d.limit {
		n++
	}
	line := safe.Terminal(strings.Join((*parts)[:n], ", ")) + ","
	*parts = (*parts)[n:]
	return line
}

func spansDays(t *SessionTree, zone *time.Location) bool {
	day := in(t.Row.Start, zone).Format(time.DateOnly)
	stack := slices.Clone(t.Roots)
	for len(stack) > 0 {
		p := stack[len(stack)-1]
		stack = append(stack[:len(stack)-1], p.Children...)
		if in(p.Start, zone).Format(time.DateOnly) != day {
			return true
		}
	}
	return false
}

// walk writes the processes, parents first. It keeps a stack of its own, and
// from some depth on indents no further: nothing bounds how deep processes
// can be nested.
func (d *treeText) walk(roots []*Process) {
	type step struct {
		p      *Process
		prefix string
		last   bool
		depth  int
		said   []string // the chain shown last on the way here
	}
	deepest := 40
	if d.limit > 0 {
		deepest = max(2, min(deepest, (d.limit-40)/3))
	}
	var stack []step
	push := func(list []*Process, prefix string, depth int, said []string) string {
		shown, note := d.fold(list)
		for i := len(shown) - 1; i >= 0; i-- {
			stack = append(stack, step{shown[i], prefix, i == len(shown)-1 && note == "", depth, said})
		}
		return note
	}
	notes := map[int][]string{} // notes to write once the stack is this short
	flush := func() {
		for _, n := range notes[len(stack)] {
			prefix, text, _ := strings.Cut(n, "\x00")
			d.line("", prefix+"└─ ", dim, text)
		}
		delete(notes, len(stack))
	}
	if n := push(roots, "", 0, nil); n != "" {
		notes[0] = append(notes[0], "\x00"+n)
	}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		branch, below := "├─ ", "│  "
		if at.last {
			branch, below = "└─ ", "   "
		}
		said := d.process(at.p, at.prefix, branch, below, at.said, at.depth > deepest)
		prefix := at.prefix + below
		if at.depth >= deepest {
			prefix = at.prefix
		}
		mark := len(stack)
		if n := push(at.p.Children, prefix, at.depth+1, said); n != "" {
			notes[mark] = append([]string{prefix + "\x00" + n}, notes[mark]...)
		}
		flush()
	}
}

// fold leaves out of list what is not worth a line, and says what it was.
func (d *treeText) fold(list []*Process) (shown []*Process, note string) {
	if d.opt.Wide {
		return list, ""
	}
	login, forks := 0, 0
	for _, p := range list {
		switch {
		case p.DuringLogin:
			login++
		case p.forked && len(p.Execs) == 0 && len(p.Children) == 0 && p.Failures == 0:
			forks++
		default:
			shown = append(shown, p)
		}
	}
	var notes []string
	if login > 0 {
		notes = append(notes, plural(login, "program")+" run by the login itself")
	}
	if forks > 0 {
		notes = append(notes, plural(forks, "fork")+" without a program of its own")
	}
	return shown, strings.Join(notes, ", ")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// process writes the lines of one process and returns the chain that now
// stands written.
func (d *treeText) process(p *Process, prefix, branch, below string, said []string, deep bool) []string {
	id := fmt.Sprintf("[%d] ", p.PID)
	if deep {
		id = "… " + id
	}
	if len(p.Execs) == 0 {
		d.line(d.time(p.Start), prefix+branch, dim, id+d.idle(p))
		return said
	}
	cwd := ""
	if p.Parent != nil && len(p.Parent.Execs) > 0 {
		cwd = p.Parent.Execs[len(p.Parent.Execs)-1].CWD
	}
	for i := range p.Execs {
		one := &p.Execs[i]
		lead := prefix + branch
		if i > 0 {
			lead, id = prefix+below, "↪ "
		}
		paint := noInk
		chain := ""
		if len(one.Chain) > 0 && !slices.Equal(one.Chain, said) && (said != nil || !d.plain(one.Chain)) {
			chain, paint = d.users(one.Chain)+" ", yellow
		}
		if one.Result == "" {
			said = one.Chain
		} else {
			paint = red
		}
		tail := ""
		if one.Result != "" {
			tail = "  (" + one.Result + ")"
		}
		if i == len(p.Execs)-1 {
			tail += d.remarks(p)
		}
		where := ""
		if one.CWD != "" && one.CWD != cwd {
			where = "  in " + one.CWD
		}
		cwd = one.CWD
		d.tailed(d.time(one.Time), lead, paint, id+chain+one.text(), tail, where)
	}
	return said
}

// users writes a chain; on a narrow terminal without the person, whom the
// header has named.
func (d *treeText) users(chain []string) string {
	if d.limit > 0 && d.limit < 120 && len(chain) > 2 && chain[0] == d.row.Person {
		chain = chain[1:]
	}
	return strings.Join(chain, " → ")
}

// remarks are what else is known of a process.
func (d *treeText) remarks(p *Process) string {
	s := ""
	if p.Denied > 0 {
		s += fmt.Sprintf("  (%d failed)", p.Denied)
	}
	if p.PPID == 1 {
		s += "  (parent: pid 1)"
	}
	return s
}

// plain reports whether chain says no more than the session's header.
func (d *treeText) plain(chain []string) bool {
	return chain[len(chain)-1] == d.row.Account
}

func (one *Exec) text() string {
	if len(one.Args) == 0 {
		return "tried to execute " + one.Exe
	}
	prompt := "$ "
	if one.User == "0" && !one.setuid {
		prompt = "# "
	}
	return prompt + commandLine(one.Args, one.ArgsHex)
}

// idle describes a process that executed nothing, as far as is known.
func (d *treeText) idle(p *Process) string {
	switch {
	case p.Missing && p.Guessed:
		return "not in the evidence; under this sudo by the command it announced"
	case p.Missing:
		return "not in the evidence"
	case p.Exe == "":
		return "a process"
	}
	return base(p.Exe)
}

func (d *treeText) time(t time.Time) string {
	if d.days {
		return in(t, d.opt.Zone).Format(clockDate)
	}
	return in(t, d.opt.Zone).Format(clockShort)
}

func (d *treeText) line(at, lead string, paint ink, text string) {
	d.tailed(at, lead, paint, text, "", "")
}

// tailed writes a line whose text is cut where it is too long, but not its
// tail, unless that alone is too long; extra stands at the end where there is
// room for all of it.
func (d *treeText) tailed(at, lead string, paint ink, text, tail, extra string) {
	if at == "" {
		at = strings.Repeat(" ", len(d.time(time.Time{})))
	}
	text, tail, extra = safe.Terminal(text), safe.Terminal(tail), safe.Terminal(extra)
	if d.limit > 0 {
		room := max(10, d.limit-safe.Width(at)-1-safe.Width(lead))
		if safe.Width(text+tail+extra) > room {
			extra = ""
		}
		tail = safe.Truncate(tail, max(0, room-10))
		text = safe.Truncate(text, max(1, room-safe.Width(tail+extra)))
	}
	line := painted(d.opt.Color, dim, at) + " " + painted(d.opt.Color, dim, lead) + painted(d.opt.Color, paint, text+tail+extra)
	d.b.WriteString(line + "\n")
}
