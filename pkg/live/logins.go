package live

import (
	"slices"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/sshd"
)

// login is a decision of sshd's until all about it is written.
type login struct {
	d       *sshd.Login
	told    bool // the tracker knows it
	written bool
	since   int64     // how far sshd's log was in record time when it was decided
	end     time.Time // record time at which its end was last heard of
	ses     string    // the session that it opened, where that is known
	sought  bool      // no session will be found any more
	gone    time.Time // since then its pid is another process's
	heard   int64     // record time of what sshd last said of it
	touched time.Time // wall time of that
}

// messages gives sshd's messages to the connections of their boots. A message
// waits until the audit log has been read up to its time, because that may
// show a new boot; where the audit log was at its end, it waits for one round.
func (p *Pipeline) messages() error {
	ripe := len(p.ripe)
	if !p.auditRead() {
		ripe = 0
	}
	all := append(p.ripe, p.fresh...)
	var kept []message
	rest := all[ripe:]
	slices.SortStableFunc(rest, func(a, b message) int { return a.Received.Compare(b.Received) })
	due := len(rest)
	for i := range rest {
		if rest[i].Received.UnixMilli() > p.auditAt {
			due = i
			break
		}
	}
	kept = slices.Clone(rest[due:])
	all = all[:ripe+due]
	slices.SortStableFunc(all, func(a, b message) int { return a.Received.Compare(b.Received) })
	p.ripe, p.fresh = kept, p.fresh[:0]
	for i := range all {
		p.message(&all[i])
		if p.failure != nil {
			return p.failure
		}
	}
	return nil
}

func (p *Pipeline) message(m *message) {
	p.said = max(p.said, m.Received.UnixMilli())
	var b *boot
	switch {
	case m.Boot != "":
		b = p.bootNamed(&m.Message)
	case len(p.boots) == 0:
		b = p.newBoot(m.Received.UnixMilli(), "")
	default:
		b = p.boots[p.indexAt(m.Received.UnixMilli())]
	}
	sshd.Parse(m.Text, &p.line)
	b.said(m, p.line.Kind)
	pos := ingest.Pos{Source: p.sources[m.Src], Line: m.Line}
	b.conns.Add(&m.Message, pos, &p.line, func(c sshd.Change) { p.changed(b, c, m.Received) })
}

// changed takes what a connection found out.
func (p *Pipeline) changed(b *boot, c sshd.Change, at time.Time) {
	if c.Kind != sshd.Decided {
		p.adopt(b, c.Login)
	}
	switch {
	case c.Kind == sshd.Learned:
		p.learned(b, c.Login, at)
	case c.Kind == sshd.Decided && c.Login.Accepted:
		b.reused(c.Login.PID, "", c.Login.Time)
		b.logins = append(b.logins, &login{d: c.Login, since: p.said, heard: at.UnixMilli(), touched: p.clock.Wall})
	case c.Kind == sshd.Decided:
		b.failed = append(b.failed, &login{d: c.Login, since: p.said})
	case c.Kind == sshd.Ended && c.Login.End != nil:
		for _, l := range b.logins {
			if l.d == c.Login && l.end.IsZero() {
				l.end = later(at, time.UnixMilli(p.said))
			}
		}
	}
}

// adopt ties a login that was restored to the one that the connections have
// of it.
func (p *Pipeline) adopt(b *boot, d *sshd.Login) {
	for _, l := range slices.Concat(b.logins, b.failed) {
		if l.d == d {
			return
		}
		if l.d.PID == d.PID && l.d.Life == d.Life && l.d.N == d.N && l.d.Text == d.Text {
			l.d = d
			if l.told && b.tracker != nil {
				b.tracker.Adopt(d)
			}
			return
		}
	}
}

// learned takes more of a login, and tells the tracker if it has it.
func (p *Pipeline) learned(b *boot, d *sshd.Login, at time.Time) {
	for _, l := range b.logins {
		if l.d != d {
			continue
		}
		l.heard, l.touched = max(l.heard, at.UnixMilli()), p.clock.Wall
		if l.told && p.failure == nil {
			p.failure = b.tracker.Learned(d)
		}
	}
}

// names reports whether the journal says that the login opened that session.
func (l *login) names(id string) bool { return l.d.AuditSes == id && !l.d.SesConflict }

