package replay

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/sshd"

	"github.com/elastic/go-libaudit/v2/auparse"
)

const (
	// Init tells all services and sessions to end at once, and the listener
	// is not the first to say so: sessions were seen to end 0.1 s to 0.6 s
	// before its last word. SYSTEM_SHUTDOWN comes when most have ended, 4 s
	// after it on a slow host.
	beforeListener = 10 * time.Second
	beforeShutdown = 30 * time.Second
	// downWithin is how long a host goes on after it began to go down. A
	// listener that stopped longer before the last of the evidence was
	// stopped by somebody.
	downWithin = 5 * time.Minute
)

// sign is something in the evidence that ends something.
type sign struct {
	at  time.Time // on the audit log's clock
	pos ingest.Pos
}

// endings is what the evidence of one boot says of the ends of things.
type endings struct {
	listening time.Time // the last time that a listener started
	stops     []sign    // a listener was told to end
	shutdowns []sign    // SYSTEM_SHUTDOWN
	auditd    []sign    // init ended auditd, which did not start again
	last      time.Time // of the boot's messages and facts
	lastAudit time.Time
	lastFrom  map[*ingest.Source]time.Time // of messages
	byPID     map[int][]pidSign
}

// pidKind is what a pidSign says of its process.
type pidKind uint8

const (
	pidOpened  pidKind = iota // LOGIN: it was given an audit session
	pidStarted                // it opened PAM's session
	pidEnded                  // it closed PAM's session
	pidRemoved                // logind saw its session gone
	pidOther                  // it is at work
)

type pidSign struct {
	sign
	kind pidKind
	ses  uint32
	acct string
	sshd bool
}

// endings gives what is known of a boot.
func (r *run) endings(key bootKey) *endings {
	e := r.ends[key]
	if e == nil {
		e = &endings{lastFrom: make(map[*ingest.Source]time.Time), byPID: make(map[int][]pidSign)}
		r.ends[key] = e
	}
	return e
}

// message notes what one of sshd's or logind's messages says.
func (e *endings) message(m *message, l *sshd.Line) {
	e.seen(m.at)
	e.lastFrom[m.in.src] = later(e.lastFrom[m.in.src], m.at)
	switch {
	case m.LogindSession != "":
		if strings.HasPrefix(m.Text, "Removed ") {
			e.add(m.LogindLeader, pidSign{sign: sign{m.at, m.pos}, kind: pidRemoved})
		}
	case l.Kind == sshd.Listening:
		e.listening = later(e.listening, m.at)
	case l.Kind == sshd.Stopping:
		e.stops = append(e.stops, sign{m.at, m.pos})
	}
}

func (e *endings) seen(at time.Time) { e.last = later(e.last, at) }

func (e *endings) add(pid int, s pidSign) { e.byPID[pid] = append(e.byPID[pid], s) }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// daemon notes the start or end of auditd.
func (s *scan) daemon(rec *auditd.Record, id int32) {
	if rec.Type == auparse.AUDIT_DAEMON_START || rec.Type == auparse.AUDIT_DAEMON_END {
		var f auditd.Fact
		rec.Split()
		s.factReader.Read(rec, &f)
		s.auditd = append(s.auditd, daemon{node: id, millis: f.Millis, end: rec.Type == auparse.AUDIT_DAEMON_END, pid: f.PID, pos: f.Pos})
	}
}

// daemonEnds notes where init ended auditd: its unit refuses to be stopped by
// hand, so that init does it when the host goes down. Who else ends it has a
// PID of its own; of a sender that is gone auditd knows nothing.
func (r *run) daemonEnds() {
	slices.SortStableFunc(r.scan.auditd, func(a, b daemon) int { return cmp.Compare(a.millis, b.millis) })
	for i := range r.scan.auditd {
		d := &r.scan.auditd[i]
		host := r.scan.nodes[d.node].host
		e := r.endings(bootKey{host, r.hosts[host].bootAt(d.millis)})
		switch {
		case !d.end:
			e.auditd = nil
		case d.pid <= 1:
			at := time.UnixMilli(d.millis).UTC()
			e.auditd = append(e.auditd, sign{at, d.pos})
			e.lastAudit = later(e.lastAudit, at)
		}
	}
}

// factEnds notes what the audit log's facts say of ends; of processes only
// where sshd's log does not say how the login that they had ended.
func (r *run) factEnds() func(*fact) {
	r.daemonEnds()
	open := make(map[bootKey]map[int]bool)
	for i := range r.logins.count() {
		if r.logins.endUnknown(i) {
			key := r.logins.at(i).key()
			if open[key] == nil {
				open[key] = make(map[int]bool)
			}
			open[key][r.logins.at(i).pid] = true
		}
	}
	var of bootKey // e's and wanted's
	var e *endings
	var wanted map[int]bool
	return func(f *fact) {
		at := time.UnixMilli(f.Millis).UTC()
		host := r.scan.nodes[f.node].host
		if key := (bootKey{host, r.hosts[host].bootAt(f.Millis)}); e == nil || key != of {
			of, e, wanted = key, r.endings(key), open[key]
		}
		e.seen(at)
		e.lastAudit = later(e.lastAudit, at)
		kind := pidOther
		switch f.Type {
		case auparse.AUDIT_SYSTEM_SHUTDOWN:
			e.shutdowns = append(e.shutdowns, sign{at, f.Pos})
			return
		case auparse.AUDIT_LOGIN:
			if !f.OK {
				return
			}
			kind = pidOpened
		case auparse.AUDIT_USER_START:
			kind = pidStarted
		case auparse.AUDIT_USER_END, auparse.AUDIT_CRED_DISP:
			kind = pidEnded
		case auparse.AUDIT_SYSCALL, auparse.AUDIT_SYSTEM_BOOT, auparse.AUDIT_KERNEL:
			return
		}
		if wanted[f.PID] {
			e.add(f.PID, pidSign{sign: sign{at, f.Pos}, kind: kind, ses: f.Ses, acct: f.Acct, sshd: strings.Contains(f.Exe, "/sshd")})
		}
	}
}

// goingDown is when a host went down in an orderly way.
type goingDown struct {
	sign           // the first that shows it
	from time.Time // what ends from here on, and not by its client, ends by it
}

// down says whether the host went down in an orderly way.
func (e *endings) down() (d goingDown, ok bool) {
	consider := func(s sign, lead time.Duration) {
		if e.last.Sub(s.at) > downWithin {
			return
		}
		from := s.at.Add(-lead)
		if !ok || s.at.Before(d.at) {
			d.sign = s
		}
		if !ok || from.Before(d.from) {
			d.from = from
		}
		ok = true
	}
	for _, s := range e.stops {
		if !e.listening.After(s.at) {
			consider(s, beforeListener)
		}
	}
	if ok {
		return d, ok // the listener's word is nearest to the sessions' end
	}
	for _, s := range slices.Concat(e.shutdowns, e.auditd) {
		consider(s, beforeShutdown)
	}
	return d, ok
}
