package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"auditreplay/pkg/explain"
	"auditreplay/pkg/report"
	"auditreplay/pkg/schema"
	"auditreplay/pkg/schema/schematest"
	"auditreplay/pkg/verify"
)

// Every view that writes JSON writes what its schema says, of every recorded
// host.
func TestOutputsFitTheirSchemas(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"bookworm-A", "trixie-A", "bookworm-0"} {
		dir := filepath.Join("..", "..", "testdata", "host", host)
		evidence := []string{"-q", filepath.Join(dir, "var"), filepath.Join(dir, "auth.log.gz")}
		for _, test := range []struct {
			schema string
			args   string
		}{
			{schema.JSONSchema(), "file --scope all"},
			{report.JSONSchema("sessions"), "sessions --format json"},
			{report.JSONSchema("timeline"), "timeline --format json"},
			{report.JSONSchema("tree"), "tree --format json"},
			{verify.JSONSchema(), "verify --format json"},
			{explain.JSONSchema(), "explain --format json --boot " + lastBoot(t, evidence) + " 3"},
			{explain.JSONSchema(), "explain --format json " + anEvent(t, evidence)},
		} {
			t.Run(host+" "+strings.Fields(test.args)[0], func(t *testing.T) {
				t.Parallel()
				var out, errs bytes.Buffer
				args := append(strings.Fields(test.args), evidence...)
				if code := execute(args, strings.NewReader(""), &out, &errs); code == exitError {
					t.Fatal(errs.String())
				}
				wrong, err := schematest.Lines(test.schema, some(out.Bytes()))
				if err != nil {
					t.Fatal(err)
				}
				if len(wrong) > 0 {
					t.Errorf("%d differences, the first: %q", len(wrong), wrong[:min(10, len(wrong))])
				}
			})
		}
	}
}

// anEvent gives the id of an event that a program of a session caused.
func anEvent(t *testing.T, evidence []string) string {
	t.Helper()
	var out, errs bytes.Buffer
	execute(append([]string{"file", "--scope", "ssh", "--action", "executed"}, evidence...), strings.NewReader(""), &out, &errs)
	line, _, _ := strings.Cut(out.String(), "\n")
	_, rest, ok := strings.Cut(line, `"id":"1`)
	id, _, _ := strings.Cut(rest, `"`)
	if !ok || id == "" {
		t.Fatal(errs.String())
	}
	return "1" + id
}

// some gives an output, or an even share of a long one's lines.
func some(output []byte) []byte {
	lines := bytes.SplitAfter(output, []byte("\n"))
	every := len(lines)/1000 + 1
	var out []byte
	for i := 0; i < len(lines); i += every {
		out = append(out, lines[i]...)
	}
	return out
}

// lastBoot gives the id of the evidence's last boot.
func lastBoot(t *testing.T, evidence []string) string {
	t.Helper()
	var out, errs bytes.Buffer
	execute(append([]string{"sessions", "--format", "json"}, evidence...), strings.NewReader(""), &out, &errs)
	_, rest, ok := strings.Cut(out.String()[strings.LastIndex(strings.TrimSpace(out.String()), "\n")+1:], `"boot":"`)
	boot, _, _ := strings.Cut(rest, `"`)
	if !ok || boot == "" {
		t.Fatal(errs.String())
	}
	return boot
}
