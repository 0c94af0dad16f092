package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"auditreplay/pkg/ingest"
)

// Difference is a file that is not as the manifest says.
type Difference struct {
	Path    string
	Missing bool
	What    string
}

// Check compares the files and the output with what the manifest says of them.
// checked is how many were there to be compared.
func (m *Manifest) Check() (differ []Difference, checked int, err error) {
	files := append([]File(nil), m.Files...)
	if m.Outputs() > 0 {
		files = append(files, m.Output)
	}
	for _, want := range files {
		got, err := hashFile(want.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			differ = append(differ, Difference{want.Path, true, "not there any more: the manifest has it with SHA-256 " + want.SHA256})
			continue
		case err != nil:
			return differ, checked, err
		}
		checked++
		switch {
		case got.SHA256 == want.SHA256 && got.Size == want.Size:
		case got.Size != want.Size:
			differ = append(differ, Difference{want.Path, false, fmt.Sprintf("%d bytes with SHA-256 %s: the manifest has %d bytes with %s", got.Size, got.SHA256, want.Size, want.SHA256)})
		default:
			differ = append(differ, Difference{want.Path, false, fmt.Sprintf("SHA-256 %s: the manifest has %s", got.SHA256, want.SHA256)})
		}
	}
	return differ, checked, nil
}

// Unlisted gives the files of sources that the manifest does not have, but for
// what is no evidence, and those of the files that names come from.
func (m *Manifest) Unlisted(now []*ingest.Source, naming []string) []string {
	var out []string
	add := func(path string) {
		path = onDisk(path)
		if path != m.Output.Path && !slices.Contains(out, path) &&
			!slices.ContainsFunc(m.Files, func(f File) bool { return f.Path == path }) {
			out = append(out, path)
		}
	}
	for _, src := range now {
		if src.Kind != ingest.UnusableKind {
			add(src.Path)
		}
	}
	for _, path := range naming {
		add(path)
	}
	slices.Sort(out)
	return out
}

// Outputs is how many files the output is: one, or none where it went to
// standard output.
func (m *Manifest) Outputs() int {
	if m.Output.Path == "-" || m.Output.Path == "" {
		return 0
	}
	return 1
}

// Unchecked says what of a manifest no file holds: what came through standard
// input, or went to standard output.
func (m *Manifest) Unchecked() []string {
	var out []string
	for _, in := range m.Inputs {
		if in.Path == "-" {
			out = append(out, "standard input, SHA-256 "+in.SHA256)
		}
	}
	if m.Output.Path == "-" {
		out = append(out, "the output, SHA-256 "+m.Output.SHA256)
	}
	return out
}

// Moved reports whether nothing that the manifest names is there: it is
// probably read in another folder than it was written in.
func (m *Manifest) Moved() bool {
	for _, f := range m.Files {
		if _, err := os.Stat(f.Path); err == nil {
			return false
		}
	}
	return len(m.Files) > 0
}
