package replay

import (
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/root"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/tracker"
)

// Observer is told of the evidence while it is read, and of what was concluded
// from it: what verify and explain need beside the events. Its calls come one
// after the other. What it is given it must not keep, but for Conclusions.
type Observer interface {
	// Record is called for every audit record, in the order in which its
	// source has it. node is for Conclusions.Host.
	Record(node int, rec *auditd.Record)
	// Entry is called for every unit of a source that is no audit record.
	// node is -1 where nothing names its host. untrusted says why a message
	// that claims to be sshd's is not believed; else it is "".
	Entry(node int, e *ingest.Entry, untrusted string)
	// Concluded is called once, before the first event is written.
	Concluded(c *Conclusions)
}

// Conclusions is what the whole of the evidence told of hosts, boots, clocks,
// logins and sessions.
type Conclusions struct {
	Hosts   []ConcludedHost
	Sources []ConcludedSource
	Logins  []ConcludedLogin // those that were accepted

	run *run
}

// ConcludedHost is a host and its boots, in the order of time.
type ConcludedHost struct {
	Name  string
	Boots []ConcludedBoot
	Root  *root.Root // or nil
}

// ConcludedBoot is one boot. What is earlier than Start is an earlier boot's.
type ConcludedBoot struct {
	ID    string
	Start int64 // milliseconds since the epoch
}

// ConcludedSource is a source and how far its clock is ahead of the audit
// log's.
type ConcludedSource struct {
	*ingest.Source
	Group int // sources of one folder, archive or root have the same
	Ahead time.Duration
}

// ConcludedLogin is a login of sshd's log, where it belongs, and whether a
// session was found for it.
type ConcludedLogin struct {
	*sshd.Login
	ID         string // the UserLogin's auditId
	Host, Boot int
	Ahead      time.Duration
	Joined     bool
}

// Host gives the host of a node; -1 where several could be meant.
func (c *Conclusions) Host(node int) int {
	switch {
	case node >= 0:
		return c.run.scan.nodes[node].host
	case len(c.Hosts) == 1:
		return 0
	}
	return -1
}

// Boot gives the number of the boot that a moment of a host belongs to.
func (c *Conclusions) Boot(host int, millis int64) int { return c.run.hosts[host].bootAt(millis) }

// BootNamed gives the number of the boot with that id, as journals have it.
func (c *Conclusions) BootNamed(host int, id string) (int, bool) {
	return c.run.hosts[host].bootNamed(id)
}

// Tracker gives the tracker that joined the boot's sessions; nil where nothing
// was known of the boot.
func (c *Conclusions) Tracker(host, boot int) *tracker.SessionTracker {
	return c.run.trackers[bootKey{host, boot}]
}

// conclusions tells the observer what was concluded.
func (r *run) conclusions() error {
	if r.opt.Observer == nil {
		return nil
	}
	c := &Conclusions{run: r}
	for i := range r.hosts {
		h := ConcludedHost{Name: r.hosts[i].name, Root: r.hosts[i].root}
		for _, b := range r.hosts[i].boots {
			h.Boots = append(h.Boots, ConcludedBoot{b.id, b.start})
		}
		c.Hosts = append(c.Hosts, h)
	}
	for _, in := range r.inputs {
		c.Sources = append(c.Sources, ConcludedSource{in.src, in.group, in.offset})
	}
	err := r.logins.each(func(_ int, l *loginOf) error {
		key := bootKey{l.host, l.boot}
		t := r.trackers[key]
		c.Logins = append(c.Logins, ConcludedLogin{Login: l.Login, ID: c.loginID(key, l.Login), Host: l.host, Boot: l.boot, Ahead: l.ahead,
			Joined: t != nil && t.Joined(l.Login)})
		return nil
	})
	if err != nil {
		return err
	}
	r.opt.Observer.Concluded(c)
	return nil
}

// EachRefused gives the logins that were refused. Only Observer.Concluded may
// call it.
func (c *Conclusions) EachRefused(do func(*ConcludedLogin)) error {
	refused := &c.run.refused
	for i := range refused.count() {
		g, err := refused.get(i)
		if err != nil {
			return err
		}
		key := refused.at(i).key()
		do(&ConcludedLogin{Login: g, ID: c.loginID(key, g), Host: key.host, Boot: key.boot})
	}
	return nil
}

func (c *Conclusions) loginID(key bootKey, g *sshd.Login) string {
	h := &c.Hosts[key.host]
	return tracker.LoginID(h.Name, h.Boots[key.boot].ID, g.PID, g.Text, g.N)
}

// observed tells the observer of an entry. Those whose time is no instant yet
// come a second time, resolved: the first is left out.
func (s *scan) observed(in *input, e *ingest.Entry) {
	m := &e.Message
	node := -1
	if id, ok := s.nodeAt[nodeKey{in.group, m.Host}]; ok {
		node = int(id)
	}
	untrusted := ""
	if e.Kind == ingest.MessageEntry && m.LogindLeader == 0 && sshd.IsProgram(m.Ident) {
		var line sshd.Line
		sshd.Parse(m.Text, &line)
		_, untrusted = sshd.Believable(m, &line)
	}
	s.observer.Entry(node, e, untrusted)
}
