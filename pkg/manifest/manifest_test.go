package manifest_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/manifest"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/schema"
	"auditreplay/pkg/schema/schematest"

	"github.com/google/go-cmp/cmp"
)

const record = "type=USER_CMD msg=audit(1767323045.000:1): pid=5 uid=0 auid=1000 ses=1 msg='cmd=\"id\" res=success'\n"

func write(t *testing.T, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// made replays a file, an archive and standard input and gives the manifest.
func made(t *testing.T, dir string) *manifest.Manifest {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	member := []byte(strings.ReplaceAll(record, ":1)", ":2)"))
	if err := w.WriteHeader(&tar.Header{Name: "audit.log", Size: int64(len(member)), Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	w.Write(member)
	w.Close()
	paths := []string{write(t, filepath.Join(dir, "audit.log"), []byte(record)), write(t, filepath.Join(dir, "odd!name.tar"), archive.Bytes()), "-"}
	in, err := ingest.Discover(paths, ingest.Options{Stdin: strings.NewReader(strings.ReplaceAll(record, ":1)", ":3)"))})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	times := manifest.NewTimes()
	var out bytes.Buffer
	hash := manifest.NewHash(&out)
	enc := schema.NewEncoder(hash)
	sum, err := replay.Run(in.Sources, enc, replay.Options{Observer: times})
	if err == nil {
		err = enc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	m := &manifest.Manifest{Version: manifest.Version, Tool: manifest.ThisTool("v0"), Command: "file", Options: map[string]string{}, Paths: paths, Roots: []string{"host"}}
	if err := m.AddInputs(in.Sources, sum, times); err != nil {
		t.Fatal(err)
	}
	m.Output = manifest.File{Path: write(t, filepath.Join(dir, "out"), out.Bytes()), Size: hash.Size(), SHA256: hash.Sum()}
	return m
}

func TestManifest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := made(t, dir)
	path := filepath.Join(dir, "m.json")
	if err := m.Write(path, false); err != nil {
		t.Fatal(err)
	}
	if err := m.Write(path, false); err == nil {
		t.Error("overwritten")
	}
	read, err := manifest.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, read); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
	line, err := json.Marshal(read)
	if err != nil {
		t.Fatal(err)
	}
	if wrong, err := schematest.Lines(manifest.JSONSchema(), line); err != nil || len(wrong) > 0 {
		t.Errorf("%q, error %v", wrong, err)
	}
	if len(m.Files) != 2 || len(m.Inputs) != 3 {
		t.Errorf("%d files, %d inputs", len(m.Files), len(m.Inputs))
	}
	for _, in := range m.Inputs {
		if in.Lines != 1 || in.Bytes != int64(len(record)) || in.First.IsZero() || !in.First.Equal(in.Last) {
			t.Errorf("%+v", in)
		}
	}
	if differ, checked, err := read.Check(); err != nil || len(differ) > 0 || checked != 3 || len(read.Unchecked()) != 1 {
		t.Errorf("%v, %d checked, error %v, unchecked %q", differ, checked, err, read.Unchecked())
	}
}

// One changed byte, more bytes, and a file that is gone are found.
func TestCheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := made(t, dir)
	write(t, m.Files[0].Path, []byte(strings.Replace(record, "id", "ls", 1)))
	write(t, m.Files[1].Path, []byte("longer, or shorter"))
	if err := os.Remove(m.Output.Path); err != nil {
		t.Fatal(err)
	}
	differ, checked, err := m.Check()
	if err != nil || len(differ) != 3 || checked != 2 || differ[0].Missing || !differ[2].Missing || m.Moved() {
		t.Errorf("%+v, %d checked, error %v", differ, checked, err)
	}
	for _, text := range []string{"", "{}", `{"manifest":2}`, "[]", strings.Repeat("[", 1_000_000)} {
		if _, err := manifest.Read(write(t, filepath.Join(dir, "odd"), []byte(text))); err == nil {
			t.Errorf("%.20q: no error", text)
		}
	}
}
