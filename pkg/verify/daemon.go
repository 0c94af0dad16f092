package verify

import (
	"cmp"
	"slices"
	"strings"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// daemonFact is a DAEMON_* record: what auditd says of itself.
type daemonFact struct {
	node   int
	typ    auparse.AuditMessageType
	millis int64
	serial uint32
	pos    ingest.Pos
	op     string
	by     string     // who told it to: "auid 0, pid 1"
	before lastRecord // the kernel record before it in its source
	after  lastRecord // and the one after it
}

// maxFacts bounds the facts of one sort that are kept.
const maxFacts = 1 << 18

func (v *Verifier) daemon(node int, rec *auditd.Record) {
	if len(v.daemons) >= maxFacts {
		return
	}
	f := daemonFact{node: node, typ: rec.Type, millis: rec.Millis, serial: rec.Serial, pos: rec.Pos,
		op: field(rec.Body, "op"), before: v.last[rec.Pos.Source]}
	if pid := field(rec.Body, "pid"); number(pid) > 0 && rec.Type != auparse.AUDIT_DAEMON_START {
		f.by = "by pid " + pid
		if auid := field(rec.Body, "auid"); !unset(auid) {
			f.by += " of auid " + auid
		}
		if ses := field(rec.Body, "ses"); !unset(ses) {
			f.by += " in session " + ses
		}
	}
	v.daemons = append(v.daemons, f)
	v.waiting[rec.Pos.Source] = append(v.waiting[rec.Pos.Source], len(v.daemons)-1)
}

// follows says which kernel record came after the daemon's.
func (v *Verifier) follows(src *ingest.Source, at lastRecord) {
	for _, i := range v.waiting[src] {
		v.daemons[i].after = at
	}
	delete(v.waiting, src)
}

// placeDaemon finds the boot of a daemon's record. auditd starts before the
// first record of its boot is written, and may end after the last: such a
// record is of the boot of its neighbours in the file, not of its time.
func (v *Verifier) placeDaemon(f *daemonFact) *boot {
	near := f.before
	if f.typ == auparse.AUDIT_DAEMON_START && f.after.known {
		near = f.after
	}
	b := v.bootOf(f.node, f.millis)
	if b == nil || !near.known {
		return b
	}
	if o := v.bootOf(f.node, near.millis); o != nil && o.host == b.host && abs(o.n-b.n) == 1 {
		return o
	}
	return b
}

func abs(n int) int { return max(n, -n) }

// place gives what the first pass saw to the boots it belongs to.
func (v *Verifier) place() {
	slices.SortStableFunc(v.daemons, func(a, b daemonFact) int {
		return cmp.Or(cmp.Compare(v.c.Host(a.node), v.c.Host(b.node)), cmp.Compare(a.millis, b.millis), cmp.Compare(a.serial, b.serial), cmp.Compare(a.typ, b.typ))
	})
	for i, f := range v.daemons {
		if i > 0 && f.same(&v.daemons[i-1]) && v.c.Host(f.node) == v.c.Host(v.daemons[i-1].node) {
			continue
		}
		if b := v.placeDaemon(&f); b != nil {
			b.daemons = append(b.daemons, f)
		}
	}
	slices.SortStableFunc(v.changes, func(a, b changeFact) int {
		return cmp.Or(cmp.Compare(v.c.Host(a.node), v.c.Host(b.node)), cmp.Compare(a.millis, b.millis), cmp.Compare(a.serial, b.serial))
	})
	for i, f := range v.changes {
		if i > 0 && f.same(&v.changes[i-1]) && v.c.Host(f.node) == v.c.Host(v.changes[i-1].node) {
			continue
		}
		if b := v.bootOf(f.node, f.millis); b != nil {
			b.changes = append(b.changes, f)
		}
	}
	for _, c := range v.order {
		for _, s := range []*spans{&c.records, &c.messages, &c.entries} {
			s.compact()
		}
	}
	for _, b := range v.all {
		b.last = v.lastOf(b)
		v.downtimes(b)
		b.switchedOff()
		b.makePeriods()
	}
}

// same reports whether two sources have the same record; of one host, they
// may name it differently.
func (f *daemonFact) same(o *daemonFact) bool {
	return f.millis == o.millis && f.serial == o.serial && f.typ == o.typ
}

// bootOf finds the boot of a moment of a node.
func (v *Verifier) bootOf(node int, millis int64) *boot {
	h := v.c.Host(node)
	if h < 0 {
		return nil
	}
	return v.bootN(h, v.c.Boot(h, millis))
}

func (v *Verifier) bootN(host, n int) *boot {
	i, _ := slices.BinarySearchFunc(v.all, [2]int{host, n}, func(b *boot, key [2]int) int {
		return cmp.Or(cmp.Compare(b.host, key[0]), cmp.Compare(b.n, key[1]))
	})
	if i < len(v.all) && v.all[i].host == host && v.all[i].n == n {
		return v.all[i]
	}
	return nil
}

// bounds gives the times between which a boot's evidence lies.
func (v *Verifier) bounds(b *boot) (from, to int64) {
	boots := v.c.Hosts[b.host].Boots
	from, to = boots[b.n].Start, int64(1)<<62
	if b.n == 0 {
		from = -1 << 62
	}
	if b.n+1 < len(boots) {
		to = boots[b.n+1].Start
	}
	return from, to
}

// covers tells when a source has evidence of a boot.
func (v *Verifier) covers(c *coverage, s *spans, b *boot) (first, last int64, ok bool) {
	if v.c.Host(c.node) != b.host {
		return 0, 0, false
	}
	from, to := v.bounds(b)
	if c.boot != "" {
		if n, known := v.c.BootNamed(b.host, c.boot); known {
			if n != b.n {
				return 0, 0, false
			}
			from, to = -1<<62, 1<<62
		}
	}
	return s.within(from, to)
}

// lastOf gives the last moment of which anything is known of a boot.
func (v *Verifier) lastOf(b *boot) int64 {
	var at int64
	for _, c := range v.order {
		for _, s := range []*spans{&c.records, &c.entries} {
			if _, last, ok := v.covers(c, s, b); ok {
				at = max(at, last)
			}
		}
	}
	return at
}

// shutdownTakes is how long after auditd's end a host that shuts down may
// still write to other logs.
const shutdownTakes = 60_000

// downtimes finds the times in which auditd did not run, between its own
// records. At a boot's end auditd stops before the journal does; that is none.
func (v *Verifier) downtimes(b *boot) {
	var down *daemonFact
	running := false
	for i := range b.daemons {
		f := &b.daemons[i]
		switch f.typ {
		case auparse.AUDIT_DAEMON_END, auparse.AUDIT_DAEMON_ABORT:
			if down == nil {
				down = f
			}
		case auparse.AUDIT_DAEMON_START:
			if down != nil {
				b.down = append(b.down, hole{from: down.millis, to: f.millis, where: down.pos.String() + "," + f.pos.String(),
					detail: stopped(down) + "; started again"})
			} else if h, ok := v.died(b, f, running); ok {
				b.down = append(b.down, h)
			}
			down, running = nil, true
		default:
			running = true
		}
	}
	if down != nil && b.last > down.millis+shutdownTakes {
		b.down = append(b.down, hole{from: down.millis, to: b.last, open: true, where: down.pos.String(),
			detail: stopped(down) + "; not started again before the boot's last evidence"})
	}
}

func stopped(f *daemonFact) string {
	text := strings.TrimSuffix("stopped "+f.by, " ")
	if f.typ == auparse.AUDIT_DAEMON_ABORT {
		text = strings.TrimSuffix("gave up "+f.by, " ")
	}
	if f.op != "" && f.op != "terminate" {
		text += " (" + f.op + ")"
	}
	return text
}

// died tells of a start before which the same boot's auditd must have run and
// did not say that it ended: it was killed, or crashed. Records of the boot
// that stand before the start in its file were written by it.
func (v *Verifier) died(b *boot, f *daemonFact, running bool) (hole, bool) {
	before := f.before
	if !before.known || v.c.Boot(b.host, before.millis) != b.n || before.millis > f.millis {
		if !running {
			return hole{}, false
		}
		return hole{from: f.millis, to: f.millis, where: f.pos.String(), detail: "started again without having ended: killed, or crashed; since when is not in the evidence"}, true
	}
	return hole{from: before.millis, to: f.millis, where: before.pos.String() + "," + f.pos.String(),
		detail: "started again without having ended: killed, or crashed"}, true
}

func (v *Verifier) daemonFindings(b *boot) (out []Finding) {
	for i := range b.down {
		h := &b.down[i]
		f := b.finding(AuditdDown, h.from, h.to, h.where, h.detail)
		if h.kept > 0 {
			f.Detail += "; " + plural(h.kept, "event") + " of that time in the evidence all the same"
		}
		out = append(out, f)
	}
	for i := range b.off {
		h := &b.off[i]
		out = append(out, b.finding(AuditDisabled, h.from, h.to, h.where, h.detail))
	}
	return out
}

// finding makes a finding of a boot; a time of 0 is unknown.
func (b *boot) finding(kind string, from, to int64, where, detail string) Finding {
	f := Finding{Kind: kind, Host: b.hostName, Boot: b.id, Where: where, Detail: detail, host: b.host, boot: b.n}
	if from != 0 {
		f.From = atMillis(from)
	}
	if to != 0 {
		f.To = atMillis(to)
	}
	return f
}
