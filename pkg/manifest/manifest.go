package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/replay"
)

// Version is the version of the form.
const Version = 1

// Manifest is what an output was made of.
type Manifest struct {
	Version int               `json:"manifest"`
	Tool    Tool              `json:"tool"`
	Command string            `json:"command"`
	Options map[string]string `json:"options"`         // flags that were given, by name
	Paths   []string          `json:"paths"`           // as they were given
	Roots   []string          `json:"roots,omitempty"` // hosts as they lay on their disks
	Files   []File            `json:"files"`           // that were read, in the order of their paths
	Inputs  []Input           `json:"inputs"`          // the sources in them
	Output  File              `json:"output"`
}

// Tool is the program and its build.
type Tool struct {
	Name     string            `json:"name"`
	Version  string            `json:"version"`
	Go       string            `json:"go"`
	Settings map[string]string `json:"settings,omitempty"` // of the build: GOOS, vcs.revision ...
}

// File is a file as it lies on the disk. The path "-" is standard input or
// output.
type File struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Input is one source: a file, decompressed, or a member of an archive.
type Input struct {
	Name      string    `json:"name"` // what positions call it
	Path      string    `json:"path"` // a member is ARCHIVE!MEMBER
	Kind      string    `json:"kind"`
	Bytes     int64     `json:"bytes"` // decompressed
	SHA256    string    `json:"sha256"`
	Lines     int64     `json:"lines"` // or entries of a journal
	Evidence  int64     `json:"evidence"`
	Duplicate int64     `json:"duplicate,omitempty"`
	Rejected  int64     `json:"rejected,omitempty"`
	First     time.Time `json:"first,omitzero"` // of its evidence
	Last      time.Time `json:"last,omitzero"`
}

// ThisTool describes the running program.
func ThisTool(version string) Tool {
	t := Tool{Name: "auditreplay", Version: version}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return t
	}
	t.Go = info.GoVersion
	t.Settings = make(map[string]string)
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS", "GOARCH", "CGO_ENABLED", "-trimpath", "vcs.revision", "vcs.time", "vcs.modified":
			t.Settings[s.Key] = s.Value
		}
	}
	return t
}

// AddInputs adds the files and sources of a run. times may be nil.
func (m *Manifest) AddInputs(sources []*ingest.Source, sum *replay.Summary, times *Times) error {
	counts := make(map[string]*replay.SourceSummary)
	for i := range sum.Sources {
		counts[sum.Sources[i].Path] = &sum.Sources[i]
	}
	for _, src := range sources {
		in := Input{Name: src.Name, Path: src.Path, Kind: src.Kind.String()}
		if s := counts[src.Path]; s != nil {
			in.Kind, in.Lines, in.Evidence, in.Duplicate, in.Rejected = s.Kind, s.Read, s.Evidence, s.Duplicate, s.Rejected
		}
		if times != nil {
			in.First, in.Last = times.of(src)
		}
		var err error
		if in.Bytes, in.SHA256, err = content(src); err != nil {
			return err
		}
		m.Inputs = append(m.Inputs, in)
		if err := m.addFile(src.Path); err != nil {
			return err
		}
	}
	slices.SortFunc(m.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

// AddFiles adds files that were read beside the inputs: those that name keys,
// accounts and hosts. Members of archives are sealed with their archive.
func (m *Manifest) AddFiles(paths []string) error {
	for _, path := range paths {
		if err := m.addFile(path); err != nil {
			return err
		}
	}
	slices.SortFunc(m.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

// addFile adds the file that a source is, or is in, once.
func (m *Manifest) addFile(path string) error {
	if path == "-" || strings.HasPrefix(path, "-!") {
		return nil
	}
	path = onDisk(path)
	if slices.ContainsFunc(m.Files, func(f File) bool { return f.Path == path }) {
		return nil
	}
	f, err := hashFile(path)
	if err != nil {
		return err
	}
	m.Files = append(m.Files, f)
	return nil
}

// onDisk gives the file that a source's path leads into. A name may hold a "!"
// itself: the longest that is a file counts.
func onDisk(path string) string {
	for end := len(path); end > 0; end = strings.LastIndexByte(path[:end], '!') {
		if info, err := os.Stat(path[:end]); err == nil && !info.IsDir() {
			return path[:end]
		}
	}
	return path
}

// content hashes the decompressed bytes of a source. Those of a damaged one
// end at the damage.
func content(src *ingest.Source) (int64, string, error) {
	r, err := src.OpenRaw()
	if err != nil {
		return 0, "", err
	}
	defer r.Close()
	h := NewHash(nil)
	_, err = io.Copy(h, r)
	if damage := (*ingest.Damage)(nil); err != nil && !errors.As(err, &damage) {
		return 0, "", err
	}
	return h.Size(), h.Sum(), nil
}

func hashFile(path string) (File, error) {
	f, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	h := NewHash(nil)
	if _, err := io.Copy(h, f); err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	return File{Path: path, Size: h.Size(), SHA256: h.Sum()}, nil
}

// Free reports whether a manifest can be written to path.
func Free(path string, force bool) error {
	if info, err := os.Lstat(path); err == nil && (!force || info.IsDir()) {
		return fmt.Errorf("%s: exists (--force overwrites it)", path)
	}
	return nil
}

// Write writes a manifest to a file that must not be there yet, complete or
// not at all.
func (m *Manifest) Write(path string, force bool) error {
	if err := Free(path, force); err != nil {
		return err
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".auditreplay-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// Read reads a manifest.
func Read(path string) (*Manifest, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := new(Manifest)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("%s: no manifest: %w", path, err)
	}
	if m.Version != Version {
		return nil, fmt.Errorf("%s: a manifest of version %d, not %d", path, m.Version, Version)
	}
	return m, nil
}
