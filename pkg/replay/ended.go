package replay

import (
	"cmp"
	"math"
	"slices"
	"time"

	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/sshd"
)

// How a session ended, beside what sshd's own log says (sshd.Logout,
// sshd.Disconnect, sshd.Kill).
const (
	endedShutdown = "shutdown" // the host went down in an orderly way
	endedCrash    = "crash"    // the host went down without a word
)

// over is how a login's session ended.
type over struct {
	how    string // "": not at all, as far as the evidence goes
	sign          // at, on the clock of the log that the login stands in
	before int64  // where no line shows it: it was over then, and what the session did last shows when
}

// sortEnds puts what is known of each PID in order, for howOver.
func (r *run) sortEnds() {
	for _, e := range r.ends {
		for _, signs := range e.byPID {
			slices.SortStableFunc(signs, func(a, b pidSign) int {
				return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.kind, b.kind))
			})
		}
	}
}

// settleUnseen says how the sessions ended whose end no line shows.
func (r *run) settleUnseen(unseen []*loginOf) {
	if len(unseen) == 0 {
		return
	}
	r.lastTraces(unseen)
	for _, l := range unseen {
		down, goesDown := r.endings(bootKey{l.host, l.boot}).down()
		if goesDown && l.over.how == sshd.Kill && !l.over.at.Add(-l.ahead).Before(down.from) {
			l.over.how = endedShutdown // it was there when the host began to go down
		}
		r.logins.sayOver(l.Number-1, &l.over)
	}
}

// howOver says how a login's session ended. sshd's log says it in most cases,
// else the audit log's record of PAM's session does. Where neither does, the
// ending of other things tells: the host went down; the PID is another
// process's; or the host went down in an orderly way, in which every monitor
// that is alive closes PAM's session, and this one did not, so that it must
// have been killed before.
func (r *run) howOver(l *loginOf) over {
	e := r.endings(bootKey{l.host, l.boot})
	down, goesDown := e.down()
	if l.End != nil {
		o := over{how: l.End.How, sign: sign{l.End.Time, l.End.Pos}}
		if goesDown && downEnds(l.End, l.End.Time.Add(-l.ahead), &down) {
			o.how = endedShutdown
		}
		return o
	}
	p := e.process(l)
	closed := func(s *pidSign) over {
		o := over{how: sshd.Logout, sign: sign{s.at.Add(l.ahead), s.pos}}
		if goesDown && !s.at.Before(down.from) {
			o.how = endedShutdown
		}
		return o
	}
	next := l.boot + 1
	switch {
	case p.ended != nil:
		return closed(p.ended)
	case !p.gone.IsZero() && e.wouldSay(l, p, p.gone):
		return over{how: sshd.Kill, before: p.gone.UnixMilli()}
	case goesDown && p.removed != nil && p.removed.at.Before(down.from) && e.wouldSay(l, p, p.removed.at):
		return over{how: sshd.Kill, before: p.removed.at.UnixMilli()}
	case goesDown && p.at.Before(down.from) && e.wouldSay(l, p, down.at):
		return over{how: sshd.Kill, before: math.MaxInt64}
	case p.removed != nil:
		return closed(p.removed)
	case goesDown:
		return over{how: endedShutdown, sign: sign{down.at.Add(l.ahead), down.pos}}
	case next < len(r.hosts[l.host].boots):
		return over{how: endedCrash, before: r.hosts[l.host].boots[next].start}
	}
	return over{}
}

// downEnds reports whether an end that sshd logged is of the host's going
// down: the server's side ended it when sessions are told to end, or anything
// but the client's goodbye did when the listener had ended.
func downEnds(end *sshd.End, at time.Time, down *goingDown) bool {
	switch {
	case end.Silent || end.How == sshd.Kill:
		return !at.Before(down.from)
	case end.How == sshd.Disconnect:
		return !at.Before(down.at)
	}
	return false
}

// process is what the evidence says of a login's monitor.
type process struct {
	at      time.Time // of its login, on the audit log's clock
	ses     uint32
	opened  bool     // ses is known
	started bool     // the audit log has its PAM session opened
	ended   *pidSign // the audit log has it closed
	removed *pidSign // logind has it removed
	gone    time.Time
}

// process follows the monitor of a login through what is known of its PID.
func (e *endings) process(l *loginOf) process {
	p := process{at: l.Time.Add(-l.ahead), gone: l.next}
	signs := e.byPID[l.PID]
	var login time.Time
	for i := range signs {
		s := &signs[i]
		since := s.at.Sub(p.at)
		switch {
		case since < -loginBefore || !p.gone.IsZero() && !s.at.Before(p.gone):
		case s.kind == pidOpened && !p.opened && since <= loginAfter:
			p.ses, p.opened, login = s.ses, true, s.at
		case s.kind == pidRemoved:
			if p.removed == nil && since > 0 {
				p.removed = s
			}
		case p.opened && s.ses != p.ses:
			if s.kind == pidOpened || s.at.Sub(login) > time.Second { // records of one moment have no order
				p.gone = s.at // another process has the PID
			}
		case !p.opened && s.kind == pidOpened:
			p.gone = s.at
		case !p.opened && (s.ses == auditd.UnsetID || since < 0):
		case s.kind == pidStarted:
			p.started = true
		case s.kind == pidEnded && s.sshd && p.ended == nil && (s.acct == "" || s.acct == l.Account):
			p.ended = s
		}
	}
	return p
}

// How far the LOGIN record may stand from the Accepted line.
const (
	loginBefore = 30 * time.Second
	loginAfter  = 60 * time.Second
)

// wouldSay reports whether the evidence would hold the orderly end of a
// session that had come by then: PAM's session was opened, and the log that
// says so goes on until then.
func (e *endings) wouldSay(l *loginOf, p process, by time.Time) bool {
	return p.started && !e.lastAudit.Before(by) || l.PAM && !e.lastFrom[l.Pos.Source].Before(by)
}
