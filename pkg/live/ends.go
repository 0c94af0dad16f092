package live

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/sshd"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// This file says how the sessions of logins ended, by the rules of package
// replay (ended.go there): sshd's own word, else that of PAM's session in the
// audit log, and whether it was the host that went down. What tells the last
// may come after the end, so that nothing is said of an end for endWait, and
// of one that a shutdown may have made not until it is clear that the host
// went down, or stayed.

// stop is a place in a log and its time: a sign that the host was about to go
// down, or what was last seen of a session.
type stop struct {
	At   time.Time
	Src  string
	Line int64
	Kind stopKind `json:",omitempty"`
}

// stopKind is what a sign of the host's going down is.
type stopKind uint8

const (
	listenerStop stopKind = iota // sshd's listener was told to end
	systemStop                   // SYSTEM_SHUTDOWN
	daemonStop                   // init ended auditd, which did not start again
)

const (
	endedShutdown = "shutdown"
	endedCrash    = "crash"

	beforeListener = 10 * time.Second // replay/endings.go has the measurements
	beforeShutdown = 30 * time.Second
	downWithin     = 5 * time.Minute
	loginBefore    = 30 * time.Second // LOGIN may stand so long before Accepted
	loginAfter     = 60 * time.Second
)

// goingDown is when a host went down in an orderly way. What ends from "from"
// on, and not by its client, ends by it.
type goingDown struct {
	stop
	from time.Time
}

// down says whether the host went down in an orderly way, as far as the boot's
// logs go.
func (b *boot) down() (d goingDown, ok bool) {
	for _, listener := range []bool{true, false} {
		lead := beforeShutdown
		if listener {
			lead = beforeListener
		}
		for _, s := range b.stops {
			if listener != (s.Kind == listenerStop) || b.Heard.Sub(s.At) > downWithin || listener && b.Listening.After(s.At) {
				continue
			}
			from := s.At.Add(-lead)
			if !ok || s.At.Before(d.At) {
				d.stop = s
			}
			if !ok || from.Before(d.from) {
				d.from = from
			}
			ok = true
		}
		if ok {
			return d, ok // the listener's word is nearest to the sessions' end
		}
	}
	return d, ok
}

// heard notes how far the boot's logs go.
func (b *boot) heard(at time.Time) {
	if at.After(b.Heard) {
		b.Heard = at
	}
}

// said takes what a message says of the host.
func (b *boot) said(m *message, kind sshd.Kind) {
	b.heard(m.Time)
	switch kind {
	case sshd.Stopping:
		b.stops = append(b.stops, stop{m.Time, m.Src, m.Line, listenerStop})
	case sshd.Listening:
		if m.Time.After(b.Listening) {
			b.Listening = m.Time
		}
	}
}

// daemon takes what a record of auditd's own says: init ends it when the host
// goes down, and of a sender that is gone auditd knows nothing.
func (p *Pipeline) daemon(rec *auditd.Record, b *boot) {
	switch rec.Type {
	case auparse.AUDIT_DAEMON_START:
		b.stops = slices.DeleteFunc(b.stops, func(s stop) bool { return s.Kind == daemonStop })
	case auparse.AUDIT_DAEMON_END:
		var f auditd.Fact
		if p.facts.Read(rec, &f); f.PID <= 1 {
			b.stops = append(b.stops, stop{time.UnixMilli(f.Millis).UTC(), pathOf(f.Pos.Source), f.Pos.Line, daemonStop})
		}
	}
}

func (p *Pipeline) posOf(s stop) ingest.Pos {
	return ingest.Pos{Source: p.sources[s.Src], Line: s.Line}
}

// trace notes what was last seen of a session: on a terminal, and at all, for
// what was left behind in the background has no terminal any more.
func (b *boot) trace(rec *auditd.Record) {
	ses, ok := sessionOf(rec.Body)
	if !ok {
		return
	}
	s := b.sessions[ses]
	if s == nil {
		return
	}
	at := time.UnixMilli(rec.Millis).UTC()
	if at.After(s.any.At) {
		s.any = stop{At: at, Src: pathOf(rec.Pos.Source), Line: rec.Pos.Line}
	}
	if at.After(s.terminal.At) && (rec.Type == auparse.AUDIT_TTY || bytes.Contains(rec.Body, []byte(" tty=pts")) || bytes.Contains(rec.Body, []byte(" tty=tty"))) {
		s.terminal = stop{At: at, Src: pathOf(rec.Pos.Source), Line: rec.Pos.Line}
	}
}

