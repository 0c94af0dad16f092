package schema

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/metal-toolbox/auditevent"
)

// AppendJSON appends e to dst as encoding/json would write it without HTML
// escaping, and without the newline of an Encoder (one difference: U+FFFD is
// always written as \ufffd). It allocates nothing where dst has room and
// Metadata.Extra holds the types of this package (or text).
//
// What JSON has no form for (a year beyond 9999, a channel in Extra, Data that
// is no JSON) becomes null; Encoder.Encode reports it.
func AppendJSON(dst []byte, e *auditevent.AuditEvent) []byte {
	var a appender
	return a.event(dst, e, nil)
}

// Encoder writes events as JSON Lines. It is an auditevent.EventEncoder with
// a buffer: Flush it at the end. It keeps nothing of an event, which the
// producer is free to change once Encode has returned.
type Encoder struct {
	w   io.Writer
	buf []byte
	a   appender
	err error // the first failed write
}

// flushAt is how much is gathered before it is written: enough to make the
// cost of a write disappear, little enough to stay in the processor's cache.
const flushAt = 128 << 10

// NewEncoder returns an Encoder that writes to w.
func NewEncoder(w io.Writer) *Encoder {
	return &Encoder{w: w, buf: make([]byte, 0, flushAt+16<<10), a: appender{shared: &sharedTexts{of: make(map[*Session]*sharedText)}}}
}

// TypedEncoder is an encoder that need not look for an event's Extra where the
// one who has the event has that too: EncodeTyped is Encode(e), and x is what
// Of gives for e.
type TypedEncoder interface {
	EncodeTyped(e *auditevent.AuditEvent, x *Extra) error
}

// Encode gives an event, and its Extra if it can take that, to an encoder.
func Encode(to auditevent.EventEncoder, e *auditevent.AuditEvent, x *Extra) error {
	if typed, ok := to.(TypedEncoder); ok {
		return typed.EncodeTyped(e, x)
	}
	return to.Encode(e)
}

// Encode writes one event, an *auditevent.AuditEvent, as one line. An event
// that JSON has no form for is an error and leaves no trace in the output; a
// failed write is the result of every later call.
func (enc *Encoder) Encode(v any) error {
	e, ok := v.(*auditevent.AuditEvent)
	if !ok || e == nil {
		return cmp.Or(enc.err, fmt.Errorf("encode %T: not an audit event", v))
	}
	return enc.EncodeTyped(e, attached(e))
}

// EncodeTyped implements TypedEncoder.
func (enc *Encoder) EncodeTyped(e *auditevent.AuditEvent, x *Extra) error {
	if enc.err != nil {
		return enc.err
	}
	before := len(enc.buf)
	enc.buf = enc.a.event(enc.buf, e, x)
	if err := enc.a.err; err != nil {
		enc.buf, enc.a.err = enc.buf[:before], nil
		return fmt.Errorf("encode event %s: %w", e.Metadata.AuditID, err)
	}
	enc.buf = append(enc.buf, '\n')
	if len(enc.buf) >= flushAt {
		return enc.Flush()
	}
	return nil
}

// Flush writes what is buffered.
func (enc *Encoder) Flush() error {
	if enc.err != nil || len(enc.buf) == 0 {
		return enc.err
	}
	n, err := enc.w.Write(enc.buf)
	if err == nil && n < len(enc.buf) {
		err = io.ErrShortWrite
	}
	enc.err = err
	enc.buf = enc.buf[:0]
	return err
}

// appender appends the parts of an event. Its methods for structs write the
// fields in the order of their declaration, as encoding/json does.
type appender struct {
	second  int64    // Unix second that stamp stands for, where stamped
	stamp   [19]byte // "2006-01-02T15:04:05"
	stamped bool
	err     error        // the first value of the event that JSON has no form for
	shared  *sharedTexts // nil: none
}

