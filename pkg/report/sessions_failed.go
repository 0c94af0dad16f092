package report

import (
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// refusals are the refused attempts to log in, by source, and the logins that
// the same source was let in with.
type refusals struct {
	bySource map[string]*refusal
	strs     keeper
}

type refusal struct {
	source                                 string
	attempts, logins                       int
	first, last                            time.Time
	accounts, reasons, methods, keys, host counts
}

type counts map[string]int

// namesKept bounds what one source can make us keep by trying ever new names.
const namesKept = 1000

func (c counts) add(strs keeper, v string) {
	if v == "" {
		return
	}
	if _, ok := c[v]; ok || len(c) < namesKept {
		c[strs.keep(v)]++
	}
}

// common are the names in c, the most frequent first.
func (c counts) common() []string {
	names := make([]string, 0, len(c))
	for n := range c {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(c[b], c[a]), cmp.Compare(a, b)) })
	return names
}

// brief has the counts too: "root ×12, admin ×3".
func (c counts) brief() string {
	var parts []string
	for _, n := range c.common() {
		if c[n] > 1 {
			n += " ×" + strconv.Itoa(c[n])
		}
		parts = append(parts, n)
	}
	return strings.Join(parts, ", ")
}

func newRefusals() *refusals { return &refusals{bySource: map[string]*refusal{}, strs: keeper{}} }

func (rs *refusals) add(e *auditevent.AuditEvent, x *schema.Extra) {
	if e.Type != schema.TypeLogin {
		return
	}
	r := rs.bySource[e.Source.Value]
	if r == nil {
		r = &refusal{source: rs.strs.keep(e.Source.Value),
			accounts: counts{}, reasons: counts{}, methods: counts{}, keys: counts{}, host: counts{}}
		rs.bySource[r.source] = r
	}
	if e.Outcome == schema.Succeeded {
		r.logins++
		return
	}
	r.attempts++
	if r.first.IsZero() {
		r.first = e.LoggedAt
	}
	r.last = latest(r.last, e.LoggedAt)
	r.accounts.add(rs.strs, e.Subjects["loggedAs"])
	r.reasons.add(rs.strs, refusedBecause(e))
	r.host.add(rs.strs, e.Target["host"])
	if c := x.Credential; c != nil {
		r.methods.add(rs.strs, c.Method)
		r.keys.add(rs.strs, c.Fingerprint)
	}
}

// refusedBecause is the reason that the log gives, or its error.
func refusedBecause(e *auditevent.AuditEvent) string {
	return cmp.Or(dataString(e, "reason"), dataString(e, "error"))
}

// write writes the sources with refused attempts, most of them first.
func (rs *refusals) write(w io.Writer, opt SessionsOptions) error {
	var all []*refusal
	for _, r := range rs.bySource {
		if r.attempts > 0 {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *refusal) int {
		return cmp.Or(cmp.Compare(b.attempts, a.attempts), cmp.Compare(a.source, b.source))
	})
	if opt.Format == Table || opt.Format == "" {
		return writeTable(w, refusalColumns(all, opt), columns(opt.Width, opt.Wide), opt.Color)
	}
	records := make([][]field, len(all))
	for i, r := range all {
		records[i] = r.fields()
	}
	return writeRecords(w, opt.Format, (&refusal{}).fields(), records)
}

func (r *refusal) fields() []field {
	return []field{
		{"source", r.source}, {"attempts", r.attempts}, {"logins", r.logins},
		{"first", r.first}, {"last", r.last},
		{"accounts", r.accounts.common()}, {"reasons", argv(r.reasons.common())}, {"methods", r.methods.common()},
		{"fingerprints", r.keys.common()}, {"hosts", r.host.common()},
	}
}

func refusalColumns(all []*refusal, opt SessionsOptions) []*column {
	from := &column{title: "FROM", rank: 0, min: 15}
	tries := &column{title: "REFUSED", rank: 1, right: true}
	logins := &column{title: "LET IN", rank: 2, right: true}
	first := &column{title: "FIRST", rank: 11}
	last := &column{title: "LAST", rank: 3}
	accounts := &column{title: "ACCOUNTS", rank: 4, min: 12, max: 40}
	reasons := &column{title: "REASONS", rank: 5, min: 12, max: 40}
	methods := &column{title: "METHODS", rank: 12, max: 20}
	keys := &column{title: "KEYS", rank: 7, right: true}
	for _, r := range all {
		from.add(bold, r.source)
		tries.add(red, strconv.Itoa(r.attempts))
		logins.add(inkAbove(&r.logins, yellow), strconv.Itoa(r.logins))
		first.add(noInk, clock(r.first, opt.Zone))
		last.add(noInk, clock(r.last, opt.Zone))
		accounts.add(noInk, r.accounts.brief())
		reasons.add(noInk, r.reasons.brief())
		methods.add(noInk, r.methods.brief())
		keys.add(noInk, strconv.Itoa(len(r.keys)))
	}
	return []*column{from, tries, logins, first, last, keys, methods, accounts, reasons}
}
