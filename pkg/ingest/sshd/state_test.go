package sshd

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"auditreplay/pkg/ingest"
)

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

// TestBounded lets attempts come and fail by the hundred thousand, each of a PID
// and a port of its own: what is kept of them has a limit, and what came lately
// is known.
func TestBounded(t *testing.T) {
	t.Parallel()
	c := NewConnections()
	said := func(i int) string {
		return fmt.Sprintf("Failed password for root from 192.0.2.7 port %d ssh2", 1024+i%50000)
	}
	fail := func(i int) (last *Login) {
		var l Line
		Parse(said(i), &l)
		at := time.Unix(1_700_000_000+int64(i), 0)
		m := &ingest.Message{Time: at, Received: at, Ident: "sshd", UID: -1, PID: 1000 + i, Text: said(i)}
		c.Add(m, ingest.Pos{}, &l, func(ch Change) { last = ch.Login })
		return last
	}
	kept := func() int {
		s := c.Snapshot()
		return len(s.Lives) + len(s.Past) + len(s.Young) + len(s.Old)
	}
	if first := fail(0); first.N != 1 || first.Life != 1 || kept() != 2*12 {
		t.Fatalf("N %d, life %d, %d bytes", first.N, first.Life, kept())
	}
	const most = 2 * 2 * generation * 12
	for i := 1; i < 5*generation; i++ { // what fail counts, without a connection
		c.lives.next(uint64(1000 + i))
		c.seen.next(decisionKey(1000+i, said(i)))
		if i%(generation/2) == 0 && kept() > most {
			t.Fatalf("%d attempts: %d bytes are kept, more than %d", i, kept(), most)
		}
	}
	for _, c := range []struct{ i, n int }{{5*generation - 1, 2}, {4 * generation, 2}, {1, 1}} {
		if g := fail(c.i); g.N != c.n || g.Life != c.n {
			t.Errorf("attempt %d again: N %d, life %d", c.i, g.N, g.Life)
		}
	}
}

// A carrier may know that the text was cut where its length does not show it.
func TestCut(t *testing.T) {
	t.Parallel()
	c := NewConnections()
	var l Line
	for text, want := range map[string]string{
		"Accepted publickey for bob from 1.2.3.4 port 5 ssh2: RSA SHA256:k":                                     "",
		"Accepted publickey for bob from 1.2.3.4 port 6 ssh2: RSA-CERT SHA256:k ID b (serial 1) CA RSA SHA256:": "SHA256:k",
	} {
		Parse(text, &l)
		c.Add(&ingest.Message{Truncated: true}, ingest.Pos{}, &l, func(ch Change) {
			if g := ch.Login; !g.Truncated || g.Fingerprint != want || g.KeyID != "" || g.CAFingerprint != "" {
				t.Errorf("%s: %+v", text, g)
			}
		})
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
