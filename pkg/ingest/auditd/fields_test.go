package auditd

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestIndexOr(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	letters := []byte{0, 1, ' ', '=', ' ' - 1, ' ' + 1, '=' - 1, '=' + 1, 0x80, 0xa0, 0xbd, 0xff}
	for range 200_000 {
		b := make([]byte, rnd.IntN(40))
		for i := range b {
			b[i] = letters[rnd.IntN(len(letters))]
			if rnd.IntN(4) > 0 {
				b[i] = 'x'
			}
		}
		from, c := rnd.IntN(len(b)+1), byte("= "[rnd.IntN(2)])
		want := from
		for want < len(b) && b[want] != c && b[want] != ' ' {
			want++
		}
		if got := indexOr(b, from, c); got != want {
			t.Fatalf("%q or blank in %q from %d: %d, want %d", c, b, from, got, want)
		}
	}
}

// TestIndex holds that index finds what bytes.Index finds, wherever it stands.
func TestIndex(t *testing.T) {
	t.Parallel()
	for n := range 300 {
		for _, s := range [][]byte{sesField, nametypeField} {
			b := bytes.Repeat([]byte("a b= s=e "), 40)[:n]
			if got := index(b, s); got != -1 {
				t.Errorf("%d bytes: found at %d", n, got)
			}
			b = append(append(b, s...), " ses= nametype="...)
			if got, want := index(b, s), bytes.Index(b, s); got != want {
				t.Errorf("%q behind %d bytes: at %d, want %d", s, n, got, want)
			}
		}
	}
}

// TestArgument holds that argument goes over nothing but whole arguments, and
// gives of them what next does.
func TestArgument(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	parts := []string{" ", "a", "0", "12", "=", "\"", "'", ",", ")", "(", "[", "_len", "61", "x", " a1=", " a0=\"", "argc="}
	seen := 0
	for range 200_000 {
		b := []byte(" a")
		for range rnd.IntN(8) {
			b = append(b, parts[rnd.IntN(len(parts))]...)
		}
		f, other := fields{b: b}, fields{b: b}
		got, ok := f.argument()
		if !ok {
			if f.pos != 0 {
				t.Fatalf("%q: at %d", b, f.pos)
			}
			continue
		}
		seen++
		name, want, _ := other.next()
		if f.pos != other.pos || !bytes.Equal(got, want) || len(name) < 2 || name[0] != 'a' || len(bytes.Trim(name[1:], "0123456789")) > 0 {
			t.Fatalf("%q: %q to %d, want %q of %q to %d", b, got, f.pos, want, name, other.pos)
		}
	}
	if seen < 1000 {
		t.Errorf("only %d arguments", seen)
	}
}
