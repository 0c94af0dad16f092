package report

import (
	"cmp"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"
)

// What sessions can be summarised by.
const (
	byPerson  = "person"
	byKey     = "key"
	byIP      = "ip"
	byAccount = "account"
	byHost    = "host"
)

// summary is all sessions that have one thing in common.
type summary struct {
	name                                   string
	sessions, commands, root               int
	failures, denied                       int
	notRecorded                            int
	seconds                                float64
	first, last                            time.Time
	persons, accounts, keys, sources, host set
}

type set map[string]bool

func (s set) add(v string) {
	if v != "" {
		s[v] = true
	}
}

func (s set) sorted() []string { return slices.Sorted(maps.Keys(s)) }

// brief is the only element of s, or how many there are.
func (s set) brief() string {
	if len(s) == 1 {
		return s.sorted()[0]
	}
	return strconv.Itoa(len(s))
}

// writeSummary writes one row per person, key, address, account or host: most
// sessions first.
func writeSummary(w io.Writer, rows []Row, opt SessionsOptions) error {
	groups := summarise(rows, opt.By)
	if opt.Format == Table || opt.Format == "" {
		return writeTable(w, summaryColumns(groups, opt), columns(opt.Width, opt.Wide), opt.Color)
	}
	records := make([][]field, len(groups))
	for i, g := range groups {
		records[i] = g.fields(opt.By)
	}
	return writeRecords(w, opt.Format, (&summary{}).fields(opt.By), records)
}

func summarise(rows []Row, by string) []*summary {
	index := map[string]*summary{}
	var groups []*summary
	for i := range rows {
		name := rows[i].groupName(by)
		g := index[name]
		if g == nil {
			g = &summary{name: name, persons: set{}, accounts: set{}, keys: set{}, sources: set{}, host: set{}}
			index[name] = g
			groups = append(groups, g)
		}
		g.add(&rows[i])
	}
	slices.SortFunc(groups, func(a, b *summary) int {
		return cmp.Or(cmp.Compare(b.sessions, a.sessions), cmp.Compare(a.name, b.name))
	})
	return groups
}

func (r Row) groupName(by string) string {
	switch by {
	case byPerson:
		return r.Person
	case byKey:
		return r.Fingerprint
	case byIP:
		return r.SourceIP
	case byAccount:
		return r.Account
	}
	return r.Host
}

func (g *summary) add(r *Row) {
	g.sessions++
	for sum, n := range map[*int]*int{&g.commands: r.Commands, &g.root: r.RootCommands, &g.failures: r.Failures, &g.denied: r.Denied} {
		if n != nil {
			*sum += *n
		}
	}
	if r.NotRecorded {
		g.notRecorded++
	}
	if r.Duration != nil {
		g.seconds += *r.Duration
	}
	if g.first.IsZero() || r.Start.Before(g.first) {
		g.first = r.Start
	}
	g.last = latest(g.last, latest(r.Start, r.End))
	g.persons.add(r.Person)
	g.accounts.add(r.Account)
	g.keys.add(r.Fingerprint)
	g.sources.add(r.SourceIP)
	g.host.add(r.Host)
}

// fields name the group after the row's own key, so that a summary's lines
// can be matched with the sessions'.
func (g *summary) fields(by string) []field {
	name := map[string]string{byKey: "fingerprint", byIP: "source_ip"}[by]
	all := []field{
		{cmp.Or(name, by), g.name}, {"sessions", g.sessions},
		{"persons", g.persons.sorted()}, {"accounts", g.accounts.sorted()}, {"fingerprints", g.keys.sorted()},
		{"sources", g.sources.sorted()}, {"hosts", g.host.sorted()},
		{"first", g.first}, {"last", g.last}, {"duration_s", &g.seconds},
		{"commands", g.commands}, {"not_recorded_sessions", g.notRecorded}, {"root_commands", g.root},
		{"failures", g.failures}, {"denied", g.denied},
	}
	own := map[string]string{byPerson: "persons", byKey: "fingerprints", byIP: "sources", byAccount: "accounts", byHost: "hosts"}[by]
	return slices.DeleteFunc(all, func(f field) bool { return f.key == own })
}

func summaryColumns(groups []*summary, opt SessionsOptions) []*column {
	title := map[string]string{byPerson: "PERSON", byKey: "KEY", byIP: "FROM", byAccount: "ACCOUNT", byHost: "HOST"}[opt.By]
	name := &column{title: title, rank: 0, min: 15, max: 30}
	sessions := &column{title: "SESSIONS", short: "SESS", rank: 1, right: true}
	first := &column{title: "FIRST", rank: 5}
	last := &column{title: "LAST", rank: 2}
	took := &column{title: "TIME", rank: 11, right: true}
	cmds := &column{title: "CMDS", rank: 3, right: true}
	root := &column{title: "ROOT", rank: 3, right: true}
	refused := &column{title: "DENY", rank: 4, right: true}
	lost := &column{title: "NOT RECORDED", short: "N/R", rank: 7, right: true}
	other := map[string]*column{
		byPerson: {title: "PERSONS", rank: 12, max: 24}, byAccount: {title: "ACCOUNTS", rank: 13, max: 16},
		byIP: {title: "SOURCES", rank: 14, max: 15}, byKey: {title: "KEYS", rank: 15, right: true}, byHost: {title: "HOSTS", rank: 16, max: 12},
	}
	for _, g := range groups {
		label := g.name
		if opt.By == byKey && !opt.Wide {
			label = fingerprintBrief(label)
		}
		name.add(bold, label)
		sessions.addBrief(noInk, strconv.Itoa(g.sessions), strconv.Itoa(g.sessions))
		first.add(noInk, clock(g.first, opt.Zone))
		last.add(noInk, clock(g.last, opt.Zone))
		took.add(noInk, duration(&g.seconds))
		cmds.add(noInk, strconv.Itoa(g.commands))
		root.add(inkAbove(&g.root, yellow), strconv.Itoa(g.root))
		refused.add(inkAbove(&g.denied, red), strconv.Itoa(g.denied))
		lost.addBrief(noInk, strconv.Itoa(g.notRecorded), strconv.Itoa(g.notRecorded))
		for by, s := range map[string]set{byPerson: g.persons, byAccount: g.accounts, byIP: g.sources, byHost: g.host} {
			other[by].add(noInk, s.brief())
		}
		other[byKey].add(noInk, strconv.Itoa(len(g.keys)))
	}
	cols := []*column{name, sessions, first, last, took, cmds, lost, root, refused}
	for _, by := range []string{byPerson, byAccount, byIP, byKey, byHost} {
		if by != opt.By {
			cols = append(cols, other[by])
		}
	}
	return cols
}
