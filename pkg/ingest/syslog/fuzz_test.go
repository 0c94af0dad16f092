package syslog

import (
	"bytes"
	"io"
	"testing"

	"auditreplay/pkg/ingest"
)

// Every line is one entry, at its own number, whatever is in it; what an entry
// holds is not more than what its line held; and nothing is left behind from
// the line before.
func FuzzReader(f *testing.F) {
	for _, s := range []string{
		"Nov 22 23:31:57 web01 sshd[341]: hi\nNov 22 23:31:57 web01 last message repeated 3 times\n",
		"<38>1 2026-11-22T23:31:57Z web01 sshd 341 ID [a@1 x=\"]\\\"] \"][b@1] hi\r\n\r\n",
		"Sun 2026-11-22 23:31:57 +03 web01 ssh.service[341]: message repeated 2 times: [ x]",
		"-- Boot 49d1cdbd6e6a47b48ec61aad0fcf90d5 --\n\x00\x00[  1.0][ T1] audit: type=1006 audit(1.002:3): pid=1",
		"1795390317.902673 h audispd: node=a type=LOGIN msg=audit(1.002:3): a#035b\n        more",
		"2026-11-22T23:31:57.9 h kernel: audit: audit_lost=3",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		lines := int64(bytes.Count(in, []byte("\n")))
		if len(in) > 0 && in[len(in)-1] != '\n' {
			lines++
		}
		size := len(in)
		Detect(in)
		r := New(bytes.NewReader(in), &ingest.Source{})
		var resolver Resolver
		for n := int64(1); ; n++ {
			e, err := r.Next()
			if err == io.EOF {
				if n != lines+1 {
					t.Fatalf("%d entries of %d lines", n-1, lines)
				}
				return
			}
			if err != nil || e.Pos.Line != n {
				t.Fatalf("line %d: %v, %v", n, e, err)
			}
			if e.Kind == ingest.AuditEntry != (e.Audit != nil) || e.Kind == ingest.Rejected && (e.What == "" || e.Raw == nil) {
				t.Fatalf("%+v", e)
			}
			if e.Kind != ingest.MessageEntry && e.Kind != ingest.AuditEntry && e.What == "" {
				t.Fatalf("nameless %+v", e)
			}
			if len(e.Message.Text) > size || len(e.Audit) > size+64 || bytes.IndexByte(e.Audit, '\n') >= 0 || e.Message.Trusted {
				t.Fatalf("%+v", e)
			}
			resolver.Observe(&e.Message)
			resolver.Resolve(&e.Message, nil)
		}
	})
}
