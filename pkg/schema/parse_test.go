package schema

import (
	"encoding/json"
	"hash/maphash"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/metal-toolbox/auditevent"
)

// What the Encoder writes of an audit event is read the fast way.
func TestParserReadsOurOwn(t *testing.T) {
	t.Parallel()
	x := Extra{
		Action: "executed", How: "bash", ProcessArgs: []string{"a b", "é\n\xff"}, ProcessArgsHex: []string{"ff"},
		Credential: &Credential{Method: "publickey", Serial: "1", CA: &CA{Algorithm: "RSA"}},
		Event:      &Event{Pos: "audit.log:1", Late: true, Keys: []string{"k"}},
		Object:     &Object{Type: "file"},
		Process:    &Process{PID: 1, PPID: 2, Exe: "/bin/sh"},
		Session:    &Session{ID: "3", Attribution: BySSHD, Evidence: []string{"boot"}},
		User:       &Users{AUID: &User{ID: "0"}, UID: &User{ID: "unset"}, EUID: &User{}},
	}
	e := auditevent.AuditEvent{
		Type: TypeAction, Subjects: map[string]string{"pid": "1"}, Target: map[string]string{"host": "h"},
		Source: auditevent.EventSource{Type: "IP", Extra: map[string]any{"port": "22"}},
	}
	data := json.RawMessage(`{"Alg":"ED25519 SHA256"}`)
	e.Data = &data
	x.Attach(&e)
	p := parser{names: interner{seed: maphash.MakeSeed()}}
	if p.event(AppendJSON(nil, &e)) == nil {
		t.Errorf("gave up at %.60q", p.text[p.at:])
	}
}

// FuzzParser holds the fast way of reading equal to encoding/json: where it
// does not give up, both read the same.
func FuzzParser(f *testing.F) {
	for _, seed := range []string{
		`{"metadata":{"auditId":"67","extra":{"action":"a","credential":{"method":"publickey","ca":{"algorithm":"x"}},"event":{"id":"1.2:3","keys":["a","b"],"late":true,"pos":"x:1"},"object":{"type":"t"},"process":{"pid":12,"ppid":-3},"process_args":["\u00e9","é",""],"session":{"evidence":[]},"user":{"uid":{"id":"0"}}}},"type":"UserAction","loggedAt":"2023-03-17T13:37:38.126Z","source":{"type":"IP","value":"v","extra":{"port":"1"}},"subjects":{"pid":"7"},"target":{}}`,
		`{"type":"a","loggedAt":"2023-03-17T13:37:38+01:00","subjects":{"a":"b"},"subjects":{"c":"d"}}`,
		`{"type":"a","loggedAt":"2023-03-17T13:37:38Z","data": { "a" : "\\u0041" } }`,
		`{"type":"a","TYPE":"b","loggedAt":"2023-03-17T13:37:38Z"}`,
		`{"metadata":{"extra":{}},"metadata":{"extra":{"process":{"pid":1e3}}},"type":"a","loggedAt":"2023-03-17T13:37:38Z"}`,
		`{"metadata":{"extra":{"process":{"pid":007}}},"type":"a","loggedAt":null}`,
		"{\"type\":\"\xff\",\"component\":\"a\nb\",\"loggedAt\":\"2023-03-17T13:37:38Z\"}",
		`{"metadata":{"extra":{"event":{"pos":"\"}},"type":"a"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p := parser{names: interner{seed: maphash.MakeSeed()}}
		got := p.event(text)
		if got == nil {
			return
		}
		want, err := decodeEvent(text)
		if err != nil {
			t.Fatalf("read what encoding/json refuses: %v", err)
		}
		hidden := cmpopts.IgnoreUnexported(Event{}, Extra{})
		if diff := cmp.Diff(want, got, hidden); diff != "" {
			t.Fatalf("-encoding/json +parser:\n%s", diff)
		}
		if diff := cmp.Diff(Of(want), Of(got), hidden); diff != "" {
			t.Fatalf("extra, -encoding/json +parser:\n%s", diff)
		}
	})
}
