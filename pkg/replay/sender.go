package replay

import (
	"strings"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/sshd"
)

// fromSSHD reports whether a message is one of sshd's. journalctl -o with-unit
// prints the unit in place of the program: a login's further lines then stand
// under its session's scope, "session-3.scope[358]: Disconnected from ...",
// and are given back to sshd.
func fromSSHD(m *ingest.Message) bool {
	if sshd.IsProgram(m.Ident) {
		return true
	}
	if m.Ident != m.Unit || !strings.HasPrefix(m.Unit, "session-") || !strings.HasSuffix(m.Unit, ".scope") {
		return false
	}
	m.Ident = "sshd"
	return true
}

// believable reports whether a message may be what it says. Any program of a
// session can write under its scope: of a login, only its further lines are
// taken from there.
func believable(m *ingest.Message, line *sshd.Line) (ok bool, why string) {
	if !m.Trusted && line.Kind == sshd.Accepted && strings.HasPrefix(m.Unit, "session-") {
		return false, "the line is of a session's scope"
	}
	return sshd.Believable(m, line)
}

// onlyClaims is the kind under which messages are counted that are not sshd's.
const onlyClaims = "only claims to be sshd: "

// forgery is an Accepted line that somebody else wrote under sshd's name, as
// the journal knows.
type forgery struct {
	node int32
	at   time.Time // reception
	text string
	used bool
}

// maxForged bounds how many are remembered.
const maxForged = 1 << 16

// copyOfForgery reports whether a line of a text file, which cannot say who
// wrote it, is the copy of an entry that the journal knows to be forged.
func (s *scan) copyOfForgery(host int, m *ingest.Message, at time.Time) bool {
	for i := range s.forged {
		f := &s.forged[i]
		if !f.used && s.nodes[f.node].host == host && f.text == m.Text && f.at.Sub(at).Abs() <= sameLine {
			f.used = true
			return true
		}
	}
	return false
}
