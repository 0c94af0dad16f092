package follow

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"auditreplay/pkg/ingest"
)

// member is one file of a chain.
type member struct {
	path   string
	info   os.FileInfo
	packed bool // compressed
	age    age
	head   []byte // its first bytes, decompressed
	err    error  // why they could not be read
}

// age orders the files of a chain, the oldest first. Numbered files are the
// older the higher their number; dated ones sort by their name. Where a chain
// has both, the time of the last change decides.
type age struct {
	current bool
	number  int
	date    string
}

func (a *member) older(b *member) int {
	switch {
	case a.age.current != b.age.current:
		if a.age.current {
			return 1
		}
		return -1
	case a.age.number > 0 && b.age.number > 0:
		return cmp.Or(-cmp.Compare(a.age.number, b.age.number), strings.Compare(a.path, b.path))
	case a.age.number == 0 && b.age.number == 0:
		return strings.Compare(a.age.date, b.age.date)
	}
	return cmp.Or(a.info.ModTime().Compare(b.info.ModTime()), strings.Compare(a.path, b.path))
}

// packers are the endings of compressed files that ingest reads.
var packers = [...]string{".gz", ".bz2", ".xz", ".zst", ".lz4"}

// rotatedName reads what stands behind the log's name in the name of one of
// its older files: ".1", "-20240629", ".2024-06-29.gz".
func rotatedName(suffix string) (a age, packed, ok bool) {
	for _, p := range packers {
		if s, cut := strings.CutSuffix(suffix, p); cut {
			suffix, packed = s, true
		}
	}
	if len(suffix) < 2 || suffix[0] != '.' && suffix[0] != '-' || suffix[1] < '0' || suffix[1] > '9' {
		return a, packed, false
	}
	if n, err := strconv.Atoi(suffix[1:]); err == nil && len(suffix) <= 6 && n > 0 {
		return age{number: n}, packed, true
	}
	if strings.Trim(suffix[1:], "0123456789-_.:T") != "" {
		return a, packed, false
	}
	return age{date: suffix[1:]}, packed, true
}

// listChain finds the files of a log, the oldest first, the one that path
// names last. It looks beside the path and, where that is a link, beside what
// it leads to. Two listings must agree, so that a rotation that is under way
// is not seen half.
func listChain(path string) ([]*member, error) {
	before, err := listOnce(path)
	for range 20 {
		var again []*member
		if err == nil {
			again, err = listOnce(path)
		}
		if err == nil && slices.EqualFunc(before, again, func(a, b *member) bool {
			return a.path == b.path && os.SameFile(a.info, b.info)
		}) {
			return again, nil
		}
		if err != nil {
			return nil, err
		}
		before = again
	}
	return before, nil
}

func listOnce(path string) ([]*member, error) {
	places := []string{path}
	if real, err := filepath.EvalSymlinks(path); err == nil && real != filepath.Clean(path) {
		places = append(places, real)
	}
	var out []*member
	seen := make(map[string]bool)
	for _, place := range places {
		if dir, err := filepath.EvalSymlinks(filepath.Dir(place)); err == nil {
			place = filepath.Join(dir, filepath.Base(place))
		}
		if seen[place] {
			continue
		}
		seen[place] = true
		entries, err := os.ReadDir(filepath.Dir(place))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			suffix, ok := strings.CutPrefix(e.Name(), filepath.Base(place))
			if !ok || suffix == "" {
				continue
			}
			a, packed, ok := rotatedName(suffix)
			info, err := e.Info()
			if !ok || err != nil || !info.Mode().IsRegular() {
				continue
			}
			out = append(out, &member{path: filepath.Join(filepath.Dir(place), e.Name()), info: info, packed: packed, age: a})
		}
	}
	info, err := os.Stat(path)
	switch {
	case err == nil:
		out = append(out, &member{path: path, info: info, age: age{current: true}})
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	slices.SortFunc(out, (*member).older)
	return withoutTwins(out), nil
}

