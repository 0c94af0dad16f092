package safe_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"auditreplay/pkg/safe"
)

func TestTerminal(t *testing.T) {
	t.Parallel()
	cases := []struct{ in, want string }{
		{"", ""},
		{"plain ~!", "plain ~!"},
		{"\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"\x1b]0;title\x07", `\x1b]0;title\x07`},
		{"a\nb\rc\td\x00\x7f", `a\nb\rc\td\x00\x7f`},
		{"\u009b31m", "<U+009B>31m"},                 // C1, as a character
		{"\x9b31m", `\x9b31m`},                       // C1, as a byte
		{"user\u202egpj.exe", "user<U+202E>gpj.exe"}, // shown from right to left
		{"\u2066a\u2069\u200e\u200f\u061c", "<U+2066>a<U+2069><U+200E><U+200F><U+061C>"},
		{"ro\u200bot\ufeff\u2060\u00ad", "ro<U+200B>ot<U+FEFF><U+2060><U+00AD>"},
		{"a\u2028b\u2029", "a<U+2028>b<U+2029>"},
		{"\U000e0041\U000e0101\ue000\U0010fffd", "<U+E0041><U+E0101><U+E000><U+10FFFD>"},
		{"\u3164\u2800\u115f", "<U+3164><U+2800><U+115F>"},
		{"\xff\xc3(\xed\xa0\x80", `\xff\xc3(\xed\xa0\x80`},
		{"日本語 é ñ 🙂\u00a0x \ufffd", "日本語 é ñ 🙂\u00a0x \ufffd"},
		{"e\u0301 ok", "e\u0301 ok"},
		{"\u0301x", "<U+0301>x"}, // would sit on what stands before it
		{"z" + strings.Repeat("\u0300", 6), "z" + strings.Repeat("\u0300", 4) + strings.Repeat("<U+0300>", 2)},
		{`C:\x1b`, `C:\x1b`},
	}
	for _, c := range cases {
		if got := safe.Terminal(c.in); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestCSVCell(t *testing.T) {
	t.Parallel()
	cases := []struct{ in, want string }{
		{"", ""}, {"alice", "alice"}, {"a=1", "a=1"}, {"'=1", "'=1"}, {" x", " x"},
		{"=HYPERLINK(1)", "'=HYPERLINK(1)"}, {"+1", "'+1"}, {"-1", "'-1"}, {"@sum", "'@sum"},
		{"\t=1", "'\t=1"}, {"\r=1", "'\r=1"}, {" =1", "' =1"}, {"\n=1", "'\n=1"}, {"＝1", "'＝1"},
	}
	for _, c := range cases {
		if got := safe.CSVCell(c.in); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestWidthAndTruncate(t *testing.T) {
	t.Parallel()
	cases := []struct {
		in        string
		width     int
		cells     int
		truncated string
	}{
		{"", 0, 0, ""},
		{"abc", 3, 3, "abc"},
		{"abc", 3, 2, "a…"},
		{"abc", 3, 1, "…"},
		{"abc", 3, 0, ""},
		{"abc", 3, -1, ""},
		{"日本語", 6, 6, "日本語"},
		{"日本語", 6, 5, "日本…"},
		{"日本語", 6, 4, "日…"},
		{"e\u0301e\u0301e\u0301", 3, 2, "e\u0301…"},
		{"\u2e3bx", 5, 4, "…"},
		{"🙂🙂", 4, 3, "🙂…"},
	}
	for _, c := range cases {
		if got := safe.Width(c.in); got != c.width {
			t.Errorf("%q: width %d, want %d", c.in, got, c.width)
		}
		if got := safe.Truncate(c.in, c.cells); got != c.truncated {
			t.Errorf("%q cut to %d: %q, want %q", c.in, c.cells, got, c.truncated)
		}
	}
}

// Whatever goes in, nothing comes out that a terminal obeys; what is safe
// already stays as it is; and a cut text fits.
func FuzzTerminal(f *testing.F) {
	f.Add("plain", 3)
	f.Add("\x1b[2J\u202e\xff\u0300🙂", 5)
	f.Fuzz(func(t *testing.T, s string, cells int) {
		got := safe.Terminal(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool {
			return r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069
		}) {
			t.Fatalf("%q became %q", s, got)
		}
		if again := safe.Terminal(got); again != got {
			t.Fatalf("%q is safe, but became %q", got, again)
		}
		if cut := safe.Truncate(got, cells); safe.Width(cut) > max(cells, 0) {
			t.Fatalf("%q is wider than %d", cut, cells)
		}
	})
}

func Example() {
	name := "root\x1b[2K\u202e"
	fmt.Println(safe.Terminal(name))
	fmt.Println(safe.CSVCell("=cmd|' /C calc'!A0"))
	fmt.Println(safe.Truncate("a rather long command line", 12))
	// Output:
	// root\x1b[2K<U+202E>
	// '=cmd|' /C calc'!A0
	// a rather lo…
}

func BenchmarkTerminal(b *testing.B) {
	s := "/usr/local/bin/rizin -A -q /var/lib/docker/overlay2/l/malware.bin"
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		safe.Terminal(s)
	}
}
