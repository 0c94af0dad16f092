package live

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"auditreplay/pkg/ingest/auditd"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// session is an audit session until the tracker knows all about it.
type session struct {
	id            string
	leader        int
	opened        int64 // its LOGIN, else the first that was seen of it
	since         int64 // how far record time was then: later where the clock was set back
	byLogin       bool
	started       bool  // its opener's USER_START was seen
	start         int64 // how far record time was then
	startWall     time.Time
	exe           string // its opener's program
	facts         []auditd.Fact
	held          []*unit
	settled       bool
	ended         bool   // its leader closed it
	closed        stop   // so, and where it was an sshd
	closer        string // the account that it named then
	any, terminal stop   // what was last seen of it
	last          int64
	told          int64     // record time of its latest fact
	touched       time.Time // wall time of that
}

// session gives the boot's session with that id, of which something was seen
// at a time, and when record time was as far as now.
func (b *boot) session(id string, millis, now int64) *session {
	s := b.sessions[id]
	if s == nil {
		s = &session{id: id, opened: millis, since: max(millis, now)}
		b.sessions[id] = s
		b.unsettled = append(b.unsettled, s)
	}
	return s
}

// fact takes what a record says of its session, at once: its event may come
// later.
func (p *Pipeline) fact(rec *auditd.Record, b *boot) {
	key := keyOf(rec)
	switch {
	case rec.Type == auparse.AUDIT_SYSCALL:
		if key != p.login {
			return
		}
	case !auditd.FactType(rec.Type):
		return
	case rec.Type == auparse.AUDIT_LOGIN:
		p.login = key
	}
	var f auditd.Fact
	p.facts.Read(rec, &f)
	at := time.UnixMilli(f.Millis).UTC()
	b.heard(at)
	if f.Type == auparse.AUDIT_SYSTEM_SHUTDOWN {
		b.stops = append(b.stops, stop{at, pathOf(f.Pos.Source), f.Pos.Line, systemStop})
	}
	if !f.HasSes || f.Ses == auditd.UnsetID || f.Type == auparse.AUDIT_LOGIN && !f.OK {
		return
	}
	s := b.session(strconv.FormatUint(uint64(f.Ses), 10), f.Millis, p.auditAt)
	if f.Type == auparse.AUDIT_LOGIN {
		b.reused(f.PID, s.id, at)
		if !s.byLogin {
			s.since = max(f.Millis, p.auditAt)
		}
	}
	s.last, s.told, s.touched = max(s.last, f.Millis), max(p.auditAt, f.Millis), p.clock.Wall
	if s.learn(&f); s.started && s.start == 0 {
		s.start, s.startWall = s.told, p.clock.Wall
	}
	if s.settled {
		b.tracker.Learn(&f)
		return
	}
	s.facts = append(s.facts, f)
}

// learn takes over what decides how long the session is waited for.
func (s *session) learn(f *auditd.Fact) {
	switch f.Type {
	case auparse.AUDIT_LOGIN:
		s.leader, s.opened, s.byLogin = f.PID, f.Millis, true
	case auparse.AUDIT_SYSCALL:
		s.exe = f.Exe
	case auparse.AUDIT_USER_START:
		if s.leader == 0 && f.OK && isSSHD(f.Exe) && strings.HasPrefix(f.Op, "PAM:session_open") {
			s.leader = f.PID // its LOGIN is lost
		}
		if f.PID == s.leader && f.OK {
			s.exe, s.started = f.Exe, true
		}
	case auparse.AUDIT_USER_END, auparse.AUDIT_CRED_DISP:
		if s.leader == 0 && isSSHD(f.Exe) && f.Op != "login" {
			s.leader = f.PID // all that was before is lost
		}
		if f.PID != s.leader || f.Op == "login" {
			return
		}
		s.ended = true
		if s.closed.At.IsZero() && isSSHD(f.Exe) {
			s.closed, s.closer = stop{At: time.UnixMilli(f.Millis).UTC(), Src: pathOf(f.Pos.Source), Line: f.Pos.Line}, f.Acct
		}
	}
}

// isSSHD reports whether exe is a server of OpenSSH.
func isSSHD(exe string) bool {
	base := strings.TrimSuffix(exe[strings.LastIndexByte(exe, '/')+1:], " (deleted)")
	return base == "sshd" || strings.HasPrefix(base, "sshd-")
}

// settle decides what it can of a boot's sessions and logins.
func (p *Pipeline) settle(b *boot) error {
	if !p.ready(b) {
		return nil
	}
	for len(b.loose) > 0 {
		u := b.loose[0]
		b.loose = b.loose[1:]
		if err := p.write(u); err != nil {
			return err
		}
	}
	kept := b.unsettled[:0]
	for i, s := range b.unsettled {
		done, err := p.settleOne(b, s)
		if err != nil {
			b.unsettled = append(kept, b.unsettled[i:]...)
			return err
		}
		if !done {
			kept = append(kept, s)
		}
	}
	clear(b.unsettled[len(kept):])
	b.unsettled = kept
	return p.settleLogins(b)
}

