package report_test

import (
	"encoding/json"
	"testing"
	"time"

	"auditreplay/pkg/schema"

	"github.com/google/go-cmp/cmp"
)

type rawMessage = json.RawMessage

func value(n *int) any {
	if n == nil {
		return nil
	}
	return *n
}

// TestCommands: what counts as a command, and when their number is unknown.
func TestCommands(t *testing.T) {
	t.Parallel()
	sshd := "/usr/sbin/sshd"
	opening := func(s *stream) *stream {
		return s.in(0).record(0.1, "LOGIN", 100, sshd).exec(0.2, 102, 100, "0", "0", "/bin/sh", "sh", "-c", "motd")
	}
	opened := func(s *stream) *stream { return opening(s).record(0.5, "USER_START", 100, sshd) }
	cases := map[string]struct {
		events      *stream
		others      *stream
		commands    any
		root        any
		notRecorded bool
		kind        string
	}{
		"the login's own programs are not the person's": {
			events:   opened(session("1")).exec(1, 110, 101, "1005", "1005", "/bin/ls", "ls"),
			commands: 1, root: 0, kind: "command"},
		"sudo and what it runs": {
			events:   opened(session("1")).exec(1, 110, 101, "1005", "0", "/usr/bin/sudo", "sudo", "id").exec(1.1, 110, 101, "0", "0", "/usr/bin/id", "id"),
			commands: 2, root: 2, kind: "command"},
		"a log that lost USER_START": {
			events: opening(session("1")), commands: 1, root: 1, kind: "command"},
		"none, though execve was recorded": {
			events: session("1").in(0).record(0.1, "LOGIN", 100, sshd).record(0.2, "USER_START", 100, sshd).out(60, "logout"),
			others: session("2").exec(30, 200, 199, "1005", "1005", "/bin/ls", "ls"), commands: 0, root: 0, kind: "none_seen"},
		"none, and nobody's execve was recorded": {
			events: session("1").in(0).record(0.1, "LOGIN", 100, sshd).out(60, "logout"), notRecorded: true},
		"a login that audit knows nothing of, amid others' execve": {
			events: session("1").in(0).out(60, "logout"),
			others: session("2").exec(30, 200, 199, "1005", "1005", "/bin/ls", "ls"), notRecorded: true},
		"a log that starts in the middle of the session": {
			events: session("1").in(0).record(50, "USER_END", 90, "/usr/bin/sudo").out(60, "logout"),
			others: session("2").exec(55, 200, 199, "1005", "1005", "/bin/ls", "ls"), notRecorded: true},
		"audit was on, others' execve soon after": {
			events: session("1").in(0).record(0.1, "LOGIN", 100, sshd).out(60, "logout"),
			others: session("2").exec(90, 200, 199, "1005", "1005", "/bin/ls", "ls"), commands: 0, root: 0, kind: "none_seen"},
		"audit was on, others' execve an hour later": {
			events: session("1").in(0).record(0.1, "LOGIN", 100, sshd).out(60, "logout"),
			others: session("2").exec(3700, 200, 199, "1005", "1005", "/bin/ls", "ls"), notRecorded: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := []*stream{c.events}
			if c.others != nil {
				all = append(all, c.others)
			}
			r := rows(t, all...)[0]
			got := []any{value(r.Commands), value(r.RootCommands), r.NotRecorded, r.Kind}
			want := []any{c.commands, c.root, c.notRecorded, c.kind}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("commands, root, not recorded, kind (-want +got):\n%s", diff)
			}
		})
	}
}

