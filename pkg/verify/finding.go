package verify

import (
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"time"
)

// The kinds of a Finding.
const (
	SerialGap           = "serial_gap"            // the kernel numbered events that are not in the evidence
	AuditdDown          = "auditd_down"           // auditd did not run
	AuditDisabled       = "audit_disabled"        // the kernel's audit was switched off
	RulesChanged        = "rules_changed"         // audit rules were added, removed or replaced
	NotRecorded         = "not_recorded"          // something that no rule, or none that is known, recorded
	RecordsLost         = "records_lost"          // the kernel says that it dropped records
	RateLimited         = "rate_limited"          // a log daemon says that it dropped messages
	ClockStep           = "clock_step"            // the host's clock was set
	ClockSkew           = "clock_skew"            // two logs of one host do not agree on the time
	FileMissing         = "file_missing"          // a file of a rotated set, or the start of a log
	Overlap             = "overlap"               // evidence that was given twice
	LateRecords         = "late_records"          // records that came after their event was closed
	Rejected            = "rejected"              // input that could not be read
	LoginWithoutSession = "login_without_session" // sshd accepted a login that the audit log does not show
	SessionWithoutLogin = "session_without_login" // sshd opened a session that its own log does not show
	Contradiction       = "contradiction"         // the evidence says two things
	LoginUIDRewritten   = "loginuid_rewritten"    // a process got another login uid than it had
	InheritedSession    = "inherited_session"     // a login that runs in a session which another one opened
	UntrustedSource     = "untrusted_source"      // messages that only claim to be sshd's
)

// Kinds lists all kinds of findings.
func Kinds() []string {
	return []string{SerialGap, AuditdDown, AuditDisabled, RulesChanged, NotRecorded, RecordsLost, RateLimited,
		ClockStep, ClockSkew, FileMissing, Overlap, LateRecords, Rejected, LoginWithoutSession, SessionWithoutLogin,
		Contradiction, LoginUIDRewritten, InheritedSession, UntrustedSource}
}

// Finding is one thing that the evidence lacks, or that is wrong in it. What
// is not known is zero and is left out of the JSON form. Where and Detail may
// hold text that an attacker chose: see package safe.
type Finding struct {
	Kind   string    `json:"kind"`
	Host   string    `json:"host,omitempty"`
	Boot   string    `json:"boot,omitempty"`
	From   time.Time `json:"from,omitzero"` // the last moment that is known to be good, or when it happened
	To     time.Time `json:"to,omitzero"`   // the first moment that is good again
	Count  int64     `json:"count,omitempty"`
	Where  string    `json:"where,omitempty"` // source lines: "NAME:A-B,C"
	Detail string    `json:"detail"`

	host, boot int // for the order; -1 where of none
}

// sortFindings puts findings in the order of host, boot, time and kind.
func sortFindings(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.host, b.host), cmp.Compare(a.boot, b.boot), a.From.Compare(b.From),
			a.To.Compare(b.To), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Where, b.Where), cmp.Compare(a.Detail, b.Detail))
	})
}

// WriteJSON writes the findings, one JSON object a line.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for i := range r.Findings {
		if err := enc.Encode(&r.Findings[i]); err != nil {
			return err
		}
	}
	return nil
}

func atMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
