// Package report has the views that people look at. Each is an
// auditevent.EventEncoder over the stream of enriched events (package
// schema), so a view knows no producer, and a saved stream is as good an
// input as fresh evidence.
//
//	Sessions   one row per session: who, with which credential, from where, what came of it
//	Timeline   one line per event, in plain words
//	Tree       the processes of each session, by who started whom and as which user
//
// All have one shape: a constructor takes a writer and a plain struct of
// options whose zero value works, Encode takes one *auditevent.AuditEvent
// after the other in the order of time and keeps nothing of it, and Close
// writes what is left.
//
// # Words
//
// The person is who the credential names (a certificate's key ID, or a name
// given to the key's fingerprint); the account is the user that person logged
// in as; the user is who a process acted as at that moment. A session is
// known by (host, boot, id) and by the login that opened it, never by its
// bare id: a session that two logins share is two rows, and what is
// attributed to nobody stands in a row of its own.
//
// # What is written where
//
// Most strings in the evidence can be chosen by an attacker. A table or text
// shows them with control bytes, escape sequences and bidirectional controls
// made visible; a cell of CSV never starts a formula; JSON carries them as
// they are. Colour is used only where the caller says so. Width is counted in
// columns of a terminal, not in bytes or runes; a negative Width means that
// lines may be of any length, which is right where no terminal reads them.
//
// Times are shown in the zone of the options, UTC where there is none. What
// is not known is left out of JSON, empty in CSV and "-" in a table: no zero
// ever stands for something that was not recorded.
package report

import (
	"fmt"
	"strings"
	"time"

	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// The formats. Not every view has each of them: the options' Validate says
// which ones it knows.
const (
	Table         = "table"          // for people: columns that fit a width
	Text          = "text"           // for people: lines
	CSV           = "csv"            // RFC 4180, with a header line; formula-safe
	JSON          = "json"           // one object a line
	Timesketch    = "timesketch"     // Timesketch's JSONL
	TimesketchCSV = "timesketch-csv" // Timesketch's CSV
)

const defaultWidth = 80

// columns is the width that an option asks for: unlimited (0) where it is
// negative or everything is wanted.
func columns(width int, wide bool) int {
	switch {
	case width < 0 || wide:
		return 0
	case width == 0:
		return defaultWidth
	}
	return width
}

// oneOf returns nil where value is one of the allowed words. The first is the
// default and also stands for "".
func oneOf(flag, value string, allowed ...string) error {
	if value == "" {
		return nil
	}
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return fmt.Errorf("--%s: %q is none of %s", flag, value, strings.Join(allowed, ", "))
}

// event returns v as the event that every encoder takes, with its typed extra.
func event(v any) (*auditevent.AuditEvent, *schema.Extra, error) {
	e, ok := v.(*auditevent.AuditEvent)
	if !ok || e == nil {
		return nil, nil, fmt.Errorf("report: cannot encode a %T, only *auditevent.AuditEvent", v)
	}
	return e, schema.Of(e), nil
}

// keeper keeps strings of events without keeping the memory they stand in,
// and equal ones once.
type keeper map[string]string

func (k keeper) keep(s string) string {
	if s == "" {
		return ""
	}
	if kept, ok := k[s]; ok {
		return kept
	}
	s = strings.Clone(s)
	if len(s) <= 128 { // a long one is hardly ever seen twice
		k[s] = s
	}
	return s
}

func in(t time.Time, zone *time.Location) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	return t.In(zone)
}

const (
	clockDate  = "2006-01-02 15:04:05.000"
	clockShort = "15:04:05.000"
)
