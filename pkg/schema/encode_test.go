package schema_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/metal-toolbox/auditevent"

	"auditreplay/pkg/schema"
)

// byTheBook is what encoding/json writes for e, but for U+FFFD, which we
// always escape.
func byTheBook(t testing.TB, e *auditevent.AuditEvent) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(b.String(), "\ufffd", `\ufffd`)
}

// action is a typical event of about 1 KB: a command run as root.
func action() *auditevent.AuditEvent {
	x := &schema.Extra{
		Action:      "executed",
		How:         "bash",
		Object:      &schema.Object{Type: "file", Primary: "/usr/local/bin/rizin"},
		ProcessArgs: []string{"rizin", "-A", "-q", "/var/lib/docker/overlay2/l/malware.bin"},
		Event: &schema.Event{
			ID: "1679060258.126:30361", Type: "EXECVE", Syscall: "execve", Exit: "0",
			Keys: []string{"exec"}, Node: "blam", Pos: "audit.log.1:1018-1023",
		},
		Session: &schema.Session{
			ID: "67", Boot: "071731adf2734640a2d3a5f1c2b3d4e5", Login: "5f0c8c9e-9f5b-5d5a-8a4f-0c1d2e3f4a5b",
			Attribution: schema.BySSHD, Evidence: []string{"boot", "pid", "time", "account", "address"},
		},
		Credential: &schema.Credential{
			Method: "publickey", Algorithm: "ED25519-CERT", KeyID: "alice@example.com", Serial: "350",
			Fingerprint: "SHA256:cbOWp9u9uS9H8Hkq1wJ0lqzS8l5k2m3n4o5p6q7r8s9",
		},
		Process: &schema.Process{
			PID: 25142, PPID: 25130, Exe: "/usr/local/bin/rizin", Comm: "rizin", CWD: "/home/core", TTY: "pts0",
		},
		User: &schema.Users{
			AUID: &schema.User{ID: "1000", Name: "core"},
			UID:  &schema.User{ID: "0", Name: "root"},
			EUID: &schema.User{ID: "0", Name: "root"},
		},
	}
	e := &auditevent.AuditEvent{
		Metadata:  auditevent.EventMetadata{AuditID: "67"},
		Type:      schema.TypeAction,
		LoggedAt:  time.Date(2023, 3, 17, 13, 37, 38, 126e6, time.UTC),
		Source:    auditevent.EventSource{Type: "IP", Value: "6.6.6.2", Extra: map[string]any{"port": "59145"}},
		Outcome:   schema.Failed,
		Subjects:  map[string]string{"loggedAs": "core", "userID": "alice@example.com", "pid": "3076344"},
		Component: "auditd",
		Target:    map[string]string{"host": "blam", "machine-id": "deadbeefdeadbeefdeadbeefdeadbeef"},
	}
	x.Attach(e)
	return e
}

