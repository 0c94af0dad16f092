package syslog

import (
	"bytes"
	"math"

	"auditreplay/pkg/ingest"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// startsRecord reports whether text begins with an audit record:
// "[node=HOST ]type=NAME msg=audit(".
func startsRecord(text []byte) bool {
	if b, ok := bytes.CutPrefix(text, []byte("node=")); ok {
		_, text, _ = bytes.Cut(b, []byte{' '})
	}
	b, ok := bytes.CutPrefix(text, []byte("type="))
	if !ok {
		return false
	}
	i := bytes.IndexByte(b, ' ')
	return i > 0 && i < 64 && bytes.HasPrefix(b[i:], []byte(" msg=audit("))
}

// auditLine hands an audit record over that stands in a log line. rsyslog turned
// the separator of the enriched part, 0x1D, into "#035"; nothing else of its
// escapes is undone, because a program can have written "#012" itself.
func (r *Reader) auditLine(text, line []byte) {
	e := &r.entry
	_, stamp, _ := bytes.Cut(text, []byte(" msg=audit("))
	if !isStamp(stamp) {
		reject(e, "interpreted audit record: its time and serial are lost", line)
		return
	}
	b := r.audit[:0]
	for {
		i := bytes.Index(text, []byte("#035"))
		if i < 0 {
			break
		}
		b = append(append(b, text[:i]...), 0x1d)
		text = text[i+4:]
	}
	b = append(b, text...)
	r.audit = b
	e.Kind, e.Audit = ingest.AuditEntry, b
}

// isStamp reports whether b begins with "SECONDS.MILLIS:SERIAL)".
func isStamp(b []byte) bool {
	for _, end := range []byte(".:)") {
		i := 0
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		if i == 0 || i == len(b) || b[i] != end {
			return false
		}
		b = b[i+1:]
	}
	return true
}

// kernelLine looks at a message of the kernel for an audit record that it
// printed because no daemon was there to take it:
// "audit: type=1305 audit(1795387850.824:4260): fields" (kauditd_printk_skb).
func (r *Reader) kernelLine(text []byte) {
	e := &r.entry
	if b, ok := appendKernelRecord(r.audit[:0], text); ok {
		r.audit = b
		e.Kind, e.Audit = ingest.AuditEntry, b
		return
	}
	e.What = kernelText
	if lostRecords(text) {
		e.Kind, e.What = ingest.Marker, auditLost
		e.Message.Text = string(text)
	}
}

// appendKernelRecord appends the line of a record in the kernel log's form.
// Kernels up to about 3.13 print it without "audit: ".
func appendKernelRecord(b, text []byte) ([]byte, bool) {
	text = bytes.TrimPrefix(text, []byte("audit: "))
	text, ok := bytes.CutPrefix(text, []byte("type="))
	if !ok {
		return b, false
	}
	number, text, ok := bytes.Cut(text, []byte(" audit("))
	n := pidOf(number)
	if !ok || n < 0 || n > math.MaxUint16 || !isStamp(text) {
		return b, false
	}
	b = append(b, "type="...)
	b = append(b, auparse.AuditMessageType(n).String()...)
	b = append(b, " msg=audit("...)
	return append(b, text...), true
}

// lostRecords reports whether the kernel says that it dropped audit records.
func lostRecords(text []byte) bool {
	return bytes.HasPrefix(text, []byte("audit: audit_lost=")) ||
		bytes.HasPrefix(text, []byte("audit: backlog limit exceeded")) ||
		bytes.HasPrefix(text, []byte("audit: rate limit exceeded")) ||
		bytes.HasPrefix(text, []byte("audit: kauditd hold queue overflow")) ||
		bytes.HasPrefix(text, []byte("kauditd_printk_skb: ")) && bytes.Contains(text, []byte(" callbacks suppressed"))
}

// afterBrackets takes the times of dmesg off: "[   12.834687][   T39] text".
// With -o short-monotonic host and program follow; "kernel" is passed over.
func afterBrackets(b []byte) ([]byte, bool) {
	if len(b) == 0 || b[0] != '[' {
		return b, false
	}
	for len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 {
			return b, false
		}
		b = b[end+1:]
	}
	b = bytes.TrimLeft(b, " ")
	if host, rest, ok := bytes.Cut(b, []byte(" kernel: ")); ok && bytes.IndexByte(host, ' ') < 0 {
		b = rest
	}
	return b, true
}
