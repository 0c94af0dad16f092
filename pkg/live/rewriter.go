package live

import (
	"fmt"
	"time"

	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// rewriter says of the sessions whose login did not come in time that this is
// so. A replay of the same logs may know better.
type rewriter struct {
	next    auditevent.EventEncoder
	reason  string
	expired map[sessionKey]bool
}

type sessionKey struct{ Boot, Session string }

func newRewriter(next auditevent.EventEncoder, window time.Duration) *rewriter {
	return &rewriter{next: next, reason: fmt.Sprintf("login not seen within %v s", window.Seconds()), expired: make(map[sessionKey]bool)}
}

func (r *rewriter) expire(boot, session string) { r.expired[sessionKey{boot, session}] = true }
func (r *rewriter) forget(boot, session string) { delete(r.expired, sessionKey{boot, session}) }

// noSubjects are those of an event that nobody is known to have caused.
func noSubjects() map[string]string { return map[string]string{} }

// Encode implements auditevent.EventEncoder.
func (r *rewriter) Encode(v any) error {
	e, ok := v.(*auditevent.AuditEvent)
	if !ok || e.Type != schema.TypeAction {
		return r.next.Encode(v)
	}
	x := schema.Of(e)
	s := x.Session
	if s == nil || !r.expired[sessionKey{s.Boot, s.ID}] || s.Attribution != schema.ByAudit && s.Attribution != schema.None {
		return r.next.Encode(v)
	}
	// What the event points to is shared with all events of its session.
	was, cred, subjects := x.Session, x.Credential, e.Subjects
	x.Session = &schema.Session{Attribution: schema.None, Boot: s.Boot, ID: s.ID, Reason: r.reason, NotSSH: s.NotSSH}
	x.Credential, e.Subjects = nil, noSubjects()
	x.Attach(e)
	err := r.next.Encode(e)
	x.Session, x.Credential, e.Subjects = was, cred, subjects
	return err
}
