package tracker

import (
	"auditreplay/pkg/schema"
)

// decision is whose a session is, and why. Sessions of one outcome share it.
type decision struct {
	attribution string
	reason      string    // of schema.None
	opening     agreement // of schema.BySSHD: what agreed in the session's opening
	agreed      agreement // and what did in all
}

// decide notes whose a session is. Where all is known beforehand its face is
// built when an event of it comes; else now, because what the log says of a
// session may grow while its events are written, and they are to look alike.
func (t *SessionTracker) decide(s *session, d decision) {
	s.Decided, s.decision, s.face = true, t.shareDecision(d), nil
	if !t.resolving && !t.resolved {
		s.face = t.newFace(s)
	}
}

func (t *SessionTracker) newFace(s *session) *face {
	switch d := s.decision; d.attribution {
	case schema.BySSHD:
		f := t.loginFace(s.login)
		f.sess.ID, f.sess.Evidence = s.ID, d.opening.words()
		return f
	case schema.Local:
		return t.localFace(s)
	case schema.ByAudit:
		return t.auditFace(s)
	default:
		return t.noneFace(s, d.reason)
	}
}

// maxFaces is how many sessions keep the face that was built for them; what
// the others show is built again when it is asked for.
const maxFaces = 1024

// face is what the events of a decided session show.
func (t *SessionTracker) face(s *session) *face {
	if s.face != nil {
		return s.face
	}
	s.face = t.newFace(s)
	if len(t.faced) < maxFaces {
		t.faced = append(t.faced, s)
		return s.face
	}
	// s itself may be the oldest: what was put away has lost its face.
	if old := t.faced[t.oldest]; old != s && old.body != nil {
		old.face = nil
	}
	t.faced[t.oldest] = s
	t.oldest = (t.oldest + 1) % maxFaces
	return s.face
}

// maxDecisions bounds the decisions that sessions share: reasons may name an
// address or a pid.
const maxDecisions = 1024

// shareDecision gives the same decision, which many sessions share.
func (t *SessionTracker) shareDecision(d decision) *decision {
	if known := t.decisions[d]; known != nil {
		return known
	}
	if len(t.decisions) < maxDecisions {
		t.decisions[d] = &d
	}
	return &d
}
