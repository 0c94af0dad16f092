package report

import (
	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// timelineFields are an event as the timeline's CSV and JSON have it.
func timelineFields(e *auditevent.AuditEvent, x *schema.Extra, early bool) []field {
	what, outcome := sentence(e, x)
	return append([]field{
		{"time", e.LoggedAt}, {"host", e.Target["host"]},
		{"person", person(e)}, {"account", account(e, x)}, {"user", actingName(e, x)}, {"tty", eventTTY(x)},
		{"what", what}, {"result", outcome}, {"outcome", e.Outcome}, {"during_login", early},
	}, details(e, x)...)
}

// details are the columns that the timeline shares with Timesketch's.
func details(e *auditevent.AuditEvent, x *schema.Extra) []field {
	var (
		c  schema.Credential
		s  schema.Session
		p  schema.Process
		o  schema.Object
		ev schema.Event
	)
	if x.Credential != nil {
		c = *x.Credential
	}
	if x.Session != nil {
		s = *x.Session
	}
	if x.Process != nil {
		p = *x.Process
	}
	if x.Object != nil {
		o = *x.Object
	}
	if x.Event != nil {
		ev = *x.Event
	}
	return []field{
		{"type", e.Type}, {"record_type", ev.Type}, {"syscall", ev.Syscall}, {"action", x.Action},
		{"source_ip", sourceIP(e)}, {"source_port", sourcePort(e)},
		{"method", c.Method}, {"fingerprint", c.Fingerprint}, {"key_id", c.KeyID},
		{"pid", some(p.PID)}, {"ppid", some(p.PPID)}, {"exe", p.Exe}, {"cwd", p.CWD}, {"argv", argv(x.ProcessArgs)},
		{"object", o.Primary}, {"object_secondary", o.Secondary}, {"object_type", o.Type},
		{"session", s.ID}, {"boot", s.Boot}, {"attribution", s.Attribution}, {"reason", s.Reason},
		{"event_id", ev.ID}, {"pos", ev.Pos},
	}
}

// some is n, unless it is the 0 that says that nothing was stated.
func some(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}

// timesketchTime is ISO 8601 with always the same number of digits:
// Timesketch's CSV import infers the format from the first row and drops
// rows of another.
const timesketchTime = "2006-01-02T15:04:05.000000+00:00"

// timesketchFields are an event as Timesketch imports it (its guide "Create
// timeline from JSONL or CSV file"): message, datetime and timestamp_desc
// must be there; timestamp is microseconds since the epoch; anything else is
// an attribute. Names follow plaso's where it has one.
func timesketchFields(e *auditevent.AuditEvent, x *schema.Extra, early bool) []field {
	what, outcome := sentence(e, x)
	who, _ := actingAs(e, x)
	message := personLabel(e, x)
	if who != "" {
		message += " (" + who + ")"
	}
	if early {
		what = duringLogin + what
	}
	message += " " + what
	if outcome != "" {
		message += " (" + outcome + ")"
	}
	return append([]field{
		{"message", message},
		{"timestamp", int(e.LoggedAt.UnixMicro())},
		{"datetime", e.LoggedAt.UTC().Format(timesketchTime)},
		{"timestamp_desc", timestampDesc(e.Type)},
		{"data_type", "linux:auditreplay:" + dataType(e.Type)},
		{"hostname", e.Target["host"]}, {"username", account(e, x)},
		{"person", person(e)}, {"user", actingName(e, x)}, {"tty", eventTTY(x)},
		{"outcome", e.Outcome}, {"during_login", early},
	}, details(e, x)...)
}

// timestampDesc says what of the event the time is.
func timestampDesc(eventType string) string {
	switch eventType {
	case schema.TypeLogin:
		return "Login Time"
	case schema.TypeLogout:
		return "Logout Time"
	}
	return "Event Recorded"
}

func dataType(eventType string) string {
	switch eventType {
	case schema.TypeLogin:
		return "login"
	case schema.TypeLogout:
		return "logout"
	}
	return "event"
}
