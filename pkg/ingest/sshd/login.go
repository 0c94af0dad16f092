package sshd

import (
	"time"

	"auditreplay/pkg/ingest"
)

// Login is one authentication decision: one success, or one refusal.
//
// A Login is written by Connections alone, which goes on learning about it
// until its End: a consumer that keeps one reads it between calls.
type Login struct {
	Pos      ingest.Pos   `json:"-"` // of the line that decides
	Also     []ingest.Pos `json:"-"` // of the other lines that belong to the decision, in time order
	Time     time.Time    // of the line that decides
	Received time.Time
	PID      int // of the monitor; 0 where the log has none
	Life     int // number of this life of the PID, from 1 again where none was heard of for long
	Accepted bool

	Account     string
	InvalidUser bool
	Addr        string
	Port        int
	LAddr       string // the host's own end, where the log says
	LPort       int

	Method        string // "publickey", "publickey,password", "keyboard-interactive/pam"
	Algorithm     string
	Fingerprint   string
	KeyID         string
	Serial        string
	CAAlgorithm   string
	CAFingerprint string
	Principal     string
	Error         string // of a refusal in two parts: "certificate invalid"
	Reason        string // of a refusal: "expired", "root login refused"

	Number    int    `json:"-"` // by which whoever keeps the login knows it, from 1; 0 where nobody does
	Text      string // the deciding message, decoded
	N         int    // it is the N-th decision with this PID and Text, from 1 (of the last 65,536 decisions at least)
	Truncated bool

	ConnTime      time.Time // of "Connection from"
	ChildPID      int       // user child
	ChildAt       int64     `json:",omitempty"` // Received of the line that named it, in microseconds since the epoch
	AuditSes      string    // journal _AUDIT_SESSION of the connection
	AuditSesAt    int64     `json:",omitempty"` // Received of the first entry that says so, likewise
	AuditUID      string    // journal _AUDIT_LOGINUID
	SesConflictAt int64     `json:",omitempty"` // Received of the first entry that disagrees about either, likewise
	SesConflict   bool      // there is one
	ChildLate     bool      `json:",omitempty"` // the child's line is none of the session's start: at LogLevel INFO its goodbye
	PAM           bool      // PAM's session was opened: its close is logged, unless the monitor is killed
	LogindSession string
	Sessions      []Started
	End           *End
	Conflict      []ingest.Pos `json:"-"` // the different Accepted lines of this one life of the PID: one is forged
}

// Started is the start of one session of a connection.
type Started struct {
	Kind     string // "shell", "command", "subsystem sftp", "forced-command"
	TTY      string // "pts/0", or ""
	Time     time.Time
	Received time.Time
	Pos      ingest.Pos `json:"-"`
}

// How a connection ended.
const (
	Logout     = "logout"     // the client said goodbye, or PAM's session was closed and nothing else is known
	Disconnect = "disconnect" // closed, reset or timed out
	Kill       = "killed"     // by the server's side
)

// End is how a connection ended, with the line that shows it.
type End struct {
	How    string
	Silent bool // no line says why: PAM's session was closed, and that is all
	Time   time.Time
	Pos    ingest.Pos `json:"-"`
}

// ChangeKind is what happened to a Login.
type ChangeKind uint8

// The kinds of a Change. A login is Decided once and first. Ended may come
// again where a later line says better how it ended, and Learned after it.
const (
	Decided ChangeKind = iota
	Learned
	Ended // End is nil where the PID went to another connection and the end was not seen
)

// Change is something that Connections found out.
type Change struct {
	Kind  ChangeKind
	Login *Login
}

// credential takes what a line says about the credential.
func (g *Login) credential(l *Line) {
	g.Method, g.Algorithm, g.Fingerprint = l.Method, l.Algorithm, l.Fingerprint
	g.KeyID, g.Serial = l.KeyID, l.Serial
	g.CAAlgorithm, g.CAFingerprint, g.Principal = l.CAAlgorithm, l.CAFingerprint, l.Principal
}

// same reports whether two decisions say the same.
func (g *Login) same(o *Login) bool {
	return g.Account == o.Account && g.Addr == o.Addr && g.Port == o.Port && g.Text == o.Text
}
