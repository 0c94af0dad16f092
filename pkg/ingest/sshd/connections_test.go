package sshd

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auditreplay/pkg/ingest"
)

// tell gives the messages of a story.
func tell(log string) []ingest.Message {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var list []ingest.Message
	for line := range strings.SplitSeq(log, "\n") {
		second, rest, _ := strings.Cut(line, " ")
		pid, text, _ := strings.Cut(rest, " ")
		s, _ := strconv.Atoi(second)
		m := ingest.Message{Time: start.Add(time.Duration(s) * time.Second), Ident: "sshd", UID: -1, Text: text}
		m.PID, _ = strconv.Atoi(pid)
		if rest, ok := strings.CutPrefix(text, "message repeated "); ok {
			n, text, _ := strings.Cut(rest, " times: ")
			m.Repeat, _ = strconv.Atoi(n)
			m.Text = text
		}
		list = append(list, m)
	}
	return list
}

func show(g *Login, unseen bool) string {
	var b strings.Builder
	fmt.Fprint(&b, g.Pos.Line)
	for _, p := range g.Also {
		fmt.Fprint(&b, ",", p.Line)
	}
	word := " -failed "
	if g.Accepted {
		word = " +accepted "
	}
	b.WriteString(word + g.Account)
	if g.InvalidUser {
		b.WriteString("?")
	}
	fmt.Fprintf(&b, " %s:%d", g.Addr, g.Port)
	for _, s := range []string{g.Method, g.Fingerprint} {
		if s != "" {
			b.WriteString(" " + s)
		}
	}
	if g.Error != "" {
		b.WriteString(" " + g.Error + ":")
	}
	if g.Reason != "" {
		b.WriteString(" " + g.Reason)
	}
	if g.N != 1 {
		fmt.Fprintf(&b, " n=%d", g.N)
	}
	if g.Life != 1 {
		fmt.Fprintf(&b, " life=%d", g.Life)
	}
	if g.ChildPID != 0 {
		fmt.Fprintf(&b, " child %d", g.ChildPID)
	}
	for _, s := range g.Sessions {
		fmt.Fprintf(&b, " [%s %s]", s.Kind, s.TTY)
	}
	if g.End != nil {
		fmt.Fprintf(&b, " %s@%d", g.End.How, g.End.Pos.Line)
	}
	if unseen {
		b.WriteString(" end not seen")
	}
	if g.Conflict != nil {
		b.WriteString(" conflict")
		for _, p := range g.Conflict {
			fmt.Fprint(&b, " ", p.Line)
		}
	}
	return b.String()
}

func TestConnections(t *testing.T) {
	t.Parallel()
	for _, tt := range stories {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := NewConnections()
			var logins []*Login
			unseen := map[*Login]bool{}
			emit := func(ch Change) {
				switch {
				case ch.Kind == Decided:
					logins = append(logins, ch.Login)
				case ch.Kind == Ended && ch.Login.End == nil:
					unseen[ch.Login] = true
				}
			}
			var l Line
			for i, m := range tell(tt.log) {
				Parse(m.Text, &l)
				c.Add(&m, ingest.Pos{Line: int64(i + 1)}, &l, emit)
			}
			c.Close(emit)
			var got []string
			for _, g := range logins {
				got = append(got, show(g, unseen[g]))
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What journald read before the login may be another session's.
func TestAuditSession(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, before, at, after, want string
		conflict                      bool
	}{
		{"after the login", "", "", "7", "7", false},
		{"with it", "", "7", "7", "7", false},
		{"sshd started from session 3", "3", "3", "7", "7", false},
		{"no other", "3", "", "", "3", false},
		{"they disagree", "", "", "7 8", "7", true},
	} {
		c := NewConnections()
		var got *Login
		emit := func(ch Change) { got = ch.Login }
		say := func(text, ses string) {
			var l Line
			Parse(text, &l)
			c.Add(&ingest.Message{PID: 10, AuditSes: ses, AuditUID: "1000"}, ingest.Pos{}, &l, emit)
		}
		say("Connection from 1.2.3.4 port 5", tt.before)
		say("Accepted password for bob from 1.2.3.4 port 5 ssh2", tt.at)
		for _, ses := range strings.Fields(tt.after) {
			say("a message that nobody knows", ses)
		}
		c.Add(&ingest.Message{LogindSession: "c7", LogindLeader: 10}, ingest.Pos{}, &Line{}, emit)
		if got.AuditSes != tt.want || got.SesConflict != tt.conflict || got.LogindSession != "c7" {
			t.Errorf("%s: %q, conflict %v, logind %q", tt.name, got.AuditSes, got.SesConflict, got.LogindSession)
		}
	}
}