// withoutTwins drops a compressed file beside the one that it is made of,
// which is there until the compression is complete, and second names.
func withoutTwins(ms []*member) []*member {
	plain := make(map[string]bool)
	for _, m := range ms {
		plain[m.path] = true
	}
	var out []*member
	for _, m := range ms {
		twin := slices.ContainsFunc(ms, func(o *member) bool { return o != m && o.age.current && os.SameFile(o.info, m.info) })
		if m.packed {
			for _, p := range packers {
				if s, ok := strings.CutSuffix(m.path, p); ok && plain[s] {
					twin = true
				}
			}
		}
		if !twin {
			out = append(out, m)
		}
	}
	return out
}

// open opens the file, decompressed into a temporary file where it has to be,
// and checks that it is still the one that was listed.
func (m *member) open() (*os.File, error) {
	if m.packed {
		f, err := unpack(m.path)
		if info, stat := os.Stat(m.path); err == nil && (stat != nil || !os.SameFile(info, m.info)) {
			f.Close()
			return nil, errMoved
		}
		return f, err
	}
	f, err := os.Open(m.path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !os.SameFile(info, m.info) {
		err = errMoved
	}
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: not a regular file", m.path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// errMoved says that a rotation came between two looks.
var errMoved = errors.New("the file was rotated just now")

// unpack decompresses a file into one without a name.
func unpack(path string) (*os.File, error) {
	in, err := ingest.Discover([]string{path}, ingest.Options{})
	if err != nil {
		return nil, err
	}
	defer in.Close()
	f, err := ingest.TempFile("")
	if err != nil {
		return nil, err
	}
	for _, src := range in.Sources {
		var r io.ReadCloser
		if r, err = src.OpenRaw(); err != nil {
			break
		}
		_, err = io.Copy(f, r)
		r.Close()
		var damage *ingest.Damage
		if errors.As(err, &damage) {
			err = nil
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// first gives the file's first bytes.
func (m *member) first() []byte {
	if m.head != nil || m.info.Size() == 0 {
		return m.head
	}
	if m.packed {
		if m.head, m.err = packedHead(m.path); m.err == nil {
			if info, err := os.Stat(m.path); err != nil || !os.SameFile(info, m.info) {
				m.head, m.err = nil, errMoved
			}
		}
		return m.head
	}
	f, err := m.open()
	if m.err = err; err != nil {
		return nil
	}
	defer f.Close()
	m.head, m.err = readHead(f, headSize)
	return m.head
}

// empty reports whether the file holds nothing.
func (m *member) empty() bool {
	return m.info.Size() == 0 || m.packed && len(m.first()) == 0 && !m.closed()
}

// closed reports whether we may not read the file.
func (m *member) closed() bool {
	m.first()
	return errors.Is(m.err, fs.ErrPermission)
}

// packedHead gives the first bytes of what a compressed file holds.
func packedHead(path string) ([]byte, error) {
	in, err := ingest.Discover([]string{path}, ingest.Options{})
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if len(in.Sources) == 0 {
		return nil, nil
	}
	r, err := in.Sources[0].OpenRaw()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	head, err := io.ReadAll(io.LimitReader(r, headSize))
	var damage *ingest.Damage
	if errors.As(err, &damage) {
		err = nil
	}
	return head, err
}

// ident gives the file's identity by all of its head that there is.
func (m *member) ident() Ident { return identOf(m.info, m.first()) }

// heads remembers the first bytes of compressed files.
type heads map[headKey][]byte

type headKey struct {
	ident Ident
	size  int64
	time  int64
}

// fill gives the compressed files of a chain the heads that are known, and
// remembers those that are not.
func (h heads) fill(chain []*member) {
	there := make(map[headKey]bool)
	for _, m := range chain {
		if !m.packed {
			continue
		}
		key := headKey{identOf(m.info, nil), m.info.Size(), m.info.ModTime().UnixNano()}
		there[key] = true
		if head, ok := h[key]; ok {
			m.head = head
			continue
		}
		if head := m.first(); m.err == nil {
			h[key] = head
		}
	}
	for key := range h {
		if !there[key] {
			delete(h, key)
		}
	}
}
