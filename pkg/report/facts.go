package report

import (
	"cmp"
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"

	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// This file reads single facts off an event.

// person is who the credential names, or "".
func person(e *auditevent.AuditEvent) string {
	if p := e.Subjects["userID"]; p != "unknown" {
		return p
	}
	return ""
}

// account is the name the session logged in as, or its login uid.
func account(e *auditevent.AuditEvent, x *schema.Extra) string {
	if a := e.Subjects["loggedAs"]; a != "" {
		return a
	}
	if x.User != nil && x.User.AUID != nil && x.User.AUID.ID != "unset" {
		return userName(x.User.AUID)
	}
	return ""
}

// userName is a user's name or, where the evidence has none, its id. Id 0 is
// root to the kernel whatever a passwd file calls it.
func userName(u *schema.User) string {
	switch {
	case u == nil:
		return ""
	case u.Name != "":
		return u.Name
	case u.ID == "0":
		return "root"
	}
	return u.ID
}

// acting is the user that the event's process acted as: the effective one,
// or the real one in records that have no other.
func acting(x *schema.Extra) *schema.User {
	if x.User == nil {
		return nil
	}
	if x.User.EUID != nil {
		return x.User.EUID
	}
	return x.User.UID
}

// actingName is acting's name; the login account, as sshd named it,
// where it is the same id.
func actingName(e *auditevent.AuditEvent, x *schema.Extra) string {
	u := acting(x)
	if u == nil {
		return ""
	}
	if x.User.AUID != nil && u.ID == x.User.AUID.ID {
		return cmp.Or(account(e, x), userName(u))
	}
	return userName(u)
}

func sourcePort(e *auditevent.AuditEvent) string {
	switch p := e.Source.Extra["port"].(type) {
	case string:
		return p
	case *string:
		if p != nil {
			return *p
		}
	case json.Number:
		return p.String()
	case float64:
		return strconv.Itoa(int(p))
	case int:
		return strconv.Itoa(p)
	}
	return ""
}

func sourceIP(e *auditevent.AuditEvent) string {
	if e.Source.Type == "IP" {
		return e.Source.Value
	}
	return ""
}

// dataString is a string of the event's data, as UserLogin and UserLogout
// have them.
func dataString(e *auditevent.AuditEvent, key string) string {
	if e.Data == nil {
		return ""
	}
	var data map[string]any
	if json.Unmarshal(*e.Data, &data) != nil {
		return ""
	}
	s, _ := data[key].(string)
	return s
}

// isExec reports an attempt to execute a program, successful or not.
func isExec(x *schema.Extra) bool {
	ev := x.Event
	return ev != nil && (ev.Type == "EXECVE" || ev.Syscall == "execve" || ev.Syscall == "execveat")
}

func eventType(x *schema.Extra) string {
	if x.Event == nil {
		return ""
	}
	return x.Event.Type
}

func syscallOf(x *schema.Extra) string {
	if x.Event == nil {
		return ""
	}
	return x.Event.Syscall
}

// isSSHD reports whether exe is one of sshd's own programs.
func isSSHD(exe string) bool {
	switch base(exe) {
	case "sshd", "sshd-session", "sshd-auth":
		return true
	}
	return false
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// ttyName writes a terminal as who(1) does: pts/0. A process without one has
// "notty".
func ttyName(tty string) string {
	tty = strings.TrimPrefix(tty, "/dev/")
	switch tty {
	case "", "?", "(none)", "none":
		return ""
	}
	if n := strings.TrimPrefix(tty, "pts"); n != tty && n != "" && n[0] >= '0' && n[0] <= '9' {
		return "pts/" + n
	}
	return tty
}

// remote is the network address that an event's object is, if it is one.
func remote(o *schema.Object) (netip.Addr, string, bool) {
	if o == nil {
		return netip.Addr{}, "", false
	}
	ip, err := netip.ParseAddr(o.Primary)
	return ip, o.Secondary, err == nil
}

const (
	noSuchFile = "no such file"
	noRight    = "denied"
	inProgress = "in progress" // a connection that was not waited for
)

// result says what became of what was tried, where it failed.
func result(e *auditevent.AuditEvent, x *schema.Extra) string {
	if e.Outcome != schema.Failed {
		return ""
	}
	exit := ""
	if x.Event != nil {
		exit = x.Event.Exit
	}
	switch strings.TrimPrefix(exit, "-") {
	case "EACCES", "EPERM", "13", "1":
		return noRight
	case "ENOENT", "2":
		return noSuchFile
	case "ECONNREFUSED", "111":
		return "refused"
	case "ETIMEDOUT", "110":
		return "timed out"
	case "EINPROGRESS", "115":
		return inProgress
	case "", "0":
		return "failed"
	}
	return "failed: " + exit
}

// denied reports whether an event failed for want of a right: the kernel says
// so, or a program that asks for rights, as PAM and sudo do. Most of what fails
// otherwise is a look-up of what is not there: every program asks for nscd's
// socket, and every shell for commands along its PATH.
func denied(e *auditevent.AuditEvent, x *schema.Extra) bool {
	return result(e, x) == noRight || e.Outcome == schema.Failed && (x.Event == nil || x.Event.Syscall == "")
}
