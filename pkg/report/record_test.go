package report

import "testing"

// TestPlainReplacement: bytes that are not UTF-8 show as U+FFFD itself, and
// text that looks like its escape stays text.
func TestPlainReplacement(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"a\xffb\xfe":       "\"a\ufffdb\ufffd\"",
		"\ufffd":           "\"\ufffd\"",
		`\ufffd`:           `"\\ufffd"`,
		"\\\xff\"":         `"\\` + "\ufffd" + `\""`,
		"tab\tnul\x00 <&>": `"tab\tnul\u0000 <&>"`,
	} {
		if got, err := plainJSON(value); err != nil || string(got) != want {
			t.Errorf("%q: %s, %v, want %s", value, got, err, want)
		}
	}
}
