package tracker

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"unicode/utf8"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
)

// TestOneStretch holds that oneStretch finds the stretch that lines are, in
// whatever order, and none where one is missing, twice there, or of another source.
func TestOneStretch(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	a, b := &ingest.Source{Name: "a"}, &ingest.Source{Name: "b"}
	stretches := 0
	for range 100_000 {
		n, from := 1+rnd.IntN(70), 1+rnd.Int64N(5)
		if rnd.IntN(2) == 0 {
			n = 1 + rnd.IntN(5)
		}
		recs := make([]*auditd.Record, n)
		for i, at := range rnd.Perm(n) {
			recs[i] = &auditd.Record{Pos: ingest.Pos{Source: a, Line: from + int64(at)}}
		}
		switch r := recs[rnd.IntN(n)]; rnd.IntN(4) {
		case 0:
			r.Pos.Source = b
		case 1:
			r.Pos.Line += rnd.Int64N(200) - 100
		}
		lines := make([]int64, n)
		one := true
		for i, r := range recs {
			lines[i] = r.Pos.Line
			one = one && r.Pos.Source == recs[0].Pos.Source
		}
		slices.Sort(lines)
		for i := range lines {
			one = one && lines[i] == lines[0]+int64(i)
		}
		first, last, ok := oneStretch(recs)
		if ok && (!one || first.Line != lines[0] || last != lines[n-1]) || one && !ok && n <= 32 {
			t.Fatalf("%d: %d-%d, %v", lines, first.Line, last, ok)
		}
		if ok {
			stretches++
			want := recs[0].Pos.Source.Name + ":" + strconv.FormatInt(lines[0], 10)
			if n > 1 {
				want += "-" + strconv.FormatInt(lines[n-1], 10)
			}
			if got := string(appendPos(nil, recs)); got != want {
				t.Fatalf("%s, want %s", got, want)
			}
		}
	}
	if stretches < 10_000 {
		t.Errorf("only %d stretches", stretches)
	}
}

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