// TestKinds: what the first program of a session says that it was for.
func TestKinds(t *testing.T) {
	t.Parallel()
	for want, argv := range map[string][]string{
		"shell":   {"-bash"},
		"command": {"bash", "-c", "ls; /usr/lib/openssh/sftp-server"},
		"sftp":    {"bash", "-c", "/usr/lib/openssh/sftp-server -l INFO"},
		"scp":     {"sh", "-c", "scp -r -t -- /tmp"},
	} {
		s := session("1").in(0).record(0.1, "CRED_ACQ", 101, "/usr/lib/openssh/sshd-session").
			exec(1, 110, 101, "1005", "1005", "/bin/bash", argv...).
			exec(2, 111, 110, "1005", "1005", "/usr/bin/scp", "scp", "-t", "x")
		if got := rows(t, s)[0].Kind; got != want {
			t.Errorf("%q: %s, want %s", argv, got, want)
		}
	}
	s := session("1").in(0).record(0.1, "CRED_ACQ", 101, "/usr/sbin/sshd").call(1, 101, 100, "/usr/sbin/sshd", "connect", "0")
	x := schema.Of(s.events[len(s.events)-1])
	x.Action, x.Object = "connected-to", &schema.Object{Type: "socket", Primary: "10.0.0.5", Secondary: "5432"}
	if got := rows(t, s)[0].Kind; got != "forward" {
		t.Errorf("a connection by sshd: %q", got)
	}
}

// TestSharedSession: two logins with one audit session id are two rows, and
// what belongs to neither is a third.
func TestSharedSession(t *testing.T) {
	t.Parallel()
	first, second := session("7").in(0), session("7")
	second.login, second.person = "login-b", "bob"
	second.in(1).exec(2, 300, 299, "1005", "1005", "/bin/b", "b")
	nobody := session("7")
	nobody.login, nobody.person, nobody.attribution = "", "unknown", schema.None
	nobody.exec(3, 310, 309, "0", "0", "/bin/rm", "rm").exec(3, 311, 309, "0", "0", "/bin/rm", "rm")
	first.exec(4, 320, 319, "1005", "1005", "/bin/a", "a")
	again := session("7") // the next boot: another session
	again.boot, again.login = "b2", "login-c"
	again.in(100)
	type row struct {
		Person, Boot string
		Commands     any
	}
	var got []row
	for _, r := range rows(t, first, second, nobody, again) {
		got = append(got, row{r.Person, r.Boot, value(r.Commands)})
	}
	want := []row{{"alice", "b1", 1}, {"bob", "b1", 1}, {"", "b1", 2}, {"alice", "b2", nil}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEnds: how a session ended, where the log does not say it in so many
// words.
func TestEnds(t *testing.T) {
	t.Parallel()
	cron := session("1")
	cron.login, cron.attribution, cron.ip = "", schema.Local, ""
	cron.record(0, "LOGIN", 50, "/usr/sbin/cron").record(1, "USER_START", 50, "/usr/sbin/cron").
		record(2, "USER_END", 60, "/usr/bin/sudo").record(3, "USER_END", 50, "/usr/sbin/cron").record(3.5, "CRED_DISP", 50, "/usr/sbin/cron")
	open := session("2").in(4).record(5, "USER_END", 70, "/usr/bin/sudo")
	closed := session("3").in(6).record(7, "USER_END", 100, "/usr/sbin/sshd").out(8, "disconnect")
	type row struct {
		Ended string
		End   time.Time
	}
	list := func(streams ...*stream) (got []row) {
		for _, r := range rows(t, streams...) {
			got = append(got, row{r.Ended, r.End})
		}
		return got
	}
	want := []row{{"logout", at(3.5)}, {"open", time.Time{}}, {"disconnect", at(8)}}
	if diff := cmp.Diff(want, list(cron, open, closed)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	later := session("1")
	later.boot, later.login = "b2", "later"
	if got := list(open, later.in(500)); got[0].Ended != "" {
		t.Errorf("open in an earlier boot: %v", got[0])
	}
}

// TestFilteredAway: a saved output without its logins still has the sessions.
func TestFilteredAway(t *testing.T) {
	t.Parallel()
	r := rows(t, session("9").exec(5, 10, 9, "1005", "1005", "/bin/ls", "ls").exec(6, 11, 9, "1005", "1005", "/bin/ls", "ls"))
	if len(r) != 1 || r[0].Person != "alice" || r[0].Account != "deploy" || !r[0].Start.Equal(at(5)) || value(r[0].Commands) != 2 {
		t.Errorf("%+v", r)
	}
}
