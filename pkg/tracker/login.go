package tracker

import (
	"encoding/base64"
	"encoding/hex"
	"maps"
	"math"
	"net/netip"
	"strings"
	"time"

	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/schema"

	"github.com/google/uuid"
	"github.com/metal-toolbox/auditevent"
)

// RemoteUserLogin is a login over the network, as the program that accepted it
// logged it.
type RemoteUserLogin struct {
	Source     *auditevent.AuditEvent // the login's own event; what it leaves empty it does not claim
	PID        int                    // of the process that accepted it
	CredUserID string                 // whose credential it was: a certificate's key ID, or any name for it
}

// Validate returns a *RemoteUserLoginValidateError where something is missing.
func (r RemoteUserLogin) Validate() error {
	switch {
	case r.Source == nil:
		return &RemoteUserLoginValidateError{"Source", "is nil"}
	case r.PID <= 0:
		return &RemoteUserLoginValidateError{"PID", "is not positive"}
	case r.CredUserID == "":
		return &RemoteUserLoginValidateError{"CredUserID", "is empty"}
	}
	return nil
}

// login is an accepted login and what its log says of the session it opened.
type login struct {
	*loginBody
	session *session // that it opened
	spooled int64    // where its body was put
	nanos   int64    // At, in nanoseconds since the epoch; noNanos where that has none
	pid     int      // PID
	number  uint32   // of its sshd.Login
	proven  uint8    // by Resolve: with how many sessions it is a proven pair, 2 for all that are more
	shares  bool     // Shares
}

// loginBody is what need not be in memory of a login: see Store.
type loginBody struct {
	loginClaims
	detail   *sshd.Login // of the rich path
	own      *face       // of RemoteLogin: what its own event shows
	rejected []rejection
	was      string // the claims as they stand in the store
}

// noNanos stands for a time before 1678 or after 2262, and for none.
const noNanos = math.MinInt64

func newLogin(b *loginBody) *login {
	l := &login{loginBody: b, pid: b.PID, nanos: noNanos, shares: b.Shares}
	if nanos := b.At.UnixNano(); time.Unix(0, nanos).Equal(b.At) {
		l.nanos = nanos
	}
	if b.detail != nil {
		l.number = uint32(b.detail.Number)
	}
	return l
}

// share notes that the login runs in a session that another one opened.
func (l *login) share() { l.Shares, l.shares = true, true }

// timeOf gives a login's At.
func (t *SessionTracker) timeOf(l *login) time.Time {
	if l.nanos == noNanos {
		return t.useLogin(l).At
	}
	return time.Unix(0, l.nanos).UTC()
}

// loginClaims is what a login's log says. Zero values claim nothing. It is
// saved as it is.
type loginClaims struct {
	ID      string        // the UserLogin's auditId
	PID     int           `json:",omitempty"`
	At      time.Time     // of the Accepted line, on the audit log's clock
	Ahead   time.Duration `json:",omitempty"` // that sshd's log was set back for it
	Seen    time.Time     // the tracker's "now" when the login came
	Account string        `json:",omitempty"`
	Addr    string        `json:",omitempty"`
	Port    string        `json:",omitempty"`
	CredID  string        // whose credential it was
	LifeEnd time.Time     // when this life of the PID was over, by sshd's log; zero where unknown
	Names   string        `json:",omitempty"` // the session that its own events name
	Shares  bool          `json:",omitempty"` // it runs in a session that another login opened
	Written bool          `json:",omitempty"` // its UserLogin was written
}

// rejection is why a login and a session that could have been joined were not.
type rejection struct {
	session *session
	login   *login
	why     string
}

// ownLogin copies what RemoteLogin was given: the caller keeps the original.
func (t *SessionTracker) ownLogin(r RemoteUserLogin) *login {
	e := r.Source
	f := &face{source: e.Source, subjects: make(map[string]string, len(e.Subjects)+1), target: maps.Clone(e.Target)}
	if f.source.Extra = maps.Clone(e.Source.Extra); e.Source.Type == "" {
		f.source = unknownSource
	}
	maps.Copy(f.subjects, e.Subjects)
	if _, ok := f.subjects["userID"]; !ok {
		f.subjects["userID"] = r.CredUserID
	}
	if c, ok := e.Metadata.Extra["credential"].(*schema.Credential); ok && c != nil {
		copied := *c
		f.cred = &copied
	}
	l := loginBody{own: f, loginClaims: loginClaims{PID: r.PID, CredID: r.CredUserID, ID: e.Metadata.AuditID, At: e.LoggedAt,
		Account: e.Subjects["loggedAs"], Seen: t.now, Written: true}}
	if e.Source.Type == "IP" {
		l.Addr = e.Source.Value
		l.Port, _ = e.Source.Extra["port"].(string)
	}
	return newLogin(&l)
}