func TestAppendJSON(t *testing.T) {
	t.Parallel()
	var nothing *schema.Session
	raw := json.RawMessage(" {\"a\" : [1, 2 ,\"b \\\" c\"],\n\t\"<\":\"\u2028\" } ")
	cases := map[string]func(*auditevent.AuditEvent){
		"typical":         func(*auditevent.AuditEvent) {},
		"zero":            func(e *auditevent.AuditEvent) { *e = auditevent.AuditEvent{} },
		"empty maps":      func(e *auditevent.AuditEvent) { e.Subjects, e.Target = map[string]string{}, map[string]string{} },
		"foreign subject": func(e *auditevent.AuditEvent) { e.Subjects["zeta"], e.Subjects["a\"b"] = "1", "2" },
		"missing subject": func(e *auditevent.AuditEvent) { delete(e.Subjects, "loggedAs"); delete(e.Target, "host") },
		"foreign target":  func(e *auditevent.AuditEvent) { e.Target["rack"] = "7" },
		"data":            func(e *auditevent.AuditEvent) { e.Data = &raw },
		"nil data":        func(e *auditevent.AuditEvent) { e.Data = new(json.RawMessage) },
		"port number":     func(e *auditevent.AuditEvent) { e.Source.Extra = map[string]any{"port": 22, "x": nil} },
		"foreign extra":   func(e *auditevent.AuditEvent) { e.Metadata.Extra["zz"] = map[string]any{"<": 1.5} },
		"raw extra":       func(e *auditevent.AuditEvent) { e.Metadata.Extra["later"] = raw },
		"plain extra":     func(e *auditevent.AuditEvent) { e.Metadata.Extra = map[string]any{"action": "x", "how": []string{"y"}} },
		"nil extra":       func(e *auditevent.AuditEvent) { e.Metadata.Extra["session"] = nil },
		"typed nil extra": func(e *auditevent.AuditEvent) { e.Metadata.Extra["session"] = nothing },
		"empty structs":   func(e *auditevent.AuditEvent) { e.Metadata.Extra["session"] = &schema.Session{} },
		"another zone":    func(e *auditevent.AuditEvent) { e.LoggedAt = e.LoggedAt.In(time.FixedZone("", -5400)) },
		"nanoseconds":     func(e *auditevent.AuditEvent) { e.LoggedAt = e.LoggedAt.Add(1) },
		"whole second":    func(e *auditevent.AuditEvent) { e.LoggedAt = e.LoggedAt.Truncate(time.Second) },
		"year 9":          func(e *auditevent.AuditEvent) { e.LoggedAt = time.Date(9, 1, 2, 3, 4, 5, 6e7, time.UTC) },
		"names": func(e *auditevent.AuditEvent) {
			c := schema.Of(e).Credential
			c.Names = []schema.Name{{From: "keys:1", Name: "Ann"}, {}}
			c.CA = &schema.CA{Algorithm: "RSA", Fingerprint: "SHA256:x", Names: c.Names}
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := action()
			change(e)
			got := string(schema.AppendJSON(nil, e)) + "\n"
			if diff := cmp.Diff(byTheBook(t, e), got); diff != "" {
				t.Errorf("-encoding/json +ours:\n%s", diff)
			}
		})
	}
}

func TestAppendJSONStrings(t *testing.T) {
	t.Parallel()
	for _, special := range []string{
		"", "\"", "\\", "<>&", "\x00", "\x1f", "\x7f", "\b\f\n\r\t", "é", "\u2028", "\u2029", "\u202a", "\ufffd",
		"\xff", "\xe2\x80", "\xed\xa0\x80", "\x80", "🙂", "\U0010ffff",
	} {
		for before := range 18 {
			for after := range 10 {
				s := strings.Repeat("a", before) + special + strings.Repeat("~", after)
				e := &auditevent.AuditEvent{Component: s}
				want := byTheBook(t, e)
				if got := string(schema.AppendJSON(nil, e)) + "\n"; got != want {
					t.Fatalf("%q: got %s want %s", s, got, want)
				}
			}
		}
	}
}

// Every byte at every place of strings of all lengths that are copied in
// another way.
func TestAppendJSONBytes(t *testing.T) {
	t.Parallel()
	for b := range 256 {
		for n := 1; n <= 26; n++ {
			for at := range n {
				s := []byte("abcdefghijklmnopqrstuvwxyz")[:n]
				s[at] = byte(b)
				want := quote(t, string(s))
				if got := string(schema.AppendJSON(nil, &auditevent.AuditEvent{Component: string(s)})); !strings.Contains(got, `"component":`+want+`}`) {
					t.Fatalf("%q: got %s want %s", s, got, want)
				}
			}
		}
	}
}

func quote(t *testing.T, s string) string {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\ufffd", `\ufffd`)
}

