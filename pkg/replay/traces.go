package replay

import (
	"bytes"
	"cmp"
	"slices"
	"sort"
	"strconv"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// trace is the search for the last thing that a session did, where no line
// shows its end: what was done on a terminal, else anything, for what was left
// behind in the background has no terminal any more. The last sign of a
// session that a crash ended is the last of the boot.
type trace struct {
	login         *loginOf
	from, before  int64
	terminal, any sign
}

// traced is an audit session of one boot, as records name it.
type traced struct {
	bootKey
	ses uint32
}

type traces struct {
	sessions map[traced][]*trace
	boots    map[bootKey][]*trace
	when     []interval // in which the signs are that could be the last ones
}

// lastTraces finds when the sessions of these logins were last seen. It reads
// the parts of the audit log once more that can say so.
func (r *run) lastTraces(logins []*loginOf) {
	t := traces{sessions: make(map[traced][]*trace), boots: make(map[bootKey][]*trace)}
	all := make([]trace, len(logins))
	for i, l := range logins {
		key := bootKey{l.host, l.boot}
		p := r.endings(key).process(l)
		all[i] = trace{login: l, from: p.at.UnixMilli(), before: l.over.before, any: sign{p.at, l.Pos}}
		switch {
		case l.over.how == endedCrash:
			all[i].any.at = later(p.at, r.endings(key).last)
			t.boots[key] = append(t.boots[key], &all[i])
			t.when = append(t.when, interval{all[i].any.at.UnixMilli(), l.over.before})
		case p.opened:
			ses := traced{key, p.ses}
			t.sessions[ses] = append(t.sessions[ses], &all[i])
			to := l.over.before
			if boots := r.hosts[l.host].boots; l.boot+1 < len(boots) {
				to = min(to, boots[l.boot+1].start)
			}
			t.when = append(t.when, interval{all[i].from, to})
		}
	}
	t.when = merged(t.when)
	for _, in := range r.inputs {
		if slices.ContainsFunc(in.stretches, t.in) {
			r.trace(in, &t)
		}
	}
	for i := range all {
		x := &all[i]
		last := x.any
		if x.terminal.pos.Source != nil {
			last = x.terminal
		}
		x.login.over.sign = sign{last.at.Add(x.login.ahead), last.pos}
	}
}

// trace looks through one input. Should it fail, the pass that writes will
// say so.
func (r *run) trace(in *input, t *traces) {
	rs, err := newRecords(in)
	if err != nil {
		return
	}
	defer rs.Close()
	names := nodeNames{scan: r.scan, group: in.group}
	hosts := make([]int, 0, 1024) // of the chunk's records
	rs.audit = func(e *ingest.Entry, rec *auditd.Record) {
		rec.Via = e.Message.Host
		hosts = append(hosts, r.scan.nodes[names.of(rec)].host)
	}
	var c auditd.Chunk
	for _, st := range in.stretches {
		if !t.in(st) {
			if rs.skip(st.units) != nil {
				return
			}
			continue
		}
		if rs.next(&c) != nil {
			return
		}
		for i := range c.Records {
			t.record(&c.Records[i], bootKey{hosts[i], r.hosts[hosts[i]].bootAt(c.Records[i].Millis)})
		}
		hosts = hosts[:0]
	}
}

// in reports whether a stretch may hold a last sign.
func (t *traces) in(st stretch) bool {
	i := sort.Search(len(t.when), func(i int) bool { return t.when[i].to >= st.min })
	return i < len(t.when) && t.when[i].has(st)
}

// merged gives the same time in intervals that are in order and apart.
func merged(all []interval) []interval {
	slices.SortFunc(all, func(a, b interval) int { return cmp.Compare(a.from, b.from) })
	out := all[:0]
	for _, i := range all {
		if n := len(out); n > 0 && i.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, i.to)
		} else {
			out = append(out, i)
		}
	}
	return out
}

func (t *traces) record(rec *auditd.Record, key bootKey) {
	if rec.Daemon() {
		return
	}
	for _, x := range t.boots[key] {
		x.any.take(rec)
	}
	if len(t.sessions) == 0 {
		return
	}
	rec.Split()
	ses, ok := sessionOf(rec.Body)
	if !ok {
		return
	}
	for _, x := range t.sessions[traced{key, ses}] {
		if rec.Millis < x.from || rec.Millis >= x.before {
			continue
		}
		x.any.take(rec)
		if rec.Type == auparse.AUDIT_TTY || bytes.Contains(rec.Body, []byte(" tty=pts")) || bytes.Contains(rec.Body, []byte(" tty=tty")) {
			x.terminal.take(rec)
		}
	}
}

// take keeps the later of two signs.
func (s *sign) take(rec *auditd.Record) {
	if at := time.UnixMilli(rec.Millis).UTC(); at.After(s.at) {
		*s = sign{at, rec.Pos}
	}
}

// sessionOf reads the kernel's own ses= of a record, which stands before
// anything that a program has a say in.
func sessionOf(body []byte) (uint32, bool) {
	i := bytes.Index(body, []byte(" ses="))
	if i < 0 {
		return 0, false
	}
	body = body[i+len(" ses="):]
	if end := bytes.IndexByte(body, ' '); end >= 0 {
		body = body[:end]
	}
	n, err := strconv.ParseUint(string(body), 10, 32)
	return uint32(n), err == nil && n != auditd.UnsetID
}
