package replay

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/syslog"
	"auditreplay/pkg/safe"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// Times of syslog lines may lack year or zone (ingest.Clock). What they lack
// is found from the evidence, never from the machine or the file's date:
//
//   - the year from the logins that also have a LOGIN record; else it is the
//     latest in which the file is not newer than the newest audit record (or
//     dated message) of its host, and not newer than the file that rotation
//     put before it;
//   - the zone from logins and audit records that stand in both logs: their
//     times differ by a multiple of 15 minutes. The majority of a file counts.
//     Else it is the zone of another file of the host, of its --root, or, as
//     an assumption, UTC.
//
// --year and --tz go before all of that. Whatever was chosen, a wrong choice
// gives no wrong name: a login counts for a session only at its time.

// civil is what the first pass learns of an input's times that are no instants.
type civil struct {
	resolver syslog.Resolver
	noYear   bool
	zones    []string // abbreviations, in the order in which they came; "" for lines without
	number   int      // of the last message, for Resolver.Civil
	first    ingest.Message
	last     ingest.Message
	seen     bool
	node     int32 // that the last message names
	records  []civilRecord
	boots    map[spanKey]*civilBoot
	stride   int // every how manyth record is kept
	skipped  int
	dated    Span           // of the messages whose times lack nothing
	loc      *time.Location // for what no pair tells
	summary  ClockSummary
}

// civilRecord is an audit record in a log line that has a civil time.
type civilRecord struct {
	number int
	stamp  ingest.Message
	at     time.Time
}

// civilBoot is what journalctl's lines "-- Boot ID --" tell of a boot.
type civilBoot struct {
	from, to int // numbers of its first and last message
	first    ingest.Message
	last     ingest.Message
	entries  int
}

// boot notes that the message that was observed last is of that boot.
func (c *civil) boot(key spanKey) {
	b := c.boots[key]
	if b == nil {
		if c.boots == nil {
			c.boots = make(map[spanKey]*civilBoot)
		}
		b = &civilBoot{from: c.number, first: c.last}
		c.boots[key] = b
	}
	b.to, b.last = c.number, c.last
	b.entries++
}

// maxCivilRecords bounds how many audit records of a file are asked for its zone.
const maxCivilRecords = 4096

// ClockSummary says how the times of a source that lack year or zone were read.
type ClockSummary struct {
	Year     int           `json:"year,omitempty"` // of its last line
	YearFrom string        `json:"year_from,omitempty"`
	Zones    []ZoneSummary `json:"zones"`
}

// ZoneSummary is one zone of a source, and why it is taken to be that.
type ZoneSummary struct {
	Name    string `json:"name,omitempty"` // abbreviation in the lines, where they have one
	Zone    string `json:"zone"`           // "+02:00", "Europe/Berlin"
	From    string `json:"from"`
	Assumed bool   `json:"assumed,omitempty"`
}

// isCivil reports whether an entry's time has to be resolved. Both passes ask
// it, so that they number the messages alike.
func isCivil(e *ingest.Entry) bool {
	return e.Message.Clock != ingest.UTC && !e.Message.Time.IsZero() && e.Kind != ingest.AuditEntry && e.Kind != ingest.Rejected
}

// observe takes a message of the first pass.
func (c *civil) observe(e *ingest.Entry) {
	m := &e.Message
	if !isCivil(e) {
		if e.Kind == ingest.MessageEntry && !m.Journal && !m.Received.IsZero() {
			c.dated.Add(m.Received)
		}
		return
	}
	c.number = c.resolver.Observe(m)
	c.noYear = c.noYear || m.Clock == ingest.NoYear
	c.stamp(&c.last, m)
	if !c.seen {
		c.first, c.seen = c.last, true
	}
	if !slices.Contains(c.zones, m.ZoneName) {
		c.zones = append(c.zones, m.ZoneName)
	}
}

// stamp keeps of a message what its time is made of.
func (*civil) stamp(to, m *ingest.Message) {
	*to = ingest.Message{Time: m.Time, Received: m.Received, Clock: m.Clock, ZoneName: m.ZoneName}
}

