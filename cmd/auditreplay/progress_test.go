package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestBar(t *testing.T) {
	t.Parallel()
	var term bytes.Buffer
	bar := newBar("reading", 200<<20, &term)
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
