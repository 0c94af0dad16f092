package html_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/report"
	"auditreplay/pkg/report/html"
	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

func Example() {
	var out bytes.Buffer
	r := html.New(&out, html.Options{Title: "Case 17"})
	for _, e := range story() {
		if err := r.Encode(e); err != nil {
			fmt.Println(err)
		}
	}
	r.SetCase(html.Case{Version: "1.0", Command: []string{"auditreplay", "report", "audit.log"}})
	if err := r.Close(); err != nil {
		fmt.Println(err)
	}
	fmt.Println(strings.Contains(out.String(), "<title>Case 17</title>"))
	// Output: true
}

func testCase() *html.Case {
	return &html.Case{Version: "1.2.3", Command: []string{"auditreplay", "report", "my log", "-o", "case.html"},
		Inputs: []html.Input{{Name: "audit.log", Path: "/e/audit.log", Kind: "audit log", SHA256: "c0ffee", Bytes: 1234567, Read: 9, Evidence: 9, NULs: 3,
			First: day, Last: day.Add(time.Hour), ClockSkew: 1500 * time.Millisecond}},
		Hosts:    []html.Host{{Name: "web1", MachineID: "m1", Boots: []string{"b1"}}},
		Damage:   []string{"audit.log: archive breaks off"},
		Findings: []html.Finding{{Kind: "serial_gap", Host: "web1", From: day, To: day, Count: 12, Where: "audit.log:5", Detail: "12 events"}},
		Skipped:  map[string]int64{"no log": 2}, Accepted: 1, Joined: 1, Refused: 1, AuditEvents: 8, Written: 10}
}

// The same events and the same Case give the same file, and no temporary file
// stays behind.
func TestDeterministic(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var pages [2]bytes.Buffer
	for i := range pages {
		r := html.New(&pages[i], html.Options{TempDir: dir})
		for _, e := range append(many(50, 2000), story()...) {
			if err := r.Encode(e); err != nil {
				t.Fatal(err)
			}
		}
		r.SetCase(*testCase())
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(pages[0].Bytes(), pages[1].Bytes()) {
		t.Error("two reports of the same events differ")
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestContent(t *testing.T) {
	t.Parallel()
	page := render(t, testCase(), story()...)
	for _, want := range []string{"auditreplay 1.2.3", "auditreplay report &#39;my log&#39; -o case.html", "c0ffee", "1\u202f234\u202f567", "archive breaks off",
		"serial_gap", "audit.log:5", "3 NUL bytes", "audit.log is &#43;1.500 s off", "clock &#43;1.500 s off", "no log: 2", "machine ID", "2026-11-22 10:00:00"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("not in the page: %s", want)
		}
	}
	var sessions struct {
		Fields []string
		Rows   [][]any
		From   float64
		To     float64
	}
	block(t, page, "sessions", &sessions)
	if len(sessions.Rows) != 1 {
		t.Fatalf("%d sessions, want 1", len(sessions.Rows))
	}
	for field, want := range map[string]any{"person": "alice@example.com", "account": "deploy", "ip": "192.0.2.44", "port": "4711", "fingerprint": "SHA256:abcdefghijklmnop",
		"ended": "logout", "duration": 60.0, "commands": 4.0, "root": 2.0, "failures": 1.0, "events": 9.0, "session": "7777", "start": float64(day.UnixMilli())} {
		if got := sessions.Rows[0][slices.Index(sessions.Fields, field)]; got != want {
			t.Errorf("%s is %v, want %v", field, got, want)
		}
	}
	for id, want := range map[string][]string{
		"files":      {"/etc/shadow", "/home/deploy/secret", "/srv"},
		"sockets":    {"198.51.100.9:443"},
		"privileges": {"alice@example.com → deploy → root"},
	} {
		var list struct{ Rows [][]any }
		block(t, page, id, &list)
		var names []string
		for _, r := range list.Rows {
			names = append(names, r[0].(string))
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s: %q, want %q", id, names, want)
		}
	}
	var refusals [][]any
	if block(t, page, "refusals", &refusals); len(refusals) != 1 || refusals[0][0] != "203.0.113.9" || refusals[0][1] != 1.0 {
		t.Errorf("refusals: %v", refusals)
	}
	var events, refusedEvents [][]any
	if block(t, page, "e0.0", &events); len(events) != 9 {
		t.Errorf("%d events in the session's block, want 9", len(events))
	}
	if block(t, page, "refused.0", &refusedEvents); len(refusedEvents) != 1 {
		t.Errorf("%d refused logins, want 1", len(refusedEvents))
	}
}

// Without a Case the page says that it does not know, and without events that
// there are none.
func TestLittleKnown(t *testing.T) {
	t.Parallel()
	page := string(render(t, nil))
	for _, want := range []string{"not known from these alone", "no events"} {
		if !strings.Contains(page, want) {
			t.Errorf("not in the page: %s", want)
		}
	}
}

// The policy allows just the style and the script that are in the page.
func TestPolicy(t *testing.T) {
	t.Parallel()
	page := string(render(t, nil, story()...))
	policy := strings.ReplaceAll(regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)[1], "&#39;", "'")
	policy = strings.ReplaceAll(policy, "&#43;", "+")
	for tag, directive := range map[string]string{"style": "style-src", "script": "script-src"} {
		code := regexp.MustCompile(`(?s)<`+tag+`>(.*?)</`+tag+`>`).FindAllStringSubmatch(page, -1)
		if len(code) != 1 {
			t.Fatalf("%d %s elements, want 1", len(code), tag)
		}
		sum := sha256.Sum256([]byte(code[0][1]))
		if want := directive + " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, want) {
			t.Errorf("%s is not in %s", want, policy)
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none'; ") {
		t.Errorf("policy: %s", policy)
	}
	for _, never := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "http:", "https:", " style=", " onclick=", " onload="} {
		rest := strings.ReplaceAll(page, "http://www.w3.org/2000/svg", "")
		if strings.Contains(rest, never) {
			t.Errorf("the page contains %q", never)
		}
	}
}

