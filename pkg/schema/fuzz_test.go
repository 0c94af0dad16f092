package schema_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/metal-toolbox/auditevent"

	"auditreplay/pkg/schema"
)

// dice makes an event out of the bytes of a fuzzer: each choice takes one.
type dice struct{ data []byte }

func (d *dice) roll(n int) int {
	if len(d.data) == 0 {
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return int(b) % n
}

func (d *dice) text() string {
	n := min(d.roll(40), len(d.data))
	s := string(d.data[:n])
	d.data = d.data[n:]
	return s
}

func (d *dice) texts() []string {
	var list []string
	for range d.roll(4) {
		list = append(list, d.text())
	}
	return list
}

func (d *dice) names() []schema.Name {
	var list []schema.Name
	for range d.roll(3) {
		list = append(list, schema.Name{From: d.text(), Name: d.text()})
	}
	return list
}

func (d *dice) user() *schema.User {
	if d.roll(3) == 0 {
		return nil
	}
	return &schema.User{ID: d.text(), Name: d.text()}
}

func (d *dice) extra() *schema.Extra {
	x := &schema.Extra{Action: d.text(), How: d.text(), ProcessArgs: d.texts(), ProcessArgsHex: d.texts()}
	if d.roll(4) > 0 {
		x.Event = &schema.Event{
			Contradictions: d.texts(), Exit: d.text(), ID: d.text(), Keys: d.texts(), Late: d.roll(2) > 0,
			Node: d.text(), Pos: d.text(), Raw: d.texts(), Syscall: d.text(), Type: d.text(),
		}
	}
	if d.roll(4) > 0 {
		x.Session = &schema.Session{
			Attribution: d.text(), Boot: d.text(), Evidence: d.texts(), ID: d.text(), Login: d.text(), Reason: d.text(),
		}
	}
	if d.roll(4) > 0 {
		x.Credential = &schema.Credential{
			Algorithm: d.text(), Fingerprint: d.text(), KeyID: d.text(), KeyIDHex: d.text(), Method: d.text(),
			Names: d.names(), Principal: d.text(), Serial: d.text(),
		}
		if d.roll(2) > 0 {
			x.Credential.CA = &schema.CA{Algorithm: d.text(), Fingerprint: d.text(), Names: d.names()}
		}
	}
	if d.roll(4) > 0 {
		x.Object = &schema.Object{Primary: d.text(), Secondary: d.text(), Type: d.text()}
	}
	if d.roll(4) > 0 {
		x.Process = &schema.Process{
			Comm: d.text(), CommHex: d.text(), CWD: d.text(), CWDHex: d.text(), Exe: d.text(), ExeHex: d.text(),
			PID: d.roll(256) * d.roll(256), PPID: -d.roll(256), TTY: d.text(),
		}
	}
	if d.roll(4) > 0 {
		x.User = &schema.Users{AUID: d.user(), EUID: d.user(), UID: d.user()}
	}
	return x
}

func (d *dice) subjects() map[string]string {
	m := map[string]string{}
	for _, key := range []string{"loggedAs", "pid", "userID", "other\n"} {
		if d.roll(2) > 0 {
			m[key] = d.text()
		}
	}
	return m
}

func (d *dice) event() *auditevent.AuditEvent {
	e := &auditevent.AuditEvent{
		Metadata:  auditevent.EventMetadata{AuditID: d.text()},
		Type:      d.text(),
		LoggedAt:  time.Unix(int64(d.roll(256))<<20, int64(d.roll(256))<<d.roll(22)).UTC(),
		Source:    auditevent.EventSource{Type: d.text(), Value: d.text()},
		Outcome:   d.text(),
		Component: d.text(),
		Target:    map[string]string{},
		Subjects:  d.subjects(),
	}
	d.extra().Attach(e)
	for _, key := range []string{"host", "machine-id", "rack"} {
		if d.roll(2) > 0 {
			e.Target[key] = d.text()
		}
	}
	if d.roll(2) > 0 {
		e.Source.Extra = map[string]any{"port": d.text()}
	}
	if d.roll(4) == 0 {
		e.Metadata.Extra[d.text()] = []any{strings.ReplaceAll(d.text(), "\ufffd", "?"), float64(d.roll(256)) / 3, nil}
	}
	if text, err := json.Marshal(strings.ToValidUTF8(strings.ReplaceAll(d.text(), "\ufffd", "?"), "?")); d.roll(2) > 0 && err == nil {
		e.Data = (*json.RawMessage)(&text)
	}
	return e
}

// Whatever an event holds, it is written as encoding/json writes it.
func FuzzAppendJSON(f *testing.F) {
	seed := make([]byte, 512)
	for i := range seed {
		seed[i] = byte(i * 37)
	}
	f.Add([]byte{})
	f.Add(seed)
	f.Add(append([]byte{30, 'a', '"', '\\', 0xff, 0xe2, 0x80, 0xa8, 0x1b, '\n'}, seed...))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := dice{data}
		e := d.event()
		want := byTheBook(t, e)
		if got := string(schema.AppendJSON(nil, e)) + "\n"; got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
		if again := roundTrip(t, want); again != want && e.Type != "" {
			t.Fatalf("read and written again %s\nwant %s", again, want)
		}
	})
}

// roundTrip decodes and encodes what it is given.
func roundTrip(t testing.TB, text string) string {
	t.Helper()
	var out strings.Builder
	enc := schema.NewEncoder(&out)
	dec := schema.NewDecoder(strings.NewReader(text), "saved.jsonl")
	for {
		e, err := dec.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Log(err)
			continue
		}
		if err := enc.Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := enc.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
