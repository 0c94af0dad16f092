package tracker

import "fmt"

// SessionTrackerError is returned by RemoteLogin and AuditdEvent. Which of
// three things failed is told by its methods; the cause is reached with
// errors.Is and errors.As.
type SessionTrackerError struct {
	remoteLoginFail bool   // set when remote login cannot be validated
	parsePIDFail    bool   // set when PID of the session cannot be parsed
	auditWriteFail  bool   // set when the audit event fails to write to event writer
	message         string // the error message
	inner           error  // the error object
}

func (e *SessionTrackerError) Error() string { return e.message }

// Unwrap gives the cause, or nil.
func (e *SessionTrackerError) Unwrap() error { return e.inner }

// RemoteLoginFailed reports whether a remote login did not validate.
func (e *SessionTrackerError) RemoteLoginFailed() bool { return e.remoteLoginFail }

// ParsePIDFailed reports whether the PID of a LOGIN record is no number.
func (e *SessionTrackerError) ParsePIDFailed() bool { return e.parsePIDFail }

// AuditEventWriteFailed reports whether the event writer failed.
func (e *SessionTrackerError) AuditEventWriteFailed() bool { return e.auditWriteFail }

// RemoteUserLoginValidateError says what a RemoteUserLogin lacks.
type RemoteUserLoginValidateError struct {
	field string // Source, PID or CredUserID
	why   string
}

func (e *RemoteUserLoginValidateError) Error() string {
	return fmt.Sprintf("remote user login: %s %s", e.field, e.why)
}

// Field names the field of RemoteUserLogin that is wrong.
func (e *RemoteUserLoginValidateError) Field() string { return e.field }

func writeError(what string, err error) *SessionTrackerError {
	return &SessionTrackerError{auditWriteFail: true, message: fmt.Sprintf("%s: %v", what, err), inner: err}
}
