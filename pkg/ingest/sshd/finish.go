package sshd

import (
	"slices"
	"strings"
	"time"
)

// finish takes a line that shows the end of a connection.
func (c *Connections) finish(k *connection, in *input) {
	if !k.accepted() {
		if in.l.Kind == PAMClosed {
			k.Opened = true
		}
		c.closeEarly(k, in)
		return
	}
	if in.l.Preauth && !k.fits(in.l) && in.l.Account != "" {
		g := c.decision(k, in)
		g.Reason = closedEarly
		c.failed(k, g, in.emit)
		return
	}
	how, rank := howEnded(in.l)
	if how == "" || in.l.Preauth {
		return
	}
	if k.Over.IsZero() {
		k.Over = in.m.Time
	}
	if len(k.Logins) == 1 && rank <= k.EndRank {
		return
	}
	better := rank > k.EndRank
	k.EndRank = max(k.EndRank, rank)
	for _, g := range k.Logins {
		if len(k.Logins) > 1 && (!g.has(in.l) || g.End != nil && !better && !(g.End.Silent && rank > silent)) {
			continue // of two that contradict each other a line names one
		}
		g.End = &End{How: how, Silent: rank == silent, Time: in.m.Time, Pos: in.pos}
		in.emit(Change{Ended, g})
	}
}

// silent is the rank of an end that no line gives a reason for.
const silent = 1

// howEnded says how a line shows a login's end, and how strongly: the first of
// the strongest counts. The close of PAM's session says only that it is over.
func howEnded(l *Line) (how string, rank int) {
	switch l.Kind {
	case PAMClosed:
		return Logout, silent
	case Goodbye:
		if l.Account != "" || l.Code == 0 { // "Disconnected from"
			return Logout, 2
		}
		if l.Code == 11 { // SSH2_DISCONNECT_BY_APPLICATION
			return Logout, 3
		}
		return Disconnect, 3
	case Closed:
		return Disconnect, 3
	case Kicked, Killed, Expired:
		return Kill, 4
	}
	return "", 0
}

// closeEarly ends a connection that nobody logged in through. A client's
// disconnect message is followed by "Disconnected from", which names the
// account since 7.5.
func (c *Connections) closeEarly(k *connection, in *input) {
	l := in.l
	if l.Kind == PAMClosed {
		k.Over = in.m.Time
		return
	}
	if k.Over.IsZero() {
		k.Over = in.m.Time
	}
	if l.Account != "" && !l.Preauth {
		k.Opened = true // "user X": the Accepted line is lost
		return
	}
	if l.Kind == Goodbye && l.Code != 0 && l.Account == "" {
		return
	}
	if l.Kind == Kicked && strings.HasPrefix(l.Reason, "Too many authentication failures") && k.LastFail != nil &&
		k.LastFail.Reason == tooManyReason {
		return
	}
	end := c.decision(k, in)
	end.Reason, end.Method = closedEarly, ""
	switch {
	case l.Kind == Kicked && strings.HasPrefix(l.Reason, "Too many authentication failures"):
		end.Reason = tooManyReason
	case l.Kind == Expired:
		end.Error = "timeout before authentication"
	case l.Kind == Killed:
		end.Error = "killed before authentication"
	}
	if end.Account == "" {
		end.Account, end.InvalidUser = k.Account, k.InvalidUser
	}
	c.undecided(k, end, in.emit)
}

// undecided settles a connection that ended without success: refusals of keys
// are failed logins, else the refusal of the account is one, else the end
// itself where an account was named and no failure was logged. A nil end is
// one that was not seen: then only what sshd refused counts.
func (c *Connections) undecided(k *connection, end *Login, emit func(Change)) {
	c.flush(k, end, emit)
	denied, named := k.Denied, k.Named
	k.Denied, k.Named = nil, nil
	if k.Failures > 0 || k.Opened {
		return
	}
	switch {
	case denied != nil:
		g := k.login(denied)
		g.Also = denied.places()[1:]
		if named != nil {
			g.Also = append(g.Also, named.Pos)
		}
		if end != nil {
			g.Also = append(g.Also, end.Pos)
			if g.Addr == "" {
				g.Addr = end.Addr
			}
			if g.Port == 0 && end.Addr == g.Addr {
				g.Port = end.Port
			}
		}
		c.failed(k, g, emit)
	case end != nil && end.Account != "":
		if named != nil {
			end.Also = append(end.Also, named.Pos)
		}
		k.passed(end)
		c.failed(k, end, emit)
	case named != nil:
		g := k.login(named)
		g.Reason = closedEarly
		c.failed(k, g, emit)
	}
}

