package replay_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"auditreplay/pkg/replay"
)

// replayed replays opened evidence as the commands do.
func replayed(t testing.TB, in *replay.Evidence, opt replay.Options) []event {
	t.Helper()
	opt.Roots, opt.Keys, opt.Users = in.Roots, in.Keys, in.Users
	rec := &recorder{text: true}
	if _, err := replay.Run(in.Sources, rec, opt); err != nil {
		t.Fatal(err)
	}
	return rec.events
}

// TestRoot: a host's tree alone, as a directory or in an archive, gives every
// attribution, accounts by its passwd and people by its authorized_keys.
func TestRoot(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long under the race detector; runs without -short")
	}
	t.Parallel()
	h := host(t, "bookworm-A")
	dir, packed := archives(t, h)
	want := replayed(t, open(t, replay.EvidenceOptions{Roots: []string{dir}}), replay.Options{})
	if s := h.against(want, nil); len(s.wrong)+len(s.missing)+len(s.invented) > 0 || s.recall() < 1 {
		t.Errorf("recall %.4f, wrong %d, missing %d, invented %d", s.recall(), len(s.wrong), len(s.missing), len(s.invented))
	}
	named, people := 0, 0
	for i := range want {
		e := &want[i]
		if strings.Contains(e.text, `"uid":{"id":"1005","name":"deploy"}`) {
			named++
		}
		if e.userID == "alice@laptop" {
			people++
			if !strings.Contains(e.text, `authorized_keys:1","name":"alice@laptop"`) {
				t.Fatalf("a name without its source: %s", e.text)
			}
		}
	}
	if named < 1000 || people < 100 {
		t.Errorf("%d events with a name of passwd, %d with one of authorized_keys", named, people)
	}
	for _, path := range packed {
		got := replayed(t, open(t, replay.EvidenceOptions{Roots: []string{path}}), replay.Options{})
		for i := range got { // where a name was found is where the root is
			got[i].text = strings.ReplaceAll(got[i].text, path+"!", dir+"/")
		}
		sameEvents(t, filepath.Base(path), want, got, false)
	}
}

// TestRoots replays two hosts of one name at once: each keeps its own.
func TestRoots(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long under the race detector; runs without -short")
	}
	t.Parallel()
	var dirs, want []string
	for _, name := range []string{"bookworm-0", "bookworm-A"} {
		dir := host(t, name).tree(t)
		dirs = append(dirs, dir)
		for _, e := range replayed(t, open(t, replay.EvidenceOptions{Roots: []string{dir}}), replay.Options{}) {
			want = append(want, e.text)
		}
	}
	var got []string
	for _, e := range replayed(t, open(t, replay.EvidenceOptions{Roots: dirs}), replay.Options{}) {
		got = append(got, e.text)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("%d events, alone they have %d", len(got), len(want))
	}
}

// TestEvidenceOfARoot: an export handed over beside a root joins it.
func TestEvidenceOfARoot(t *testing.T) {
	t.Parallel()
	h := host(t, "bookworm-A")
	dir := h.tree(t)
	in := open(t, replay.EvidenceOptions{Roots: []string{dir}, Paths: []string{"../../testdata/host/bookworm-A/sshd.export.gz"}})
	events := replayed(t, in, replay.Options{})
	if s := h.against(events, nil); len(s.wrong)+len(s.missing)+len(s.invented) > 0 || s.recall() < 1 {
		t.Errorf("recall %.4f, wrong %d, missing %d, invented %d", s.recall(), len(s.wrong), len(s.missing), len(s.invented))
	}
	for i := range events {
		if events[i].host != "web01" || len(events[i].boot) != 32 {
			t.Fatalf("event %d is of host %q, boot %q", i, events[i].host, events[i].boot)
		}
	}
}

// TestKeyNames: names that the user gives go first; two names are both kept,
// one said twice is said once.
func TestKeyNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	print := "SHA256:" + strings.Repeat("a", 43)
	write(t, filepath.Join(dir, "team.csv"), []byte(print+",Ann\n"+print+",Ann\n"))
	write(t, filepath.Join(dir, "more.csv"), []byte(print+",Bob\n"))
	in := open(t, replay.EvidenceOptions{Paths: []string{"../../testdata/host/bookworm-A/auth.log.gz"},
		KeyFiles: []string{filepath.Join(dir, "team.csv"), filepath.Join(dir, "more.csv")}})
	got := fmt.Sprint(replay.KeyNames(in.Keys)(print, false))
	if want := fmt.Sprintf("[{%s Ann} {%s Bob}]", filepath.Join(dir, "team.csv:1"), filepath.Join(dir, "more.csv:1")); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if names := replay.KeyNames(in.Keys)(print, true); names != nil {
		t.Errorf("a person's key is no CA: %v", names)
	}
}
