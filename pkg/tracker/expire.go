package tracker

import (
	"slices"
	"time"
)

// closeSession ends a session that a new one of the same id follows, or that
// waited too long.
func (t *SessionTracker) closeSession(s *session) error {
	s.Ended = true
	if s.Decided {
		return t.flush(s)
	}
	if !t.opt.KeepUnjoined {
		s.held = nil
		t.forget(s)
		return nil
	}
	// Nothing more is waited for: what there is has to do.
	if err := t.joinBest(s, t.candidates(s)); err != nil {
		return err
	}
	if !s.Decided {
		t.decideUnclaimed(s)
	}
	return t.flush(s)
}

// decideUnclaimed decides a session that no login claimed: by the audit log,
// unless a login had its pid at its time and something contradicted it.
func (t *SessionTracker) decideUnclaimed(s *session) {
	for _, l := range t.candidates(s) {
		v := t.judge(s, l)
		ssh, known := s.ssh()
		switch {
		case known && !ssh || !v.agrees(samePID) || !v.agrees(sameTime):
		case l.conflicted():
			t.decideNone(s, "conflict: "+l.conflictText())
			return
		case v.against != "":
			t.decideNone(s, "conflict: "+v.against)
			return
		}
	}
	t.decideAlone(s)
}

// forget takes a session out of the tracker.
func (t *SessionTracker) forget(s *session) {
	clear(t.recent[:])
	t.byLeader.remove(s.Leader, s)
	newest := t.sessions.get(s.ID)
	if newest == s {
		if s.older != nil {
			t.sessions.set(s.ID, s.older)
		} else {
			t.sessions.delete(s.ID)
		}
		return
	}
	for n := newest; n != nil; n = n.older {
		if n.older == s {
			n.older = s.older
		}
	}
}

// DeleteUsersWithoutLoginsBefore closes the sessions that were opened before
// that time and never found a login. With Options.KeepUnjoined their events
// are written without a name, and so will be those that follow; a failed
// write is returned by the next call that can return it, and the events that
// it concerns are kept for the next attempt. The plain tracker forgets them.
func (t *SessionTracker) DeleteUsersWithoutLoginsBefore(before time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.sessionsThat(func(s *session) bool { return !s.Decided || len(s.held) > 0 }) {
		waits := !s.Decided && !s.Ended && s.start().Before(before)
		if !waits && len(s.held) == 0 || !waits && !s.Decided {
			continue
		}
		if err := t.closeSession(s); err != nil && t.sticky == nil {
			t.sticky = err
		}
	}
}

// DeleteRemoteUserLoginsBefore forgets the logins before that time which no
// session claimed. A login that states no time is as old as the latest event
// that the tracker had seen when it came.
func (t *SessionTracker) DeleteRemoteUserLoginsBefore(before time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.logins = slices.DeleteFunc(t.logins, func(l *login) bool {
		at := t.useLogin(l).At
		if at.IsZero() {
			at = l.Seen
		}
		if l.session != nil || l.Shares || !at.Before(before) {
			return false
		}
		t.unwait(l)
		delete(t.byDetail, l.detail)
		return true
	})
}
