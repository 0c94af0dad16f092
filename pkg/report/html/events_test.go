package html_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	"auditreplay/pkg/report/html"
	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// day is the day of all tests.
var day = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// A visit is an SSH session made by hand.
type visit struct {
	id                            int
	person, account, ip, host, fp string
	events                        []*auditevent.AuditEvent
}

func at(seconds float64) time.Time { return day.Add(time.Duration(seconds * float64(time.Second))) }

func (v *visit) login() string { return fmt.Sprintf("login-%d", v.id) }

func (v *visit) add(t float64, kind, outcome string, x *schema.Extra) *auditevent.AuditEvent {
	e := &auditevent.AuditEvent{Type: kind, LoggedAt: at(t), Outcome: outcome, Target: map[string]string{"host": v.host},
		Subjects: map[string]string{"loggedAs": v.account, "userID": v.person, "pid": "100"},
		Source:   auditevent.EventSource{Type: "IP", Value: v.ip, Extra: map[string]any{"port": "4711"}}, Component: "auditd"}
	e.Metadata.AuditID = strconv.Itoa(v.id)
	x.Session = &schema.Session{ID: strconv.Itoa(v.id), Boot: "b1", Login: v.login(), Attribution: schema.BySSHD, Evidence: []string{"pid"}}
	x.Credential = &schema.Credential{Method: "publickey", Algorithm: "ED25519", Fingerprint: v.fp, KeyID: v.person}
	x.Attach(e)
	v.events = append(v.events, e)
	return e
}

func (v *visit) in(t float64) {
	e := v.add(t, schema.TypeLogin, schema.Succeeded, &schema.Extra{Event: &schema.Event{Pos: "auth.log:1"}})
	e.Metadata.AuditID = v.login()
}

func (v *visit) out(t float64) {
	e := v.add(t, schema.TypeLogout, schema.Succeeded, &schema.Extra{Event: &schema.Event{Pos: "auth.log:2"}})
	data := json.RawMessage(`{"ended":"logout"}`)
	e.Data = &data
}

func users(euid string) *schema.Users {
	return &schema.Users{AUID: &schema.User{ID: "1000", Name: "deploy"}, UID: &schema.User{ID: euid}, EUID: &schema.User{ID: euid}}
}

func (v *visit) exec(t float64, pid, ppid int, euid string, args ...string) *schema.Extra {
	x := &schema.Extra{Action: "executed", ProcessArgs: args, User: users(euid),
		Event:   &schema.Event{ID: fmt.Sprintf("%.3f:%d", t, pid), Type: "EXECVE", Syscall: "execve", Exit: "0", Pos: fmt.Sprintf("audit.log:%d-%d", pid, pid+3)},
		Process: &schema.Process{PID: pid, PPID: ppid, Exe: "/usr/bin/" + args[0], CWD: "/home/deploy", TTY: "pts0"}}
	v.add(t, schema.TypeAction, schema.Succeeded, x)
	return x
}

// touch opens a file, or connects where object is a socket.
func (v *visit) touch(t float64, pid int, euid, outcome, action, kind, name, second string) {
	v.add(t, schema.TypeAction, outcome, &schema.Extra{Action: action, User: users(euid),
		Object:  &schema.Object{Type: kind, Primary: name, Secondary: second},
		Event:   &schema.Event{ID: fmt.Sprintf("%.3f:9%d", t, pid), Type: "SYSCALL", Syscall: "openat", Exit: "EACCES", Pos: "audit.log:7"},
		Process: &schema.Process{PID: pid, PPID: 1, Exe: "/usr/bin/cat", CWD: "/home/deploy"}})
}

// story is one session in which somebody reads /etc/shadow.
func story() []*auditevent.AuditEvent {
	v := &visit{id: 7777, person: "alice@example.com", account: "deploy", ip: "192.0.2.44", host: "web1", fp: "SHA256:abcdefghijklmnop"}
	v.in(0)
	v.exec(1, 200, 100, "1000", "-bash")
	v.exec(2, 201, 200, "1000", "ls", "/srv")
	v.exec(3, 202, 200, "0", "sudo", "cat", "/etc/shadow")
	v.exec(3.1, 203, 202, "0", "cat", "/etc/shadow")
	v.touch(3.2, 203, "0", schema.Succeeded, "opened-file", "file", "/etc/shadow", "")
	v.touch(4, 203, "1000", schema.Failed, "opened-file", "file", "secret", "")
	v.touch(5, 200, "1000", schema.Succeeded, "connected-to", "socket", "198.51.100.9", "443")
	v.out(60)
	return append(v.events, refused("203.0.113.9", "root", "not in AllowUsers", 30))
}

func refused(ip, account, reason string, t float64) *auditevent.AuditEvent {
	data, _ := json.Marshal(map[string]string{"reason": reason})
	raw := json.RawMessage(data)
	e := &auditevent.AuditEvent{Type: schema.TypeLogin, LoggedAt: at(t), Outcome: schema.Failed, Target: map[string]string{"host": "web1"},
		Subjects: map[string]string{"loggedAs": account, "userID": "unknown"}, Source: auditevent.EventSource{Type: "IP", Value: ip}, Data: &raw, Component: "sshd"}
	x := &schema.Extra{Event: &schema.Event{Pos: "auth.log:9"}, Session: &schema.Session{Boot: "b1"}, Credential: &schema.Credential{Method: "password"}}
	x.Attach(e)
	return e
}

// many is a host with that many sessions and about that many events, one
// session after the other.
func many(sessions, events int) []*auditevent.AuditEvent {
	var all []*auditevent.AuditEvent
	each := events/sessions - 2
	for n := range sessions {
		v := &visit{id: n + 1, person: fmt.Sprintf("person%02d@example.com", n%40), account: "deploy",
			ip: fmt.Sprintf("10.0.%d.%d", n/250, n%250), host: "web1", fp: fmt.Sprintf("SHA256:%040d", n%60)}
		start := float64(n) * 97
		v.in(start)
		for k := range each {
			pid, euid := n*each+k+1000, "1000"
			if k%9 == 8 {
				euid = "0"
			}
			v.exec(start+1+float64(k), pid, n*each+1000-1, euid, "grep", "-rn", fmt.Sprintf("pattern %d", k), fmt.Sprintf("/srv/app/%d/file-%d.conf", n%100, k))
		}
		v.out(start + float64(each) + 5)
		all = append(all, v.events...)
	}
	return all
}

// render is the report of events.
func render(t testing.TB, c *html.Case, events ...*auditevent.AuditEvent) []byte {
	t.Helper()
	var out bytes.Buffer
	r := html.New(&out, html.Options{TempDir: t.TempDir()})
	for _, e := range events {
		if err := r.Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	if c != nil {
		r.SetCase(*c)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// block is the JSON of a data block, nil where there is none.
func block(t testing.TB, page []byte, id string, into any) bool {
	t.Helper()
	m := regexp.MustCompile(`(?s)<script type="application/json" id="` + regexp.QuoteMeta(id) + `">(.*?)</script>`).FindSubmatch(page)
	if m == nil {
		return false
	}
	if err := json.Unmarshal(m[1], into); err != nil {
		t.Fatalf("block %s: %v", id, err)
	}
	return true
}