// sourceOf is where a login came from.
func sourceOf(addr, port string) auditevent.EventSource {
	if addr == "" {
		return unknownSource
	}
	s := auditevent.EventSource{Type: "IP", Value: addr}
	if port != "" && port != "0" {
		s.Extra = map[string]any{"port": port}
	}
	return s
}

var unknownSource = auditevent.EventSource{Type: "unknown", Value: "unknown"}

// loginSpace is the UUID namespace of the auditIds of logins.
var loginSpace = uuid.MustParse("5f3c9a52-5d0e-5b0c-9d0e-7f3b8e1c6a41")

// LoginID gives the auditId of the UserLogin (or UserLogout) that sshd's
// message stands for: a UUIDv5 over host, boot, pid, the decoded message and
// n, the n-th time that this pid logged this message in that boot. No file and
// no time is in it, so the same line has the same id through every carrier.
func LoginID(host, boot string, pid int, message string, n int) string {
	var b strings.Builder
	for _, part := range []string{host, boot, itoa(pid), message, itoa(n)} {
		b.WriteString(part)
		b.WriteByte(0)
	}
	return uuid.NewSHA1(loginSpace, []byte(b.String())).String()
}

// credentialOf is the credential of an sshd login.
func (t *SessionTracker) credentialOf(l *sshd.Login) *schema.Credential {
	c := &schema.Credential{Method: l.Method, Algorithm: l.Algorithm, Fingerprint: wholePrint(l.Fingerprint),
		Serial: l.Serial, Principal: l.Principal}
	c.KeyID, c.KeyIDHex = textAndHex([]byte(l.KeyID))
	if l.CAAlgorithm != "" || l.CAFingerprint != "" {
		c.CA = &schema.CA{Algorithm: l.CAAlgorithm, Fingerprint: wholePrint(l.CAFingerprint)}
	}
	if t.opt.Names != nil {
		if c.Fingerprint != "" {
			c.Names = t.opt.Names(c.Fingerprint, false)
		}
		if c.CA != nil && c.CA.Fingerprint != "" {
			c.CA.Names = t.opt.Names(c.CA.Fingerprint, true)
		}
	}
	if c.Method == "" && c.Fingerprint == "" && c.KeyID == "" && c.Principal == "" {
		return nil
	}
	return c
}

// sameAddress compares two addresses as addresses, IPv4-mapped ones and
// spelling included; known is false where one of them is none.
func sameAddress(a, b string) (same, known bool) {
	if a == "" || b == "" {
		return false, false
	}
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	if errX != nil || errY != nil {
		return a == b, false
	}
	return x.Unmap() == y.Unmap(), true
}

// likeAddress reports whether two texts are one address. Nearly always they are
// spelled alike, and need not be read.
func likeAddress(a, b string) bool {
	if a == b {
		return true
	}
	same, _ := sameAddress(a, b)
	return same
}

// wholePrint gives a fingerprint if it has the form of one, else "": a line
// that was cut or damaged must not name a key that does not exist.
func wholePrint(fp string) string {
	hash, sum, _ := strings.Cut(fp, ":")
	switch hash {
	case "MD5":
		if raw, err := hex.DecodeString(strings.ReplaceAll(sum, ":", "")); err == nil && len(raw) == 16 && len(sum) == 47 {
			return fp
		}
	case "SHA1", "SHA256", "SHA384", "SHA512":
		raw, err := base64.RawStdEncoding.Strict().DecodeString(sum)
		if err == nil && len(raw) == map[string]int{"SHA1": 20, "SHA256": 32, "SHA384": 48, "SHA512": 64}[hash] {
			return fp
		}
	}
	return ""
}
