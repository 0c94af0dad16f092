package schema_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/metal-toolbox/auditevent"

	"auditreplay/pkg/schema"
)

// readAll returns what stands in text: an auditId, or an error's words.
func readAll(t *testing.T, r io.Reader) []string {
	t.Helper()
	dec := schema.NewDecoder(r, "saved")
	var got []string
	for {
		e, err := dec.Next()
		var bad *schema.LineError
		switch {
		case err == io.EOF:
			return got
		case errors.As(err, &bad):
			got = append(got, err.Error())
		case err != nil:
			return append(got, "end: "+err.Error())
		default:
			got = append(got, fmt.Sprintf("%d=%s", dec.Line(), e.Metadata.AuditID))
		}
	}
}

// small is an event of one line with that id.
func small(id string) string {
	return `{"metadata":{"auditId":"` + id + `"},"type":"UserAction","loggedAt":"2023-03-17T13:37:38Z"}`
}

func TestDecoder(t *testing.T) {
	t.Parallel()
	spread := strings.NewReplacer("{", "{\n ", ",", ",\n ").Replace(small("a}"))
	cases := []struct {
		name, text string
		want       []string
	}{
		{"empty", "", nil},
		{"blank", " \r\n\n", nil},
		{"lines", small("a") + "\n\n" + small("b") + "\r\n" + small("c"), []string{"1=a", "3=b", "4=c"}},
		{"byte order mark", "\ufeff" + small("a") + "\n", []string{"1=a"}},
		{"array", "[" + small("a") + ",\n" + small("b") + "\n]\n", []string{"1=a", "2=b"}},
		{"array on lines", "\n[\n" + small("a") + "\n,\n" + small("b") + "]", []string{"3=a", "5=b"}},
		{"spread", spread + "\n" + spread, []string{"1=a}", "6=a}"}},
		{"empty array", "[]", nil},
		{
			"bad lines",
			small("a") + "\nhello\n{\"x\":1}\n{\"type\":7}\n{\"metadata\":\n" + small("b") + "\n[]",
			[]string{
				"1=a",
				"saved:2: invalid character 'h' looking for beginning of value",
				"saved:3: no audit event: type or loggedAt is missing",
				"saved:4: type: unexpected number",
				"saved:5: unexpected end of JSON input",
				"6=b",
				"saved:7: event: unexpected array",
			},
		},
		{
			"bad member", strings.Replace(small("a"), `"}`, `","extra":{"process":{"pid":"x"}}}`, 1),
			[]string{"saved:1: metadata.extra.process: pid: unexpected string"},
		},
		{
			"bad elements", "[" + small("a") + ", 7\n,{\"x\":},\nhello" + small("b") + ",\n{\"t\":\"{",
			[]string{
				"1=a",
				"saved:1: text between the events",
				"saved:2: invalid character '}' looking for beginning of value",
				"saved:3: text between the events",
				"3=b",
				"saved:4: unexpected end of the input",
			},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, readAll(t, strings.NewReader(c.text))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.want, readAll(t, iotest.OneByteReader(strings.NewReader(c.text)))); diff != "" {
				t.Errorf("a byte at a time, -want +got:\n%s", diff)
			}
		})
	}
}

func TestDecoderLongLines(t *testing.T) {
	t.Parallel()
	long := small(strings.Repeat("x", 300<<10))
	got := readAll(t, strings.NewReader(long+"\n"+strings.Repeat("y", 65<<20)+"\n"+small("a")))
	want := []string{"1=" + strings.Repeat("x", 300<<10), "saved:2: longer than 64 MiB", "3=a"}
	if !cmp.Equal(want, got) {
		t.Errorf("%d pieces, the second %.80s", len(got), got[1])
	}
}

