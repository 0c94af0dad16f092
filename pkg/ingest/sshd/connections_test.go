package sshd

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"auditreplay/pkg/ingest"
)

// Each story is what a log says, one "SECOND PID TEXT" a line, and the logins
// that come of it, as show prints them.
var stories = []struct{ name, log, want string }{
	{
		"a login at VERBOSE",
		`0 10 Connection from 1.2.3.4 port 5 on 10.0.0.1 port 22 rdomain ""
0 10 Accepted key ED25519 SHA256:k found at /home/bob/.ssh/authorized_keys:1
0 10 Postponed publickey for bob from 1.2.3.4 port 5 ssh2 [preauth]
1 10 Accepted publickey for bob from 1.2.3.4 port 5 ssh2: ED25519 SHA256:k
1 10 pam_unix(sshd:session): session opened for user bob(uid=1005) by (uid=0)
2 10 User child is on pid 11
2 11 Starting session: shell on pts/0 for bob from 1.2.3.4 port 5 id 0
9 11 Received disconnect from 1.2.3.4 port 5:11: disconnected by user
9 11 Disconnected from user bob 1.2.3.4 port 5
9 10 pam_unix(sshd:session): session closed for user bob`,
		`4 +accepted bob 1.2.3.4:5 publickey SHA256:k child 11 [shell pts/0] logout@8`,
	},
	{
		"a login at INFO: the child is found by its address",
		`1 10 Accepted password for bob from 1.2.3.4 port 5 ssh2
9 11 Received disconnect from 1.2.3.4 port 5:11: disconnected by user
9 11 Disconnected from user bob 1.2.3.4 port 5
9 10 pam_unix(sshd:session): session closed for user bob`,
		`1 +accepted bob 1.2.3.4:5 password child 11 logout@2`,
	},
	{
		"root has no child up to 9.7",
		`1 10 Accepted password for root from 1.2.3.4 port 5 ssh2
9 10 Connection closed by 1.2.3.4 port 5
9 10 pam_unix(sshd:session): session closed for user root`,
		`1 +accepted root 1.2.3.4:5 password disconnect@2`,
	},
	{
		"two methods",
		`0 10 Partial publickey for kate from 1.2.3.4 port 5 ssh2: ED25519 SHA256:k
1 10 Accepted password for kate from 1.2.3.4 port 5 ssh2`,
		`2,1 +accepted kate 1.2.3.4:5 publickey,password SHA256:k`,
	},
	{
		"a refused certificate, then a key that is accepted",
		`0 10 error: Certificate invalid: expired
1 10 Accepted publickey for bob from 1.2.3.4 port 5 ssh2: ED25519 SHA256:k`,
		`1 -failed bob 1.2.3.4:5 publickey certificate invalid: expired
2 +accepted bob 1.2.3.4:5 publickey SHA256:k`,
	},
	{
		"a certificate refused by one file and accepted by the next",
		`0 10 error: Certificate invalid: name is not a listed principal
1 10 Accepted publickey for bob from 1.2.3.4 port 5 ssh2: ED25519-CERT SHA256:k ID b (serial 1) CA RSA SHA256:c`,
		`2,1 +accepted bob 1.2.3.4:5 publickey SHA256:k`,
	},
	{
		"the reason belongs to the Failed line after it",
		`0 10 error: Certificate invalid: expired
0 10 Failed publickey for bob from 1.2.3.4 port 5 ssh2: ED25519-CERT SHA256:k ID b (serial 1) CA RSA SHA256:c
1 10 Connection closed by authenticating user bob 1.2.3.4 port 5 [preauth]`,
		`2,1 -failed bob 1.2.3.4:5 publickey SHA256:k certificate invalid: expired`,
	},
	{
		"a hidden failure's reason does not go to another key's",
		`0 10 error: Certificate invalid: expired
0 10 Failed publickey for bob from 1.2.3.4 port 5 ssh2: ED25519 SHA256:k
1 10 Connection closed by authenticating user bob 1.2.3.4 port 5 [preauth]`,
		`1 -failed bob 1.2.3.4:5 publickey certificate invalid: expired
2 -failed bob 1.2.3.4:5 publickey SHA256:k`,
	},
	{
		"an unknown account",
		`0 10 Invalid user eve from 1.2.3.4 port 5
1 10 Failed password for invalid user eve from 1.2.3.4 port 5 ssh2
2 10 Failed password for invalid user eve from 1.2.3.4 port 5 ssh2
3 10 Connection closed by invalid user eve 1.2.3.4 port 5 [preauth]`,
		`2,1 -failed eve? 1.2.3.4:5 password invalid user
3,1 -failed eve? 1.2.3.4:5 password invalid user n=2`,
	},
	{
		"an unknown account's key is only named at the end",
		`0 10 Invalid user eve from 1.2.3.4 port 5
3 10 Connection closed by invalid user eve 1.2.3.4 port 5 [preauth]`,
		`2,1 -failed eve? 1.2.3.4:5 closed before authentication succeeded`,
	},
	{
		"the client's goodbye, then the name",
		`3 10 Received disconnect from 1.2.3.4 port 5:11: Bye Bye [preauth]
3 10 Disconnected from authenticating user root 1.2.3.4 port 5 [preauth]`,
		`2 -failed root 1.2.3.4:5 closed before authentication succeeded`,
	},
	{
		"root refused, said twice, at VERBOSE and at INFO",
		`0 10 ROOT LOGIN REFUSED FROM 1.2.3.4 port 5
0 10 Failed publickey for root from 1.2.3.4 port 5 ssh2: ED25519 SHA256:k
0 10 ROOT LOGIN REFUSED FROM 1.2.3.4 port 5 [preauth]
1 10 Connection closed by authenticating user root 1.2.3.4 port 5 [preauth]
2 20 ROOT LOGIN REFUSED FROM 1.2.3.4 port 6
2 20 ROOT LOGIN REFUSED FROM 1.2.3.4 port 6 [preauth]
3 20 Connection closed by authenticating user root 1.2.3.4 port 6 [preauth]`,
		`2,1 -failed root 1.2.3.4:5 publickey SHA256:k root login refused
5,6,7 -failed root 1.2.3.4:6 root login refused`,
	},
	{
		"an account that is not allowed, with and without a Failed line",
		`0 10 User frank from 1.2.3.4 not allowed because not listed in AllowUsers
1 10 Failed password for invalid user frank from 1.2.3.4 port 5 ssh2
2 10 Connection closed by invalid user frank 1.2.3.4 port 5 [preauth]
3 20 User frank from 1.2.3.4 not allowed because not listed in AllowUsers
4 20 Connection closed by invalid user frank 1.2.3.4 port 6 [preauth]`,
		`2,1 -failed frank? 1.2.3.4:5 password not in AllowUsers
4,5 -failed frank? 1.2.3.4:6 not in AllowUsers`,
	},
	{
		"PAM denies after the Failed line, or alone",
		`1 10 Failed password for bob from 1.2.3.4 port 5 ssh2
1 10 fatal: Access denied for user bob by PAM account configuration [preauth]
2 20 fatal: Access denied for user bob by PAM account configuration [preauth]`,
		`1,2 -failed bob 1.2.3.4:5 password denied by PAM account configuration
3 -failed bob :0 denied by PAM account configuration`,
	},
	{
		"too many",
		`1 10 Failed password for bob from 1.2.3.4 port 5 ssh2
2 10 error: maximum authentication attempts exceeded for bob from 1.2.3.4 port 5 ssh2 [preauth]
2 10 Disconnecting authenticating user bob 1.2.3.4 port 5: Too many authentication failures [preauth]`,
		`1 -failed bob 1.2.3.4:5 password
2 -failed bob 1.2.3.4:5 too many authentication failures`,
	},
	{
		"scans name nobody",
		`0 10 Connection from 1.2.3.4 port 5 on 10.0.0.1 port 22
0 10 error: kex_exchange_identification: Connection closed by remote host
0 10 Connection closed by 1.2.3.4 port 5
1 20 banner exchange: Connection from 1.2.3.4 port 6: invalid format
2 30 Unable to negotiate with 1.2.3.4 port 7: no matching cipher found. Their offer: x [preauth]`,
		``,
	},
	{
		"the listener knows whose time was up",
		`0 10 Invalid user eve from 1.2.3.4 port 5
120 1 Timeout before authentication for connection from 1.2.3.4 to 10.0.0.1, pid = 10`,
		`2,1 -failed eve? 1.2.3.4:5 timeout before authentication: closed before authentication succeeded`,
	},
	{
		"the log ends before the connection does",
		`0 10 Invalid user eve from 1.2.3.4 port 5
1 20 Postponed publickey for bob from 1.2.3.4 port 6 ssh2 [preauth]
2 30 Accepted password for bob from 1.2.3.4 port 7 ssh2`,
		`3 +accepted bob 1.2.3.4:7 password
1 -failed eve? 1.2.3.4:5 closed before authentication succeeded`,
	},
	{
		"a PID comes back",
		`0 10 Accepted password for bob from 1.2.3.4 port 5 ssh2
1 10 pam_unix(sshd:session): session closed for user bob
9 10 Accepted password for eve from 1.2.3.4 port 6 ssh2
99 10 pam_unix(sshd:session): session closed for user eve`,
		`1 +accepted bob 1.2.3.4:5 password logout@2
3 +accepted eve 1.2.3.4:6 password life=2 logout@4`,
	},
	{
		"a PID comes back and the first end is lost",
		`0 10 Accepted password for bob from 1.2.3.4 port 5 ssh2
300 10 Accepted password for eve from 1.2.3.4 port 6 ssh2`,
		`1 +accepted bob 1.2.3.4:5 password end not seen
2 +accepted eve 1.2.3.4:6 password life=2`,
	},
	{
		"the Accepted line of a PID's second life is lost",
		`0 10 Accepted password for bob from 1.2.3.4 port 5 ssh2
1 10 pam_unix(sshd:session): session closed for user bob
9 10 pam_unix(sshd:session): session opened for user eve(uid=1) by (uid=0)
20 10 pam_unix(sshd:session): session closed for user eve`,
		`1 +accepted bob 1.2.3.4:5 password logout@2`,
	},
	{
		"a forged Accepted line",
		`0 10 Accepted publickey for bob from 1.2.3.4 port 5 ssh2: RSA SHA256:k
9 10 Accepted publickey for bob from 9.9.9.9 port 6 ssh2: RSA SHA256:alice`,
		`1 +accepted bob 1.2.3.4:5 publickey SHA256:k conflict 1 2
2 +accepted bob 9.9.9.9:6 publickey SHA256:alice conflict 1 2`,
	},
	{
		"the same line twice is one login",
		`0 10 Accepted publickey for bob from 1.2.3.4 port 5 ssh2: RSA SHA256:k
0 10 Accepted publickey for bob from 1.2.3.4 port 5 ssh2: RSA SHA256:k`,
		`1,2 +accepted bob 1.2.3.4:5 publickey SHA256:k`,
	},
	{
		"the server kills the session",
		`0 10 Accepted password for bob from 1.2.3.4 port 5 ssh2
9 10 error: mm_reap: preauth child terminated by signal 15
9 10 pam_unix(sshd:session): session closed for user bob`,
		`1 +accepted bob 1.2.3.4:5 password killed@2`,
	},
	{
		"no PIDs",
		`0 0 Invalid user eve from 1.2.3.4 port 5
1 0 Accepted password for bob from 1.2.3.4 port 6 ssh2
2 0 Connection closed by invalid user eve 1.2.3.4 port 5 [preauth]
3 0 Disconnected from user bob 1.2.3.4 port 6`,
		`2 +accepted bob 1.2.3.4:6 password life=2 logout@4
3,1 -failed eve? 1.2.3.4:5 closed before authentication succeeded`,
	},
	{
		"the PAM helper speaks with another PID",
		`0 12 pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=1.2.3.4  user=bob
0 10 error: PAM: Authentication failure for bob from 1.2.3.4
0 10 Failed keyboard-interactive/pam for bob from 1.2.3.4 port 5 ssh2`,
		`3,2 -failed bob 1.2.3.4:5 keyboard-interactive/pam authentication failure`,
	},
	{
		"repeated",
		`0 10 Failed password for root from 1.2.3.4 port 5 ssh2
9 10 message repeated 2 times: Failed password for root from 1.2.3.4 port 5 ssh2`,
		`1 -failed root 1.2.3.4:5 password
2 -failed root 1.2.3.4:5 password n=2
2 -failed root 1.2.3.4:5 password n=3`,
	},
}

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

