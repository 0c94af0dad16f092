package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var place = regexp.MustCompile(`auth\.log:[0-9-]+`)

// TestFollowBacklog follows logs of which sshd's begins a week before the audit
// log, with the world's tries at passwords: they are written as they are read,
// and what the audit log says comes out as it does without them.
func TestFollowBacklog(t *testing.T) {
	t.Parallel()
	dir := half(t, readCorpus(t, "bookworm-A"))
	want := fileLines(t, followed(t, dir))
	path := filepath.Join(dir, "auth.log")
	auth, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const refused = 20_000
	var log bytes.Buffer
	start := time.Date(2026, 11, 15, 0, 0, 0, 0, time.UTC)
	for i := range refused {
		head := fmt.Sprintf("%s web01 sshd[%d]: ", start.Add(time.Duration(i)*30*time.Second).Format("2006-01-02T15:04:05.000000-07:00"), 40_000+i)
		fmt.Fprintf(&log, "%sFailed password for backlog from 192.0.2.%d port %d ssh2\n%sConnection reset by authenticating user backlog 192.0.2.%[2]d port %[3]d [preauth]\n",
			head, i%250, 1024+i, head)
	}
	writeFile(t, path, append(log.Bytes(), auth...))

	o := new(followOptions)
	cmd := followCommand(o)
	out := filepath.Join(t.TempDir(), "events.jsonl")
	if err := cmd.ParseFlags([]string{"--audit", filepath.Join(dir, "audit.log"), "--sshd", path, "-o", out}); err != nil {
		t.Fatal(err)
	}
	o.noWall = true
	f, err := o.open(cmd)
	if err != nil {
		t.Fatal(err)
	}
	most := int64(0) // messages of a round
	for more := true; more; {
		before := f.pipe.Counts.Messages
		if more, err = f.round(); err != nil {
			t.Fatal(err)
		}
		most = max(most, f.pipe.Counts.Messages-before)
		if n := f.pipe.Counts.Messages; n > refused && n < 2*refused && f.wrote < n/2-2*roundMessages {
			t.Fatalf("%d events are written of %d messages", f.wrote, n)
		}
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	if most > 2*roundMessages {
		t.Errorf("a round has read %d messages", most)
	}
	old := func(line string) bool { return bytes.Contains([]byte(line), []byte(`"loggedAs":"backlog"`)) }
	got := fileLines(t, out)
	if n := len(got) - len(slices.DeleteFunc(slices.Clone(got), old)); n != refused {
		t.Errorf("%d of %d refused logins", n, refused)
	}
	// The lines of auth.log have other numbers, and a session that opens while
	// the beginnings of the logs are read may be written before another.
	unplaced := func(lines []string) (out []string) {
		for _, l := range lines {
			out = append(out, place.ReplaceAllString(l, "auth.log"))
		}
		slices.Sort(out)
		return out
	}
	if diff := cmp.Diff(unplaced(want), unplaced(slices.DeleteFunc(got, old))); diff != "" {
		t.Errorf("-without +with what came before:\n%.2000s", diff)
	}
}