// settleOne hands a session over to the tracker, when its login is there and
// what goes with it, when it is known to wait for none, or when its time is up.
//
// PAM's USER_START comes first, up to 18 s after LOGIN on the recorded hosts
// (pam_systemd starts the user's manager), then the rest of the opening. What
// sshd never says by PAM is waited for to the end of the window.
func (p *Pipeline) settleOne(b *boot, s *session) (bool, error) {
	if len(s.held) == 0 {
		return false, nil
	}
	now := p.now()
	l := b.loginOf(s, p.opt.LoginWindow)
	local := s.exe != "" && !isSSHD(s.exe)
	switch {
	case s.started && local:
	case s.started && l != nil:
		if !p.opened(s, l) {
			return false, nil
		}
	case s.ended && l != nil && p.opened(s, l):
	case !p.opt.SSHD && p.passed(s.told, s.touched, openingWait):
	case now-s.since >= p.opt.LoginWindow.Milliseconds():
		if p.opt.SSHD && l == nil && !local {
			p.enc.expire(b.ID, s.id)
		}
	default:
		return false, nil
	}
	return true, p.handOver(b, s, l)
}

// opened reports whether both logs were read beyond all that the tracker takes
// for the session's opening. An sshd that logs the start of a connection says
// how each of its sessions starts, too.
func (p *Pipeline) opened(s *session, l *login) bool {
	since, touched := s.start, s.startWall
	if !s.started {
		since, touched = max(s.told, l.heard), s.touched
	}
	wait := openingWait
	if !l.d.ConnTime.IsZero() && len(l.d.Sessions) == 0 {
		wait = lateOpeningWait
	}
	return p.passed(max(since, l.since), later(touched, l.touched), wait)
}

// passed reports whether that much record time has passed since then, or, where
// both logs have no more to say, as much wall time.
func (p *Pipeline) passed(since int64, touched time.Time, wait time.Duration) bool {
	read := p.auditRead() && (p.clock.SSHD || !p.opt.SSHD)
	return p.now()-since >= wait.Milliseconds() || read && p.quiet(touched, wait)
}

// handOver tells the tracker all that is known of a session, and then its
// events.
func (p *Pipeline) handOver(b *boot, s *session, l *login) error {
	slices.SortStableFunc(s.facts, func(x, y auditd.Fact) int {
		return cmp.Or(cmp.Compare(x.Millis, y.Millis), cmp.Compare(x.Serial, y.Serial), cmp.Compare(x.Type, y.Type))
	})
	for i := range s.facts {
		b.tracker.Learn(&s.facts[i])
	}
	s.facts, s.settled = nil, true
	if l != nil {
		l.ses = s.id
	}
	if l != nil && !l.told {
		l.told = true
		if err := b.tracker.Login(l.d, 0); err != nil {
			return err
		}
	}
	slices.SortStableFunc(s.held, func(x, y *unit) int {
		return cmp.Or(cmp.Compare(x.key.millis, y.key.millis), cmp.Compare(x.key.serial, y.key.serial))
	})
	for len(s.held) > 0 {
		u := s.held[0]
		s.held = s.held[1:]
		if err := p.write(u); err != nil {
			return err
		}
	}
	s.held = nil
	// Where no login was bound, that is decided too.
	b.tracker.DeleteUsersWithoutLoginsBefore(time.UnixMilli(max(s.opened, s.last) + 1))
	if l == nil {
		return nil
	}
	l.written = true
	return b.tracker.WriteLogin(l.d)
}

// How much is kept of what is over. Processes outlive the logout of their
// session, so that a session is known for days after it where there is room.
const (
	keepEnded  = 7 * 24 * time.Hour
	keepLocal  = time.Hour // of cron and the like
	maxEnded   = 2000      // sessions of a boot that ended
	sweepEvery = time.Minute
)

// sweep forgets what is long over.
func (p *Pipeline) sweep() {
	now := p.now()
	if now-p.swept < sweepEvery.Milliseconds() {
		return
	}
	p.swept = now
	for _, b := range p.boots {
		if b.tracker == nil {
			continue
		}
		b.stops = slices.DeleteFunc(b.stops, func(s stop) bool { return b.Heard.Sub(s.At) > downWithin })
		b.tracker.DeleteRemoteUserLoginsBefore(time.UnixMilli(now - keep.Milliseconds()))
		var over []*session
		for _, s := range b.sessions {
			quiet := time.Duration(now-s.last) * time.Millisecond
			switch {
			case !s.settled || b.hasOpen(s):
			case quiet > keepEnded, s.ended && quiet > keepLocal && s.exe != "" && !isSSHD(s.exe):
				p.forget(b, s)
			case s.ended:
				over = append(over, s)
			}
		}
		if len(over) <= maxEnded {
			continue
		}
		slices.SortFunc(over, func(x, y *session) int { return cmp.Or(cmp.Compare(x.last, y.last), cmp.Compare(x.id, y.id)) })
		for _, s := range over[:len(over)-maxEnded] {
			p.forget(b, s)
		}
	}
}

// hasOpen reports whether a login of the session's opener has not all been
// written.
func (b *boot) hasOpen(s *session) bool {
	return slices.ContainsFunc(b.logins, func(l *login) bool { return l.d.PID == s.leader })
}

func (p *Pipeline) forget(b *boot, s *session) {
	delete(b.sessions, s.id)
	p.enc.forget(b.ID, s.id)
	b.tracker.Forget(s.id)
}
