package sshd

import (
	"slices"
	"strings"
	"time"

	"auditreplay/pkg/ingest"
)

// closedEarly is the reason of a connection that named an account and ended
// without any other failure being logged, as is usual at LogLevel INFO.
const closedEarly = "closed before authentication succeeded"

// Other reasons that more than one line gives.
const (
	unknownReason = "invalid user"
	tooManyReason = "too many authentication failures"
)

// handle does what one line says to its connection.
func (c *Connections) handle(k *connection, in *input) {
	l := in.l
	switch l.Kind {
	case Connect:
		k.ConnTime, k.LAddr, k.LPort = in.m.Time, strings.Clone(l.LAddr), l.LPort
	case Invalid:
		if k.Named == nil && k.Failures == 0 {
			k.Named = newNote(in)
		}
	case Refused:
		c.refused(k, in)
	case KeyRefused:
		k.refuse(in)
	case Accepted:
		c.accept(k, in)
	case Failed:
		c.fail(k, in)
	case MaxTries:
		c.tooMany(k, in)
	case Denied:
		c.deny(k, in)
	case Partial:
		k.Partials = append(k.Partials, newNote(in))
	case Child:
		k.Opened = true
		c.setChild(k, l.ChildPID, in)
	case Starting:
		k.Opened = true
		for _, g := range k.Logins {
			g.Sessions = append(g.Sessions, Started{strings.Clone(l.What), strings.Clone(l.TTY), in.m.Time, in.m.Received, in.pos})
			in.emit(Change{Learned, g})
		}
	case PAMOpened:
		k.Opened = true
		for _, g := range k.Logins {
			if !g.PAM {
				g.PAM = true
				in.emit(Change{Learned, g})
			}
		}
	case Goodbye, Closed, Kicked, Killed, Expired, PAMClosed:
		c.finish(k, in)
	}
}

// refused notes that the account may not log in. Every failure of the
// connection then has that reason, and where none is logged there is one all
// the same.
func (c *Connections) refused(k *connection, in *input) {
	if k.Denied != nil && k.Denied.Line.Reason == in.l.Reason {
		k.Denied.Also = append(k.Denied.Also, in.pos) // said again by the unprivileged child
		return
	}
	if k.accepted() {
		return
	}
	k.Denied = newNote(in)
}

// refuse notes why a key was refused. "Authentication tried for ... not from a
// permitted host" is followed by "Refused by ... options": one refusal. The
// same may also be said for several lines of one file.
func (k *connection) refuse(in *input) {
	if n := len(k.Refusals); n > 0 {
		last := k.Refusals[n-1]
		again := last.Line.Reason == in.l.Reason && last.Line.Fingerprint == in.l.Fingerprint && last.Line.Algorithm == in.l.Algorithm
		if again || strings.HasPrefix(last.Line.Reason, "not from a permitted") && strings.HasPrefix(in.l.Reason, "refused by") {
			last.Also = append(last.Also, in.pos)
			return
		}
	}
	k.Refusals = append(k.Refusals, newNote(in))
}

// accept makes the Login of an Accepted line. A second one in the same life
// of the PID contradicts the first, unless it is the same line again.
func (c *Connections) accept(k *connection, in *input) {
	g := c.decision(k, in)
	g.Accepted = true
	for _, o := range k.Logins {
		if o.same(g) {
			o.Also = append(o.Also, in.pos)
			in.emit(Change{Learned, o})
			return
		}
	}
	// A refusal of the very key that was accepted was of one file among
	// several; the others are failures of their own.
	if n := len(k.Refusals); n > 0 && k.Refusals[n-1].applies(in.l) {
		g.Also = append(g.Also, k.Refusals[n-1].places()...)
		k.Refusals = k.Refusals[:n-1]
	}
	c.flush(k, g, in.emit)
	k.merge(g)
	k.Named, k.Denied, k.Partials = nil, nil, nil
	g.AuditSes, g.AuditSesAt, g.AuditUID = k.AuditSes, k.AuditSesAt, k.AuditUID
	g.ChildPID, g.ChildAt, g.ChildLate = k.ChildPID, k.ChildAt, k.ChildLate
	g.N = c.seen.next(decisionKey(g.PID, g.Text))
	k.Logins = append(k.Logins, g)
	if len(k.Logins) > 1 {
		c.byPeer[peer{g.Addr, g.Port}] = k // its goodbye names it
		var all []ingest.Pos
		for _, o := range k.Logins {
			all = append(all, o.Pos)
		}
		for _, o := range k.Logins {
			o.Conflict = all
			if o != g {
				in.emit(Change{Learned, o})
			}
		}
	}
	in.emit(Change{Decided, g})
}

// merge puts the methods that passed before into a login that needed several:
// "publickey,password" with the key of the first.
func (k *connection) merge(g *Login) {
	methods := ""
	for _, p := range k.Partials {
		if p.Line.Account != g.Account {
			continue
		}
		methods += p.Line.Method + ","
		g.Also = append(g.Also, p.Pos)
		if g.Fingerprint == "" && p.Line.Fingerprint != "" {
			method := g.Method
			g.credential(&p.Line)
			g.Method = method
		}
	}
	g.Method = methods + g.Method
}