// poison is what an attacker would like to see run.
const poison = "</script><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script><!--\u202e\u2066\x1b[31m\x00\u2028{{.}}'\"`${alert(1)}"

// hostile is a story with poison in every field that an attacker can reach,
// and in those that he cannot.
func hostile() ([]*auditevent.AuditEvent, *html.Case) {
	p := poison
	v := &visit{id: 3, person: p, account: p + "a", ip: p + "i", host: p + "h", fp: p}
	v.in(0)
	v.exec(1, 200, 100, "1000", "-bash", p)
	x := v.exec(2, 201, 200, "0", "sudo", p, "/"+p)
	x.Process.CWD, x.Process.Exe, x.Process.TTY, x.Process.Comm, x.Event.ID, x.Event.Pos = "/"+p, "/"+p, p, p, p, p
	x.User.EUID.Name, x.User.AUID.Name = p, p
	x.Session.Boot, x.Session.Evidence, x.Session.Reason = p, []string{p}, p
	v.touch(3, 201, "0", schema.Failed, "opened-file", "file", "/"+p, "")
	v.touch(4, 201, "0", schema.Succeeded, "connected-to", "socket", p, p)
	v.touch(5, 201, "0", schema.Succeeded, p, p, p, p)
	for _, e := range v.events {
		c := schema.Of(e).Credential
		c.Method, c.Algorithm, c.Serial, c.CA = p, p, p, &schema.CA{Algorithm: p, Fingerprint: p}
	}
	v.out(9)
	none := &visit{id: 4, person: "unknown", host: p, fp: ""}
	none.exec(20, 300, 1, "0", p)
	s := schema.Of(none.events[0]).Session
	s.Login, s.Attribution, s.Reason, s.ID = "", schema.None, p, p
	none.events[0].Source = auditevent.EventSource{Type: "local", Value: "/" + p}
	system := &auditevent.AuditEvent{Type: schema.TypeSystem, LoggedAt: at(5), Target: map[string]string{"host": p}}
	(&schema.Extra{Action: p, Event: &schema.Event{Type: p, ID: p, Pos: p}}).Attach(system)
	return append(append(v.events, none.events...), refused(p, p, p, 8), system), &html.Case{Version: p, Command: []string{p, p},
		Inputs: []html.Input{{Name: p, Path: p, Kind: p, SHA256: p}}, Hosts: []html.Host{{Name: p, MachineID: p, Boots: []string{p}}},
		Damage: []string{p}, Findings: []html.Finding{{Kind: p, Host: p, Boot: p, Where: p, Detail: p}}, Skipped: map[string]int64{p: 1}}
}