func TestAppendJSONTimes(t *testing.T) {
	t.Parallel()
	e := &auditevent.AuditEvent{}
	for _, digits := range []int{1, 12, 120, 999, 123456789, 987654321, 100200300, 999999999} {
		for ns := digits; ns < 1e9; ns *= 10 {
			e.LoggedAt = time.Unix(1679060258, int64(ns)).UTC()
			if got, want := string(schema.AppendJSON(nil, e))+"\n", byTheBook(t, e); got != want {
				t.Errorf("%d ns: got %s want %s", ns, got, want)
			}
		}
	}
}

// However much room there is, nothing is lost and what stood before stays.
func TestAppendJSONRoom(t *testing.T) {
	t.Parallel()
	for n := range 40 {
		e := &auditevent.AuditEvent{Component: strings.Repeat("a", n), Outcome: strings.Repeat("b", n/2)}
		want := "before" + strings.TrimSuffix(byTheBook(t, e), "\n")
		for room := range len(want) + 20 {
			dst := append(make([]byte, 0, len("before")+room), "before"...)
			if got := string(schema.AppendJSON(dst, e)); got != want {
				t.Fatalf("%d bytes, room for %d: got %s want %s", n, room, got, want)
			}
		}
	}
}

func TestEncoder(t *testing.T) {
	t.Parallel()
	var got, want bytes.Buffer
	enc := schema.NewEncoder(&got)
	w := auditevent.NewAuditEventWriter(enc)
	for i := range 2000 {
		e := action()
		e.LoggedAt = e.LoggedAt.Add(time.Duration(i) * 77 * time.Millisecond)
		want.WriteString(byTheBook(t, e))
		if err := w.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := enc.Flush(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want.Bytes(), got.Bytes()) {
		t.Error("the stream is not what encoding/json writes")
	}
}

// An Encoder that remembers how a session was written notices every change,
// be it the same struct.
func TestEncoderSeesChanges(t *testing.T) {
	t.Parallel()
	e := action()
	x := schema.Of(e)
	x.Credential.CA = &schema.CA{Names: []schema.Name{{}}}
	x.Credential.Names = []schema.Name{{}}
	var got, want strings.Builder
	enc := schema.NewEncoder(&got)
	encode := func() {
		want.WriteString(byTheBook(t, e))
		if err := enc.Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		encode()
		eachString(reflect.ValueOf(x.Session).Elem(), func(s reflect.Value) { s.SetString(s.String() + "+"); encode() })
		eachString(reflect.ValueOf(x.Credential).Elem(), func(s reflect.Value) { s.SetString(s.String() + "+"); encode() })
		x.Session.Evidence = x.Session.Evidence[1:]
		encode()
	}
	x.Credential.CA, x.Credential.Names = nil, nil
	encode()
	if err := enc.Flush(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), got.String()); diff != "" {
		t.Errorf("-encoding/json +ours:\n%s", diff)
	}
}

// eachString calls f with each string that v holds.
func eachString(v reflect.Value, f func(reflect.Value)) {
	switch v.Kind() {
	case reflect.String:
		f(v)
	case reflect.Struct:
		for i := range v.NumField() {
			eachString(v.Field(i), f)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachString(v.Index(i), f)
		}
	case reflect.Pointer:
		eachString(v.Elem(), f)
	}
}

