package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
)

// writtenEvent is an event as it was written, but for where it stands in the logs.
type writtenEvent struct {
	line    string // without pos
	id      string // of the audit event, else of the UserLogin or UserLogout
	late    bool
	expired bool // of a session whose login was not seen in time
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
	if e.id, _ = ev["id"].(string); e.id == "" {
		e.id = fmt.Sprint(e.fields["type"], meta["auditId"])
	}
	e.late, _ = ev["late"].(bool)
	if s, ok := extra["session"].(map[string]any); ok {
		reason, _ := s["reason"].(string)
		e.expired = strings.HasPrefix(reason, "login not seen within ")
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

// fits reports whether an event of follow is file's but for whose it is, because
// the session's login was not seen in time.
func (e *writtenEvent) fits(file *writtenEvent) bool {
	anybody := func(e, extra, session map[string]any) {
		delete(e, "subjects")
		delete(e, "source")
		delete(extra, "credential")
		for _, f := range []string{"attribution", "reason", "evidence", "login", "conflict"} {
			delete(session, f)
		}
	}
	return e.expired && e.without(anybody) == file.without(anybody)
}

// differences compares what follow wrote with what file makes of the same
// logs: the same events as often, but for where they stand in the logs. An
// event of a session whose login was not seen in time may say less of whose it
// is; an event that came apart because a record was late is as many events as it
// came apart into. used counts how often each excuse was needed.
func differences(t testing.TB, live, file []string) (diff []string, used map[string]int) {
	t.Helper()
	rest := make(map[string][]*writtenEvent) // of file, by id
	for _, l := range file {
		e := parseEvent(t, l)
		rest[e.id] = append(rest[e.id], e)
	}
	used = make(map[string]int)
	apart := make(map[string]bool)
	var events, other []*writtenEvent
	for _, l := range live {
		e := parseEvent(t, l)
		events = append(events, e)
		apart[e.id] = apart[e.id] || e.late
	}
	for _, e := range events {
		if !take(rest, e.id, func(f *writtenEvent) bool { return e.line == f.line }) {
			other = append(other, e)
		}
	}
	for _, e := range other {
		switch {
		case take(rest, e.id, e.fits):
			used["login not seen in time"]++
		case apart[e.id] && (e.late || take(rest, e.id, func(*writtenEvent) bool { return true })):
			used["late record"]++
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
	return diff, used
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
