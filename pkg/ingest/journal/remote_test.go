package journal

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// remote is where distributions put the program that writes journal files from
// exports: not in PATH.
const remote = "/lib/systemd/systemd-journal-remote"

// Files that systemd writes on the spot, regular and compact, with either hash
// and what compression it is asked for (before 253 it always takes its own),
// hold the entries of the export they are made of.
func TestBinaryAsWrittenByRemote(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(remote); err != nil {
		t.Skip("no systemd-journal-remote here")
	}
	export := hostFile(t, "bookworm-A", "sshd.export.gz")
	// Payloads of 512 bytes and more are compressed.
	long := strings.Repeat("a long message of a program ", 40)
	cursor, rest, _ := strings.Cut(string(export), "\n")
	export = []byte(cursor + "\nNOTE=" + long + "\n" + rest)
	in := filepath.Join(t.TempDir(), "in.export")
	if err := os.WriteFile(in, export, 0o600); err != nil {
		t.Fatal(err)
	}
	want := exportFields(t, export)
	for _, compact := range []string{"0", "1"} {
		for _, compression := range []string{"ZSTD", "XZ", "LZ4", "0"} {
			name := "compact=" + compact + ",compress=" + compression
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				path := filepath.Join(t.TempDir(), "out.journal")
				cmd := exec.Command(remote, "--compress=yes", "-o", path, in)
				cmd.Env = append(os.Environ(), "SYSTEMD_JOURNAL_COMPACT="+compact, "SYSTEMD_JOURNAL_KEYED_HASH="+compact,
					"SYSTEMD_JOURNAL_COMPRESS="+compression)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				got := fieldsOf(t, newBinary(data))
				if len(got) != len(want) || len(want) < 1000 {
					t.Fatalf("%d entries, want %d", len(got), len(want))
				}
				for i := range want {
					if d := cmp.Diff(unnumbered(want[i]), unnumbered(got[i])); d != "" {
						t.Fatalf("entry %d: %s", i, d)
					}
				}
			})
		}
	}
}

// unnumbered leaves out the numbers that a file gives its entries.
func unnumbered(entry string) string {
	var kept []string
	for line := range strings.SplitSeq(entry, "\n") {
		if !strings.HasPrefix(line, "__SEQNUM") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}
