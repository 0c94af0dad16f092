// Package keys reads the files that say whose a public key is: sshd's
// authorized_keys and *.pub files, ssh-keygen's allowed_signers, and lists of
// "fingerprint,name". The kind is told line by line, so one file may mix them.
//
// # Words
//
// A fingerprint is what sshd logs of a key: "SHA256:" and the unpadded base64
// of the SHA-256 of the key's wire form (sshkey.c sshkey_fingerprint), or the
// older "MD5:" with hex octets. Of a certificate it is the fingerprint of the
// key that is certified, as in sshd's log. A key marked cert-authority signs
// certificates: its name is the authority's, never a person's.
//
// # Formats
//
//	[options] keytype base64 [comment]              sshd(8) AUTHORIZED_KEYS FILE FORMAT
//	principals [options] keytype base64 [comment]   ssh-keygen(1) ALLOWED SIGNERS
//	fingerprint,name                                csv, with or without a header
//
// The name is the comment, the principals, the name. Principals with a
// wildcard name nobody; then the comment does.
package keys

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"auditreplay/pkg/ingest"
)

// Key is a public key and whose it is.
type Key struct {
	Fingerprint string // "SHA256:..."; "" where a list names the key by MD5 alone
	MD5         string // "MD5:aa:bb:..."; "" where a list names it by SHA-256 alone
	Type        string // "ssh-ed25519"; "" from a list
	Name        string // comment, principals or name; may be empty
	From        string // FILE:LINE
	CA          bool   // signs certificates
}

// Parse reads keys. name is what positions are given with. A line that holds
// no key is an error "NAME:LINE: what"; the other lines' keys are given all the
// same, and the errors joined.
func Parse(name string, r io.Reader) ([]Key, error) {
	var keys []Key
	var bad []error
	lines := ingest.NewLines(r)
	for {
		b, number, _, err := lines.Next()
		if err == io.EOF {
			return keys, errors.Join(bad...)
		}
		if err != nil {
			return keys, errors.Join(append(bad, fmt.Errorf("%s: %w", name, err))...)
		}
		b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
		line := strings.TrimSpace(string(b))
		if line == "" || line[0] == '#' {
			continue
		}
		from := fmt.Sprintf("%s:%d", name, number)
		k, err := parseLine(line)
		switch {
		case errors.Is(err, errHeader) && len(keys) == 0:
		case err != nil:
			bad = append(bad, fmt.Errorf("%s: %w", from, err))
		default:
			k.From = from
			keys = append(keys, k)
		}
	}
}

var (
	errHeader = errors.New("a header")
	errNoKey  = errors.New("no public key and no fingerprint")
)

func parseLine(line string) (Key, error) {
	fields, err := split(line)
	if err != nil {
		return Key{}, err
	}
	for i := range min(3, len(fields)-1) {
		if !keyType(fields[i]) {
			continue
		}
		k, err := fromBlob(fields[i], fields[i+1])
		if err != nil {
			return Key{}, err
		}
		before := fields[:i]
		k.Name = strings.Join(fields[i+2:], " ")
		if len(before) > 0 && !options(before[0]) {
			if who := unquote(before[0]); k.Name == "" || !strings.ContainsAny(who, "*?!") {
				k.Name = who
			}
			before = before[1:]
		}
		for _, o := range before {
			k.CA = k.CA || hasOption(o, "cert-authority")
		}
		return k, nil
	}
	return fromList(line)
}

// keyType tells the names of key types from all else that stands in a line.
func keyType(s string) bool {
	for _, prefix := range []string{"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-sha2-", "webauthn-sk-"} {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

// known are the options of authorized_keys (sshd(8)); a first word of any
// other name is the principals of allowed_signers.
var known = []string{
	"agent-forwarding", "cert-authority", "command", "environment", "expiry-time", "from", "no-agent-forwarding",
	"no-port-forwarding", "no-pty", "no-touch-required", "no-user-rc", "no-x11-forwarding", "permitlisten", "permitopen",
	"port-forwarding", "principals", "pty", "restrict", "tunnel", "user-rc", "verify-required", "x11-forwarding",
}

func options(s string) bool {
	for _, o := range known {
		if hasOption(s, o) {
			return true
		}
	}
	return false
}

// hasOption looks for a name among options: names, or name="value" with \" in it.
func hasOption(s, want string) bool {
	for s != "" {
		end := strings.IndexAny(s, ",=")
		if end < 0 {
			return strings.EqualFold(s, want)
		}
		if strings.EqualFold(s[:end], want) {
			return true
		}
		quoted := false
		for ; end < len(s) && (quoted || s[end] != ','); end++ {
			switch {
			case s[end] == '\\' && quoted:
				end++
			case s[end] == '"':
				quoted = !quoted
			}
		}
		if end >= len(s) {
			return false
		}
		s = s[end+1:]
	}
	return false
}

// split cuts a line at blanks outside of quotes (auth2-pubkeyfile.c
// auth_check_authkey_line, sshsig.c parse_principals_key_and_options).
func split(line string) ([]string, error) {
	var fields []string
	for line = strings.TrimLeft(line, " \t"); line != ""; line = strings.TrimLeft(line, " \t") {
		if len(fields) > 0 && len(fields) <= 3 && keyTypeAt(fields) >= 0 && len(fields) >= keyTypeAt(fields)+2 {
			return append(fields, line), nil // the comment, quotes and all
		}
		end, quoted := 0, false
		for ; end < len(line) && (quoted || line[end] != ' ' && line[end] != '\t'); end++ {
			switch {
			case line[end] == '\\' && quoted && end+1 < len(line):
				end++
			case line[end] == '"':
				quoted = !quoted
			}
		}
		if quoted {
			return nil, errors.New("quote without an end")
		}
		fields = append(fields, line[:end])
		line = line[end:]
	}
	return fields, nil
}

func keyTypeAt(fields []string) int {
	for i, f := range fields {
		if keyType(f) {
			return i
		}
	}
	return -1
}

func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// fromList reads "fingerprint,name".
func fromList(line string) (Key, error) {
	r := csv.NewReader(strings.NewReader(line))
	r.TrimLeadingSpace = true
	fields, err := r.Read()
	if err != nil || len(fields) < 2 {
		return Key{}, errNoKey
	}
	f := strings.TrimSpace(fields[0])
	k := Key{Name: strings.TrimSpace(fields[1])}
	switch {
	case strings.EqualFold(f, "fingerprint"):
		return Key{}, errHeader
	case sha256Form(strings.TrimRight(strings.TrimPrefix(f, "SHA256:"), "=")):
		k.Fingerprint = "SHA256:" + strings.TrimRight(strings.TrimPrefix(f, "SHA256:"), "=")
	case md5Form(strings.TrimPrefix(f, "MD5:")):
		k.MD5 = "MD5:" + strings.ToLower(strings.TrimPrefix(f, "MD5:"))
	default:
		return Key{}, fmt.Errorf("%q is no fingerprint (SHA256:... or MD5:aa:bb:...)", f)
	}
	return k, nil
}
