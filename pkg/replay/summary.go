package replay

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/safe"
	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// maxShown is how many rejects the summary shows.
const maxShown = 3

// Summary is the account of a run.
type Summary struct {
	Sources      []SourceSummary `json:"sources"`
	Hosts        []HostSummary   `json:"hosts"`
	Events       int64           `json:"events"`                  // audit events, of any scope
	Rejected     int64           `json:"rejected"`                // units of input that could not be read
	FirstRejects []string        `json:"first_rejects,omitempty"` // where and why, of the first of them
	Late         int64           `json:"late,omitempty"`
	Bare         int64           `json:"-"`                // events of no session that were not even built
	Damage       []string        `json:"damage,omitempty"` // archives and compressed files that broke off

	Produced map[string]int64 `json:"produced"` // events by type, before scope and filters
	Actions  map[string]int64 `json:"actions"`  // UserActions by attribution
	Accepted int64            `json:"accepted_logins"`
	Refused  int64            `json:"refused_logins"`
	Joined   int64            `json:"joined_logins"`
	Unjoined int64            `json:"unjoined_logins"`
	Written  int64            `json:"written"`  // events that scope and filters let through
	LeftOut  int64            `json:"left_out"` // events that they did not
	Filtered int64            `json:"left_out_by_filters"`
	Skipped  map[string]int64 `json:"skipped_files,omitempty"`
}

// SourceSummary is the account of one source.
type SourceSummary struct {
	Name string `json:"name"`
	Path string `json:"path"`
	Kind string `json:"kind"`
	ingest.Counts
	ClockSkew float64       `json:"clock_skew_s,omitempty"` // seconds that its clock is ahead of the audit log's
	Clock     *ClockSummary `json:"clock,omitempty"`        // of a log whose lines lack year or zone
}

// HostSummary is a host and its boots.
type HostSummary struct {
	Name      string   `json:"name,omitempty"`
	MachineID string   `json:"machine_id,omitempty"`
	Boots     []string `json:"boots"`
}

// Damaged reports whether something of the input could not be read.
func (s *Summary) Damaged() bool {
	if s.Rejected > 0 || len(s.Damage) > 0 {
		return true
	}
	for i := range s.Sources {
		if s.Sources[i].NULs > 0 {
			return true
		}
	}
	return false
}

// Read is the number of units (lines, entries) that were read.
func (s *Summary) Read() int64 {
	var n int64
	for i := range s.Sources {
		n += s.Sources[i].Counts.Read
	}
	return n
}

// counted counts the events on their way to the next encoder.
type counted struct {
	next     auditevent.EventEncoder
	chooser  Chooser // next, where that is worth asking beforehand
	produced tally   // by type
	actions  tally   // UserActions by attribution
}

func (c *counted) Encode(v any) error {
	e := v.(*auditevent.AuditEvent)
	x := schema.Of(e)
	c.count(e.Type, x)
	return schema.Encode(c.next, e, x)
}

func (c *counted) count(typ string, x *schema.Extra) {
	c.produced.add(typ)
	if typ == schema.TypeAction {
		c.actions.add(x.Session.Attribution)
	}
}

// Chooser is an encoder that leaves events out, and can say so of many before
// they are complete.
type Chooser interface {
	auditevent.EventEncoder
	// Narrow reports whether May is worth asking.
	Narrow() bool
	// May reports whether an event may be encoded of which its type, time,
	// source and subjects are known, and in its extra its record type, session,
	// credential, users and process id. Where it is not, it counts as left out.
	May(*auditevent.AuditEvent, *schema.Extra) bool
}

// narrow gives the Chooser that w is, nil where it chooses nothing beforehand.
func narrow(w auditevent.EventEncoder) Chooser {
	if c, ok := w.(Chooser); ok && c.Narrow() {
		return c
	}
	return nil
}

// wanted is asked of events of sessions before they are complete.
func (c *counted) wanted(e *auditevent.AuditEvent, x *schema.Extra) bool {
	if c.chooser.May(e, x) {
		return true
	}
	c.count(e.Type, x)
	return false
}

// tally counts a few words.
type tally []struct {
	word string
	n    int64
}

func (t *tally) add(word string) {
	for i := range *t {
		if (*t)[i].word == word {
			(*t)[i].n++
			return
		}
	}
	*t = append(*t, struct {
		word string
		n    int64
	}{word, 1})
}

func (t tally) table() map[string]int64 {
	m := make(map[string]int64)
	for _, w := range t {
		m[w.word] = w.n
	}
	return m
}

