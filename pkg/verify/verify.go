package verify

import (
	"fmt"
	"strconv"
	"strings"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/schema"

	"github.com/elastic/go-libaudit/v2/auparse"
	"github.com/metal-toolbox/auditevent"
)

// Options refine a Verifier. The zero value works.
type Options struct {
	// Rules are the audit rules that the hosts' own files name.
	Rules []HostRules
}

// Verifier watches a replay: it is both the run's Observer and the encoder
// that its events go to, which must be those of all scopes. After the run,
// Report says what it found.
type Verifier struct {
	opt         Options
	c           *replay.Conclusions
	seen        map[seenKey]*coverage
	order       []*coverage
	last        map[*ingest.Source]lastRecord
	waiting     map[*ingest.Source][]int // daemons after which no kernel record came yet
	steps       map[*ingest.Source]*stepper
	daemons     []daemonFact
	changes     []changeFact
	logins      []loginuidFact
	notes       []note
	mono        map[monoKey]*monoClock
	monos       []*monoClock
	rejects     map[rejectKey]*tally
	claims      map[claimKey]*tally
	printed     int64 // lines that say the kernel printed fewer records than it had
	decisionsOf map[*boot]decided

	rules   map[int]ruleFiles // of each host
	boots   map[bootName]*boot
	current *boot // of the event before
	hosts   map[string]int
	all     []*boot
}

var (
	_ replay.Observer         = (*Verifier)(nil)
	_ auditevent.EventEncoder = (*Verifier)(nil)
)

// New returns a Verifier.
func New(opt Options) *Verifier {
	return &Verifier{opt: opt, seen: make(map[seenKey]*coverage), last: make(map[*ingest.Source]lastRecord), waiting: make(map[*ingest.Source][]int),
		steps: make(map[*ingest.Source]*stepper), mono: make(map[monoKey]*monoClock),
		rejects: make(map[rejectKey]*tally), claims: make(map[claimKey]*tally), boots: make(map[bootName]*boot)}
}

// coverage is when a source has evidence of one node and, where its carrier
// says so, of one boot.
type coverage struct {
	seenKey
	records  spans // audit records
	messages spans // sshd's
	entries  spans // anything
}

type seenKey struct {
	src  *ingest.Source
	node int
	boot string
}

func (v *Verifier) cover(src *ingest.Source, node int, boot string) *coverage {
	key := seenKey{src, node, boot}
	c := v.seen[key]
	if c == nil {
		c = &coverage{seenKey: key, records: spans{near: 250}, messages: spans{near: 250}, entries: spans{near: 250}}
		v.seen[key] = c
		v.order = append(v.order, c)
	}
	return c
}

// lastRecord is the last kernel record of a source so far.
type lastRecord struct {
	millis int64
	serial uint32
	pos    ingest.Pos
	known  bool
}

// tally counts like things.
type tally struct {
	host, boot  int
	from, to    int64
	first, last ingest.Pos
	n           int64
	what        string
}

func (t *tally) add(at int64, pos ingest.Pos) {
	if t.n == 0 {
		t.first = pos
	}
	t.last = pos
	t.n++
	if at != 0 && (t.from == 0 || at < t.from) {
		t.from = at
	}
	t.to = max(t.to, at)
}

// where gives the place of what was counted.
func (t *tally) where() string {
	if t.n == 1 || t.first == t.last {
		return t.first.String()
	}
	return t.first.String() + "," + t.last.String()
}

type rejectKey struct {
	src  *ingest.Source
	what string
}

type claimKey struct {
	src  *ingest.Source
	node int
	why  string
}

// maxKinds bounds how many different things of one sort are told apart.
const maxKinds = 1024

// Reject takes a rejected unit of the input, as replay.Options.Reject has it.
func (v *Verifier) Reject(pos ingest.Pos, what string, _ []byte) error {
	key := rejectKey{pos.Source, what}
	if v.rejects[key] == nil {
		if len(v.rejects) >= maxKinds {
			key.what = "other damage"
		}
		if v.rejects[key] == nil {
			v.rejects[key] = &tally{host: -1, boot: -1, what: key.what}
		}
	}
	v.rejects[key].add(0, pos)
	return nil
}

// Record implements replay.Observer.
func (v *Verifier) Record(node int, rec *auditd.Record) {
	src := rec.Pos.Source
	if rec.Daemon() {
		v.daemon(node, rec)
		return
	}
	v.cover(src, node, "").records.add(rec.Millis)
	v.step(node, rec)
	at := lastRecord{rec.Millis, rec.Serial, rec.Pos, true}
	v.last[src] = at
	if len(v.waiting) > 0 {
		v.follows(src, at)
	}
	switch rec.Type {
	case auparse.AUDIT_CONFIG_CHANGE:
		v.change(node, rec)
	case auparse.AUDIT_LOGIN:
		v.loginuid(node, rec)
	}
}

// Entry implements replay.Observer.
func (v *Verifier) Entry(node int, e *ingest.Entry, untrusted string) {
	m := &e.Message
	if m.Received.IsZero() {
		return
	}
	at := m.Received.UnixMilli()
	c := v.cover(e.Pos.Source, node, m.Boot)
	c.entries.add(at)
	if m.Journal && m.Mono > 0 && m.Boot != "" {
		v.tick(node, e)
	}
	switch {
	case e.Kind == ingest.Marker:
		v.marker(node, e, at)
	case untrusted != "":
		key := claimKey{e.Pos.Source, node, untrusted}
		if v.claims[key] == nil {
			if len(v.claims) >= maxKinds {
				key.why = "several reasons"
			}
			if v.claims[key] == nil {
				v.claims[key] = new(tally)
			}
		}
		v.claims[key].add(at, e.Pos)
	case e.Kind == ingest.MessageEntry && sshd.IsProgram(m.Ident):
		c.messages.add(at)
	}
}

// Concluded implements replay.Observer.
func (v *Verifier) Concluded(c *replay.Conclusions) {
	v.c = c
	v.hosts = make(map[string]int)
	for h := range c.Hosts {
		if _, ok := v.hosts[c.Hosts[h].Name]; !ok {
			v.hosts[c.Hosts[h].Name] = h
		}
		for b := range c.Hosts[h].Boots {
			v.all = append(v.all, newBoot(h, b, c.Hosts[h].Name, c.Hosts[h].Boots[b].ID))
		}
	}
	for _, b := range v.all {
		v.boots[bootName{b.hostName, b.id}] = b
	}
	v.assignRules()
	v.place()
}

type bootName struct{ host, id string }

// Encode implements auditevent.EventEncoder.
func (v *Verifier) Encode(a any) error {
	e, ok := a.(*auditevent.AuditEvent)
	if !ok {
		return fmt.Errorf("cannot encode a %T", a)
	}
	if e.Type != schema.TypeAction && e.Type != schema.TypeSystem {
		return nil
	}
	x := schema.Of(e)
	name := bootName{e.Target["host"], x.Session.Boot}
	b := v.current
	if b == nil || b.hostName != name.host || b.id != name.id {
		if b = v.boots[name]; b == nil {
			return fmt.Errorf("event %s of a boot that was not concluded: %s", x.Event.ID, name.id)
		}
		v.current = b
	}
	b.event(e, x)
	return nil
}

// serialOf gives the serial of an event's id.
func serialOf(id string) (uint32, bool) {
	_, text, ok := strings.Cut(id, ":")
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), ok && err == nil
}
