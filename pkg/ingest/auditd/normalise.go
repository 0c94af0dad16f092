package auditd

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/elastic/go-libaudit/v2/aucoalesce"
	"github.com/elastic/go-libaudit/v2/auparse"
)

// shape is what go-libaudit chooses an event's normalisation by.
type shape struct {
	typ     auparse.AuditMessageType
	flavour flavour
	syscall string // its name, "" for none, unnamed for one not in the tables
}

// flavour tells the two kinds of AVC records apart.
type flavour uint8

const (
	anyFlavour flavour = iota
	seLinux            // avc:  denied  { read } for ...
	appArmor           // apparmor="DENIED" ...
)

const unnamed = "?"

// norm is go-libaudit's normalisation of one shape: constants, and the fields
// that feed a slot, the first one present winning.
type norm struct {
	action    string
	what      string // object type
	pathIndex int    // of the PATH record that the object is
	primary   []string
	secondary []string
	how       []string // empty: exe, or comm of a script
}

// candidates are the fields that may feed a slot: what the summary of an event
// could be about. A test holds that none which go-libaudit uses is missing.
var candidates = [...]string{
	"acct", "addr", "audit_backlog_limit", "audit_enabled", "audit_failure", "audit_pid", "auid", "bool",
	"capname", "cmd", "comm", "data", "denied_mask", "dev", "enforcing", "exe", "feature", "fp", "hostname",
	"id", "name", "new-auid", "new-level", "new_auid", "op", "operation", "pid", "printer", "requested_mask",
	"resrc", "rport", "selected-context", "sig", "syscall", "table", "tclass", "tcontext", "terminal", "uid",
	"unit", "vm",
}

// marker stands for the value of a field in a question to go-libaudit.
const marker = "@"

// interpreter is a value of exe= for which go-libaudit names the script
// instead, unless the normalisation asks for exe itself.
const interpreter = "/usr/bin/bash"

// ask finds the normalisation of a shape. go-libaudit does not export its
// table, so it is asked with records whose values are markers: which of them
// comes back in a slot of the summary is the field that feeds it, and with
// that field left out the next one shows. nil means there is none.
func ask(s shape, arch, number string) *norm {
	q := question{shape: s, arch: arch, number: number}
	all := q.send(candidates[:], marker+"exe", 0)
	if all == nil {
		return nil
	}
	n := &norm{action: all.Summary.Action, what: all.Summary.Object.Type}
	n.primary = q.slot(all, func(e *aucoalesce.Event) string { return e.Summary.Object.Primary })
	n.secondary = q.slot(all, func(e *aucoalesce.Event) string { return e.Summary.Object.Secondary })
	n.how = q.how(all)
	if n.what == "file" || n.what == "filesystem" {
		const paths = 6
		if e := q.send([]string{"exe"}, marker+"exe", paths); e != nil && e.File != nil {
			n.pathIndex, _ = strconv.Atoi(strings.TrimPrefix(e.File.Path, marker))
		}
	}
	return n
}

// question is a shape to ask go-libaudit about.
type question struct {
	shape
	arch, number string // of the syscall
}

// send asks with the given fields present, and that many PATH records. (A
// syscall without exe= has no meaning at all to go-libaudit.)
func (q question) send(names []string, exe string, paths int) *aucoalesce.Event {
	var b strings.Builder
	switch q.flavour {
	case seLinux:
		b.WriteString("avc:  denied  { read } for  ")
	case appArmor:
		b.WriteString("apparmor=DENIED ")
	}
	known := q.typ == auparse.AUDIT_SYSCALL || q.typ == auparse.AUDIT_SECCOMP
	if known {
		b.WriteString("arch=" + q.arch + " syscall=" + q.number + " ")
	}
	for _, name := range names {
		switch {
		case name == "exe":
			b.WriteString("exe=" + exe + " ")
		case name == "syscall" && known:
		case name == "sig":
			b.WriteString("sig=9 ")
		default:
			b.WriteString(name + "=" + marker + name + " ")
		}
	}
	message := func(t auparse.AuditMessageType, text string) *auparse.AuditMessage {
		return &auparse.AuditMessage{RecordType: t, Timestamp: time.Unix(0, 0).UTC(), RawData: text}
	}
	msgs := []*auparse.AuditMessage{message(q.typ, b.String())}
	if paths > 0 && q.typ != auparse.AUDIT_SYSCALL {
		msgs = append(msgs, message(auparse.AUDIT_SYSCALL, "arch=c000003e syscall=0 exe=@exe"))
	}
	for i := range paths {
		msgs = append(msgs, message(auparse.AUDIT_PATH, "name="+marker+strconv.Itoa(i)+" nametype=NORMAL"))
	}
	e, err := aucoalesce.CoalesceMessages(msgs)
	if err != nil || slices.ContainsFunc(e.Warnings, func(w error) bool {
		return strings.Contains(w.Error(), "no normalization found")
	}) {
		return nil
	}
	return e
}

// slot finds the fields that feed a slot, in order. e is the answer to all.
func (q question) slot(e *aucoalesce.Event, of func(*aucoalesce.Event) string) (names []string) {
	left := slices.Clone(candidates[:])
	for ; e != nil; e = q.send(left, marker+"exe", 0) {
		name := q.field(of(e))
		at := slices.Index(left, name)
		if at < 0 {
			return names
		}
		names = append(names, name)
		left = slices.Delete(left, at, at+1)
		if name == "syscall" && q.typ != auparse.AUDIT_LOGIN && q.number != "" {
			return names // cannot be left out
		}
	}
	return names
}

// how is slot for the summary's how, which has a value without any field too.
// all is the answer to all of them.
func (q question) how(all *aucoalesce.Event) (names []string) {
	left := slices.Clone(candidates[:])
	for e := all; ; e = nil {
		script := q.send(left, interpreter, 0)
		if script == nil {
			return names
		}
		var name string
		switch script.Summary.How {
		case interpreter:
			name = "exe"
		case marker + "comm": // asked for, or what go-libaudit calls a script without being asked
			if e == nil {
				e = q.send(left, marker+"exe", 0)
			}
			if e.Summary.How == marker+"comm" {
				name = "comm"
			}
		default:
			name = q.field(script.Summary.How)
		}
		at := slices.Index(left, name)
		if at < 0 || name == "exe" && !slices.Contains(left, "comm") {
			return names
		}
		names = append(names, name)
		if name == "syscall" {
			return names
		}
		left = slices.Delete(left, at, at+1)
	}
}

// field names the field whose marker v is.
func (q question) field(v string) string {
	switch {
	case strings.HasPrefix(v, marker):
		return v[len(marker):]
	case v != "" && (v == q.syscall || v == q.number):
		return "syscall"
	case v == "9" || v == "SIGKILL":
		return "sig"
	}
	return ""
}
