package explain

import (
	"fmt"
	"regexp"
	"strings"
)

// The sorts of a Target.
const (
	Event   = "event"
	Session = "session"
	Login   = "login"
)

// Target is what is to be explained.
type Target struct {
	Sort string // Event, Session or Login
	ID   string
}

var (
	eventID   = regexp.MustCompile(`^[0-9]+\.[0-9]{3}:[0-9]+$`)
	sessionID = regexp.MustCompile(`^[0-9]{1,10}$`)
	loginID   = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// ParseTarget reads an id.
func ParseTarget(id string) (Target, error) {
	id = strings.TrimSpace(id)
	bare := strings.TrimSuffix(strings.TrimPrefix(id, "audit("), ")")
	switch {
	case eventID.MatchString(bare):
		return Target{Event, bare}, nil
	case sessionID.MatchString(id):
		return Target{Session, id}, nil
	case loginID.MatchString(strings.ToLower(id)):
		return Target{Login, strings.ToLower(id)}, nil
	}
	return Target{}, fmt.Errorf("%q is no audit event (SECONDS.MMM:SERIAL), session id or auditId of a login", id)
}
