package tracker

import (
	"time"

	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/schema"
)

// EventInDoubt takes an event that may be another boot's: it is nobody's, and
// says nothing of the session whose number it has.
func (t *SessionTracker) EventInDoubt(ev *auditd.Event, reason string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at := time.UnixMilli(ev.Millis).UTC(); at.After(t.now) {
		t.now = at
	}
	if unset(ev.Ses) {
		return t.stuck(t.eventOfNone(ev, ev.Ses, nil))
	}
	f := face{unshared: true, source: unknownSource, subjects: noSubjects,
		sess: schema.Session{ID: ev.Ses, Boot: t.opt.Boot, Attribution: schema.None, Reason: reason}}
	return t.stuck(t.write(t.compose(ev, &t.out), &f))
}

// LoginInDoubt tells the tracker of an accepted login that may be another
// boot's: it is written, and joined to no session.
func (t *SessionTracker) LoginInDoubt(d *sshd.Login) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.newLogin(d, 0)
	if t.opt.Store == nil {
		t.byDetail[d] = l
		return
	}
	if t.doubtful == nil {
		t.doubtful = make(map[int]*login)
	}
	t.doubtful[d.Number] = l
	t.opt.Store.logins.add(l)
}
