package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"auditreplay/pkg/safe"
)

func TestBar(t *testing.T) {
	t.Parallel()
	var term bytes.Buffer
	bar := newBar("reading", 200<<20, 100, &term)
	if err := bar.Set64(50 << 20); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"reading", "25%", "52/210 MB"} {
		if !strings.Contains(term.String(), want) {
			t.Errorf("%q lacks %q", term.String(), want)
		}
	}
	if strings.Contains(term.String(), "\n") {
		t.Errorf("%q goes on to another line", term.String())
	}
}

// Nothing is shown where stderr is no terminal.
func TestNoProgress(t *testing.T) {
	t.Parallel()
	o := &options{output: "out.jsonl"}
	var stderr bytes.Buffer
	if p, stop := o.showProgress(&stderr, &stderr); p != nil {
		stop()
		t.Error("a buffer is taken for a terminal")
	}
}

// A bar stays on one line, however narrow the terminal is, and says how far it
// is all the same.
func TestBarFits(t *testing.T) {
	t.Parallel()
	ansi := regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")
	for _, columns := range []int{20, 40, 60, 79, 80, 100, 120} {
		for _, what := range stages {
			for _, total := range []int64{1000, 200 << 20, 900 << 30} {
				var term bytes.Buffer
				bar := newBar(what, total, columns, &term)
				for _, part := range []int64{1, 3, 50, 99} {
					if err := bar.Set64(total * part / 100); err != nil {
						t.Fatal(err)
					}
				}
				for _, line := range strings.Split(ansi.ReplaceAllString(term.String(), ""), "\r") {
					if n := safe.Width(line); n > columns {
						t.Errorf("%d columns of %d: %q", n, columns, line)
					}
				}
				if !strings.Contains(term.String(), "99%") || columns >= 40 && !strings.Contains(term.String(), what) {
					t.Errorf("%d columns: %q", columns, term.String())
				}
			}
		}
	}
}
