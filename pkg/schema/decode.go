package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"strings"
	"time"

	"github.com/metal-toolbox/auditevent"
)

// LineError is a piece of a saved output that is no event. It does not end
// the stream: the next call of Decoder.Next goes on behind it.
type LineError struct {
	Name string // of the input
	Line int    // where the piece starts, from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("%s:%d: %v", e.Name, e.Line, e.Err) }

func (e *LineError) Unwrap() error { return e.Err }

// IsSaved tells from the first bytes of an input (4 KB are enough) whether it
// is a saved output rather than some other JSON, such as a journal's.
func IsSaved(prefix []byte) bool {
	prefix = bytes.TrimLeft(bytes.TrimPrefix(prefix, []byte(byteOrderMark)), blanks)
	return len(prefix) > 0 && (prefix[0] == '{' || prefix[0] == '[') && bytes.Contains(prefix, []byte(`"auditId"`))
}

// Decoder reads events that were saved: JSON Lines, a JSON array, or objects
// that a formatter has spread over several lines. What is read and encoded
// again is the same text, byte for byte, if it is one of our own.
type Decoder struct {
	name string
	in   splitter
	line int // where the last event or error started
	fast parser
}

// NewDecoder returns a Decoder that reads from r, which errors call name.
func NewDecoder(r io.Reader, name string) *Decoder {
	return &Decoder{name: name, in: newSplitter(r), fast: parser{names: interner{seed: maphash.MakeSeed()}}}
}

// Line returns the line on which the last event that Next returned starts.
func (d *Decoder) Line() int { return d.line }

// Next returns the next event, which the caller may keep. Its Metadata.Extra
// holds the types of this package, and a json.RawMessage for each key that
// they do not know. A *LineError says that something there is no event, and
// reading can go on; io.EOF or any other error is the end.
func (d *Decoder) Next() (*auditevent.AuditEvent, error) {
	text, line, err := d.in.next()
	d.line = line
	var bad *damage
	if errors.As(err, &bad) {
		return nil, &LineError{Name: d.name, Line: line, Err: bad}
	}
	if err != nil {
		return nil, err
	}
	if e := d.fast.event(text); e != nil {
		return e, nil
	}
	e, err := decodeEvent(text)
	if err != nil {
		return nil, &LineError{Name: d.name, Line: line, Err: err}
	}
	return e, nil
}

// saved is the form of an event in which it is read: the parts that have
// types of their own are left as text.
type saved struct {
	Metadata struct {
		AuditID string                     `json:"auditId"`
		Extra   map[string]json.RawMessage `json:"extra"`
	} `json:"metadata"`
	Type     string     `json:"type"`
	LoggedAt *time.Time `json:"loggedAt"`
	Source   struct {
		Type  string                     `json:"type"`
		Value string                     `json:"value"`
		Extra map[string]json.RawMessage `json:"extra"`
	} `json:"source"`
	Outcome   string            `json:"outcome"`
	Subjects  map[string]string `json:"subjects"`
	Component string            `json:"component"`
	Target    map[string]string `json:"target"`
	Data      json.RawMessage   `json:"data"`
}

func decodeEvent(text []byte) (*auditevent.AuditEvent, error) {
	var s saved
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, plainError(err)
	}
	if s.Type == "" || s.LoggedAt == nil {
		return nil, errors.New("no audit event: type or loggedAt is missing")
	}
	e := &auditevent.AuditEvent{
		Metadata:  auditevent.EventMetadata{AuditID: s.Metadata.AuditID},
		Type:      s.Type,
		LoggedAt:  *s.LoggedAt,
		Source:    auditevent.EventSource{Type: s.Source.Type, Value: s.Source.Value},
		Outcome:   s.Outcome,
		Subjects:  s.Subjects,
		Component: s.Component,
		Target:    s.Target,
	}
	if s.Data != nil {
		e.Data = &s.Data
	}
	for key, raw := range s.Source.Extra {
		if e.Source.Extra == nil {
			e.Source.Extra = make(map[string]any, len(s.Source.Extra))
		}
		e.Source.Extra[key] = stringOrRaw(raw)
	}
	return e, decodeExtra(e, s.Metadata.Extra)
}

// decodeExtra gives e the typed form of the members of its extra.
func decodeExtra(e *auditevent.AuditEvent, members map[string]json.RawMessage) error {
	if len(members) == 0 {
		return nil
	}
	x := new(Extra)
	foreign := map[string]any{}
	for key, raw := range members {
		into := x.member(key)
		if into == nil {
			foreign[key] = raw
			continue
		}
		if err := json.Unmarshal(raw, into); err != nil {
			return fmt.Errorf("metadata.extra.%s: %w", key, plainError(err))
		}
	}
	x.Attach(e)
	for key, raw := range foreign {
		e.Metadata.Extra[key] = raw
	}
	return nil
}

// member is where the member with that key is decoded to, nil for a key that
// Extra does not have.
func (x *Extra) member(key string) any {
	switch key {
	case "action":
		return &x.Action
	case "credential":
		return &x.Credential
	case "event":
		return &x.Event
	case "how":
		return &x.How
	case "object":
		return &x.Object
	case "process":
		return &x.Process
	case "process_args":
		return &x.ProcessArgs
	case "process_args_hex":
		return &x.ProcessArgsHex
	case "session":
		return &x.Session
	case "user":
		return &x.User
	}
	return nil
}

// stringOrRaw is the text of a JSON string; anything else stays as it is, so
// that no number loses a digit.
func stringOrRaw(raw json.RawMessage) any {
	var s string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil {
		return s
	}
	return raw
}

// plainError says what encoding/json found without the names of Go types.
func plainError(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		where := kind.Field
		if where == "" {
			where = "event"
		}
		return fmt.Errorf("%s: unexpected %s", where, kind.Value)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}
