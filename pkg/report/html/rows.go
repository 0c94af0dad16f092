package html

import (
	"encoding/json"
	"strings"
	"time"

	"auditreplay/pkg/report"
	"auditreplay/pkg/safe"
	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// A list is a row of JSON. encoding/json writes "<", ">", "&" and the two line
// ends of Unicode as \u escapes, so that its text can stand inside a script
// element.
type list []any

// text is s as the page shows it, and searches it.
func text(s string) string { return safe.Terminal(s) }

// Flags of an event's row.
const (
	flagFailed  = 1 << iota
	flagEarly   // run by the login itself
	flagBecame  // acted as another user than the account
	flagUnknown // no result is stated
)

// eventRow is one event as the script reads it:
// time, subject, flags, user, what, result, program, pid, tty, event id, source.
func eventRow(e *auditevent.AuditEvent, line *report.Line, early bool) []byte {
	x := schema.Of(e)
	flags := 0
	set := func(flag int, on bool) {
		if on {
			flags |= flag
		}
	}
	set(flagFailed, line.Failed)
	set(flagEarly, early)
	set(flagBecame, line.Became)
	set(flagUnknown, e.Outcome == schema.Unknown)
	pid, id, pos := 0, "", ""
	if x.Process != nil {
		pid = x.Process.PID
	}
	if x.Event != nil {
		id, pos = x.Event.ID, x.Event.Pos
	}
	return marshal(list{e.LoggedAt.UnixMilli(), line.About, flags, text(line.User), text(line.What), text(line.Result),
		text(line.Program), pid, text(line.TTY), text(id), text(pos)})
}

// marshal cannot fail: a list holds strings, numbers and lists of them.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// sessionFields are the columns of a session's row.
const sessionFields = "person account method algorithm fingerprint keyID serial ca ip port opener tty use start end ended " +
	"duration commands root failures session boot host login attribution reason evidence first last events"

func sessionRow(r *report.Row, seen extent) list {
	return list{text(r.Person), text(r.Account), text(r.Method), text(r.Algorithm), text(r.Fingerprint), text(r.KeyID),
		text(r.Serial), text(r.CA), text(r.SourceIP), text(r.SourcePort), text(r.Opener), text(r.TTY), r.Use(),
		millis(r.Start), millis(r.End), text(r.Ended), r.Duration, r.Commands, r.RootCommands, r.Failures,
		text(r.Session), text(r.Boot), text(r.Host), text(r.Login), text(r.Attribution), text(r.Reason),
		text(strings.Join(r.Evidence, ", ")), seen.first, seen.last, seen.events}
}

// millis is t in milliseconds, null where it is not known.
func millis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// Flags of a process's row.
const (
	flagMissing = 1 << iota // not in the evidence
	flagGuessed             // its parent is a conclusion
	flagLogin               // run by the login itself
	flagFork                // a fork of which no more is known
	flagOrphan              // its parent is pid 1
)

// treeRows are the processes of a session, parents before their children:
// depth, pid, flags, start, failed actions besides execs, program, executions;
// an execution is: time, text, chain of users, result, directory, event id.
// use is told of every execution of the session's own that succeeded.
func treeRows(roots []*report.Process, use func(one *report.Exec, entered bool)) []list {
	type step struct {
		p     *report.Process
		depth int
		said  []string
	}
	var stack []step
	push := func(children []*report.Process, depth int, said []string) {
		for i := len(children) - 1; i >= 0; i-- {
			stack = append(stack, step{children[i], depth, said})
		}
	}
	push(roots, 0, nil)
	var rows []list
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		said, failed := at.said, at.p.Failures
		execs := make([]list, 0, len(at.p.Execs))
		for i := range at.p.Execs {
			one := &at.p.Execs[i]
			if one.Result == "" {
				if !at.p.DuringLogin {
					use(one, !same(one.Chain, said))
				}
				said = one.Chain
			} else {
				failed--
			}
			execs = append(execs, list{millis(one.Time), text(one.Text()), texts(one.Chain), text(one.Result), text(one.CWD), text(one.ID)})
		}
		rows = append(rows, list{at.depth, at.p.PID, processFlags(at.p), millis(at.p.Start), failed, text(at.p.Exe), execs})
		push(at.p.Children, at.depth+1, said)
	}
	return rows
}

func processFlags(p *report.Process) (flags int) {
	set := func(flag int, on bool) {
		if on {
			flags |= flag
		}
	}
	set(flagMissing, p.Missing)
	set(flagGuessed, p.Guessed)
	set(flagLogin, p.DuringLogin)
	set(flagFork, p.Forked() && len(p.Execs) == 0 && len(p.Children) == 0 && p.Failures == 0)
	set(flagOrphan, p.PPID == 1)
	return flags
}

func same(a, b []string) bool { return strings.Join(a, "\x00") == strings.Join(b, "\x00") }

func texts(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = text(s)
	}
	return out
}
