// Package schema is the enriched event: the types that stand in the
// metadata.extra of every auditevent.AuditEvent that auditreplay writes, and
// the one encoder and decoder for them.
//
// # The event
//
// An enriched event is a plain github.com/metal-toolbox/auditevent.AuditEvent,
// so that every consumer of such events reads it. Its Type says what it is:
//
//	UserLogin     one authentication decision (or refusal) that sshd logged
//	UserAction    one audit event of an audit session
//	UserLogout    the end of an SSH session
//	SystemAction  one audit event of no session
//
// All that auditevent has no place for stands in Metadata.Extra, a map whose
// values are pointers to the types of this package (Extra lists them by key).
// The producer reuses the map and all it points to: an encoder keeps nothing
// of an event after Encode has returned.
//
// Encoder writes events as JSON Lines, Decoder reads them back into the same
// types: what is read and written again is the same text. JSONSchema is the
// form for programs in other languages.
//
// # The words
//
// An audit event is made of records with one node, time and serial. A session
// is what the kernel numbers with ses= (its audit session id); a bare number
// means nothing without host and boot. A login is one authentication that
// sshd accepted or refused; its credential is what was presented for it.
package schema

import (
	"math/bits"

	"github.com/metal-toolbox/auditevent"
)

// The values of AuditEvent.Type.
const (
	TypeLogin  = "UserLogin"
	TypeAction = "UserAction"
	TypeLogout = "UserLogout"
	TypeSystem = "SystemAction"
)

// The values of AuditEvent.Outcome. Unknown is what a record states that
// gives no result; it is never written as failed.
const (
	Succeeded = "succeeded"
	Failed    = "failed"
	Unknown   = "unknown"
)

// The values of Session.Attribution.
const (
	BySSHD  = "sshd"  // joined to an entry of sshd's log
	ByAudit = "audit" // identity taken from audit records alone
	Local   = "local" // console, cron, at, systemd --user
	None    = "none"  // no identity could be established; Reason says why
)

// Extra is the typed form of AuditEvent.Metadata.Extra. Each field stands in
// the map under its JSON name, as a pointer, and only where it is known.
type Extra struct {
	Action         string      `json:"action,omitempty"` // what was done, in go-libaudit's words: "executed", "opened-file"
	Credential     *Credential `json:"credential,omitempty"`
	Event          *Event      `json:"event,omitempty"`
	How            string      `json:"how,omitempty"` // the program it was done with
	Object         *Object     `json:"object,omitempty"`
	Process        *Process    `json:"process,omitempty"`
	ProcessArgs    []string    `json:"process_args,omitempty"`     // the exact argv of an exec
	ProcessArgsHex []string    `json:"process_args_hex,omitempty"` // every argument's bytes in hex, where one of them is not UTF-8
	Session        *Session    `json:"session,omitempty"`
	User           *Users      `json:"user,omitempty"`

	// Shared is the producer's word that AuditID, Source, Subjects and Target of
	// the event, its Session and its Credential are what other events have too
	// and never change, and that the map is as Attach left it: an Encoder may
	// keep how they are written.
	Shared bool `json:"-"`

	at   *auditevent.AuditEvent // whose map it was attached to last
	keys uint16                 // that it put there, a bit each
	put  members                // the pointers among them
}

// members are the members of Extra whose values in the map are fields of it.
type members struct {
	credential *Credential
	event      *Event
	object     *Object
	process    *Process
	session    *Session
	user       *Users
}

// Reset empties x for another event. Attached to the same AuditEvent again it
// has only the difference to write.
func (x *Extra) Reset() { *x = Extra{at: x.at, keys: x.keys, put: x.put} }

// Event names the audit event or sshd line that an enriched event came from.
type Event struct {
	Contradictions []string `json:"contradictions,omitempty"` // what the event's records state differently, e.g. "msg ses 5 != ses 3"
	Exit           string   `json:"exit,omitempty"`           // the syscall's exit: a decimal number, or an errno's name ("EACCES")
	ID             string   `json:"id,omitempty"`             // "SECONDS.MILLIS:SERIAL", as in msg=audit(...)
	Keys           []string `json:"keys,omitempty"`           // keys of the audit rules that recorded it
	Late           bool     `json:"late,omitempty"`           // a record that came after its event was closed
	Node           string   `json:"node,omitempty"`           // node= of the records
	Pos            string   `json:"pos"`                      // source lines: "NAME:A-B,C"
	Raw            []string `json:"raw,omitempty"`            // the lines themselves (--raw, or where they could not be coalesced)
	Syscall        string   `json:"syscall,omitempty"`        // name, or number where unknown
	Type           string   `json:"type,omitempty"`           // record type that characterises the event

	Paths []string `json:"-"` // names of the PATH records, where they are asked for (--path)

	of *Extra // the Extra this is part of, so that Of needs one look-up
}

