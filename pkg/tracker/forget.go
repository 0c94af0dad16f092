package tracker

import "slices"

// Forget takes a decided session, whatever had its id before, and the logins
// that ran in it out of the tracker: a process that follows a host for months
// cannot keep them all. An event of that id which comes all the same is one of
// a session that is not known.
func (t *SessionTracker) Forget(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sessions.get(id)
	if s == nil || !s.Decided || len(s.held) > 0 {
		return
	}
	for ; s != nil; s = t.sessions.get(id) {
		gone := []*login{s.login}
		for _, n := range s.nested {
			gone = append(gone, n.login)
		}
		t.logins = slices.DeleteFunc(t.logins, func(l *login) bool { return slices.Contains(gone, l) })
		for _, l := range gone {
			if l != nil {
				t.unwait(l)
				delete(t.byDetail, l.detail)
				delete(t.owners, l)
			}
		}
		t.forget(s)
	}
	if len(t.risen) > 2*maxRisen {
		t.risen = slices.Clone(t.risen[len(t.risen)-maxRisen:])
	}
}

// maxRisen bounds what is remembered of LOGINs by their ids alone.
const maxRisen = 4096
