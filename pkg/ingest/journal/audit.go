package journal

import (
	"bytes"
	"strconv"

	"auditreplay/pkg/ingest"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// auditEntry makes the record's line of an entry that journald received from
// the kernel's audit socket. Its MESSAGE is "TYPE fields", its time the
// record's own in milliseconds, _AUDIT_ID the serial (journald-audit.c). Only
// _TRANSPORT=audit says so: all other fields of such an entry a program could
// set itself.
//
// journald passes over types below 1100 (AUDIT_FIRST_USER_MSG) other than by the
// kernel log: LOGIN (1006) is never among these entries.
func (d *decoder) auditEntry(r *record) *ingest.Entry {
	e := &d.entry
	serial, ok := decimal(r.val[auditID])
	if !ok {
		return d.reject("audit entry without serial", r.val[message])
	}
	micros, ok := decimal(r.val[sourceTime])
	if !ok || !validTime(micros) {
		return d.reject("audit entry without time", r.val[message])
	}
	if r.val[message] == nil {
		return d.reject("audit entry without text: export with -o export, or with --all", nil)
	}
	name, rest, _ := bytes.Cut(r.val[message], []byte{' '})
	b := append(d.audit[:0], "type="...)
	if number, ok := bytes.CutPrefix(name, []byte("AUDIT")); ok && isNumber(number) {
		b = append(append(append(b, "UNKNOWN["...), number...), ']')
	} else {
		b = append(b, name...)
	}
	b = append(b, " msg=audit("...)
	b = strconv.AppendUint(b, micros/1e6, 10)
	b = append(b, '.')
	ms := micros / 1e3 % 1e3
	b = append(b, byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), ':')
	b = strconv.AppendUint(b, serial, 10)
	b = append(b, "): "...)
	if string(name) == "EXECVE" && len(rest) > 1 && rest[0] == 'a' && isDigit(rest[1]) {
		b = append(b, ' ') // of a further record: the kernel's blank, which journald strips
	}
	b = append(b, rest...)
	d.finishAudit(b, r.cut[message])
	return e
}

// kernelEntry looks for an audit record that the kernel printed to its log
// because no daemon was there to take it:
// "audit: type=1305 audit(1795387850.824:4260): fields" (kauditd_printk_skb).
func (d *decoder) kernelEntry(r *record) *ingest.Entry {
	e := &d.entry
	text := r.val[message]
	b, ok := appendKernelRecord(d.audit[:0], text)
	if ok {
		d.finishAudit(b, r.cut[message])
		return e
	}
	e.What = kernelText
	if lostRecords(text) {
		e.Kind, e.What = ingest.Marker, auditLost
		e.Message.Text = string(text)
	}
	return e
}

// finishAudit hands the line over. A record is one line: the newlines that a
// program put into its message become blanks, as auditd makes them.
func (d *decoder) finishAudit(b []byte, cut bool) {
	for i := bytes.IndexByte(b, '\n'); i >= 0 && i < len(b); i++ {
		if b[i] == '\n' || b[i] == 0 {
			b[i] = ' '
		}
	}
	d.audit = b
	e := &d.entry
	e.Kind, e.Audit, e.Message.Truncated = ingest.AuditEntry, b, cut
}

// appendKernelRecord appends the line of a record in the kernel log's form.
// Kernels up to about 3.13 print it without "audit: ".
func appendKernelRecord(b, text []byte) ([]byte, bool) {
	text = bytes.TrimPrefix(text, []byte("audit: "))
	text, ok := bytes.CutPrefix(text, []byte("type="))
	if !ok {
		return b, false
	}
	digits, text, ok := bytes.Cut(text, []byte(" audit("))
	if !ok {
		return b, false
	}
	number, ok := decimal(digits)
	if !ok || number > 1<<16-1 {
		return b, false
	}
	b = append(b, "type="...)
	b = append(b, auparse.AuditMessageType(number).String()...)
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

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNumber(b []byte) bool {
	_, ok := decimal(b)
	return ok
}