// passed adds the methods that passed before the end to a login that needed
// more of them.
func (k *connection) passed(g *Login) {
	k.merge(g)
	g.Method = strings.TrimSuffix(g.Method, ",")
	k.Partials = nil
}

// retire forgets a connection whose PID has begun another life, or that is
// long over.
func (c *Connections) retire(k *connection, emit func(Change)) {
	if !k.accepted() {
		c.undecided(k, nil, emit)
	} else if !k.over() {
		for _, g := range k.Logins {
			emit(Change{Ended, g})
		}
	}
	if c.byPID[k.PID] == k {
		delete(c.byPID, k.PID)
	}
	if p := (peer{k.Addr, k.Port}); c.byPeer[p] == k {
		delete(c.byPeer, p)
	}
	for _, g := range k.Logins {
		if p := (peer{g.Addr, g.Port}); c.byPeer[p] == k {
			delete(c.byPeer, p)
		}
	}
	if c.child[k.ChildPID] == k {
		delete(c.child, k.ChildPID)
	}
}

// tick takes the time of a message. Connections that are over are forgotten
// after linger, or after brief where nobody logged in, and those that came to
// nothing after idle, by the record time alone.
func (c *Connections) tick(now time.Time, emit func(Change)) {
	if now.After(c.now) {
		c.now = now
	}
	if c.swept.IsZero() {
		c.swept = c.now
	}
	if c.now.Sub(c.swept) < brief {
		return
	}
	c.swept = c.now
	c.sweep(c.now.Add(-linger), c.now.Add(-brief), c.now.Add(-idle), emit)
}

// Expire forgets the connections that are over, or undecided and idle, since
// before; an undecided one that named an account becomes a failed login. Open
// logins stay. Nothing depends on calling it: Add does the same in its own
// time, so that replaying a file and following it agree.
func (c *Connections) Expire(before time.Time, emit func(Change)) {
	c.sweep(before, before, before, emit)
}

func (c *Connections) sweep(over, refused, undecided time.Time, emit func(Change)) {
	past := func(k *connection) bool {
		return k.over() && (k.Last.Before(over) || !k.accepted() && k.Last.Before(refused) && k.Over.Before(refused))
	}
	for _, k := range c.all() {
		if past(k) || !k.accepted() && k.Last.Before(undecided) {
			c.retire(k, emit)
		}
	}
	for pid, k := range c.child {
		if past(k) || k.PID != 0 && c.byPID[k.PID] != k {
			delete(c.child, pid)
		}
	}
}

// Unsettled gives the logins of which more may be learnt: what no call of
// Unsettled gives will not change. It may give one several times.
func (c *Connections) Unsettled(do func(*Login)) {
	of := func(k *connection) {
		for _, g := range k.Logins {
			do(g)
		}
		if k.LastFail != nil {
			do(k.LastFail)
		}
	}
	for _, k := range c.byPID {
		of(k)
	}
	for _, k := range c.byPeer {
		of(k)
	}
	for _, k := range c.child {
		of(k)
	}
}

// all gives the connections in the order in which they were first heard of,
// so that what is emitted does not depend on a map.
func (c *Connections) all() []*connection {
	list := make([]*connection, 0, len(c.byPID))
	for _, k := range c.byPID {
		list = append(list, k)
	}
	for _, k := range c.byPeer {
		if k.PID == 0 {
			list = append(list, k)
		}
	}
	slices.SortFunc(list, func(a, b *connection) int { return a.Seq - b.Seq })
	return list
}

// Close says that no more messages come. Connections that sshd refused and
// whose end was not seen become failed logins; open logins stay open.
func (c *Connections) Close(emit func(Change)) {
	for _, k := range c.all() {
		if !k.accepted() {
			c.undecided(k, nil, emit)
		}
	}
}
