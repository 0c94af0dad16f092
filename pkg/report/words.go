package report

import (
	"cmp"
	"net"
	"path"
	"strings"

	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// Sentence says in plain words what happened in e, and in a word or two what
// became of it where it failed ("denied"), else "". Who and when are left to
// the caller. A command line is quoted as a shell would take it, after "$ ".
// The text is not yet safe for a terminal.
func Sentence(e *auditevent.AuditEvent) (what, outcome string) {
	return sentence(e, schema.Of(e))
}

func sentence(e *auditevent.AuditEvent, x *schema.Extra) (what, outcome string) {
	switch e.Type {
	case schema.TypeLogin:
		if e.Outcome == schema.Succeeded {
			return "logged in" + cameFrom(e) + with(x.Credential), ""
		}
		why := refusedBecause(e)
		if why != "" {
			why = ": " + why
		}
		return "login refused" + cameFrom(e) + with(x.Credential) + why, ""
	case schema.TypeLogout:
		what := departure(dataString(e, "ended"))
		if from := cameFrom(e); from != "" {
			what += " (" + from[len(" from "):] + ")"
		}
		return what, ""
	}
	return action(x), result(e, x)
}

func cameFrom(e *auditevent.AuditEvent) string {
	ip := sourceIP(e)
	if ip == "" {
		return ""
	}
	if port := sourcePort(e); port != "" {
		ip = net.JoinHostPort(ip, port)
	}
	return " from " + ip
}

// with describes a credential: with publickey ED25519 SHA256:…, key ID
// "alice" serial 3, CA SHA256:….
func with(c *schema.Credential) string {
	if c == nil {
		return ""
	}
	s := ""
	for _, part := range []string{c.Method, c.Algorithm, c.Fingerprint} {
		if part != "" {
			s += " " + part
		}
	}
	if s != "" {
		s = " with" + s
	}
	if c.KeyID != "" {
		s += ", key ID " + commandLine([]string{c.KeyID}, nil)
	}
	if c.Serial != "" {
		s += ", serial " + c.Serial
	}
	if c.CA != nil && c.CA.Fingerprint != "" {
		s += ", CA " + c.CA.Fingerprint
	}
	if c.Principal != "" {
		s += ", principal " + c.Principal
	}
	return s
}

// departure is what UserLogout's "ended" means.
func departure(ended string) string {
	switch ended {
	case "logout":
		return "logged out"
	case "disconnect":
		return "connection lost"
	case "killed":
		return "session killed by the server"
	case "shutdown":
		return "session ended by the host's shutdown"
	case "crash":
		return "session cut off by a crash of the host"
	}
	return "session ended"
}

// phrases are the actions of go-libaudit that read badly as they are. "%" is
// the object, "&" the program that acted.
var phrases = map[string]string{
	"acquired-credentials":       "& acquired credentials",
	"authenticated":              "authenticated to &",
	"bound-socket":               "bound socket %",
	"changed-file-attributes-of": "changed attributes of %",
	"changed-login-id-to":        "& opened the audit session",
	"connected-to":               "connected to %",
	"deleted":                    "deleted %",
	"disposed-credentials":       "& dropped credentials",
	"ended-session":              "& closed its session",
	"error":                      "& reported an error",
	"killed-pid":                 "sent a signal to %",
	"listen-for-connections":     "listened for connections on %",
	"logged-in":                  "logged in at %",
	"logged-out":                 "logged out of %",
	"opened-file":                "opened %",
	"ran-command":                "& ran: %",
	"refreshed-credentials":      "& refreshed credentials",
	"shutdown-system":            "the host shut down",
	"booted-system":              "the host booted",
	"started-audit":              "auditd started",
	"shutdown-audit":             "auditd ended",
	"started-session":            "& opened a session",
	"typed":                      "typed: %",
	"was-authorized":             "authorised by &",
	"wrote-to-file":              "wrote to %",
}

// action is what an audit event says was done.
func action(x *schema.Extra) string {
	if isExec(x) {
		return executed(x)
	}
	if x.Action == "changed-identity-of" {
		return became(x)
	}
	phrase, ok := phrases[x.Action]
	if !ok {
		phrase = strings.ReplaceAll(x.Action, "-", " ")
		if phrase == "" {
			phrase = cmp.Or(eventType(x), "event")
			if call := syscallOf(x); call != "" && phrase == "SYSCALL" {
				phrase = call
			}
		}
		if object(x) != "" {
			phrase += " %"
		}
	}
	return strings.NewReplacer("%", object(x), "&", program(x)).Replace(phrase)
}

func executed(x *schema.Extra) string {
	if len(x.ProcessArgs) > 0 {
		return "$ " + commandLine(x.ProcessArgs, x.ProcessArgsHex)
	}
	// An exec that failed has no EXECVE record: the path tried is all there is.
	if o := x.Object; o != nil && o.Primary != "" {
		return "tried to execute " + o.Primary
	}
	return program(x) + " tried to execute a program"
}

// became words setuid(2) and its kin, whose record has the ids after it.
func became(x *schema.Extra) string {
	call := cmp.Or(syscallOf(x), "setuid")
	u := acting(x)
	if u == nil {
		return "changed identity (" + call + ")"
	}
	return "changed identity to " + userName(u) + " (" + call + ")"
}

// program is the name of what acted.
func program(x *schema.Extra) string {
	if p := x.Process; p != nil {
		if name := cmp.Or(base(p.Exe), p.Comm); name != "" {
			return name
		}
	}
	return cmp.Or(base(x.How), "a program")
}

// object names what was acted upon, a relative path with its directory.
func object(x *schema.Extra) string {
	o := x.Object
	if o == nil {
		return ""
	}
	if ip, port, ok := remote(o); ok {
		if port == "" {
			return ip.String()
		}
		return net.JoinHostPort(ip.String(), port)
	}
	if isPath(o.Type) && x.Process != nil && x.Process.CWD != "" && o.Primary != "" && !path.IsAbs(o.Primary) {
		return x.Process.CWD + "/" + o.Primary
	}
	return cmp.Or(o.Primary, o.Secondary)
}

func isPath(objectType string) bool {
	switch objectType {
	case "file", "directory", "symlink", "named-pipe", "block-device", "character-device":
		return true
	}
	return false
}