// Events that share what a producer says they share, in any order, with the
// parts of one session exchanged for others.
func TestEncoderShares(t *testing.T) {
	t.Parallel()
	type parts struct {
		e    auditevent.AuditEvent
		sess *schema.Session
		cred *schema.Credential
	}
	var all []parts
	for i := range 1500 { // more than are remembered
		n := strconv.Itoa(i)
		p := parts{sess: &schema.Session{ID: n, Reason: "\x01" + n}}
		p.e = auditevent.AuditEvent{Metadata: auditevent.EventMetadata{AuditID: n}, Source: auditevent.EventSource{Type: "IP", Value: n},
			Subjects: map[string]string{"userID": n, "other": "<" + n}}
		if i%2 == 0 {
			p.cred = &schema.Credential{Serial: n}
			p.e.Target = map[string]string{"host": n}
			p.e.Source.Extra = map[string]any{"port": n}
		}
		all = append(all, p)
	}
	for i := range 40 { // the same sessions with another credential, target, subjects, source, id, component
		p := all[i]
		switch i % 7 {
		case 0:
			p.cred = nil
		case 1:
			p.cred = &schema.Credential{Method: "password"}
		case 2:
			p.e.Target = map[string]string{"host": "other"}
		case 3:
			p.e.Subjects = nil
		case 4:
			p.e.Source.Extra = map[string]any{"port": "7", "more": 1}
		case 5:
			p.e.Metadata.AuditID = "other"
		case 6:
			p.e.Component = "other"
		}
		all = append(all, p)
	}
	var got, want strings.Builder
	enc := schema.NewEncoder(&got)
	var e auditevent.AuditEvent
	var x schema.Extra
	for i := range 20000 {
		p := &all[i*i*31%len(all)]
		switch i % 4 {
		case 1:
			p = &all[i%7*40%len(all)]
		case 2: // a session and, next, what was exchanged of it
			p = &all[i/4%40]
		case 3:
			p = &all[1500+i/4%40]
		}
		m := e.Metadata.Extra
		e = p.e
		e.Metadata.Extra = m
		x.Reset()
		x.Event, x.Session, x.Credential, x.Shared = &schema.Event{Pos: strconv.Itoa(i)}, p.sess, p.cred, true
		if i%5 == 0 {
			x.Action, x.ProcessArgs, x.Object = "a", []string{"b", "c"}, &schema.Object{Type: "file"}
			x.How, x.Process, x.User = "d", &schema.Process{PID: i}, &schema.Users{UID: &schema.User{ID: "1"}}
		}
		x.Attach(&e)
		want.WriteString(byTheBook(t, &e))
		var err error
		if i%2 == 0 {
			err = enc.Encode(&e)
		} else {
			err = schema.Encode(enc, &e, schema.Of(&e))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := enc.Flush(); err != nil {
		t.Fatal(err)
	}
	if want.String() != got.String() {
		t.Error("the stream is not what encoding/json writes")
	}
}

// What is written is what the map holds, whatever became of the Extra that was
// attached to it.
func TestEncoderBelievesTheMap(t *testing.T) {
	t.Parallel()
	cases := map[string]func(e *auditevent.AuditEvent, x *schema.Extra){
		"nothing":        func(*auditevent.AuditEvent, *schema.Extra) {},
		"another event":  func(_ *auditevent.AuditEvent, x *schema.Extra) { x.Event = &schema.Event{Pos: "other:1"} },
		"an action less": func(_ *auditevent.AuditEvent, x *schema.Extra) { x.Action = "" },
		"attached beside": func(_ *auditevent.AuditEvent, x *schema.Extra) {
			x.Object = &schema.Object{Type: "other"}
			x.Attach(&auditevent.AuditEvent{})
		},
		"a foreign key": func(e *auditevent.AuditEvent, _ *schema.Extra) { e.Metadata.Extra["zz"] = 1 },
		"no map":        func(e *auditevent.AuditEvent, _ *schema.Extra) { e.Metadata.Extra = nil },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := action()
			x := schema.Of(e)
			x.Shared = true
			change(e, x)
			var got strings.Builder
			enc := schema.NewEncoder(&got)
			if err := errors.Join(enc.Encode(e), schema.Encode(enc, e, schema.Of(e)), enc.Flush()); err != nil {
				t.Fatal(err)
			}
			want := byTheBook(t, e)
			if diff := cmp.Diff(want+want, got.String()); diff != "" {
				t.Errorf("-encoding/json +ours:\n%s", diff)
			}
		})
	}
}

