package follow

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestJournalAllBoots holds that journalctl is asked for all boots where it
// would show the running one alone, and not where it does not know the word.
func TestJournalAllBoots(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]bool{
		"systemd 252 (252.39-1~deb12u2)\n+PAM +AUDIT": true,
		"systemd 250 (v250)":                          true,
		"systemd 249 (249.11-0ubuntu3)":               false,
		"systemd 219\n+PAM":                           false,
		"something else":                              true,
	} {
		program := filepath.Join(t.TempDir(), "journalctl")
		if err := os.WriteFile(program, []byte("#!/bin/sh\n[ \"$1\" = --version ] && echo '"+said+"'\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		args := command(&JournalOptions{}, "s=1;i=2", version(t.Context(), program))
		if got := slices.Contains(args, "--boot=all"); got != want {
			t.Errorf("%q: journalctl %q", said, args)
		}
		if !slices.Contains(args, "--cursor=s=1;i=2") {
			t.Errorf("journalctl %q", args)
		}
	}
}
