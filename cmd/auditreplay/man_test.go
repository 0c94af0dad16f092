package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestManPages holds that each command has a page that tells of all its flags,
// and that man has nothing to complain of and shows it on 80 columns. Only
// examples may be wider: a command that is to be copied is not broken.
func TestManPages(t *testing.T) {
	t.Parallel()
	man, _ := exec.LookPath("man")
	if man == "" {
		t.Log("man is not installed: how the pages look is not tested")
	}
	pages := documented(newRoot())
	if len(pages) < 10 {
		t.Fatalf("only %d pages", len(pages))
	}
	for _, c := range pages {
		page := manPage(c)
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !strings.Contains(page, `\fB`+roff("--"+f.Name)+`\fR`) {
				t.Errorf("the page of %s does not tell of --%s", c.Name(), f.Name)
			}
		})
		if man != "" {
			checkRendered(t, man, c.CommandPath(), page)
		}
	}
}

func checkRendered(t *testing.T, man, name, page string) {
	t.Helper()
	var shown, complaints bytes.Buffer
	cmd := exec.Command(man, "--warnings", "-l", "-")
	cmd.Env = append(os.Environ(), "MANWIDTH=80", "LC_ALL=C.UTF-8", "MANPAGER=cat", "MAN_KEEP_FORMATTING=")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(page), &shown, &complaints
	if err := cmd.Run(); err != nil || complaints.Len() > 0 {
		t.Errorf("%s: man: %v: %s", name, err, complaints.String())
	}
	for line := range strings.Lines(shown.String()) {
		if len([]rune(line)) > 81 && !strings.HasPrefix(strings.TrimSpace(line), "auditreplay ") {
			t.Errorf("%s: wider than 80 columns: %q", name, line)
		}
	}
	if !strings.Contains(shown.String(), name) {
		t.Errorf("%s: the page shows %q", name, shown.String())
	}
}