// record takes an audit record that stands in a line with a civil time.
func (c *civil) record(m *ingest.Message, rec *auditd.Record) {
	if m.Time.IsZero() {
		return
	}
	if c.skipped++; c.skipped <= c.stride {
		return
	}
	c.skipped = 0
	if len(c.records) >= maxCivilRecords {
		for i := range len(c.records) / 2 {
			c.records[i] = c.records[2*i]
		}
		c.records = c.records[:len(c.records)/2]
		c.stride = 2*c.stride + 1
	}
	r := civilRecord{number: max(0, c.number), at: time.UnixMilli(rec.Millis).UTC()}
	c.stamp(&r.stamp, m)
	c.records = append(c.records, r)
}

// pidLogins are the times of LOGIN records by host and pid.
type pidLogins map[[2]int][]time.Time

func (s *scan) pidLogins() pidLogins {
	logins := make(pidLogins)
	if len(s.pairs) == 0 {
		return logins // nobody asks
	}
	for i := range s.marks {
		m := &s.marks[i]
		if m.typ == auparse.AUDIT_LOGIN && m.ok {
			key := [2]int{s.nodes[m.node].host, m.pid}
			logins[key] = append(logins[key], time.UnixMilli(m.millis).UTC())
		}
	}
	for _, at := range logins {
		slices.SortFunc(at, time.Time.Compare)
	}
	return logins
}

// resolveTimes finds the years and zones of all inputs whose times lack them,
// and makes instants of what the first pass kept of them.
func (r *run) resolveTimes(logins pidLogins) error {
	d := &dating{run: r, logins: logins, newest: r.newest()}
	for _, set := range rotationSets(r.inputs) {
		var bound time.Time // the file before it in the rotation begins there
		for _, in := range set {
			if !in.civil.seen || !in.messages {
				continue
			}
			if err := d.date(in, bound); err != nil {
				return err
			}
			bound = d.instant(in, 0, in.civil.first)
		}
	}
	for _, in := range r.inputs {
		if in.civil.seen && in.messages {
			d.findZones(in)
		}
	}
	for _, in := range r.inputs {
		if in.civil.seen && in.messages {
			d.settle(in)
		}
	}
	return nil
}

// dating is the search for years and zones.
type dating struct {
	*run
	logins pidLogins
	newest []newestOf // by host
	spans  map[spanOf][]syslog.Span
	from   map[spanOf]string // what the spans of another file are named by
}

// spanOf is a zone's name on one host.
type spanOf struct {
	host int
	zone string
}

// newestOf is the newest moment that is known of a host, and from what.
type newestOf struct {
	at   time.Time
	what string
}

// newest gives the newest dated evidence of each host: its audit records',
// else its dated messages'.
func (r *run) newest() []newestOf {
	out := make([]newestOf, len(r.hosts))
	note := func(host int, at time.Time, what string) {
		if at.After(out[host].at) {
			out[host] = newestOf{at, what}
		}
	}
	latest := make([]int64, len(r.hosts)) // of the records, in milliseconds since the epoch
	for i := range latest {
		latest[i] = math.MinInt64
	}
	for i := range r.scan.stamps {
		st := &r.scan.stamps[i]
		of := &latest[r.scan.nodes[st.node].host]
		*of = max(*of, st.millis)
	}
	for host, millis := range latest {
		if millis != math.MinInt64 {
			note(host, time.UnixMilli(millis).UTC(), "newest audit record")
		}
	}
	dated := slices.Clone(out)
	for key, sp := range r.scan.spans {
		note(r.scan.nodes[key.node].host, sp.last, "newest journal entry")
	}
	for i := range r.scan.pairs {
		if a := &r.scan.pairs[i]; a.clock == ingest.UTC {
			note(r.scan.nodes[a.node].host, a.at, "newest dated login")
		}
	}
	for i := range dated {
		if !dated[i].at.IsZero() {
			out[i] = dated[i]
		}
	}
	return out
}

// newestFor gives the newest moment that counts for an input: its host's, else
// that of all evidence.
func (d *dating) newestFor(in *input) newestOf {
	best := d.newest[d.scan.nodes[in.civil.node].host]
	if best.at.IsZero() {
		for _, n := range d.newest {
			if n.at.After(best.at) {
				best = n
			}
		}
	}
	return best
}

