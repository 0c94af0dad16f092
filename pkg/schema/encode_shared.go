package schema

import (
	"math/bits"
	"reflect"
	"unsafe"

	"github.com/metal-toolbox/auditevent"
)

// What the events of one session have in common is most of their text, and the
// same thousands of times. Where the producer says so (Extra.Shared) an Encoder
// keeps the texts of the sessions it saw last. They are found by the session's
// address and taken if all the parts are the same ones, by address too; all of
// them are kept, so that no other part can get the address of one.
type sharedTexts struct {
	of   map[*Session]*sharedText
	last *sharedText
}

// maxShared bounds the memory: beyond it, all is forgotten at once.
const maxShared = 1024

type sharedText struct {
	auditID     string
	component   string
	sess        *Session
	cred        *Credential
	sourceType  string
	sourceValue string
	sourceExtra unsafe.Pointer // where the map is; likewise below
	subjects    unsafe.Pointer
	target      unsafe.Pointer

	head       []byte // {"metadata":{"auditId":...,"extra":
	credential []byte // its member of extra, and a comma; likewise the session
	session    []byte
	middle     []byte // ,"source":{...},"outcome":
	tail       []byte // ,"subjects":{...},"component":..., and "target":{...}, if any
}

// is reports whether t is made of e's parts.
func (t *sharedText) is(e *auditevent.AuditEvent, x *Extra) bool {
	return t.sess == x.Session && t.cred == x.Credential && t.auditID == e.Metadata.AuditID && t.component == e.Component &&
		t.sourceType == e.Source.Type && t.sourceValue == e.Source.Value &&
		t.sourceExtra == address(e.Source.Extra) && t.subjects == address(e.Subjects) && t.target == address(e.Target)
}

// address is where m is, and keeps it there.
func address[V any](m map[string]V) unsafe.Pointer { return reflect.ValueOf(m).UnsafePointer() }

// find gives the texts of an event whose Extra is marked as shared.
func (s *sharedTexts) find(a *appender, e *auditevent.AuditEvent, x *Extra) *sharedText {
	if t := s.last; t != nil && t.is(e, x) {
		return t
	}
	t := s.of[x.Session]
	if t == nil || !t.is(e, x) {
		t = a.share(e, x)
		if len(s.of) >= maxShared {
			clear(s.of)
		}
		s.of[x.Session] = t
	}
	s.last = t
	return t
}

func (a *appender) share(e *auditevent.AuditEvent, x *Extra) *sharedText {
	t := &sharedText{auditID: e.Metadata.AuditID, component: e.Component, sess: x.Session, cred: x.Credential,
		sourceType: e.Source.Type, sourceValue: e.Source.Value,
		sourceExtra: address(e.Source.Extra), subjects: address(e.Subjects), target: address(e.Target)}
	t.head = append(appendHead(nil, e), `,"extra":`...)
	if x.Credential != nil {
		t.credential = append(appendCredential([]byte(`"credential":`), x.Credential), ',')
	}
	t.session = append(appendSession([]byte(`"session":`), x.Session), ',')
	t.middle = a.middle(nil, e)
	t.tail = tail(nil, e)
	return t
}

// extra writes Metadata.Extra by its typed form.
func (t *sharedText) extra(dst []byte, x *Extra) []byte {
	dst = append(dst, '{')
	dst = text(dst, `"action":`, x.Action)
	dst = append(dst, t.credential...)
	dst = append(appendEvent(append(dst, `"event":`...), x.Event), ',')
	dst = text(dst, `"how":`, x.How)
	if x.Object != nil {
		dst = append(appendObject(append(dst, `"object":`...), x.Object), ',')
	}
	if x.Process != nil {
		dst = append(appendProcess(append(dst, `"process":`...), x.Process), ',')
	}
	dst = texts(dst, `"process_args":`, x.ProcessArgs)
	dst = texts(dst, `"process_args_hex":`, x.ProcessArgsHex)
	dst = append(dst, t.session...)
	if x.User != nil {
		dst = append(appendUsers(append(dst, `"user":`...), x.User), ',')
	}
	return closeObject(dst)
}

// sharing reports whether e's map was made of x, and x's producer says that it
// is shared.
func sharing(e *auditevent.AuditEvent, x *Extra) bool {
	return x != nil && x.Shared && x.at == e && x.Event != nil && x.Event == x.put.event && x.Session != nil &&
		x.keys == x.known() && len(e.Metadata.Extra) == bits.OnesCount16(x.keys)
}
