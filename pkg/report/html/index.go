package html

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"auditreplay/pkg/report"
)

// The index lists what the sessions have to do with by name: files, addresses
// and other users' identities, and for each the sessions it occurs in.
type index struct {
	files, sockets, denied, chains *catalogue
}

func newIndex() *index {
	return &index{files: newCatalogue(), sockets: newCatalogue(), denied: newCatalogue(), chains: newCatalogue()}
}

// namedByCommand is the verb for a path that is an argument of a command. The
// command need not have opened it, but where no rule recorded opens this is
// all that shows it.
const namedByCommand = "in a command line"

func (x *index) add(session int, ms int64, line *report.Line, early bool) {
	if session < 0 || early || ownDoing(line) {
		return
	}
	note := func(c *catalogue, name, verb string) {
		if name != "" {
			c.add(name, verb, session, ms, line.Failed)
		}
	}
	switch line.About {
	case report.AboutFile:
		note(x.files, line.Path, line.Verb)
	case report.AboutNetwork:
		note(x.sockets, line.Address, line.Verb)
	case report.AboutCommand:
		for _, path := range line.Named {
			note(x.files, path, namedByCommand)
		}
	case report.AboutPrivilege:
		if line.Failed {
			note(x.denied, line.What, line.Program)
		}
	}
}

// ownDoing reports what sshd does for itself in every session. Its connections
// are those that it makes for the person.
func ownDoing(line *report.Line) bool {
	switch line.Program {
	case "sshd", "sshd-session", "sshd-auth":
		return line.About != report.AboutNetwork
	}
	return false
}

// privilege takes note of one execution as somebody else than the account, or
// as root.
func (x *index) privilege(session int, one *report.Exec, account string, entered bool) {
	n := len(one.Chain)
	if n == 0 || one.Chain[n-1] == account && account != "root" {
		return
	}
	verb := ""
	if entered {
		verb = one.Exe[strings.LastIndexByte(one.Exe, '/')+1:]
	}
	x.chains.add(strings.Join(one.Chain, " → "), verb, session, one.Time.UnixMilli(), false)
}

// A catalogue counts names, up to mostNames of them.
type catalogue struct {
	byName map[string]*item
	beyond int // events whose name came too late to be listed
}

type item struct {
	name        string
	verbs       map[string]int
	total       int
	failed      int
	first, last int64
	sessions    map[int]int
	more        bool // there are sessions beyond those listed
}

const (
	mostNames    = 50_000
	mostSessions = 500 // for each name
	mostVerbs    = 50
	longestName  = 4096 // bytes; longer ones are cut
)

func newCatalogue() *catalogue { return &catalogue{byName: map[string]*item{}} }

func (c *catalogue) add(name, verb string, session int, ms int64, failed bool) {
	if len(name) > longestName {
		name = strings.ToValidUTF8(name[:longestName], "") + "…"
	}
	it := c.byName[name]
	if it == nil {
		if len(c.byName) >= mostNames {
			c.beyond++
			return
		}
		name = strings.Clone(name)
		it = &item{name: name, verbs: map[string]int{}, first: ms, last: ms, sessions: map[int]int{}}
		c.byName[name] = it
	}
	it.total++
	if failed {
		it.failed++
	}
	it.first, it.last = min(it.first, ms), max(it.last, ms)
	if _, known := it.verbs[verb]; verb != "" && (known || len(it.verbs) < mostVerbs) {
		if !known {
			verb = strings.Clone(verb)
		}
		it.verbs[verb]++
	}
	if _, known := it.sessions[session]; known || len(it.sessions) < mostSessions {
		it.sessions[session]++
	} else {
		it.more = true
	}
}

// rows are the items by name: name, verbs, events, failed, first, last,
// sessions (their place on the page and the events in each), more sessions.
func (c *catalogue) rows(place []int) []list {
	rows := make([]list, 0, len(c.byName))
	for _, name := range slices.Sorted(maps.Keys(c.byName)) {
		it := c.byName[name]
		in := make([][2]int, 0, len(it.sessions))
		for session, n := range it.sessions {
			in = append(in, [2]int{place[session], n})
		}
		slices.SortFunc(in, func(a, b [2]int) int { return cmp.Compare(a[0], b[0]) })
		rows = append(rows, list{text(name), counted(it.verbs), it.total, it.failed, it.first, it.last, in, it.more})
	}
	return rows
}

// counted lists counts, the largest first.
func counted(m map[string]int) []list {
	out := make([]list, 0, len(m))
	for _, k := range slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b))
	}) {
		out = append(out, list{text(k), m[k]})
	}
	return out
}

func counts(all []report.Count) []list {
	out := make([]list, 0, len(all))
	for _, c := range all {
		out = append(out, list{text(c.Name), c.N})
	}
	return out
}

// refusalRows are the sources of refused logins: source, refused, let in,
// first, last, accounts, reasons, methods, keys, hosts.
func refusalRows(all []report.Refusal) []list {
	rows := make([]list, 0, len(all))
	for i := range all {
		f := &all[i]
		rows = append(rows, list{text(f.Source), f.Attempts, f.Logins, f.First.UnixMilli(), f.Last.UnixMilli(),
			counts(f.Accounts), counts(f.Reasons), counts(f.Methods), counts(f.Keys), counts(f.Hosts)})
	}
	return rows
}