// date gives an input its year.
func (d *dating) date(in *input, bound time.Time) error {
	c := &in.civil
	if !c.noYear {
		return nil
	}
	if d.opt.Year != 0 && bound.IsZero() {
		if year := c.resolver.Anchor(endOf(d.opt.Year)); year != d.opt.Year {
			return fmt.Errorf("--year: %s has a February 29, which %d has not", in.src.Name, d.opt.Year)
		}
		c.summary.Year, c.summary.YearFrom = d.opt.Year, "--year"
		return nil
	}
	newest := d.newestFor(in)
	if !bound.IsZero() && (newest.at.IsZero() || d.opt.Year != 0 || bound.Before(newest.at)) {
		newest = newestOf{bound, "the next file of the rotation"}
	}
	if newest.at.IsZero() {
		return fmt.Errorf("%s: its lines have no year and no other evidence tells it: give --year", in.src.Name)
	}
	year := c.resolver.Anchor(newest.at)
	c.summary.Year, c.summary.YearFrom = year, fmt.Sprintf("%s, %s", newest.what, newest.at.Format(time.DateOnly))
	if d.opt.Year != 0 {
		return nil
	}
	best, agree := year, 0
	latest := max(year, newest.at.Year(), d.newestFor(in).at.Year())
	for y := latest; y > latest-maxYearsBack; y-- {
		c.resolver.Anchor(endOf(y))
		if n := d.agreeing(in); n > agree {
			best, agree = y, n
		}
	}
	if agree > 0 {
		year = best
		c.summary.YearFrom = fmt.Sprintf("%d logins agree with the audit log", agree)
	}
	c.summary.Year = c.resolver.Anchor(endOf(year))
	return nil
}

// maxYearsBack is how many years before the newest evidence are tried.
const maxYearsBack = 5

// endOf gives the anchor that makes a year that of the last message.
func endOf(year int) time.Time { return time.Date(year, time.December, 31, 0, 0, 0, 0, time.UTC) }

// agreeing counts the pairs that agree on a zone.
func (d *dating) agreeing(in *input) int {
	n := 0
	for _, zone := range in.civil.zones {
		for _, s := range syslog.Offsets(d.pairs(in, zone)) {
			n += s.Agree
		}
	}
	return n
}

// pairs gives the logins and audit records of an input that two clocks saw.
func (d *dating) pairs(in *input, zone string) []syslog.Pair {
	var out []syslog.Pair
	for i := range in.civil.records {
		if r := &in.civil.records[i]; r.stamp.ZoneName == zone {
			out = append(out, syslog.Pair{Civil: in.civil.resolver.Civil(r.number, &r.stamp), Instant: r.at})
		}
	}
	type candidate struct {
		civil time.Time
		at    []time.Time
	}
	var all []candidate
	votes := make(map[time.Duration]int)
	for i := range d.scan.pairs {
		a := &d.scan.pairs[i]
		if a.carrier != in.src || a.clock == ingest.UTC || a.zone != zone {
			continue
		}
		c := candidate{civil: in.civil.resolver.Civil(a.number, &ingest.Message{Time: a.at, Clock: a.clock})}
		for _, at := range d.logins[[2]int{d.scan.nodes[a.node].host, a.pid}] {
			if step, ok := zoneStep(c.civil.Sub(at)); ok {
				c.at = append(c.at, at)
				votes[step]++
			}
		}
		all = append(all, c)
	}
	for _, c := range all {
		if len(c.at) == 0 {
			continue
		}
		// A PID has several lives: the one whose offset most logins have.
		at := slices.MaxFunc(c.at, func(a, b time.Time) int {
			x, _ := zoneStep(c.civil.Sub(a))
			y, _ := zoneStep(c.civil.Sub(b))
			return cmp.Or(cmp.Compare(votes[x], votes[y]), -cmp.Compare(x.Abs(), y.Abs()), b.Compare(a))
		})
		out = append(out, syslog.Pair{Civil: c.civil, Instant: at})
	}
	return out
}

// zoneStep gives the multiple of 15 minutes that a difference lies at.
func zoneStep(d time.Duration) (time.Duration, bool) {
	step := d.Round(15 * time.Minute)
	return step, (d-step).Abs() <= 90*time.Second && step.Abs() <= 15*time.Hour
}