func (r *run) summary() *Summary {
	s := &r.sum
	s.Produced, s.Actions = r.counted.produced.table(), r.counted.actions.table()
	s.Produced[schema.TypeSystem] += s.Bare
	s.LeftOut, s.Bare = s.LeftOut+s.Bare, 0
	s.Sources, s.Hosts = nil, nil
	for _, in := range r.inputs {
		s.Sources = append(s.Sources, SourceSummary{Name: in.src.Name, Path: in.src.Path, Kind: in.src.Kind.String(),
			Counts: in.src.Counts, ClockSkew: in.offset.Seconds(), Clock: in.clock()})
		s.Damage = append(s.Damage, in.damage...)
	}
	for i := range r.hosts {
		h := HostSummary{Name: r.hosts[i].name, MachineID: r.hosts[i].machine}
		for _, b := range r.hosts[i].boots {
			h.Boots = append(h.Boots, b.id)
		}
		s.Hosts = append(s.Hosts, h)
	}
	for _, t := range r.trackers {
		s.Joined += t.JoinedLogins()
	}
	s.Accepted = int64(r.logins.count())
	s.Unjoined = s.Accepted - s.Joined
	s.Refused = int64(r.refused.count())
	return s
}

// AddDamage takes over what was found when the inputs were opened.
func (s *Summary) AddDamage(in *ingest.Inputs) {
	for _, d := range in.Damaged {
		s.Damage = append(s.Damage, d.Error())
	}
	for _, skipped := range in.Skipped {
		if s.Skipped == nil {
			s.Skipped = make(map[string]int64)
		}
		s.Skipped[skipped.Why]++
	}
}

// AddFilter takes over what scope and filters did.
func (s *Summary) AddFilter(f *Filter) {
	s.Written, s.Filtered = f.Written, f.Unselected
	s.LeftOut += f.LeftOut
}

// WriteText writes the account for people. Errors are the terminal's.
func (s *Summary) WriteText(w io.Writer) {
	var evidence, duplicate, irrelevant, rejected int64
	kinds := make(map[string]int64)
	for i := range s.Sources {
		c := &s.Sources[i].Counts
		evidence += c.Evidence
		duplicate += c.Duplicate
		rejected += c.Rejected
		for kind, n := range c.Irrelevant {
			irrelevant += n
			kinds[kind] += n
		}
	}
	fmt.Fprintf(w, "read      %d lines and entries of %s: %d evidence, %d duplicate, %d irrelevant, %d rejected\n",
		s.Read(), plural(len(s.Sources), "source"), evidence, duplicate, irrelevant, rejected)
	if len(kinds) > 0 {
		fmt.Fprintf(w, "          irrelevant: %s\n", safe.Terminal(byCount(kinds)))
	}
	for _, h := range s.Hosts {
		fmt.Fprintf(w, "host      %s, %s\n", safe.Terminal(orUnnamed(h.Name)), plural(len(h.Boots), "boot"))
	}
	fmt.Fprintf(w, "logins    %d accepted (%d joined to their session, %d not), %d refused\n", s.Accepted, s.Joined, s.Unjoined, s.Refused)
	fmt.Fprintf(w, "events    %d audit events: by attribution %s; %d of no session\n", s.Events, byCount(s.Actions), s.Produced[schema.TypeSystem])
	fmt.Fprintf(w, "written   %d, left out by scope %d, by filters %d\n", s.Written, s.LeftOut-s.Filtered, s.Filtered)
	for i := range s.Sources {
		name := safe.Terminal(s.Sources[i].Name)
		s.Sources[i].Clock.writeText(w, name)
		if skew := s.Sources[i].ClockSkew; skew != 0 {
			fmt.Fprintf(w, "clock     %s is %+.3f s off the audit log\n", name, skew)
		}
		if n := s.Sources[i].Counts.NULs; n > 0 {
			fmt.Fprintf(w, "damage    %s: %d NUL bytes (the host was reset)\n", name, n)
		}
	}
	for _, what := range s.FirstRejects {
		fmt.Fprintf(w, "rejected  %s\n", safe.Terminal(what))
	}
	if more := s.Rejected - int64(len(s.FirstRejects)); more > 0 && len(s.FirstRejects) > 0 {
		fmt.Fprintf(w, "rejected  %d more (--rejects FILE keeps them all)\n", more)
	}
	for i := range s.Sources {
		if s.Sources[i].Counts.Bytes == 0 && s.Sources[i].Counts.Read == 0 {
			fmt.Fprintf(w, "empty     %s\n", safe.Terminal(s.Sources[i].Name))
		}
	}
	if len(s.Skipped) > 0 {
		fmt.Fprintf(w, "skipped   %s\n", safe.Terminal(byCount(s.Skipped)))
	}
	for _, d := range s.Damage {
		fmt.Fprintf(w, "damage    %s\n", safe.Terminal(d))
	}
	if s.Late > 0 {
		fmt.Fprintf(w, "late      %s after their event was closed\n", plural(int(s.Late), "record"))
	}
}

func orUnnamed(name string) string {
	if name == "" {
		return "(not named in the evidence)"
	}
	return name
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// byCount lists counts, the largest first.
func byCount(m map[string]int64) string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
	for i, k := range keys {
		keys[i] = fmt.Sprintf("%s %d", k, m[k])
	}
	if len(keys) == 0 {
		return "none"
	}
	return strings.Join(keys, ", ")
}