// loginOf finds the login that waits for a session: the one of its opener's
// pid, or the one that the journal says belongs to it.
func (b *boot) loginOf(s *session, window time.Duration) *login {
	var best *login
	var apart time.Duration
	for _, l := range b.logins {
		if l.told && l.written && !(l.d.AuditSes == s.id) {
			continue
		}
		dt := time.UnixMilli(s.opened).Sub(l.d.Time)
		named := l.names(s.id)
		same := s.leader != 0 && l.d.PID == s.leader && dt >= -window/2 && dt <= window
		if (named || same) && (best == nil || dt.Abs() < apart) {
			best, apart = l, dt.Abs()
		}
	}
	return best
}

// settleLogins writes the logins that nothing more is expected of.
func (p *Pipeline) settleLogins(b *boot) error {
	now := p.now()
	since := func(t time.Time) time.Duration { return time.Duration(now-t.UnixMilli()) * time.Millisecond }
	waited := func(l *login) time.Duration { return time.Duration(now-l.since) * time.Millisecond }
	b.conns.Expire(time.UnixMilli(now).Add(-3*endWait*10), func(c sshd.Change) { p.changed(b, c, time.UnixMilli(now).UTC()) })
	var err error
	b.failed = slices.DeleteFunc(b.failed, func(l *login) bool {
		if err != nil || waited(l) < failWait {
			return false
		}
		err = b.tracker.WriteLogin(l.d)
		return err == nil
	})
	b.logins = slices.DeleteFunc(b.logins, func(l *login) bool {
		if err != nil {
			return false
		}
		if !l.written && waited(l) >= p.opt.LoginWindow && !b.waitsFor(l) {
			err = p.writeAlone(b, l)
		}
		if err != nil || !l.written {
			return false
		}
		e := p.ended(b, l)
		heard := later(e.at, later(l.end, l.gone))
		if e.how == "" || since(heard) < endWait || p.undecided(b, e.at) {
			return false
		}
		err = b.tracker.WriteLogout(l.d, e.at, e.pos, e.how)
		return err == nil
	})
	return err
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// waitsFor reports whether a session that is not settled has the login's pid,
// or is the one that the journal says it opened.
func (b *boot) waitsFor(l *login) bool {
	return slices.ContainsFunc(b.unsettled, func(s *session) bool { return s.leader == l.d.PID || l.names(s.id) })
}

// writeAlone writes a login whose session was not found in time.
func (p *Pipeline) writeAlone(b *boot, l *login) error {
	if !l.told {
		l.told = true
		if err := b.tracker.Login(l.d, 0); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(b.logins, func(o *login) bool { return o != l && o.names(l.d.AuditSes) }) {
		b.tracker.NameSession(l.d)
	}
	l.written = true
	return b.tracker.WriteLogin(l.d)
}

// endBoot ends a boot: all that it still holds is written, and the sessions
// that were open ended with it.
func (p *Pipeline) endBoot(b *boot) error {
	if b.tracker == nil && len(b.logins)+len(b.failed) == 0 {
		return nil
	}
	if b.tracker == nil {
		b.ID = b.Journal
		if b.ID == "" {
			b.ID = "@unknown"
		}
		b.tracker = p.newTracker(b)
	}
	b.conns.Close(func(c sshd.Change) { p.changed(b, c, time.UnixMilli(p.now()).UTC()) })
	for _, s := range b.unsettled {
		l := b.loginOf(s, p.opt.LoginWindow)
		if l == nil && p.opt.SSHD && (s.exe == "" || isSSHD(s.exe)) {
			p.enc.expire(b.ID, s.id)
		}
		if err := p.handOver(b, s, l); err != nil {
			return err
		}
	}
	b.unsettled = nil
	for _, l := range b.failed {
		if err := b.tracker.WriteLogin(l.d); err != nil {
			return err
		}
	}
	b.failed = nil
	for _, l := range b.logins {
		if !l.written {
			if err := p.writeAlone(b, l); err != nil {
				return err
			}
		}
		e := p.wentDown(b, l)
		if err := b.tracker.WriteLogout(l.d, e.at, e.pos, e.how); err != nil {
			return err
		}
	}
	b.logins = nil
	return nil
}
