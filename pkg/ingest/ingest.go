// Package ingest is what all evidence has in common: where a line stands
// (Pos), what holds it (Source), and what a carrier makes of it (Entry).
//
// # Carriers
//
// A carrier is a format that holds other programs' lines: a journal export, a
// syslog file, audit.log itself. Reading a carrier gives entries, one for each
// unit of it (a line; an entry of a journal): a Message of some program, an
// audit record's line, something known but not used, or something rejected.
// Every unit becomes exactly one Entry, so nothing can be lost on the way: for
// every source, evidence + duplicate + irrelevant + rejected = read.
//
// A carrier's reader has one method, Next() (*Entry, error). The entry and all
// its bytes are the reader's and valid until the next call. The error is
// io.EOF at the end and otherwise an I/O failure: damage is an Entry.
package ingest

import (
	"fmt"
	"strconv"
	"time"
)

// Pos is a place in the evidence.
type Pos struct {
	Source *Source
	Line   int64 // 1-based line (first line of an entry of several); an offset where Source.Offsets
}

// String gives NAME:LINE, or NAME@OFFSET for a source that counts bytes.
func (p Pos) String() string { return string(p.Append(nil)) }

// Append appends p's String to b.
func (p Pos) Append(b []byte) []byte {
	if p.Source == nil {
		return append(b, '?')
	}
	b = append(b, p.Source.Name...)
	if p.Source.Offsets {
		return strconv.AppendInt(append(b, '@'), p.Line, 10)
	}
	return strconv.AppendInt(append(b, ':'), p.Line, 10)
}

// Error is something wrong at a place in the evidence.
type Error struct {
	Pos  Pos
	What string // lower case, no full stop
	Err  error  // cause, or nil
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Pos, e.What, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Pos, e.What)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// EntryKind says what a carrier's reader made of one unit of its input.
type EntryKind uint8

// The kinds of an Entry.
const (
	Irrelevant   EntryKind = iota // known kind, not used: What names it ("blank line", "cron", "kernel message")
	MessageEntry                  // Message is one log message of a program
	AuditEntry                    // Audit is the line of one audit record
	Rejected                      // damaged or of no known kind: What says why, Raw holds the bytes
	Marker                        // a statement of the carrier about the log: What ("boot", "rate limit", "repeated")
)

// Entry is one unit of a carrier's input.
type Entry struct {
	Kind    EntryKind
	Pos     Pos
	Message Message // of a MessageEntry
	Audit   []byte  // of an AuditEntry: "type=T msg=audit(SEC.MMM:SERIAL): ...", no newline
	What    string
	Raw     []byte // bytes of the unit as they stand in the input, where Rejected
	NULs    int    // NUL bytes (of a hard reset) that were skipped before the unit
}

// Clock says how much of a Message's time the carrier wrote down.
type Clock uint8

// The kinds of clock.
const (
	UTC    Clock = iota // an instant
	Zone                // civil time with a zone abbreviation (Message.ZoneName) read as UTC until resolved
	Local               // civil time without zone, read as UTC until resolved
	NoYear              // civil time without zone and year (RFC 3164), in year 0 until resolved
)

// Message is one log message of a program, whatever carrier brought it.
// What the kernel vouched for (PID, UID, Comm, Exe and the audit ids of a
// journal entry) and what the program claimed are told apart by Trusted.
type Message struct {
	Host      string    // as the carrier names it, or ""
	MachineID string    // journal _MACHINE_ID: 32 hex digits, or ""
	Boot      string    // journal _BOOT_ID: 32 hex digits, or ""
	Time      time.Time // when it was sent: _SOURCE_REALTIME_TIMESTAMP, or the line's own time
	Received  time.Time // when it was written down: __REALTIME_TIMESTAMP; the line's own time in syslog
	Mono      uint64    // __MONOTONIC_TIMESTAMP in µs since boot, or 0
	Clock     Clock
	ZoneName  string
	Precision time.Duration // of Time: time.Second for RFC 3164 and short forms, else time.Microsecond

	Ident    string // program name: SYSLOG_IDENTIFIER, the tag without its [pid]
	PID      int    // _PID where Trusted, else the number in brackets; 0 where there is none
	Text     string // the message, with the carrier's own escapes undone
	Priority int    // syslog severity 0-7, -1 unknown
	Journal  bool   // the carrier is a journal (binary or exported), not a text file

	Trusted  bool   // PID and the fields below are the kernel's word (journal)
	UID      int    // -1 unknown
	Comm     string // "" where journald could not read it
	Exe      string
	Cmdline  string
	Unit     string // _SYSTEMD_UNIT
	AuditSes string // _AUDIT_SESSION, decimal; "" where absent or unset
	AuditUID string // _AUDIT_LOGINUID, decimal; "" where absent or unset

	// Of logind's "new session" and "removed session" entries (told by MESSAGE_ID).
	LogindSession string // SESSION_ID
	LogindLeader  int    // LEADER: pid of the process that called pam_systemd
	LogindUser    string // USER_ID

	Repeat    int  // further times the message was said, from "message repeated N times"
	Truncated bool // the carrier or sshd is known to have cut the text
}
