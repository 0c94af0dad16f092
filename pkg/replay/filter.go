package replay

import (
	"fmt"

	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// Scope says which events are written at all.
type Scope uint8

// The scopes, from the default on.
const (
	ScopeSessions Scope = iota // events of all audit sessions
	ScopeSSH                   // events of sessions that sshd opened
	ScopeAll                   // events of no session too
)

// ParseScope reads the value of --scope.
func ParseScope(s string) (Scope, error) {
	switch s {
	case "sessions", "":
		return ScopeSessions, nil
	case "ssh":
		return ScopeSSH, nil
	case "all":
		return ScopeAll, nil
	}
	return 0, fmt.Errorf("%q is none of ssh, sessions, all", s)
}

// has reports whether an event is within the scope. UserLogin and UserLogout
// always are.
func (s Scope) has(e *auditevent.AuditEvent, x *schema.Extra) bool {
	switch e.Type {
	case schema.TypeSystem:
		return s == ScopeAll
	case schema.TypeAction:
		return s != ScopeSSH || !x.Session.NotSSH
	}
	return true
}

// Filter passes the events of a scope and a selection on, and counts the others.
type Filter struct {
	Scope      Scope
	Select     *Selection // nil: everything
	Next       auditevent.EventEncoder
	Written    int64
	LeftOut    int64 // by scope or selection
	Unselected int64 // of them, by selection
}

// Encode implements auditevent.EventEncoder.
func (f *Filter) Encode(v any) error {
	e, ok := v.(*auditevent.AuditEvent)
	if !ok {
		return fmt.Errorf("cannot encode a %T", v)
	}
	return f.EncodeTyped(e, schema.Of(e))
}

// EncodeTyped implements schema.TypedEncoder.
func (f *Filter) EncodeTyped(e *auditevent.AuditEvent, x *schema.Extra) error {
	if !f.passes(e, x, (*Selection).has) {
		return nil
	}
	f.Written++
	return schema.Encode(f.Next, e, x)
}

// Narrow implements Chooser.
func (f *Filter) Narrow() bool {
	return f.Scope == ScopeSSH || f.Select != nil && f.Select.asksWho()
}

// May implements Chooser.
func (f *Filter) May(e *auditevent.AuditEvent, x *schema.Extra) bool {
	return f.passes(e, x, (*Selection).may)
}

func (f *Filter) passes(e *auditevent.AuditEvent, x *schema.Extra, selects func(*Selection, *auditevent.AuditEvent, *schema.Extra) bool) bool {
	if !f.Scope.has(e, x) {
		f.LeftOut++
		return false
	}
	if f.Select != nil && !selects(f.Select, e, x) {
		f.LeftOut++
		f.Unselected++
		return false
	}
	return true
}
