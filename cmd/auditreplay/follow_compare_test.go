package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"

	"auditreplay/pkg/schema"
)

// writtenEvent is an event as it was written, but for where it stands in the logs.
type writtenEvent struct {
	line    string // without pos
	id      string // of the audit event, else of the UserLogin or UserLogout
	typ     string
	late    bool
	expired bool   // of a session whose login was not seen in time
	session string // boot and id, "" where it has none
	fields  map[string]any
}

func parseEvent(t testing.TB, line string) *writtenEvent {
	t.Helper()
	e := new(writtenEvent)
	if err := json.Unmarshal([]byte(line), &e.fields); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	meta := e.fields["metadata"].(map[string]any)
	extra := meta["extra"].(map[string]any)
	ev := extra["event"].(map[string]any)
	delete(ev, "pos")
	e.typ = e.fields["type"].(string)
	if e.id, _ = ev["id"].(string); e.id == "" {
		e.id = fmt.Sprint(e.typ, meta["auditId"])
	}
	e.late, _ = ev["late"].(bool)
	if s, ok := extra["session"].(map[string]any); ok {
		reason, _ := s["reason"].(string)
		e.expired = strings.HasPrefix(reason, "login not seen within ")
		if s["id"] != nil {
			e.session = fmt.Sprint(s["boot"], "/", s["id"])
		}
	}
	e.line = e.without(nil)
	return e
}

// without is the event's line, changed by a function.
func (e *writtenEvent) without(change func(event, extra, session map[string]any)) string {
	if change != nil {
		c := parseEventAgain(e.line)
		extra := c["metadata"].(map[string]any)["extra"].(map[string]any)
		session, _ := extra["session"].(map[string]any)
		change(c, extra, session)
		b, _ := json.Marshal(c)
		return string(b)
	}
	b, _ := json.Marshal(e.fields)
	return string(b)
}

func parseEventAgain(line string) (fields map[string]any) {
	_ = json.Unmarshal([]byte(line), &fields) // it was made from JSON
	return fields
}

// excuses are the ways in which an event of follow may differ from file's.
type excuses struct {
	expired map[string]bool // sessions
	acted   map[string]bool // sessions that the audit log has events of
	// proofLate is for logs in which sshd says little (LogLevel INFO): the
	// pid of the user's process and the journal's word on the session come
	// with its goodbye, too late to be among the evidence of what was written.
	proofLate bool
	used      map[string]int
}

// fits reports whether an event of follow differs from file's in no other way
// than it may.
func (x *excuses) fits(live, file *writtenEvent) bool {
	why := ""
	switch {
	case live.expired:
		// What is said of whose it is, and nothing else.
		anybody := func(e, extra, session map[string]any) {
			delete(e, "subjects")
			delete(e, "source")
			delete(extra, "credential")
			for _, f := range []string{"attribution", "reason", "evidence", "login", "conflict"} {
				delete(session, f)
			}
		}
		if live.without(anybody) == file.without(anybody) {
			why = "login not seen in time"
		}
	case live.typ == schema.TypeLogin || live.typ == schema.TypeLogout:
		// The session of a login that was written alone is not known.
		nowhere := func(_, _, session map[string]any) { delete(session, "id") }
		if (x.expired[file.session] || !x.acted[file.session]) && live.session == "" && live.line == file.without(nowhere) {
			why = "session not known to its login"
		}
	case x.proofLate:
		early := func(_, _, session map[string]any) {
			if evidence, ok := session["evidence"].([]any); ok {
				session["evidence"] = slices.DeleteFunc(evidence, func(v any) bool { return v == "child" || v == "session" })
			}
		}
		if live.without(early) == file.without(early) {
			why = "proof known too late"
		}
	}
	if why != "" {
		x.used[why]++
	}
	return why != ""
}

// differences compares what follow wrote with what file makes of the same
// logs: the same events as often, but for where they stand in the logs. An
// event of a session whose login was not seen in time may say less of whose it
// is, and its login nothing of the session; an event that came apart because a
// record was late is as many events as it came apart into. A login whose session the audit log
// has nothing of does not know it: only a journal read to its end names it. used counts how
// often each excuse was needed.
func differences(t testing.TB, live, file []string, proofLate bool) (diff []string, used map[string]int) {
	t.Helper()
	rest := make(map[string][]*writtenEvent) // of file, by id
	for _, l := range file {
		e := parseEvent(t, l)
		rest[e.id] = append(rest[e.id], e)
	}
	x := &excuses{expired: make(map[string]bool), acted: make(map[string]bool), proofLate: proofLate, used: make(map[string]int)}
	apart := make(map[string]bool)
	var events, other []*writtenEvent
	for _, l := range live {
		e := parseEvent(t, l)
		events = append(events, e)
		apart[e.id] = apart[e.id] || e.late
		if e.typ == schema.TypeAction {
			x.acted[e.session] = true
		}
		if e.expired {
			x.expired[e.session] = true
		}
	}
	for _, e := range events {
		if !take(rest, e.id, func(f *writtenEvent) bool { return e.line == f.line }) {
			other = append(other, e)
		}
	}
	for _, e := range other {
		switch {
		case take(rest, e.id, func(f *writtenEvent) bool { return x.fits(e, f) }):
		case apart[e.id] && (e.late || take(rest, e.id, func(*writtenEvent) bool { return true })):
			x.used["late record"]++
		default:
			diff = append(diff, "+ "+e.line)
		}
	}
	for _, fs := range rest {
		for _, f := range fs {
			diff = append(diff, "- "+f.line)
		}
	}
	sort.Slice(diff, func(i, j int) bool { return diff[i][2:] < diff[j][2:] })
	return diff, x.used
}

// take takes the first event of an id that fits.
func take(rest map[string][]*writtenEvent, id string, fits func(*writtenEvent) bool) bool {
	i := slices.IndexFunc(rest[id], fits)
	if i < 0 {
		return false
	}
	rest[id] = slices.Delete(rest[id], i, i+1)
	return true
}
