package keys

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// certSuffix ends the name of a certificate's type (PROTOCOL.certkeys).
const certSuffix = "-cert-v01@openssh.com"

// parts are how many fields the public part of a key type has in its wire form
// after the name (RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4, PROTOCOL.u2f).
var parts = []struct {
	prefix string
	n      int
}{
	{"ssh-rsa", 2}, // e, n
	{"ssh-dss", 4}, // p, q, g, y
	{"ssh-ed25519", 1},
	{"ecdsa-sha2-", 2},    // curve, point
	{"sk-ecdsa-sha2-", 3}, // curve, point, application
	{"sk-ssh-ed25519", 2}, // key, application
}

var errBlob = errors.New("damaged public key")

// fromBlob makes the Key of a base64 public key.
func fromBlob(name, b64 string) (Key, error) {
	blob, err := base64.StdEncoding.DecodeString(b64)
	if err != nil {
		if blob, err = base64.RawStdEncoding.DecodeString(b64); err != nil {
			return Key{}, errBlob
		}
	}
	inner, rest, ok := cut(blob)
	if !ok || string(inner) != name {
		return Key{}, fmt.Errorf("%w: it is not of the type %s", errBlob, name)
	}
	plain, isCert := strings.CutSuffix(name, certSuffix)
	if isCert {
		if plain == "sk-ssh-ed25519" || strings.HasPrefix(plain, "sk-ecdsa-") {
			plain += "@openssh.com"
		}
		if blob, ok = certified(plain, rest); !ok {
			return Key{}, errBlob
		}
	}
	sum := sha256.Sum256(blob)
	old := md5.Sum(blob)
	return Key{
		Type:        plain,
		Fingerprint: "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:]),
		MD5:         "MD5:" + strings.ReplaceAll(fmt.Sprintf("% x", old), " ", ":"),
	}, nil
}

// certified gives the wire form of the key in a certificate: after the nonce
// stand the fields of the key itself.
func certified(plain string, rest []byte) ([]byte, bool) {
	_, rest, ok := cut(rest)
	if !ok {
		return nil, false
	}
	for _, p := range parts {
		if !strings.HasPrefix(plain, p.prefix) {
			continue
		}
		out := binary.BigEndian.AppendUint32(nil, uint32(len(plain)))
		out = append(out, plain...)
		whole := rest
		for range p.n {
			if _, rest, ok = cut(rest); !ok {
				return nil, false
			}
		}
		return append(out, whole[:len(whole)-len(rest)]...), true
	}
	return nil, false
}

// cut takes one length-prefixed string off b (RFC 4251 5).
func cut(b []byte) (field, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}

func sha256Form(s string) bool {
	b, err := base64.RawStdEncoding.DecodeString(s)
	return err == nil && len(b) == sha256.Size
}

// md5Form: 16 hex octets with colons.
func md5Form(s string) bool {
	if len(s) != 47 {
		return false
	}
	for i, c := range []byte(s) {
		switch {
		case i%3 == 2:
			if c != ':' {
				return false
			}
		case !strings.ContainsRune("0123456789abcdefABCDEF", rune(c)):
			return false
		}
	}
	return true
}
