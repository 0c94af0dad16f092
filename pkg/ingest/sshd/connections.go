package sshd

import (
	"time"

	"auditreplay/pkg/ingest"
)

const (
	// lateness is how long after its end a line of a connection may still
	// come: carriers are ordered by the sender's clock, and the monitor runs
	// PAM's session modules after the client has gone. PIDs were seen to come
	// back after 37 s.
	lateness = 30 * time.Second
	// grace is LoginGraceTime's default, and twice the time in which a LOGIN
	// record is evidence for an Accepted line: a second Accepted line within
	// it is a contradiction unless the first connection is known to be over.
	grace = 2 * time.Minute
	// linger is how long an ended connection is remembered, brief how long one
	// that nobody has logged in through (an attacker makes hundreds a second),
	// idle how long one of these that has not ended.
	linger = 10 * time.Minute
	brief  = 2 * lateness
	idle   = 2 * time.Hour
)

// Connections follows the connections of one boot of one host. It is told the
// messages of that boot in time order and says what became of each login.
//
// A connection is one life of a PID. A new life begins at a "Connection from"
// of another address or port, and, where that line is not logged, at a line
// from before authentication that has another address or port or that comes
// after the end. But while a login is open and its PID was heard of within
// the last two minutes, a line of another peer is no new life: nothing says
// that the first one ended, so two different Accepted lines there contradict
// each other (Login.Conflict).
//
// The lines of the user child have a PID of their own. "User child is on pid"
// names it; else the address and port, which one connection at a time can
// have, lead to the connection.
//
// What is kept grows with the connections that are open, plus the numbers of
// lives of the last 65,536 to 131,072 PIDs and as many of the last decisions (so
// that N counts): a few megabytes.
type Connections struct {
	seq    int
	now    time.Time // latest record time
	swept  time.Time
	byPID  map[int]*connection
	child  map[int]*connection // by user child's PID
	byPeer map[peer]*connection
	lives  counter // by PID
	seen   counter // by decisionKey
	names  names
}

type peer struct {
	addr string
	port int
}

// NewConnections follows a boot from its start, or from where the log begins.
func NewConnections() *Connections {
	return &Connections{
		byPID:  make(map[int]*connection),
		child:  make(map[int]*connection),
		byPeer: make(map[peer]*connection),
		names:  make(names),
	}
}

// input is one call of Add.
type input struct {
	m    *ingest.Message
	pos  ingest.Pos
	l    *Line
	emit func(Change)
	names
}

// Add takes one message and what Parse made of it; also one that Parse does
// not know (its audit session may be news), and logind's messages about
// sessions. Nothing of m and l is kept. The message must be Believable.
//
// A message with Repeat stands for that many decisions, the first copy of it
// having been logged by itself.
func (c *Connections) Add(m *ingest.Message, pos ingest.Pos, l *Line, emit func(Change)) {
	in := &input{m, pos, l, emit, c.names}
	c.tick(m.Time, emit)
	if m.LogindSession != "" {
		c.logind(in)
		return
	}
	switch l.Kind {
	case Listening, Stopping:
		return
	case Expired, Killed:
		if l.PID != 0 {
			if k := c.byPID[l.PID]; k != nil && !k.over() && k.fits(l) && !(l.Kind == Expired && k.accepted()) {
				c.finish(k, in)
			}
			return
		}
	}
	if m.Truncated {
		l.cut()
	}
	var k *connection
	if opens(l) {
		k = c.monitor(in)
	} else {
		k = c.find(in)
	}
	if k == nil {
		return
	}
	k.Last = m.Time
	k.adopt(l)
	if l.Addr != "" && k.Port != 0 && (l.Addr == k.Addr && l.Port == k.Port) {
		c.byPeer[peer{k.Addr, k.Port}] = k
	}
	c.handle(k, in)
	c.learnSession(k, in)
}

// cut drops what cannot be trusted of a message whose end is lost.
func (l *Line) cut() {
	if l.Truncated {
		return
	}
	l.Truncated = true
	if l.KeyID == "" && l.CAFingerprint == "" {
		l.Fingerprint, l.Principal = "", ""
	}
	l.KeyID, l.Serial, l.CAAlgorithm, l.CAFingerprint = "", "", "", ""
}

// opens reports whether only a monitor before or at its decision can say l.
func opens(l *Line) bool {
	switch l.Kind {
	case Connect, Invalid, Refused, KeyRefused, Accepted, Failed, Partial, Postponed, MaxTries, Denied:
		return true
	case Closed, Kicked, Goodbye:
		return l.Preauth && l.Account != "" && l.Addr != ""
	}
	return false
}