// A state that went through JSON at any point goes on to the same logins.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	entries := readHost(t, "trixie-A", "auth.log.gz")
	run := func(every int) []*Login {
		c := NewConnections()
		logins := map[string]*Login{}
		var order []string
		emit := func(ch Change) {
			g := ch.Login
			key := fmt.Sprint(g.PID, g.Life, g.Text, g.N)
			if logins[key] == nil {
				order = append(order, key)
			}
			logins[key] = g
		}
		source := func(path string) *ingest.Source {
			if path != entries[0].Pos.Source.Path {
				t.Errorf("path %q", path)
			}
			return entries[0].Pos.Source
		}
		var l Line
		for i := range entries {
			if every > 0 && i%every == 0 {
				b, err := json.Marshal(c.Snapshot())
				if err != nil {
					t.Fatal(err)
				}
				s := new(State)
				if err := json.Unmarshal(b, s); err != nil {
					t.Fatal(err)
				}
				c = Restore(s, source)
			}
			Parse(entries[i].Message.Text, &l)
			c.Add(&entries[i].Message, entries[i].Pos, &l, emit)
		}
		c.Close(emit)
		var list []*Login
		for _, key := range order {
			list = append(list, logins[key])
		}
		return list
	}
	want := run(0)
	if len(want) < 150 {
		t.Fatalf("%d logins", len(want))
	}
	samePos := cmp.Comparer(func(a, b ingest.Pos) bool { return a == b })
	if diff := cmp.Diff(want, run(7), samePos, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// A million logins leave little behind.
func TestForget(t *testing.T) {
	t.Parallel()
	c := NewConnections()
	decided, ended := 0, 0
	emit := func(ch Change) {
		switch ch.Kind {
		case Decided:
			decided++
		case Ended:
			ended++
		}
	}
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var l Line
	const n = 20000
	for i := range n {
		m := ingest.Message{PID: i + 1, Time: start.Add(time.Duration(i) * time.Second)}
		Parse(fmt.Sprintf("Accepted password for bob from 1.2.3.4 port %d ssh2", i), &l)
		c.Add(&m, ingest.Pos{}, &l, emit)
		Parse("pam_unix(sshd:session): session closed for user bob", &l)
		c.Add(&m, ingest.Pos{}, &l, emit)
		m.PID += n
		Parse(fmt.Sprintf("Invalid user eve from 1.2.3.5 port %d", i), &l)
		c.Add(&m, ingest.Pos{}, &l, emit)
	}
	if limit := int((idle + 2*linger) / time.Second); len(c.byPID) > limit || len(c.byPeer) > limit {
		t.Errorf("%d connections, %d peers kept", len(c.byPID), len(c.byPeer))
	}
	c.Expire(start.Add(n*time.Second), emit)
	if len(c.byPID)+len(c.byPeer)+len(c.child) > 1 || decided != 2*n || ended != n {
		t.Errorf("%d connections kept, %d logins, %d ended", len(c.byPID), decided, ended)
	}
}

func TestBelievable(t *testing.T) {
	t.Parallel()
	accepted := "Accepted password for bob from 1.2.3.4 port 5 ssh2"
	goodbye := "Disconnected from user bob 1.2.3.4 port 5"
	for _, tt := range []struct {
		name, text string
		m          ingest.Message
		want       string
	}{
		{"text", accepted, ingest.Message{UID: -1}, ""},
		{"sshd", accepted, ingest.Message{Trusted: true, Comm: "sshd", Exe: "/usr/sbin/sshd"}, ""},
		{"sshd-session", accepted, ingest.Message{Trusted: true, Comm: "sshd-session", Exe: "/usr/lib/openssh/sshd-session"}, ""},
		{"upgraded", accepted, ingest.Message{Trusted: true, Comm: "sshd", Exe: "/usr/sbin/sshd (deleted)"}, ""},
		{"gone at once", accepted, ingest.Message{Trusted: true}, ""},
		{"logger", accepted, ingest.Message{Trusted: true, UID: 1000, Comm: "logger", Exe: "/usr/bin/logger"}, "_COMM logger"},
		{"root's logger", accepted, ingest.Message{Trusted: true, Exe: "/usr/bin/logger"}, "_EXE /usr/bin/logger"},
		{"a user", accepted, ingest.Message{Trusted: true, UID: 1000}, "_UID 1000"},
		{"the user child", goodbye, ingest.Message{Trusted: true, UID: 1000, Comm: "sshd", Exe: "/usr/sbin/sshd"}, ""},
		{"a user's sshd", goodbye, ingest.Message{Trusted: true, UID: 1000, Exe: "/home/eve/sshd"}, "_EXE /home/eve/sshd"},
		{"logind", "New session 3 of user bob.", ingest.Message{Trusted: true, Comm: "systemd-logind", LogindSession: "3"}, ""},
		{"not logind", "New session 3 of user bob.", ingest.Message{Trusted: true, Comm: "sshd", LogindSession: "3"}, "_COMM sshd"},
	} {
		var l Line
		Parse(tt.text, &l)
		ok, why := Believable(&tt.m, &l)
		if why != tt.want || ok != (tt.want == "") {
			t.Errorf("%s: %v %q, want %q", tt.name, ok, why, tt.want)
		}
	}
}