// fail makes the Login of a Failed line, or of the line about too many.
func (c *Connections) fail(k *connection, in *input) {
	g := c.decision(k, in)
	if in.l.InvalidUser {
		g.Reason = unknownReason
	}
	if k.Named != nil {
		g.Also = append(g.Also, k.Named.Pos)
	}
	if k.Denied != nil {
		g.Also = append(g.Also, k.Denied.places()...)
		g.Reason = k.Denied.Line.Reason
	}
	if in.l.Kind == MaxTries {
		g.Reason = tooManyReason
	} else if n := len(k.Refusals); n > 0 && k.Refusals[n-1].applies(in.l) {
		r := k.Refusals[n-1]
		g.Also = append(g.Also, r.places()...)
		g.Error, g.Reason = r.Line.Error, r.Line.Reason
		k.Refusals = k.Refusals[:n-1]
	}
	c.flush(k, g, in.emit)
	for range in.m.Repeat - 1 {
		again := *g
		again.Also = slices.Clone(g.Also)
		c.failed(k, &again, in.emit)
	}
	c.failed(k, g, in.emit)
}

// failed counts and emits a refusal.
func (c *Connections) failed(k *connection, g *Login, emit func(Change)) {
	k.Failures++
	k.LastFail = g
	g.N = c.seen.next(decisionKey(g.PID, g.Text))
	emit(Change{Decided, g})
}

// sameAttempt is how far apart the lines of one attempt stand at most: sshd
// makes the answer to a failed one wait about as long again as it took, up to
// 5 s. A follower of the log waits that long with the Failed line.
const sameAttempt = 5 * time.Second

// tooMany takes the line that ends a connection after MaxAuthTries failures.
// The process without privileges logs it of the attempt that has just failed,
// of which the monitor has logged Failed before, if its level let it (at INFO it
// does not for the keys of a valid user): it is no attempt of its own then.
// Why that one failed says more than how many did before.
func (c *Connections) tooMany(k *connection, in *input) {
	g := k.LastFail
	if g == nil || len(k.Refusals) > 0 || g.Account != in.l.Account || in.m.Time.Sub(g.Time) >= sameAttempt {
		c.fail(k, in)
		return
	}
	if g.Reason == "" || g.Reason == unknownReason {
		g.Reason = tooManyReason
	}
	g.Also = append(g.Also, in.pos)
	in.emit(Change{Learned, g})
}

// deny takes a refusal that ends the connection. PAM's comes after the Failed
// line of the same attempt, where that is logged.
func (c *Connections) deny(k *connection, in *input) {
	if g := k.LastFail; g != nil && g.Account == in.l.Account && in.m.Time.Sub(g.Time) < sameAttempt {
		g.Reason = strings.Clone(in.l.Reason)
		g.Also = append(g.Also, in.pos)
		in.emit(Change{Learned, g})
		return
	}
	g := c.decision(k, in)
	g.Reason = strings.Clone(in.l.Reason)
	c.flush(k, g, in.emit)
	c.failed(k, g, in.emit)
}

// decision makes a Login of a line.
func (c *Connections) decision(k *connection, in *input) *Login {
	n := newNote(in)
	g := k.login(n)
	g.Principal = strings.Clone(in.l.Principal)
	return g
}

// login makes a Login of a line that was remembered.
func (k *connection) login(n *note) *Login {
	l := &n.Line
	g := &Login{
		Pos: n.Pos, Also: n.Also, Time: n.Time, Received: n.Received, PID: k.PID, Life: k.Life,
		Account: l.Account, InvalidUser: l.InvalidUser, Addr: l.Addr, Port: l.Port,
		Text: l.Text, Truncated: l.Truncated, Error: l.Error, Reason: l.Reason,
	}
	g.credential(l)
	if k.fits(l) {
		g.LAddr, g.LPort, g.ConnTime = k.LAddr, k.LPort, k.ConnTime
	}
	if g.Addr == "" {
		g.Addr = k.Addr
	}
	if g.Port == 0 && g.Addr == k.Addr {
		g.Port = k.Port
	}
	if g.Account == "" && l.Kind == KeyRefused {
		g.Account, g.InvalidUser = k.Account, k.InvalidUser
	}
	return g
}

func (n *note) places() []ingest.Pos {
	return append([]ingest.Pos{n.Pos}, n.Also...)
}

// flush makes failed logins of the refused keys whose Failed line was not
// logged. What they leave open, the account first of all, the decision that
// comes next knows.
func (c *Connections) flush(k *connection, next *Login, emit func(Change)) {
	for _, r := range k.Refusals {
		g := k.login(r)
		if g.Account == "" && next != nil {
			g.Account, g.InvalidUser = next.Account, next.InvalidUser
		}
		if g.Addr == "" && next != nil {
			g.Addr, g.Port = next.Addr, next.Port
		}
		if g.Method == "" {
			g.Method = "publickey"
		}
		c.failed(k, g, emit)
	}
	k.Refusals = nil
}
