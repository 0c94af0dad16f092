package replay_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/journal"
	"auditreplay/pkg/ingest/syslog"
	"auditreplay/pkg/replay"
)

// open opens evidence as the commands do.
func open(t testing.TB, opt replay.EvidenceOptions) *replay.Evidence {
	t.Helper()
	opt.Ingest = detection(t)
	in, err := replay.OpenEvidence(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	return in
}

// detection is what the commands find inputs with.
func detection(t testing.TB) ingest.Options {
	return ingest.Options{TempDir: t.TempDir(), Detect: []func([]byte) (ingest.Kind, string){
		func(head []byte) (ingest.Kind, string) { return journal.Detect(head), "" }, syslog.Detect}}
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(data) // cannot fail
	z.Close()
	return b.Bytes()
}

// tree lays a recorded host out as on its disk; every third of its audit logs
// is compressed.
func (h *recorded) tree(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), h.name)
	for i, f := range h.audit {
		path := filepath.Join(dir, "var/log/audit", f.name)
		if i%3 == 0 {
			write(t, path+".gz", gzipped(f.data))
		} else {
			write(t, path, f.data)
		}
	}
	write(t, filepath.Join(dir, "var/log/auth.log"), h.sshd["auth.log"].data)
	for _, name := range []string{"passwd", "group", "hostname", "machine-id"} {
		if data, err := os.ReadFile(filepath.Join("../../testdata/host", h.name, "etc", name)); err == nil {
			write(t, filepath.Join(dir, "etc", name), data)
		}
	}
	if key, err := os.ReadFile(filepath.Join("../../testdata/host", h.name, "keys", "h1.pub")); err == nil {
		write(t, filepath.Join(dir, "home/alice/.ssh/authorized_keys"), key)
	}
	return dir
}

// pack writes the tree below dir to an archive.
func pack(t testing.TB, dir string, add func(rel string, data []byte) error) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return add(filepath.ToSlash(rel), data)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func tarOf(t testing.TB, dir string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	pack(t, dir, func(rel string, data []byte) error {
		if err := w.WriteHeader(&tar.Header{Name: "./" + rel, Mode: 0o644, Size: int64(len(data))}); err != nil {
			return err
		}
		_, err := w.Write(data)
		return err
	})
	w.Close()
	return b.Bytes()
}

func zipOf(t testing.TB, dir string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	pack(t, dir, func(rel string, data []byte) error {
		f, err := w.Create(rel)
		if err == nil {
			_, err = io.Copy(f, bytes.NewReader(data))
		}
		return err
	})
	w.Close()
	return b.Bytes()
}

// archives writes a host's tree in every container.
func archives(t testing.TB, h *recorded) (dir string, paths []string) {
	dir = h.tree(t)
	out := t.TempDir()
	packed := tarOf(t, dir)
	for name, data := range map[string][]byte{"host.tar": packed, "host.tar.gz": gzipped(packed), "host.zip": zipOf(t, dir)} {
		path := filepath.Join(out, name)
		write(t, path, data)
		paths = append(paths, path)
	}
	return dir, paths
}

// TestContainers: a tree, and the same packed, with rotated files compressed
// inside, give the same events.
func TestContainers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long under the race detector; runs without -short")
	}
	t.Parallel()
	h := host(t, "trixie-A")
	dir, packed := archives(t, h)
	want, _ := run(t, open(t, replay.EvidenceOptions{Paths: []string{dir}}).Sources, true)
	if s := h.against(want, nil); len(s.wrong) > 0 || s.recall() < 1 {
		t.Fatalf("recall %.4f, wrong %d", s.recall(), len(s.wrong))
	}
	for _, path := range packed {
		in := open(t, replay.EvidenceOptions{Paths: []string{path}})
		got, _ := run(t, in.Sources, true)
		sameEvents(t, filepath.Base(path), want, got, false)
		if len(got) > 0 && !strings.Contains(got[0].pos, filepath.Base(path)+"!var/log/") {
			t.Errorf("%s: pos %q", filepath.Base(path), got[0].pos)
		}
	}
}

// TestBinaryJournals: the .journal files of a host, in their folder and in an
// archive, give what its export gives.
func TestBinaryJournals(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"bookworm-A", "trixie-A"} {
		if testing.Short() && name != "bookworm-A" {
			continue // one shows races as well
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := host(t, name)
			dir := "../../testdata/host/" + name
			audit := dir + "/var/log/audit"
			want, _ := run(t, open(t, replay.EvidenceOptions{Paths: []string{audit, dir + "/host.export.gz"}}).Sources, true)
			got, _ := run(t, open(t, replay.EvidenceOptions{Paths: []string{audit, dir + "/journal.tar.xz"}}).Sources, true)
			sameEvents(t, "journal.tar.xz", want, got, false)
			if s := h.against(got, h.excused(true)); len(s.wrong)+len(s.missing)+len(s.invented) > 0 || s.recall() < 1 {
				t.Errorf("recall %.4f, wrong %d, missing %d, invented %d", s.recall(), len(s.wrong), len(s.missing), len(s.invented))
			}
		})
	}
}
