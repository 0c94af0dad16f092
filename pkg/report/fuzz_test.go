package report_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode"

	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// FuzzViews feeds saved outputs, damaged or made up, to every view: none
// panics, and what is for people stays harmless.
func FuzzViews(f *testing.F) {
	for _, a := range archives(f) {
		lines := bytes.SplitAfter(a.Files[0].Data, []byte("\n"))
		f.Add(bytes.Join(lines[:min(len(lines), 3)], nil))
	}
	f.Add([]byte(saved))
	f.Add([]byte(`{"type":"UserAction","metadata":{"auditId":"1","extra":{"event":{"pos":"a:1","type":"EXECVE"},"session":{"id":"1"},"process":{"pid":-1,"ppid":-1}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var events []*auditevent.AuditEvent
		d := schema.NewDecoder(bytes.NewReader(data), "fuzz.jsonl")
		for {
			e, err := d.Next()
			var bad *schema.LineError
			if errors.As(err, &bad) {
				continue
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Skip(err)
			}
			events = append(events, e)
		}
		for _, name := range views() {
			out := show(t, name, events)
			if !strings.Contains(name, "format=table") && !strings.Contains(name, "format=text") {
				continue
			}
			if i := strings.IndexFunc(out, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }); i >= 0 {
				t.Errorf("%s: control character at %d: %q", name, i, out)
			}
		}
	})
}