// noJSON writes null for a value that JSON has no form for.
func (a *appender) noJSON(dst []byte, err error) []byte {
	if a.err == nil {
		a.err = err
	}
	return append(dst, "null"...)
}

// event writes e, whose Extra is x where that is known.
func (a *appender) event(dst []byte, e *auditevent.AuditEvent, x *Extra) []byte {
	var t *sharedText
	if a.shared != nil && sharing(e, x) {
		t = a.shared.find(a, e, x)
		dst = t.extra(append(dst, t.head...), x)
	} else {
		dst = appendHead(dst, e)
		if len(e.Metadata.Extra) > 0 {
			dst = a.extra(append(dst, `,"extra":`...), e.Metadata.Extra)
		}
	}
	dst = append(dst, `},"type":`...)
	dst = appendString(dst, e.Type)
	dst = append(dst, `,"loggedAt":`...)
	dst = a.time(dst, e.LoggedAt)
	if t != nil {
		dst = append(dst, t.middle...)
	} else {
		dst = a.middle(dst, e)
	}
	dst = appendString(dst, e.Outcome)
	if t != nil {
		dst = append(dst, t.tail...)
	} else {
		dst = tail(dst, e)
	}
	if e.Data != nil {
		dst = append(dst, `,"data":`...)
		dst = a.raw(dst, *e.Data)
	}
	return append(dst, '}')
}

func appendHead(dst []byte, e *auditevent.AuditEvent) []byte {
	return appendString(append(dst, `{"metadata":{"auditId":`...), e.Metadata.AuditID)
}

// middle writes the source and the key of the outcome.
func (a *appender) middle(dst []byte, e *auditevent.AuditEvent) []byte {
	dst = append(dst, `,"source":{"type":`...)
	dst = appendString(dst, e.Source.Type)
	dst = append(dst, `,"value":`...)
	dst = appendString(dst, e.Source.Value)
	if len(e.Source.Extra) > 0 {
		dst = append(dst, `,"extra":`...)
		dst = a.sourceExtra(dst, e.Source.Extra)
	}
	return append(dst, `},"outcome":`...)
}

// tail writes what stands behind the outcome, but for the data.
func tail(dst []byte, e *auditevent.AuditEvent) []byte {
	dst = appendSubjects(append(dst, `,"subjects":`...), e.Subjects)
	dst = appendString(append(dst, `,"component":`...), e.Component)
	if len(e.Target) > 0 {
		dst = appendTarget(append(dst, `,"target":`...), e.Target)
	}
	return dst
}

// time writes RFC 3339 with as many decimals as it has, in the zone that t
// names: producers of events name UTC. Events come in the order of time, so
// the last second's text serves most of them.
func (a *appender) time(dst []byte, t time.Time) []byte {
	if t.Location() != time.UTC {
		return a.otherTime(dst, t)
	}
	second := t.Unix()
	if !a.stamped || second != a.second {
		if y := t.Year(); y < 0 || y > 9999 {
			return a.otherTime(dst, t)
		}
		t.AppendFormat(a.stamp[:0], "2006-01-02T15:04:05")
		a.second, a.stamped = second, true
	}
	dst = append(dst, '"')
	dst = append(dst, a.stamp[:]...)
	if ns := t.Nanosecond(); ns != 0 {
		dst = appendFraction(dst, ns)
	}
	return append(dst, 'Z', '"')
}

func (a *appender) otherTime(dst []byte, t time.Time) []byte {
	text, err := t.MarshalJSON()
	if err != nil {
		return a.noJSON(dst, err)
	}
	return append(dst, text...)
}

// appendFraction writes nanoseconds as a decimal fraction without the zeros
// at its end.
func appendFraction(dst []byte, ns int) []byte {
	dst = append(dst, '.')
	for rest := uint32(ns); rest > 0; rest = rest % 1e6 * 1e3 { // most times have three digits
		n := rest / 1e6
		dst = append(dst, byte('0'+n/100), byte('0'+n/10%10), byte('0'+n%10))
	}
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}
