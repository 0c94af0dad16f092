package tracker

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

// TestValidUTF8 holds that validUTF8 is utf8.Valid, wherever a letter stands.
func TestValidUTF8(t *testing.T) {
	t.Parallel()
	for n := range 40 {
		for at := range n + 1 {
			for _, s := range []string{"", "\x7f", "\x80", "\xff", "é", "\xc3", "€"} {
				b := bytes.Repeat([]byte("x"), n)
				b = append(append(b[:at:at], s...), b[at:]...)
				if got, want := validUTF8(b), utf8.Valid(b); got != want {
					t.Errorf("%q: %v", b, got)
				}
			}
		}
	}
}
