package report

import (
	"slices"
	"strings"
	"time"

	"auditreplay/pkg/schema"
)

// A kind is what a session was used for. Where one connection carried
// several, the greatest names the session.
type kind int

const (
	unknownKind kind = iota
	sftp
	scp
	command
	shell
)

func (k kind) String() string {
	return [...]string{"", "sftp", "scp", "command", "shell"}[k]
}

// kindOf tells what the first program that sshd (or another opener) ran was
// for. sshd starts a login shell with a "-" before its name, and gives
// everything else, subsystems too, to the shell with -c. Without proof that
// it was the opener who ran it (channel), only a login shell says anything.
func kindOf(argv []string, exe string, channel bool) kind {
	if len(argv) == 0 {
		argv = []string{exe}
	}
	switch {
	case strings.HasPrefix(argv[0], "-"):
		return shell
	case !channel:
		return unknownKind
	case base(exe) == "sftp-server":
		return sftp
	case base(exe) == "scp" && scpServer(argv):
		return scp
	}
	i := slices.Index(argv, "-c")
	if i < 0 || i+1 >= len(argv) {
		return command
	}
	words := strings.Fields(argv[i+1])
	switch {
	case len(words) == 0:
		return command
	case base(words[0]) == "sftp-server":
		return sftp
	case base(words[0]) == "scp" && scpServer(words):
		return scp
	}
	return command
}

// scpServer reports whether argv is scp as the far side of a copy runs it:
// -t receives, -f sends.
func scpServer(argv []string) bool {
	return slices.Contains(argv, "-t") || slices.Contains(argv, "-f")
}

// forwards reports whether an event of sshd itself is it reaching out for a
// client: a connection or a listening socket on the network.
func forwards(x *schema.Extra) bool {
	switch x.Action {
	case "connected-to", "bound-socket":
		_, _, ok := remote(x.Object)
		return ok
	}
	return false
}

// spans are the times at which execve was recorded on one boot of a host,
// close ones run together.
type spans struct{ at []span }

type span struct{ from, to time.Time }

const (
	spanGap   = 10 * time.Second // executions closer than this are one span
	spanReach = 10 * time.Minute // how far a span speaks for its neighbourhood
)

func (s *spans) note(t time.Time) {
	i := len(s.at)
	for i > 0 && s.at[i-1].from.After(t) {
		i--
	}
	if i > 0 && t.Sub(s.at[i-1].to) <= spanGap {
		s.at[i-1].to = latest(s.at[i-1].to, t)
		return
	}
	s.at = slices.Insert(s.at, i, span{t, t})
}

// covers reports whether the log's rules recorded execve between from and to:
// somebody's stands in it within spanReach of that time.
func (s *spans) covers(from, to time.Time) bool {
	if s == nil {
		return false
	}
	from, to = from.Add(-spanReach), to.Add(spanReach)
	i, _ := slices.BinarySearchFunc(s.at, from, func(sp span, t time.Time) int { return sp.to.Compare(t) })
	return i < len(s.at) && !s.at[i].from.After(to)
}
