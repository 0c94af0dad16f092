package report

import (
	"bytes"
	"encoding/hex"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// FuzzCommandLine asks bash to read back what commandLine wrote.
func FuzzCommandLine(f *testing.F) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		f.Skip("no bash to compare with")
	}
	for _, seed := range []string{"", "plain", "a b", "it's", "$HOME", "`id`", "a\nb\tc\rd", "\x1b[2J", "\u202egnp", "日本語", "e\u0301", "\\", "~", "~root",
		"*", "-", "!!", "#", "a=b", "\xff\xfe", "\x80x", "\u00a0", "\U000e0041", "\u0085", "{a,b}", "a'\n"} {
		f.Add(seed, "x")
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		args := []string{one, two}
		if strings.Contains(one+two, "\x00") {
			t.Skip("no argument holds a NUL")
		}
		line := commandLine(args, nil)
		for _, r := range line {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
				t.Fatalf("%U in %q", r, line)
			}
		}
		cmd := exec.Command(bash, "--norc", "-c", `printf '%s\0' `+line)
		cmd.Env = []string{"LC_ALL=C.UTF-8"}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		var got []string
		for _, b := range bytes.Split(bytes.TrimSuffix(out, []byte{0}), []byte{0}) {
			got = append(got, string(b))
		}
		if !slices.Equal(got, args) {
			t.Errorf("%q became %s, which bash reads as %q", args, line, got)
		}
	})
}

func TestCommandLineHex(t *testing.T) {
	t.Parallel()
	shown := []string{"cat", "a\ufffd"}
	exact := []string{hex.EncodeToString([]byte("cat")), hex.EncodeToString([]byte("a\xff"))}
	for _, c := range []struct {
		hexed []string
		want  string
	}{
		{exact, `cat $'a\xff'`},
		{nil, "cat $'a\ufffd'"},
		{[]string{"zz", "00"}, "cat $'a\ufffd'"},
		{exact[:1], "cat $'a\ufffd'"},
	} {
		if got := commandLine(shown, c.hexed); got != c.want {
			t.Errorf("%q: got %s, want %s", c.hexed, got, c.want)
		}
	}
}
