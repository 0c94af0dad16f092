package auditd

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
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

// TestInOrder holds that inOrder goes over nothing but whole pairs of those names,
// in their order, and gives of them what next does.
func TestInOrder(t *testing.T) {
	t.Parallel()
	pairs := []pair{pairOf("pid=", fPID), optionalPair(" grantors=", none), quotedPair(" comm=", fComm), pairOf(" hostname=", fHostname),
		optionalPair(" ses=", fSes), pairOf(" res=", fRes)}
	names := map[string]field{"pid": fPID, "grantors": none, "comm": fComm, "hostname": fHostname, "ses": fSes, "res": fRes}
	rnd := rand.New(rand.NewPCG(1, 2))
	parts := []string{"pid=", " grantors=", " comm=", " comm=\"", " hostname=", " hostnam", " ses=", " res=", " ", "=", "\"", "'", ",", ")", "(", "1", "a b",
		"0123456789", "\"sshd\"", "(none)"}
	seen, whole := 0, 0
	for range 300_000 {
		var b []byte
		for _, p := range []string{"pid=", " comm=", " hostname=", " res="} { // mostly as it should be
			if rnd.IntN(20) > 0 {
				b = append(b, p...)
			}
			for range 1 + rnd.IntN(2)*rnd.IntN(2) {
				b = append(b, parts[rnd.IntN(len(parts))]...)
			}
		}
		f, other := fields{b: b}, fields{b: b}
		var at values
		if f.inOrder(pairs, &at) {
			whole++
		}
		var want values
		for other.pos < f.pos {
			name, v, ok := other.nextAt()
			if to, known := names[string(name)]; !ok || !known {
				t.Fatalf("%q: over %q", b, b[:f.pos])
			} else if to != none && want[to].to != 0 {
				t.Fatalf("%q: %s twice", b, name)
			} else {
				want[to] = v
			}
			seen++
		}
		want[none] = at[none]
		if f.pos != other.pos || at != want {
			t.Fatalf("%q: %v to %d, want %v to %d", b, at, f.pos, want, other.pos)
		}
	}
	if seen < 100_000 || whole < 300 {
		t.Errorf("only %d pairs, %d times all", seen, whole)
	}
}

// A text is given as it is, whatever was in its place before.
func TestStrings(t *testing.T) {
	const places = 64
	strs := make(Strings, places)
	for range 3 {
		for _, s := range []string{"12345678-one-12345678", "12345678-two-12345678", "", "\x00", "\x00\x00", "a", "12345678", strings.Repeat("x", longestShared+1)} {
			if got := strs.Get([]byte(s)); got != s {
				t.Errorf("%q is given as %q", s, got)
			}
		}
	}
	for i := range 4 * places {
		if s := fmt.Sprint(i); strs.Get([]byte(s)) != s {
			t.Fatalf("%q is given as %q", s, strs.Get([]byte(s)))
		}
	}
}