// sessionOf reads the kernel's own ses= of a record, which stands before
// anything that a program has a say in.
func sessionOf(body []byte) (string, bool) {
	_, after, ok := bytes.Cut(body, []byte(" ses="))
	if !ok {
		return "", false
	}
	if end := bytes.IndexByte(after, ' '); end >= 0 {
		after = after[:end]
	}
	n, err := strconv.ParseUint(string(after), 10, 32)
	return string(after), err == nil && n != auditd.UnsetID
}

// sessionOf finds the session that a login opened, by the pid and the time of
// its LOGIN: of several with that pid the one that is nearest in time.
func (b *boot) sessionOf(l *login) *session {
	if s := b.sessions[l.ses]; s != nil && s.leader == l.d.PID || l.sought {
		return s
	}
	var best *session
	var nearest time.Duration
	for _, s := range b.sessions {
		since := time.UnixMilli(s.opened).Sub(l.d.Time)
		if !s.byLogin || s.leader != l.d.PID || since < -loginBefore || since > loginAfter {
			continue
		}
		if d := since.Abs(); best == nil || d < nearest || d == nearest && s.id < best.id {
			best, nearest = s, d
		}
	}
	if best != nil {
		l.ses = best.id
	}
	return best
}

// ending is how a session ended.
type ending struct {
	how string // "": it did not, as far as the logs go
	at  time.Time
	pos ingest.Pos
}

// ended says how a login's session ended by what was said of it.
func (p *Pipeline) ended(b *boot, l *login) ending {
	d, down := b.down()
	if end := l.d.End; end != nil {
		e := ending{end.How, end.Time, end.Pos}
		byServer := end.Silent || end.How == sshd.Kill
		if down && (byServer && !end.Time.Before(d.from) || end.How == sshd.Disconnect && !end.Time.Before(d.At)) {
			e.how = endedShutdown
		}
		return e
	}
	s := b.sessionOf(l)
	l.sought = p.now()-l.d.Time.UnixMilli() > 2*loginAfter.Milliseconds() // its LOGIN would be there
	switch {
	case s != nil && !s.closed.At.IsZero() && (s.closer == "" || s.closer == l.d.Account):
		e := ending{sshd.Logout, s.closed.At, p.posOf(s.closed)}
		if down && !e.at.Before(d.from) {
			e.how = endedShutdown
		}
		return e
	case !l.gone.IsZero() && wouldSay(s, l):
		last := lastOf(s, l)
		return ending{sshd.Kill, last.At, p.posOf(last)}
	}
	return ending{}
}

// wouldSay reports whether the logs would hold the orderly end of a session:
// they have PAM's word that it was opened.
func wouldSay(s *session, l *login) bool { return s != nil && s.started || l.d.PAM }

// lastOf is what a login's session did last.
func lastOf(s *session, l *login) stop {
	switch {
	case s != nil && s.terminal.Src != "":
		return s.terminal
	case s != nil && s.any.Src != "":
		return s.any
	}
	return stop{At: l.d.Time, Src: pathOf(l.d.Pos.Source), Line: l.d.Pos.Line}
}

// reused notes that the pid of a login's monitor is another process's now.
func (b *boot) reused(pid int, ses string, at time.Time) {
	for _, l := range b.logins {
		if l.d.PID == pid && l.gone.IsZero() && at.After(l.d.Time) && l.ses != "" && l.ses != ses {
			l.gone = at
		}
	}
}

// undecided reports whether it is still open whether the host went down with
// what ended then: it began to, and neither goes on for long nor is over.
func (p *Pipeline) undecided(b *boot, at time.Time) bool {
	d, ok := b.down()
	return ok && !at.Before(d.from) && p.now()-d.At.UnixMilli() <= downWithin.Milliseconds()
}

// wentDown says how a login's session ended that its boot ended with. One that
// would have said so in the log, had it been there when the host began to go
// down, was killed before.
func (p *Pipeline) wentDown(b *boot, l *login) ending {
	if e := p.ended(b, l); e.how != "" {
		return e
	}
	d, down := b.down()
	s := b.sessionOf(l)
	switch {
	case down && l.d.Time.Before(d.from) && wouldSay(s, l):
		last, how := lastOf(s, l), sshd.Kill
		if !last.At.Before(d.from) {
			how = endedShutdown
		}
		return ending{how, last.At, p.posOf(last)}
	case down:
		return ending{endedShutdown, d.At, p.posOf(d.stop)}
	}
	at := b.Heard
	if records := time.UnixMilli(b.Last).UTC(); records.After(at) {
		at = records
	}
	return ending{endedCrash, at, l.d.Pos}
}
