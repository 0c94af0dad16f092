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

// fieldSet is a set of candidates, a bit for each in their order.
type fieldSet uint64

const allFields fieldSet = 1<<len(candidates) - 1

func (s fieldSet) has(field int) bool { return field >= 0 && s>>field&1 == 1 }

func (s fieldSet) without(field int) fieldSet { return s &^ (1 << field) }

// secondaryFields are the candidates that may feed an object's secondary name,
// and howFields those that may feed the summary's how.
var (
	secondaryFields = fieldsOf("addr", "capname", "denied_mask", "hostname", "pid", "requested_mask", "rport", "tclass", "vm")
	howFields       = fieldsOf("comm", "sig", "syscall", "terminal")
)

// fieldsOf gives the candidates of those names, and those which go-libaudit reads
// no record of some types without.
func fieldsOf(names ...string) (s fieldSet) {
	for _, name := range append(names, "exe", "cmd", "data") {
		s |= 1 << slices.Index(candidates[:], name)
	}
	return s
}

// exeField and commField are the candidates of those names.
var exeField, commField = slices.Index(candidates[:], "exe"), slices.Index(candidates[:], "comm")

// marker begins what stands for a value in a question to go-libaudit.
const marker = "@"

// mark stands for the value of a candidate. It is short: go-libaudit looks at
// each byte of a question many times.
func mark(field int) string { return marker + string(rune('A'+field)) }

// interpreter is a value of exe= for which go-libaudit names the script
// instead, unless the normalisation asks for exe itself.
const interpreter = "/usr/bin/bash"

// ask finds the normalisation of a shape. go-libaudit does not export its
// table, so it is asked with records whose values are markers: which of them
// comes back in a slot of the summary is the field that feeds it, and with
// that field left out the next one shows. nil means there is none.
func ask(s shape, arch, number string) *norm {
	q := question{shape: s, arch: arch, number: number}
	all := q.send(allFields, mark(exeField), 0)
	if all == nil {
		return nil
	}
	n := &norm{action: all.Summary.Action, what: all.Summary.Object.Type}
	n.primary = q.slot(all, allFields, func(e *aucoalesce.Event) string { return e.Summary.Object.Primary })
	n.secondary = q.slot(all, secondaryFields, func(e *aucoalesce.Event) string { return e.Summary.Object.Secondary })
	n.how = q.how(all)
	if n.what == "file" || n.what == "filesystem" {
		const paths = 6
		if e := q.send(1<<exeField, mark(exeField), paths); e != nil && e.File != nil {
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
func (q question) send(fields fieldSet, exe string, paths int) *aucoalesce.Event {
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
	for i, name := range candidates {
		switch {
		case !fields.has(i):
		case i == exeField:
			b.WriteString("exe=" + exe + " ")
		case name == "syscall" && known:
		case name == "sig":
			b.WriteString("sig=9 ")
		default:
			b.WriteString(name + "=" + mark(i) + " ")
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

// slot finds the fields that feed a slot, in order, which may be those of left.
// e is the answer to all.
func (q question) slot(e *aucoalesce.Event, left fieldSet, of func(*aucoalesce.Event) string) (names []string) {
	for ; e != nil; e = q.send(left, mark(exeField), 0) {
		at := q.field(of(e))
		if !left.has(at) {
			return names
		}
		names = append(names, candidates[at])
		left = left.without(at)
		if candidates[at] == "syscall" && q.typ != auparse.AUDIT_LOGIN && q.number != "" {
			return names // cannot be left out
		}
	}
	return names
}

// how is slot for the summary's how, which has a value without any field too.
// all is the answer to all of them.
func (q question) how(all *aucoalesce.Event) (names []string) {
	left := howFields
	for e := all; ; e = nil {
		script := q.send(left, interpreter, 0)
		if script == nil {
			return names
		}
		at := -1
		switch script.Summary.How {
		case interpreter:
			at = exeField
		case mark(commField): // asked for, or what go-libaudit calls a script without being asked
			if e == nil {
				e = q.send(left, mark(exeField), 0)
			}
			if e.Summary.How == mark(commField) {
				at = commField
			}
		default:
			at = q.field(script.Summary.How)
		}
		if !left.has(at) || at == exeField && !left.has(commField) {
			return names
		}
		names = append(names, candidates[at])
		if candidates[at] == "syscall" {
			return names
		}
		left = left.without(at)
	}
}

// field gives the candidate that v comes from, -1 where it is of none.
func (q question) field(v string) int {
	switch {
	case strings.HasPrefix(v, marker) && len(v) == len(mark(0)):
		return int(v[len(marker)] - 'A')
	case v != "" && (v == q.syscall || v == q.number):
		return slices.Index(candidates[:], "syscall")
	case v == "9" || v == "SIGKILL":
		return slices.Index(candidates[:], "sig")
	}
	return -1
}
