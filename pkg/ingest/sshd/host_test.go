package sshd

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auditreplay/pkg/ingest"
)

// A truth is what the clients of a recorded host did, written down by them.
type truth struct {
	Logins []struct {
		ID, Account, Addr, Method, Fingerprint, Ended string
		KeyID                                         string `json:"key_id"`
		Boot, Port, Ses                               int
	}
	Failed []struct {
		ID, Kind, Account, Addr string
		Boot, Port              int
	}
}

var hosts = []string{"bookworm-0", "bookworm-A", "trixie-A"}

func readTruth(t testing.TB, host string) *truth {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", host+".truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	tr := new(truth)
	if err := json.Unmarshal(b, tr); err != nil {
		t.Fatal(err)
	}
	return tr
}

// files are two records of the same messages: journalctl -o short-iso printed
// the one, in the senders' order; rsyslog wrote the other, as they arrived.
var files = []string{"sshd.short-iso.gz", "auth.log.gz"}

// readHost gives the sshd messages of one file of a host.
func readHost(t testing.TB, host, file string) []ingest.Entry {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "testdata", "host", host, file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	src := &ingest.Source{Name: file, Path: host + "/" + file}
	var list []ingest.Entry
	for s := bufio.NewScanner(z); s.Scan(); {
		if e, ok := shortISO(s.Text()); ok {
			if !IsProgram(e.Message.Ident) {
				continue
			}
			e.Pos = ingest.Pos{Source: src, Line: int64(len(list) + 1)}
			list = append(list, e)
		} else {
			t.Errorf("%s: %q", host, s.Text())
		}
	}
	return list
}

// readJournal gives the sshd entries of a host as journalctl -o json printed
// them, with what the kernel says of their senders.
func readJournal(t testing.TB, host string) []ingest.Entry {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "testdata", "host", host, "sshd.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var list []ingest.Entry
	for d := json.NewDecoder(z); d.More(); {
		var o map[string]any
		if err := d.Decode(&o); err != nil {
			t.Fatal(err)
		}
		str := func(name string) string { s, _ := o[name].(string); return s }
		num := func(name string) int { n, _ := strconv.Atoi(str(name)); return n }
		at := time.UnixMicro(int64(num("_SOURCE_REALTIME_TIMESTAMP"))).UTC()
		list = append(list, ingest.Entry{
			Kind: ingest.MessageEntry,
			Pos:  ingest.Pos{Line: int64(len(list) + 1)},
			Message: ingest.Message{
				Time: at, Received: at, Ident: str("SYSLOG_IDENTIFIER"), Text: str("MESSAGE"), Journal: true,
				Trusted: true, PID: num("_PID"), UID: num("_UID"), Comm: str("_COMM"), Exe: str("_EXE"),
				AuditSes: str("_AUDIT_SESSION"), AuditUID: str("_AUDIT_LOGINUID"),
			},
		})
	}
	return list
}

// TestJournal holds what the journal's trusted fields add: every real entry is
// believed, and the audit session it names is the one the client saw.
func TestJournal(t *testing.T) {
	t.Parallel()
	for _, host := range hosts {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			entries := readJournal(t, host)
			var l Line
			for i := range entries {
				Parse(entries[i].Message.Text, &l)
				if ok, why := Believable(&entries[i].Message, &l); !ok {
					t.Errorf("%s: %s", entries[i].Message.Text, why)
				}
			}
			logins := map[string][]*Login{}
			replay(t, entries, func(boot int, c Change) {
				if c.Kind == Decided && c.Login.Accepted {
					key := fmt.Sprint(boot, " ", c.Login.Addr, " ", c.Login.Port)
					logins[key] = append(logins[key], c.Login)
				}
			})
			known := 0
			for _, want := range readTruth(t, host).Logins {
				key := fmt.Sprint(want.Boot, " ", want.Addr, " ", want.Port)
				if len(logins[key]) == 0 {
					continue
				}
				g := logins[key][0]
				logins[key] = logins[key][1:]
				if g.SesConflict || g.AuditSes != "" && want.Ses != 0 && g.AuditSes != strconv.Itoa(want.Ses) {
					t.Errorf("%s: session %q (conflict %v), want %d", want.ID, g.AuditSes, g.SesConflict, want.Ses)
				}
				if g.AuditSes != "" {
					known++
				}
			}
			if known < 100 {
				t.Errorf("only %d logins have an audit session", known)
			}
		})
	}
}

func shortISO(line string) (e ingest.Entry, ok bool) {
	stamp, rest, _ := strings.Cut(line, " ")
	_, rest, _ = strings.Cut(rest, " ")
	tag, text, ok := strings.Cut(rest, ": ")
	ident, pid, _ := strings.Cut(tag, "[")
	at, err := time.Parse("2006-01-02T15:04:05.999999-0700", stamp)
	if err != nil {
		at, err = time.Parse(time.RFC3339Nano, stamp)
	}
	e.Kind = ingest.MessageEntry
	e.Message = ingest.Message{Time: at, Received: at, Ident: ident, Text: text, UID: -1}
	e.Message.PID, _ = strconv.Atoi(strings.TrimSuffix(pid, "]"))
	return e, ok && err == nil
}