// More sessions than are remembered.
func TestEncoderForgets(t *testing.T) {
	t.Parallel()
	var got, want strings.Builder
	enc := schema.NewEncoder(&got)
	x := schema.Extra{Event: &schema.Event{Pos: "audit.log:1"}}
	e := &auditevent.AuditEvent{}
	for i := range 10000 {
		x.Session, x.Credential = &schema.Session{ID: strconv.Itoa(i)}, &schema.Credential{Serial: strconv.Itoa(i)}
		x.Attach(e)
		want.WriteString(byTheBook(t, e))
		if err := enc.Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := enc.Flush(); err != nil {
		t.Fatal(err)
	}
	if want.String() != got.String() {
		t.Error("the stream is not what encoding/json writes")
	}
}

func TestEncoderRefuses(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	enc := schema.NewEncoder(&out)
	bad := json.RawMessage(`{"a":`)
	late := action()
	late.LoggedAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	odd := action()
	odd.Metadata.Extra["f"] = func() {}
	damaged := action()
	damaged.Data = &bad
	for _, v := range []any{nil, "text", (*auditevent.AuditEvent)(nil), late, odd, damaged} {
		if err := enc.Encode(v); err == nil {
			t.Errorf("%v: no error", v)
		}
	}
	if err := enc.Encode(action()); err != nil {
		t.Errorf("after a refusal: %v", err)
	}
	if err := enc.Flush(); err != nil || out.String() != byTheBook(t, action()) {
		t.Errorf("err %v, output %q", err, out.String())
	}
}

func TestEncoderSticks(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	full := errors.New("no space left")
	r.CloseWithError(full)
	enc := schema.NewEncoder(w)
	if err := enc.Encode(action()); err != nil {
		t.Fatalf("buffered event: %v", err)
	}
	for _, err := range []error{enc.Flush(), enc.Encode(action()), enc.Encode("text"), enc.Flush()} {
		if !errors.Is(err, full) {
			t.Errorf("got %v, want %v", err, full)
		}
	}
}

func TestAppendJSONAllocatesNothing(t *testing.T) {
	e := action()
	dst := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { dst = schema.AppendJSON(dst[:0], e) }); n != 0 {
		t.Errorf("%v allocations an event", n)
	}
}

func ExampleEncoder() {
	e := &auditevent.AuditEvent{
		Metadata:  auditevent.EventMetadata{AuditID: "67"},
		Type:      schema.TypeAction,
		LoggedAt:  time.Date(2023, 3, 17, 13, 37, 38, 126e6, time.UTC),
		Outcome:   schema.Succeeded,
		Subjects:  map[string]string{"loggedAs": "core"},
		Component: "auditd",
	}
	x := schema.Extra{Action: "executed", Event: &schema.Event{Pos: "audit.log:1-5"}}
	x.Attach(e)

	var out strings.Builder
	enc := schema.NewEncoder(&out)
	if err := enc.Encode(e); err != nil {
		fmt.Println(err)
	}
	if err := enc.Flush(); err != nil {
		fmt.Println(err)
	}
	fmt.Print(out.String())
	// Output: {"metadata":{"auditId":"67","extra":{"action":"executed","event":{"pos":"audit.log:1-5"}}},"type":"UserAction","loggedAt":"2023-03-17T13:37:38.126Z","source":{"type":"","value":""},"outcome":"succeeded","subjects":{"loggedAs":"core"},"component":"auditd"}
}

// go test -run '^$' -bench Encode ./pkg/schema
func BenchmarkEncode(b *testing.B) {
	e := action()
	enc := schema.NewEncoder(io.Discard)
	b.SetBytes(int64(len(schema.AppendJSON(nil, e)) + 1))
	b.ReportAllocs()
	for b.Loop() {
		if err := enc.Encode(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	e := action()
	dst := schema.AppendJSON(nil, e)
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		dst = schema.AppendJSON(dst[:0], e)
	}
}

func BenchmarkEncodeBook(b *testing.B) {
	e := action()
	enc := json.NewEncoder(io.Discard)
	enc.SetEscapeHTML(false)
	b.SetBytes(int64(len(schema.AppendJSON(nil, e)) + 1))
	b.ReportAllocs()
	for b.Loop() {
		if err := enc.Encode(e); err != nil {
			b.Fatal(err)
		}
	}
}
