package sshd

import "strings"

// Kind is what a message says.
type Kind uint8

// The kinds of a Line.
const (
	Other         Kind = iota // not in the table
	Info                      // known, and of no consequence for a login
	Connect                   // a connection was accepted (LogLevel VERBOSE)
	Invalid                   // the account is unknown
	Refused                   // the account may not log in; Reason
	KeyRefused                // a key, certificate or PAM answer was refused; Error, Reason
	KeyListed                 // a key is listed as allowed: not a login
	Accepted                  // logged in
	Failed                    // one method failed
	Partial                   // one of several required methods passed
	Postponed                 // the exchange goes on
	MaxTries                  // too many failures
	Denied                    // the login is refused for good and the connection ends; Reason
	Child                     // the user child is ChildPID
	Starting                  // a session (shell, command, subsystem) starts
	SessionClosed             // a session was closed; the connection may go on
	PAMOpened                 // PAM's session was opened
	PAMClosed                 // PAM's session was closed
	PAMFailed                 // a PAM module's own account of a failure: informative
	Goodbye                   // the client said goodbye; Code, Reason
	Closed                    // the connection ended; Reason
	Kicked                    // the server ended the connection; Reason
	Killed                    // a process of the connection was killed; PID where another one says so
	Expired                   // LoginGraceTime passed; PID where the listener says so
	Listening                 // a listener started
	Stopping                  // the listener stops
)

// Line is what one message says. Fields it does not state are zero.
type Line struct {
	Kind      Kind
	Preauth   bool   // said before authentication
	Truncated bool   // 500 bytes long: its end is probably lost, and what stood there is left out
	Level     string // "fatal", "error", "debug1".., or "": INFO and VERBOSE cannot be told apart
	Text      string // the message without level and suffix, escapes undone

	Account     string
	InvalidUser bool // Account is unknown to the host, or may not log in
	Addr        string
	Port        int
	LAddr       string // the host's own address
	LPort       int

	Method        string // "publickey", "keyboard-interactive/pam"
	Algorithm     string // sshd's word: "ED25519", "RSA-CERT"
	Fingerprint   string // "SHA256:..." or "MD5:..."
	KeyID         string // of a certificate: free text
	Serial        string // of a certificate, decimal
	CAAlgorithm   string
	CAFingerprint string
	Principal     string // gssapi
	ClientUser    string // hostbased
	ClientHost    string // hostbased

	Error  string // of two-part reasons: "certificate invalid"
	Reason string // "expired"; of an end, what was said

	What      string // of Starting: "shell", "command", "subsystem sftp", "forced-command"
	TTY       string // of Starting: "pts/0"
	ChannelID int    // of Starting and SessionClosed: the slot, counted from 0 and reused
	Code      int    // of Goodbye: the SSH disconnect code; 11 is by application
	ChildPID  int    // of Child
	PID       int    // the PID the text names, where the sender speaks of another process

	by string // who says it, of the row: L listener, M monitor, N net child, P PAM helper, U user child
}

// IsProgram reports whether messages of the named program are sshd's: sshd,
// and what it was split into by 9.8 (sshd-session) and 10.0 (sshd-auth).
// journalctl -o with-unit puts the unit in the program's place.
func IsProgram(ident string) bool {
	switch ident {
	case "sshd", "sshd-session", "sshd-auth", "ssh.service", "sshd.service":
		return true
	}
	return strings.HasPrefix(ident, "sshd@") && strings.HasSuffix(ident, ".service")
}

const (
	// maxText is how much of a message syslog gets: "%.500s" in do_log of log.c.
	maxText = 500
	// maxLine is more than sshd or a PAM module writes: what is longer is not
	// theirs, and is not searched for their words.
	maxLine = 4096
)

// Parse reads one message of sshd. It returns false for a message that is not
// in the table; into then has Kind Other and still the stripped Text.
func Parse(text string, into *Line) bool {
	*into = Line{Truncated: len(text) == maxText, Text: text}
	if len(text) > maxLine {
		return false
	}
	text = strip(text, into)
	into.Text = text
	for i := range patterns {
		p := &patterns[i]
		if len(text) < len(p.prefix) || text[:len(p.prefix)] != p.prefix {
			continue
		}
		saved := *into
		into.Kind, into.by = p.kind, p.by
		if p.parse == nil || p.parse(text[len(p.prefix):], into) {
			return true
		}
		*into = saved
	}
	return false
}

// strip takes the level, LogVerbose's tag and the suffix off text and undoes
// the escapes.
func strip(text string, l *Line) string {
	if rest, ok := strings.CutSuffix(text, " [preauth]"); ok {
		text, l.Preauth = rest, true
	} else if rest, ok := strings.CutSuffix(text, " [postauth]"); ok {
		text = rest
	}
	for _, level := range [...]string{"error", "fatal", "debug1", "debug2", "debug3"} {
		if strings.HasPrefix(text, level) && strings.HasPrefix(text[len(level):], ": ") {
			l.Level, text = level, text[len(level)+2:]
			break
		}
	}
	text = untag(text)
	if strings.IndexByte(text, '\\') >= 0 {
		text = decode(text)
		if l.Preauth && hasOctal(text) { // encoded twice before 10.3
			text = decode(text)
		}
	}
	return text
}

// untag takes LogVerbose's "file.c:func():LINE (pid=N): " off text (8.7+; with
// "bin=B, " before pid since 10.0; sshlogv of log.c).
func untag(text string) string {
	head, rest, ok := strings.Cut(text, " (")
	if !ok || len(head) > 120 || !strings.Contains(head, ".c:") || !strings.Contains(head, "():") || strings.IndexByte(head, ' ') >= 0 {
		return text
	}
	if _, after, ok := strings.Cut(rest, "): "); ok {
		return after
	}
	return text
}