// Session is the audit session an event belongs to and how it got its name.
type Session struct {
	Attribution string   `json:"attribution,omitempty"` // BySSHD, ByAudit, Local or None
	Boot        string   `json:"boot,omitempty"`        // journal _BOOT_ID (32 hex digits) or "@SEC.mmm" of the boot's first record
	Evidence    []string `json:"evidence,omitempty"`    // what agreed in its opening: boot pid time account address port session fingerprint child terminal
	ID          string   `json:"id,omitempty"`          // decimal ses=
	Login       string   `json:"login,omitempty"`       // auditId of the UserLogin
	Reason      string   `json:"reason,omitempty"`      // why Attribution is None
	NotSSH      bool     `json:"-"`                     // known not to be opened by sshd: left out by --scope ssh
}

// Credential is what a login was authenticated with, as far as the log says.
type Credential struct {
	Algorithm   string `json:"algorithm,omitempty"` // sshd's word: "ED25519", "RSA-CERT"
	CA          *CA    `json:"ca,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"` // "SHA256:..." or "MD5:..."; for a certificate that of its key
	KeyID       string `json:"key_id,omitempty"`      // of a certificate; free text chosen by the CA
	KeyIDHex    string `json:"key_id_hex,omitempty"`  // its exact bytes, where they are not UTF-8
	Method      string `json:"method,omitempty"`      // "publickey", "password", "publickey,password", "keyboard-interactive/pam"
	Names       []Name `json:"names,omitempty"`       // people that files named on the command line give the key or CA
	Principal   string `json:"principal,omitempty"`   // gssapi: Kerberos principal
	Serial      string `json:"serial,omitempty"`      // certificate serial, decimal
}