func TestDecoderFailedRead(t *testing.T) {
	t.Parallel()
	r := io.MultiReader(strings.NewReader(small("a")+"\n"), iotest.ErrReader(errors.New("no such device")))
	if diff := cmp.Diff([]string{"1=a", "end: no such device"}, readAll(t, r)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A decoded event is the one that was written, in the same types.
func TestDecodeEncoded(t *testing.T) {
	t.Parallel()
	e := action()
	data := json.RawMessage(`{"a":[1,2]}`)
	e.Data = &data
	want := byTheBook(t, e)
	got, err := schema.NewDecoder(strings.NewReader(want), "saved").Next()
	if err != nil {
		t.Fatal(err)
	}
	hidden := cmpopts.IgnoreUnexported(schema.Event{}, schema.Extra{})
	if diff := cmp.Diff(e, got, hidden); diff != "" {
		t.Errorf("-written +read:\n%s", diff)
	}
	if diff := cmp.Diff(schema.Of(e), schema.Of(got), hidden); diff != "" {
		t.Errorf("extra, -written +read:\n%s", diff)
	}
}

// Reading and writing again changes nothing, not even what is not ours.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	odd := action()
	odd.Metadata.Extra["later"] = json.RawMessage(`{"n":12345678901234567890,"deep":[{}]}`)
	odd.Source.Extra["asn"] = json.RawMessage(`12345678901234567890`)
	x := schema.Of(odd)
	x.Process.Exe, x.Process.ExeHex, x.Action = "/tmp/\xff\u2028", "2f746d702fff", "a\ufffd"
	plain := &auditevent.AuditEvent{Type: schema.TypeSystem, Subjects: map[string]string{}}
	text := byTheBook(t, action()) + byTheBook(t, odd) + byTheBook(t, plain)
	if diff := cmp.Diff(text, roundTrip(t, text)); diff != "" {
		t.Errorf("-written +again:\n%s", diff)
	}
}

func TestIsSaved(t *testing.T) {
	t.Parallel()
	line := byTheBook(t, action())
	for text, want := range map[string]bool{
		line: true, "\ufeff[\n" + line: true, "": false, "type=SYSCALL": false,
		`{"MESSAGE":"\"auditId\""}`: false,
	} {
		if got := schema.IsSaved([]byte(text)); got != want {
			t.Errorf("%.40q: %v", text, got)
		}
	}
}

func ExampleDecoder() {
	saved := `{"metadata":{"auditId":"67","extra":{"event":{"pos":"audit.log:7"},"session":{"attribution":"sshd"}}},` +
		`"type":"UserAction","loggedAt":"2023-03-17T13:37:38.126Z"}` + "\noops\n"
	dec := schema.NewDecoder(strings.NewReader(saved), "out.jsonl")
	for {
		e, err := dec.Next()
		if err == io.EOF {
			return
		}
		var bad *schema.LineError
		if errors.As(err, &bad) {
			fmt.Println(bad)
			continue
		}
		if err != nil {
			fmt.Println("cannot read on:", err)
			return
		}
		x := schema.Of(e)
		fmt.Println(e.Type, x.Event.Pos, x.Session.Attribution)
	}
	// Output:
	// UserAction audit.log:7 sshd
	// out.jsonl:2: invalid character 'o' looking for beginning of value
}

// Nothing that is read makes the decoder panic or stand still.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte(small("a") + "\n" + small("b")))
	f.Add([]byte("[" + small("a") + ",{\n}]"))
	f.Add([]byte("\ufeff {\n\"a\": \"\\\""))
	f.Fuzz(func(t *testing.T, data []byte) {
		dec := schema.NewDecoder(bytes.NewReader(data), "fuzz")
		for range len(data) + 2 {
			_, err := dec.Next()
			if err == io.EOF {
				return
			}
			var bad *schema.LineError
			if err != nil && !errors.As(err, &bad) {
				t.Fatal(err)
			}
		}
		t.Fatal("no end")
	})
}

// go test -run '^$' -bench Decode ./pkg/schema
func BenchmarkDecode(b *testing.B) {
	line := byTheBook(b, action())
	dec := schema.NewDecoder(&again{line: line}, "saved")
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dec.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

// again is an endless stream of one line.
type again struct{ line, rest string }

func (a *again) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if a.rest == "" {
			a.rest = a.line
		}
		k := copy(p[n:], a.rest)
		a.rest = a.rest[k:]
		n += k
	}
	return n, nil
}