// replay runs a host's boots and gives the logins of each.
func replay(t testing.TB, entries []ingest.Entry, emit func(boot int, c Change)) {
	t.Helper()
	var c *Connections
	boot := 0
	into := func(ch Change) { emit(boot, ch) }
	var l Line
	for i := range entries {
		m := &entries[i].Message
		Parse(m.Text, &l)
		if l.Kind == Listening && l.LAddr == "0.0.0.0" { // once a boot, on these hosts
			if c != nil {
				c.Close(into)
			}
			c = NewConnections()
			boot++
		}
		if c == nil {
			t.Fatal("no listener before the first connection")
		}
		c.Add(m, entries[i].Pos, &l, into)
	}
	c.Close(into)
}

func TestHosts(t *testing.T) {
	t.Parallel()
	for _, host := range hosts {
		for _, file := range files {
			t.Run(host+"/"+file, func(t *testing.T) {
				t.Parallel()
				accepted, failed := map[string][]*Login{}, map[string][]*Login{}
				replay(t, readHost(t, host, file), func(boot int, c Change) {
					key := fmt.Sprint(boot, " ", c.Login.Addr, " ", c.Login.Port)
					switch {
					case c.Kind != Decided:
					case c.Login.Accepted:
						accepted[key] = append(accepted[key], c.Login)
					default:
						failed[key] = append(failed[key], c.Login)
					}
				})
				tr := readTruth(t, host)
				checkAccepted(t, host, file, tr, accepted)
				checkFailed(t, tr, failed)
			})
		}
	}
}

func checkAccepted(t *testing.T, host, file string, tr *truth, accepted map[string][]*Login) {
	for _, want := range tr.Logins {
		if file == "sshd.short-iso.gz" && host == "trixie-A" && (want.ID == "L118" || want.ID == "L119") {
			continue // a hard reset cost the journal their lines
		}
		key := fmt.Sprint(want.Boot, " ", want.Addr, " ", want.Port)
		if len(accepted[key]) == 0 {
			t.Errorf("%s %s: no login", want.ID, key)
			continue
		}
		g := accepted[key][0] // one client port can come twice in a boot
		accepted[key] = accepted[key][1:]
		type id struct{ Account, Method, Fingerprint, KeyID string }
		w := id{want.Account, want.Method, want.Fingerprint, want.KeyID}
		if diff := cmp.Diff(w, id{g.Account, g.Method, g.Fingerprint, g.KeyID}); diff != "" {
			t.Errorf("%s %s: %s", want.ID, key, diff)
		}
		if g.Conflict != nil {
			t.Errorf("%s %s: conflict", want.ID, key)
		}
		how := "none"
		if g.End != nil {
			how = g.End.How
		}
		if allowed := endings[want.Ended]; !strings.Contains(allowed, how) {
			t.Errorf("%s %s: ended %s, the client says %s", want.ID, key, how, want.Ended)
		}
	}
	for key, rest := range accepted {
		for _, g := range rest {
			t.Errorf("%s: invented login %s", g.Pos, key)
		}
	}
}

// endings gives what sshd's log can say of each end that a client knows. A
// client that is killed while its session's process lives on as its master's
// is logged like a logout. Nothing is logged for an sshd that root killed.
var endings = map[string]string{
	"exit":                "logout disconnect",
	"ctrl-d":              "logout",
	"client killed":       "disconnect logout",
	"host reboot":         "killed logout none",
	"host poweroff":       "killed logout none",
	"host reset":          "none",
	"sshd killed by root": "none killed disconnect logout",
}

func checkFailed(t *testing.T, tr *truth, failed map[string][]*Login) {
	for _, want := range tr.Failed {
		if want.Kind == "connect and close" || want.Kind == "http on ssh port" {
			continue
		}
		key := fmt.Sprint(want.Boot, " ", want.Addr, " ", want.Port)
		got := failed[key]
		if len(got) == 0 {
			t.Errorf("%s %s %s: no failed login", want.ID, want.Kind, key)
			continue
		}
		reasons := ""
		for _, g := range got {
			if g.Account != want.Account {
				t.Errorf("%s %s %s: account %q, want %q", want.ID, want.Kind, key, g.Account, want.Account)
			}
			reasons += " | " + g.Error + ": " + g.Reason
		}
		if !strings.Contains(reasons, reasonFor[want.Kind]) {
			t.Errorf("%s %s %s: reasons%s", want.ID, want.Kind, key, reasons)
		}
	}
}

var reasonFor = map[string]string{
	"cert not yet valid":              "certificate invalid: not yet valid",
	"expired cert":                    "certificate invalid: expired",
	"too many failures":               "too many authentication failures",
	"cert, account not in principals": "certificate invalid: name is not a listed principal",
	"cert for another principal":      "certificate invalid: name is not a listed principal",
	"revoked key":                     "key revoked",
	"revoked key in cert":             "key revoked",
	"cert source-address":             "certificate invalid: not from a permitted source address",
	"root key, PermitRootLogin no":    "root login refused",
	"denied user, right key":          "listed in DenyUsers",
	"denied user, right password":     "listed in DenyUsers",
	"invalid user, key":               closedEarly,
	"invalid user":                    "invalid user",
}
