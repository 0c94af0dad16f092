package report

import (
	"cmp"
	"net"
	"path"
	"strings"

	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// sentence says in plain words what happened in e, and in a word or two what
// became of it where it failed ("denied"), else "". Who and when are left to
// the caller. A command line is quoted as a shell would take it, after "$ ".
// The text is not yet safe for a terminal.
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
	return action(x, e.Outcome == schema.Failed), result(e, x)
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

// A phrase words one action: what was done and, for an attempt that failed,
// what it was to do. "%" is the object, "&" the program that acted. Without an
// attempt, what was done stands for both.
type phrase struct{ done, attempt string }

// phrases are the actions of go-libaudit that read badly as they are.
var phrases = map[string]phrase{
	"acquired-credentials":        {"& acquired credentials", "& tried to acquire credentials"},
	"authenticated":               {"authenticated to &", "tried to authenticate to &"},
	"bound-socket":                {"& bound socket %", "& tried to bind socket %"},
	"changed-file-attributes-of":  {"& changed attributes of %", "& tried to change attributes of %"},
	"changed-file-ownership-of":   {"& changed the owner of %", "& tried to change the owner of %"},
	"changed-file-permissions-of": {"& changed permissions of %", "& tried to change permissions of %"},
	"changed-login-id-to":         {"& opened the audit session", "& tried to open an audit session"},
	"connected-to":                {"& connected to %", "& tried to connect to %"},
	"created-directory":           {"& created directory %", "& tried to create directory %"},
	"deleted":                     {"& deleted %", "& tried to delete %"},
	"disposed-credentials":        {"& dropped credentials", ""},
	"ended-session":               {"& closed its session", ""},
	"error":                       {"& reported an error", ""},
	"killed-pid":                  {"& sent a signal to %", "& tried to send a signal to %"},
	"linked":                      {"& linked %", "& tried to link %"},
	"listen-for-connections":      {"& listened for connections on %", ""},
	"logged-in":                   {"logged in at %", "tried to log in at %"},
	"logged-out":                  {"logged out of %", ""},
	"opened-file":                 {"& opened %", "& tried to open %"},
	"ran-command":                 {"& ran: %", "& was to run: %"},
	"read-file":                   {"& read %", "& tried to read %"},
	"refreshed-credentials":       {"& refreshed credentials", ""},
	"renamed":                     {"& renamed a file to %", "& tried to rename a file to %"},
	"shutdown-system":             {"the host shut down", ""},
	"booted-system":               {"the host booted", ""},
	"started-audit":               {"auditd started", ""},
	"shutdown-audit":              {"auditd ended", ""},
	"started-session":             {"& opened a session", "& tried to open a session"},
	"symlinked":                   {"& made a symbolic link %", "& tried to make a symbolic link %"},
	"typed":                       {"typed: %", ""},
	"was-authorized":              {"authorised by &", "not authorised by &"},
	"wrote-to-file":               {"& wrote to %", "& tried to write to %"},
}

// action is what an audit event says was done.
func action(x *schema.Extra, failed bool) string {
	if isExec(x) {
		return executed(x)
	}
	if x.Action == "changed-identity-of" {
		return became(x, failed)
	}
	p, ok := phrases[x.Action]
	if !ok {
		p.done = strings.ReplaceAll(x.Action, "-", " ")
		if p.done == "" {
			p.done = cmp.Or(eventType(x), "event")
			if call := syscallOf(x); call != "" && p.done == "SYSCALL" {
				p.done = "& called " + call
			}
		} else if syscallOf(x) != "" {
			p.done = "& " + p.done
		}
		if object(x) != "" {
			p.done += " %"
		}
	}
	words := p.done
	if failed {
		words = cmp.Or(p.attempt, p.done)
	}
	return strings.NewReplacer("%", object(x), "&", program(x)).Replace(words)
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
func became(x *schema.Extra, failed bool) string {
	call := cmp.Or(syscallOf(x), "setuid")
	u := acting(x)
	if failed || u == nil {
		return program(x) + " tried to change its user (" + call + ")"
	}
	return program(x) + " acts as " + userName(u) + " (" + call + ")"
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