// findZones finds the offsets of an input's zones that pairs tell.
func (d *dating) findZones(in *input) {
	if d.spans == nil {
		d.spans, d.from = make(map[spanOf][]syslog.Span), make(map[spanOf]string)
	}
	c := &in.civil
	host := d.scan.nodes[c.node].host
	for _, zone := range c.zones {
		pairs := d.pairs(in, zone)
		spans := syslog.Offsets(pairs)
		if spans == nil {
			continue
		}
		agree := 0
		for _, s := range spans {
			agree += s.Agree
		}
		why := fmt.Sprintf("%d of %d logins and records that the audit log has too", agree, len(pairs))
		if d.opt.Zone == nil {
			c.resolver.SetZone(zone, spans)
			c.summary.Zones = append(c.summary.Zones, ZoneSummary{Name: zone, Zone: spansText(spans), From: why})
		} else {
			c.summary.Zones = append(c.summary.Zones, ZoneSummary{Name: zone, Zone: d.opt.Zone.String(),
				From: fmt.Sprintf("--tz; %s say %s", why, spansText(spans))})
		}
		key := spanOf{host, zone}
		if d.spans[key] == nil {
			d.spans[key], d.from[key] = spans, in.src.Name
		}
	}
}

// settle decides the zones that the input's own pairs do not tell, and makes
// instants of what was kept of it.
func (d *dating) settle(in *input) {
	c := &in.civil
	host := d.scan.nodes[c.node].host
	c.loc = d.opt.Zone
	for _, zone := range c.zones {
		if slices.ContainsFunc(c.summary.Zones, func(z ZoneSummary) bool { return z.Name == zone }) {
			continue
		}
		key := spanOf{host, zone}
		z := ZoneSummary{Name: zone}
		switch {
		case d.opt.Zone != nil:
			z.Zone, z.From = d.opt.Zone.String(), "--tz"
		case d.spans[key] != nil:
			c.resolver.SetZone(zone, d.spans[key])
			z.Zone, z.From = spansText(d.spans[key]), "as "+d.from[key]
		case d.hosts[host].zone != nil:
			c.loc = d.hosts[host].zone
			z.Zone, z.From = c.loc.String(), "etc/localtime of the root"
		default:
			z.Zone, z.From, z.Assumed = "UTC", "assumed: too few logins are in the audit log too; --tz says it", true
		}
		c.summary.Zones = append(c.summary.Zones, z)
	}
	for i := range d.scan.pairs {
		if a := &d.scan.pairs[i]; a.carrier == in.src && a.clock != ingest.UTC {
			a.at = d.instant(in, a.number, ingest.Message{Time: a.at, Clock: a.clock, ZoneName: a.zone})
			a.clock = ingest.UTC
		}
	}
	for key, b := range c.boots {
		d.scan.widen(key, d.instant(in, b.from, b.first), d.instant(in, b.to, b.last), b.entries)
	}
	in.newest = d.instant(in, c.number, c.last)
}

// instant resolves one message out of order. Before the zone is known its
// civil time is taken for UTC.
func (d *dating) instant(in *input, number int, m ingest.Message) time.Time {
	m.Time = in.civil.resolver.Civil(number, &m)
	if m.Clock == ingest.NoYear {
		m.Clock = ingest.Local
	}
	r := in.civil.resolver
	r.Resolve(&m, in.civil.loc)
	return m.Time
}

func spansText(spans []syslog.Span) string {
	text := ""
	for _, s := range spans {
		if text != "" {
			text += s.From.Format(", from 2006-01-02 15:04 on ")
		}
		text += offsetText(s.Offset)
	}
	return text
}

func offsetText(d time.Duration) string {
	sign := "+"
	if d < 0 {
		sign, d = "-", -d
	}
	return fmt.Sprintf("%s%02d:%02d", sign, int(d.Hours()), int(d.Minutes())%60)
}

// clock says how the input's times were read; nil where they are instants.
func (in *input) clock() *ClockSummary {
	if len(in.civil.summary.Zones) == 0 {
		return nil
	}
	return &in.civil.summary
}

func (c *ClockSummary) writeText(w io.Writer, name string) {
	if c == nil {
		return
	}
	if c.Year != 0 {
		fmt.Fprintf(w, "year      %s: %d (%s)\n", name, c.Year, c.YearFrom)
	}
	for _, z := range c.Zones {
		label := ""
		if z.Name != "" {
			label = " for " + safe.Terminal(z.Name)
		}
		fmt.Fprintf(w, "zone      %s: %s%s (%s)\n", name, z.Zone, label, z.From)
	}
}
