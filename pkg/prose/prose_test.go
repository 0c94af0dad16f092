package prose_test

import (
	"os"
	"strings"
	"testing"

	"auditreplay/pkg/prose"
	"auditreplay/pkg/safe"
)

func Example() {
	p := prose.NewWriter(os.Stdout, 0)
	p.Para(2, "The login of alice\x1b[2J from 198.51.100.7 opened session 12 and nothing else did so at that time.")
	p.Flush()
	// Output:
	//   The login of alice\x1b[2J from 198.51.100.7 opened session 12 and nothing else
	//     did so at that time.
}

func TestWidth(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " ", strings.Repeat("x", 500), strings.Repeat("x", 75), strings.Repeat("x", 155), strings.Repeat("日本", 200), "a " + strings.Repeat("e\u0301", 300),
		strings.Repeat("\x1b[31m", 100), strings.Repeat("word ", 100), "\xff\xfe", strings.Repeat("\u202e", 90)} {
		for _, indent := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8} {
			for columns, width := range map[int]int{0: prose.Width, 10: 20, 20: 20, 33: 33, 200: 200} {
				var b strings.Builder
				p := prose.NewWriter(&b, columns)
				p.Para(indent, text)
				if err := p.Flush(); err != nil {
					t.Fatal(err)
				}
				for line := range strings.Lines(b.String()) {
					line = strings.TrimSuffix(line, "\n")
					if w := safe.Width(line); w > width || safe.Terminal(line) != line {
						t.Errorf("%q, indent %d: a line of %d columns: %q", text, indent, w, line)
					}
				}
			}
		}
	}
}
