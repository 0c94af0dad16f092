package sshd

import (
	"slices"
	"strings"
	"time"

	"auditreplay/pkg/ingest"
)

// connection is one life of one monitor's PID: what has to be remembered of it
// until its logins are decided and ended.
type connection struct {
	Seq         int // connections in the order they were first heard of
	PID, Life   int
	Addr        string
	Port        int
	LAddr       string
	LPort       int
	ConnTime    time.Time
	Last        time.Time // of its last line
	Over        time.Time // of the first line that shows its end
	Account     string    // named before authentication
	InvalidUser bool
	Opened      bool // PAM's session was opened: it logged in, even if that line is lost

	Named    *note   // the line that named an account that cannot log in, if no decision has come of it
	Denied   *note   // the account may not log in: the reason of every failure
	Refusals []*note // refused keys whose "Failed" has not come
	Partials []*note // methods passed of several

	Failures int
	LastFail *Login   // may yet get its reason
	Logins   []*Login // accepted: one, but for forgery
	EndRank  int

	ChildPID   int
	ChildAt    int64 // as Login has it
	ChildLate  bool
	AuditSes   string
	AuditSesAt int64
	AuditUID   string
	BeforeSes  bool // AuditSes is of a line before the login: the session may not be its own yet
}

// note is a line that is remembered: a refusal, a partial success.
type note struct {
	Pos            ingest.Pos `json:"-"`
	Time, Received time.Time
	Line           Line
	Also           []ingest.Pos `json:"-"`
}

func newNote(in *input) *note {
	n := &note{Pos: in.pos, Time: in.m.Time, Received: in.m.Received, Line: *in.l}
	n.Line.own(in.names)
	return n
}

// own makes l independent of the text it was parsed from, which is in a buffer
// that may be reused.
func (l *Line) own(known names) {
	l.Text = strings.Clone(l.Text)
	for _, s := range [...]*string{
		&l.Account, &l.Addr, &l.Method, &l.Algorithm, &l.Fingerprint, &l.KeyID, &l.Serial,
		&l.CAAlgorithm, &l.CAFingerprint, &l.Error, &l.Reason,
	} {
		*s = known.own(*s)
	}
}

// names are strings that many lines have in common.
type names map[string]string

// maxNames bounds them.
const maxNames = 1 << 14

// own gives a copy of s, which others may share.
func (n names) own(s string) string {
	if s == "" {
		return ""
	}
	if known, ok := n[s]; ok {
		return known
	}
	if len(n) >= maxNames {
		clear(n)
	}
	s = strings.Clone(s)
	n[s] = s
	return s
}

// fits reports whether what l says of its peer can be said of k.
func (k *connection) fits(l *Line) bool {
	if l.Addr == "" || k.Addr == "" {
		return true
	}
	if l.Addr == k.Addr && (l.Port == 0 || k.Port == 0 || l.Port == k.Port) {
		return true
	}
	return len(k.Logins) > 1 && slices.ContainsFunc(k.Logins, func(g *Login) bool { return g.has(l) })
}

// has reports whether what l says of its peer can be said of the login.
func (g *Login) has(l *Line) bool {
	return l.Addr == "" || g.Addr == "" || l.Addr == g.Addr && (l.Port == 0 || g.Port == 0 || l.Port == g.Port)
}

// adopt takes over what l says of the peer.
func (k *connection) adopt(l *Line) {
	if k.Addr == "" && l.Addr != "" {
		k.Addr = strings.Clone(l.Addr)
	}
	if k.Port == 0 && l.Addr == k.Addr {
		k.Port = l.Port
	}
	if l.Preauth || l.Kind == Invalid || l.Kind == Refused || l.Kind == Failed || l.Kind == Partial {
		if l.Account != "" && k.Account == "" {
			k.Account = strings.Clone(l.Account)
		}
		k.InvalidUser = k.InvalidUser || l.InvalidUser
	}
}

func (k *connection) accepted() bool { return len(k.Logins) > 0 }

func (k *connection) over() bool { return !k.Over.IsZero() }

// applies reports whether a refusal is the reason for what l says failed, or
// passed all the same.
func (n *note) applies(l *Line) bool {
	r := &n.Line
	if r.Account != "" && r.Account != l.Account {
		return false
	}
	if strings.HasPrefix(r.Method, "keyboard-interactive") {
		return strings.HasPrefix(l.Method, "keyboard-interactive")
	}
	if l.Method != "publickey" && l.Method != "hostbased" {
		return false
	}
	if l.Algorithm == "" {
		return true // up to 6.2 the line names no key
	}
	cert := strings.HasSuffix(l.Algorithm, "-CERT")
	switch {
	case r.Fingerprint != "":
		return r.Fingerprint == l.Fingerprint && r.Algorithm == l.Algorithm
	case r.KeyID != "":
		return r.KeyID == l.KeyID
	case r.Error == certError:
		return cert
	}
	return true
}