// CA is the authority that signed a certificate.
type CA struct {
	Algorithm   string `json:"algorithm,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Names       []Name `json:"names,omitempty"`
}

// Name is a person's name for a key, and the file that claims it.
type Name struct {
	From string `json:"from"` // file:line
	Name string `json:"name"`
}

// Object is what an event acted upon, in go-libaudit's normalisation.
type Object struct {
	Primary   string `json:"primary,omitempty"`
	Secondary string `json:"secondary,omitempty"`
	Type      string `json:"type,omitempty"`
}

// Process is the process that acted. A pid means nothing without host, boot
// and the time it started.
type Process struct {
	Comm    string `json:"comm,omitempty"`
	CommHex string `json:"comm_hex,omitempty"` // exact bytes, where they are not UTF-8; likewise below
	CWD     string `json:"cwd,omitempty"`
	CWDHex  string `json:"cwd_hex,omitempty"`
	Exe     string `json:"exe,omitempty"`
	ExeHex  string `json:"exe_hex,omitempty"`
	PID     int    `json:"pid,omitempty"`
	PPID    int    `json:"ppid,omitempty"`
	TTY     string `json:"tty,omitempty"`
}

// Users are the kernel's ids of the acting process. Names are claims of the
// log (ENRICHED fields) or of files named on the command line.
type Users struct {
	AUID *User `json:"auid,omitempty"` // login uid: who logged in
	EUID *User `json:"euid,omitempty"`
	UID  *User `json:"uid,omitempty"`
}

// User is an id (decimal, or "unset") and its name, where one is known.
type User struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// Attach makes e's Metadata.Extra hold exactly what x has. The map is made
// once and reused, and nobody else writes to it; x and all it points to must
// outlive the event's use.
func (x *Extra) Attach(e *auditevent.AuditEvent) {
	m := e.Metadata.Extra
	if m == nil {
		m = make(map[string]any, extraKeys)
		e.Metadata.Extra = m
	}
	if x.at != e || x.keys == 0 {
		clear(m)
		x.at, x.keys = e, 0
	}
	keys := x.known()
	for gone := x.keys &^ keys; gone != 0; gone &= gone - 1 {
		delete(m, extraNames[bits.TrailingZeros16(gone)])
	}
	for come := keys &^ x.keys; come != 0; come &= come - 1 {
		slot := bits.TrailingZeros16(come)
		m[extraNames[slot]] = x.slot(slot)
	}
	now := members{x.Credential, x.Event, x.Object, x.Process, x.Session, x.User}
	for stay := keys & x.keys & x.put.changed(&now); stay != 0; stay &= stay - 1 {
		slot := bits.TrailingZeros16(stay)
		m[extraNames[slot]] = x.slot(slot)
	}
	x.keys, x.put = keys, now
	if x.Event != nil {
		x.Event.of = x
	}
}

// changed gives the members that are other pointers now, a bit each.
func (m *members) changed(now *members) (keys uint16) {
	if m.credential != now.credential {
		keys |= 1 << slotCredential
	}
	if m.event != now.event {
		keys |= 1 << slotEvent
	}
	if m.object != now.object {
		keys |= 1 << slotObject
	}
	if m.process != now.process {
		keys |= 1 << slotProcess
	}
	if m.session != now.session {
		keys |= 1 << slotSession
	}
	if m.user != now.user {
		keys |= 1 << slotUser
	}
	return keys
}

// The members of Extra in the order of their names, which is that of the output.
const (
	slotAction = iota
	slotCredential
	slotEvent
	slotHow
	slotObject
	slotProcess
	slotArgs
	slotArgsHex
	slotSession
	slotUser
	extraKeys
)

var extraNames = [extraKeys]string{"action", "credential", "event", "how", "object", "process",
	"process_args", "process_args_hex", "session", "user"}

// known gives the members that have a value, a bit each.
func (x *Extra) known() uint16 {
	var keys uint16
	set := func(slot int, known bool) {
		if known {
			keys |= 1 << slot
		}
	}
	set(slotAction, x.Action != "")
	set(slotCredential, x.Credential != nil)
	set(slotEvent, x.Event != nil)
	set(slotHow, x.How != "")
	set(slotObject, x.Object != nil)
	set(slotProcess, x.Process != nil)
	set(slotArgs, len(x.ProcessArgs) > 0)
	set(slotArgsHex, len(x.ProcessArgsHex) > 0)
	set(slotSession, x.Session != nil)
	set(slotUser, x.User != nil)
	return keys
}

// slot gives a member as it stands in the map.
func (x *Extra) slot(slot int) any {
	switch slot {
	case slotAction:
		return &x.Action
	case slotCredential:
		return x.Credential
	case slotEvent:
		return x.Event
	case slotHow:
		return &x.How
	case slotObject:
		return x.Object
	case slotProcess:
		return x.Process
	case slotArgs:
		return &x.ProcessArgs
	case slotArgsHex:
		return &x.ProcessArgsHex
	case slotSession:
		return x.Session
	}
	return x.User
}

// Of returns the typed form of e's Metadata.Extra: the attached Extra itself
// for an event that auditreplay made or decoded, else one put together from
// what the map holds of this package's types.
func Of(e *auditevent.AuditEvent) *Extra {
	if x := attached(e); x != nil {
		return x
	}
	m := e.Metadata.Extra
	x := &Extra{}
	if s, ok := m["action"].(*string); ok {
		x.Action = *s
	}
	if s, ok := m["how"].(*string); ok {
		x.How = *s
	}
	if a, ok := m["process_args"].(*[]string); ok {
		x.ProcessArgs = *a
	}
	if a, ok := m["process_args_hex"].(*[]string); ok {
		x.ProcessArgsHex = *a
	}
	x.Credential, _ = m["credential"].(*Credential)
	x.Event, _ = m["event"].(*Event)
	x.Object, _ = m["object"].(*Object)
	x.Process, _ = m["process"].(*Process)
	x.Session, _ = m["session"].(*Session)
	x.User, _ = m["user"].(*Users)
	return x
}

// attached gives the Extra that was attached to e, if any.
func attached(e *auditevent.AuditEvent) *Extra {
	if ev, _ := e.Metadata.Extra["event"].(*Event); ev != nil {
		return ev.of
	}
	return nil
}