// monitor gives the connection whose monitor says the line, a new one where
// the PID begins a new life.
func (c *Connections) monitor(in *input) *connection {
	m, l := in.m, in.l
	k := c.byPID[m.PID]
	if m.PID == 0 {
		if k = c.byPeer[peer{l.Addr, l.Port}]; l.Addr == "" {
			return nil
		}
	}
	if k != nil {
		if !k.reborn(m.Time, l) {
			return k
		}
		c.retire(k, in.emit)
	}
	delete(c.child, m.PID)
	c.seq++
	k = &connection{Seq: c.seq, PID: m.PID, Life: c.lives.next(uint64(m.PID))}
	if m.PID != 0 {
		c.byPID[m.PID] = k
	}
	k.adopt(l)
	if k.Port != 0 {
		c.byPeer[peer{k.Addr, k.Port}] = k
	}
	return k
}

// reborn reports whether the line begins a new life of k's PID.
func (k *connection) reborn(now time.Time, l *Line) bool {
	quiet := now.Sub(k.Last)
	fits := k.fits(l)
	switch {
	case k.over() && fits && l.Addr != "":
		return now.Sub(k.Over) > lateness
	case k.over():
		return k.accepted() || !fits || quiet > time.Second
	case fits:
		return k.accepted() && l.Addr == "" // refusals come before the login
	case l.Kind == Connect:
		return true
	case k.accepted(), !k.ConnTime.IsZero():
		return quiet > grace
	}
	return true
}

// find gives the connection a line belongs to that the monitor says after its
// decision, or the user child.
func (c *Connections) find(in *input) *connection {
	m, l := in.m, in.l
	if m.PID != 0 {
		for _, k := range [...]*connection{c.child[m.PID], c.byPID[m.PID]} {
			if k == nil || !k.fits(l) {
				continue
			}
			if k.over() && m.Time.Sub(k.Over) > lateness || k.over() && l.Kind == PAMOpened {
				c.retire(k, in.emit) // the PID is somebody else's, whose Accepted line is lost
				continue
			}
			return k
		}
	}
	if l.Addr == "" || l.Port == 0 || l.Preauth {
		return nil
	}
	k := c.byPeer[peer{l.Addr, l.Port}]
	if k == nil || !k.accepted() || k.over() && m.Time.Sub(k.Over) > lateness {
		return nil
	}
	if l.Account != "" && l.Account != k.Logins[0].Account {
		return nil
	}
	if m.PID != 0 && m.PID != k.PID {
		c.setChild(k, m.PID, in)
	}
	return k
}

// setChild notes the user child.
func (c *Connections) setChild(k *connection, pid int, in *input) {
	if old := c.byPID[pid]; old != nil && old != k && (old.over() || !old.accepted() || in.m.Time.Sub(old.Last) > grace) {
		c.retire(old, in.emit) // a monitor's PID that is a child's now
	}
	c.child[pid] = k
	if k.ChildPID != 0 {
		return // by one connection only one child is forked; another is a helper of it
	}
	k.ChildPID, k.ChildAt, k.ChildLate = pid, in.m.Received.UnixMicro(), in.l.Kind != Child && in.l.Kind != Starting
	for _, g := range k.Logins {
		g.ChildPID, g.ChildAt, g.ChildLate = k.ChildPID, k.ChildAt, k.ChildLate
		in.emit(Change{Learned, g})
	}
}

// logind learns a session's logind id from the entry that names its leader,
// the process that called pam_systemd: the monitor.
func (c *Connections) logind(in *input) {
	k := c.byPID[in.m.LogindLeader]
	if k == nil || in.m.LogindLeader == 0 || k.over() && in.m.Time.Sub(k.Over) > lateness {
		return
	}
	for _, g := range k.Logins {
		if g.LogindSession == "" {
			g.LogindSession = in.m.LogindSession
			in.emit(Change{Learned, g})
		}
	}
}

// learnSession takes the audit session that journald read for the sender.
// What it read before the login may be of the session that sshd itself was
// started from, and gives way to what it read later.
func (c *Connections) learnSession(k *connection, in *input) {
	ses, uid := in.m.AuditSes, in.m.AuditUID
	if ses == "" {
		return
	}
	if !k.accepted() || k.BeforeSes || k.AuditSes == "" {
		if ses != k.AuditSes {
			k.AuditSesAt = in.m.Received.UnixMicro()
		}
		k.AuditSes, k.AuditUID, k.BeforeSes = ses, uid, !k.accepted() || in.l.Kind == Accepted
	}
	for _, g := range k.Logins {
		conflict := g.SesConflict || ses != k.AuditSes || uid != k.AuditUID && uid != "" && k.AuditUID != ""
		if conflict && !g.SesConflict {
			g.SesConflictAt = in.m.Received.UnixMicro()
		}
		if g.AuditSes != k.AuditSes || g.AuditUID != k.AuditUID || g.SesConflict != conflict {
			g.AuditSes, g.AuditSesAt, g.AuditUID, g.SesConflict = k.AuditSes, k.AuditSesAt, k.AuditUID, conflict
			in.emit(Change{Learned, g})
		}
	}
}
