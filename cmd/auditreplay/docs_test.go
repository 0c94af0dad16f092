package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDocs runs the commands that the documents show, and holds what they
// write against what the documents say they write: in a "console" block, each
// line "$ auditreplay ..." up to the next one. -update rewrites the documents.
func TestDocs(t *testing.T) {
	t.Parallel()
	found := 0
	for _, doc := range []string{"README.md", "docs/usage.md"} {
		path := filepath.Join("..", "..", doc)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		inside, skip := false, false
		for line := range strings.Lines(string(text)) {
			args, isCommand := strings.CutPrefix(line, "$ auditreplay ")
			switch {
			case strings.HasPrefix(line, "```"):
				inside, skip = line == "```console\n", false
			case inside && isCommand:
				found++
				out.WriteString(line)
				out.WriteString(transcript(t, strings.Fields(args)))
				skip = true
				continue
			case inside && strings.HasPrefix(line, "$ "):
				skip = false
			}
			if !skip {
				out.WriteString(line)
			}
		}
		if *update {
			if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if diff := cmp.Diff(string(text), out.String()); diff != "" {
			t.Errorf("%s: -says +does:\n%s", doc, diff)
		}
	}
	if found < 5 {
		t.Errorf("only %d commands in the documents", found)
	}
}

// transcript is what a command writes to standard output.
func transcript(t *testing.T, args []string) string {
	t.Helper()
	for i, a := range args {
		if strings.HasPrefix(a, "testdata/") {
			args[i] = filepath.Join("..", "..", a)
		}
	}
	var stdout, stderr bytes.Buffer
	if code := execute(args, strings.NewReader(""), &stdout, &stderr); code == exitError {
		t.Errorf("auditreplay %s: %s", strings.Join(args, " "), stderr.String())
	}
	return stdout.String()
}