// Hostile strings change nothing of the page's structure, and what cannot be
// seen is made visible.
func TestHostile(t *testing.T) {
	t.Parallel()
	events, c := hostile()
	page := string(render(t, c, events...))
	tame := string(render(t, testCase(), story()...))
	for _, never := range []string{"<img", "<script>document", "\u202e", "\u2066", "\u2028", "\x1b", "\x00"} {
		if strings.Contains(page, never) {
			t.Errorf("the page contains %q", never)
		}
	}
	shape := func(s string) []string {
		return regexp.MustCompile(`<(?:script|style|/script|/style)[ >]`).FindAllString(regexp.MustCompile(`(?s)<script type="application/json".*?</script>`).ReplaceAllString(s, ""), -1)
	}
	if got, want := shape(page), shape(tame); !slices.Equal(got, want) {
		t.Errorf("elements %q, want %q", got, want)
	}
	if !strings.Contains(page, "&lt;U&#43;202E&gt;") && !strings.Contains(page, `\u003cU+202E\u003e`) {
		t.Error("a bidirectional control is not shown")
	}
}

// The trees of the report are those of the tree view, although the report
// lets go of a session's processes when it ends.
func TestTreesAsInTree(t *testing.T) {
	t.Parallel()
	events := append(many(20, 400), story()...)
	slices.SortStableFunc(events, func(a, b *auditevent.AuditEvent) int { return a.LoggedAt.Compare(b.LoggedAt) })
	page := render(t, nil, events...)
	forest := report.NewForest()
	for _, e := range events {
		forest.Add(e)
	}
	for i, tree := range forest.Trees() {
		var want []string
		var walk func(all []*report.Process, depth int)
		walk = func(all []*report.Process, depth int) {
			for _, p := range all {
				line := fmt.Sprint(depth, " ", p.PID)
				for k := range p.Execs {
					line += " | " + strings.Join(p.Execs[k].Chain, " → ") + " " + p.Execs[k].Text()
				}
				want = append(want, line)
				walk(p.Children, depth+1)
			}
		}
		walk(tree.Roots, 0)
		var rows [][]any
		var got []string
		block(t, page, fmt.Sprintf("t%d", i), &rows)
		for _, r := range rows {
			line := fmt.Sprint(r[0], " ", r[1])
			for _, x := range r[6].([]any) {
				one := x.([]any)
				var chain []string
				for _, c := range one[2].([]any) {
					chain = append(chain, c.(string))
				}
				line += " | " + strings.Join(chain, " → ") + " " + one[1].(string)
			}
			got = append(got, line)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("session %d:\n got %q\nwant %q", i, got, want)
		}
	}
}

// A long session stands in several blocks, in order.
func TestBlocks(t *testing.T) {
	t.Parallel()
	page := render(t, nil, many(1, 5000)...)
	last, total := 0.0, 0
	for k := 0; ; k++ {
		var rows [][]any
		if !block(t, page, fmt.Sprintf("e0.%d", k), &rows) {
			if k < 3 {
				t.Errorf("%d blocks, want several", k)
			}
			break
		}
		for _, r := range rows {
			if r[0].(float64) < last {
				t.Fatal("events out of order")
			}
			last = r[0].(float64)
		}
		total += len(rows)
	}
	if total != 5000 {
		t.Errorf("%d events in all blocks, want 5000", total)
	}
}

type full struct{ room int }

var errFull = errors.New("no space left on device")

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestErrors(t *testing.T) {
	t.Parallel()
	r := html.New(&full{room: 10}, html.Options{TempDir: t.TempDir()})
	if err := r.Encode("no event"); err == nil {
		t.Error("a string was encoded")
	}
	if err := r.Encode(story()[0]); err != nil {
		t.Error(err)
	}
	if err := r.Close(); !errors.Is(err, errFull) {
		t.Errorf("Close: %v, want %v", err, errFull)
	}
	if err := r.Encode(story()[0]); err == nil {
		t.Error("Encode after Close succeeded")
	}
	r = html.New(&full{}, html.Options{TempDir: t.TempDir() + "/none"})
	if err := r.Encode(story()[0]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a directory for temporary files: %v", err)
	}
	r.Close()
}

// BenchmarkReport is of 5,000 sessions and 200,000 events:
// go test -run - -bench Report -benchtime 1x ./pkg/report/html
func BenchmarkReport(b *testing.B) {
	events := many(5000, 200_000)
	for b.Loop() {
		b.SetBytes(int64(len(render(b, nil, events...))))
	}
}
