package sshd

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"auditreplay/pkg/ingest"
)

// FuzzParse holds two properties. No text breaks Parse or Connections. And
// what sshd writes of a login comes back, whatever the account of the host or
// the certificate's key ID: the key ID may hold anything, the account anything
// that is no place of its own.
func FuzzParse(f *testing.F) {
	f.Add("deploy", "hugo@example.com", uint16(22))
	f.Add("root", "bob (serial 9) CA ED25519 SHA256:x from 9.9.9.9 port 1 ssh2", uint16(0))
	f.Add("x from 1.1.1.1 port 2 ssh2", "", uint16(65535))
	f.Add("invalid user a", "(serial 1) CA", uint16(1))
	f.Add("j\xc3\xbcrgen\\", "\\303\\274\n\x00", uint16(7))
	f.Add(" from ", " (serial ", uint16(7))
	f.Add("deploy", "x public key y from z", uint16(7))
	for _, tt := range lines {
		f.Add(tt.text, "", uint16(1))
	}
	f.Fuzz(func(t *testing.T, account, keyID string, port uint16) {
		var l Line
		c := NewConnections()
		for _, text := range []string{account, account + " [preauth]", "Disconnecting " + account, account + keyID} {
			Parse(text, &l)
			c.Add(&ingest.Message{PID: 1, Text: text}, ingest.Pos{}, &l, func(Change) {})
		}
		c.Close(func(Change) {})

		tail := fmt.Sprintf(" from 192.0.2.7 port %d ssh2", port)
		text := vis("Failed password for invalid user "+account) + tail
		if len(text) <= maxLine && len(text) != maxText {
			if !Parse(text, &l) || l.Account != account || !l.InvalidUser || l.Addr != "192.0.2.7" || l.Port != int(port) {
				t.Errorf("%q: %+v", text, l)
			}
		}
		text = vis("Accepted publickey for "+account) + tail + vis(": RSA-CERT SHA256:k ID "+keyID+" (serial 5) CA RSA SHA256:c")
		if strings.Contains(account, " from ") || strings.HasPrefix(account, "from ") || strings.HasPrefix(account, "invalid user") ||
			strings.HasPrefix(account, "illegal user") || strings.HasSuffix(account, " from") ||
			len(text) > maxLine || len(text) == maxText {
			return
		}
		if !Parse(text, &l) || l.Kind != Accepted || l.Account != account || l.Port != int(port) || l.Fingerprint != "SHA256:k" ||
			l.KeyID != keyID || l.Serial != "5" || l.CAFingerprint != "SHA256:c" {
			t.Errorf("%q: %+v", text, l)
		}
	})
}

// vis is strnvis with VIS_CSTYLE and VIS_OCTAL, as far as decode must undo it.
func vis(s string) string {
	var b bytes.Buffer
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\\':
			b.WriteString(`\\`)
		case c == '\n':
			b.WriteString(`\n`)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// go test -run=^$ -bench=. -benchmem ./pkg/ingest/sshd
func BenchmarkParse(b *testing.B) {
	entries := readHost(b, "bookworm-A", "sshd.short-iso.gz")
	size := 0
	for i := range entries {
		size += len(entries[i].Message.Text)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	var l Line
	for b.Loop() {
		for i := range entries {
			Parse(entries[i].Message.Text, &l)
		}
	}
}

func BenchmarkConnections(b *testing.B) {
	entries := readHost(b, "bookworm-A", "sshd.short-iso.gz")
	size := 0
	for i := range entries {
		size += len(entries[i].Message.Text)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		replay(b, entries, func(int, Change) {})
	}
}
