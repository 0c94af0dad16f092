package ingest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
)

// Inputs are the sources of a run. They stay readable until Close.
type Inputs struct {
	Sources []*Source // named, in the order of their names, however they were given
	Skipped []Skipped // what was found and is no source
	Damaged []*Damage // of archives, where no source's reader will meet it

	closers []io.Closer
}

// None is the error that nothing of some kind was found in what was named, with
// the damage that may be why.
func (in *Inputs) None(named string, what error) error {
	const most = 3
	text := ""
	for i, d := range in.Damaged {
		if i == most {
			text += fmt.Sprintf("; and %d more", len(in.Damaged)-most)
			break
		}
		text += "; " + d.Error()
	}
	return fmt.Errorf("%s: %w%s", named, what, text)
}

// Skipped is something that was found beside the evidence.
type Skipped struct {
	Path string
	Why  string // a class to count by: "no known kind (.json)", "symbolic link", "named twice"
	Link string // what a link leads to, as it says itself
}

// Close closes the files and frees what was spooled.
func (in *Inputs) Close() error {
	var first error
	for _, c := range in.closers {
		if err := c.Close(); err != nil && first == nil {
			first = err
		}
	}
	in.closers = nil
	return first
}

// Discover finds the evidence in files, directories, archives and, for "-" or
// a named pipe or device, in what can be read only once and is spooled. What
// an input is its bytes say, never its name. A named file of no known kind is
// a Source of UnknownKind; the same inside a directory or archive is skipped,
// so are links, pipes and devices there, so nothing is read twice or without
// end, and nothing outside a directory is reached from it.
//
// The error says that a named input or a file of a directory is missing or
// cannot be read, as "PATH: what".
func Discover(paths []string, opt Options) (*Inputs, error) {
	opt = opt.withDefaults()
	d := &discovery{opt: &opt, in: new(Inputs), seen: make(map[string]bool), reported: make(map[*Damage]bool)}
	named := make([]string, len(paths))
	for i, p := range paths {
		if p == "" {
			return nil, errors.New("empty path")
		}
		named[i] = filepath.Clean(p)
	}
	slices.Sort(named)
	for i, p := range named {
		if i > 0 && p == named[i-1] {
			d.skip(p, "named twice")
			continue
		}
		if err := d.named(p); err != nil {
			d.in.Close()
			return nil, err
		}
	}
	hostRoots(d.in.Sources)
	NameSources(d.in.Sources)
	return d.in, nil
}

type discovery struct {
	opt      *Options
	in       *Inputs
	seen     map[string]bool // files by path
	reported map[*Damage]bool
	held     int
	memory   int64 // of opt.Memory used
}

func (d *discovery) skip(path, why string) {
	d.in.Skipped = append(d.in.Skipped, Skipped{Path: path, Why: why})
}

// fault keeps damage and gives any other error back.
func (d *discovery) fault(err error) error {
	var damage *Damage
	if !errors.As(err, &damage) {
		return err
	}
	if !d.reported[damage] {
		d.reported[damage] = true
		d.in.Damaged = append(d.in.Damaged, damage)
	}
	return nil
}

// known says that damage will be met by the reader of a source.
func (d *discovery) known(err error) {
	if damage := (*Damage)(nil); errors.As(err, &damage) {
		d.reported[damage] = true
	}
}

func newPlace(root string, named bool) place {
	return place{root: root, base: strings.TrimSuffix(root, "/") + "/", named: named, members: &members{names: make(map[string]int)}}
}

// named examines a path that the user named. Links in it are the user's.
func (d *discovery) named(path string) error {
	if path == "-" {
		return d.stdin()
	}
	info, err := os.Stat(path)
	if err != nil {
		return pathError(path, err)
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		return d.directory(path)
	case mode.IsRegular():
		return d.file(path, newPlace("", true), func() (*os.File, error) { return os.Open(path) })
	default: // a pipe, a terminal, a device
		f, err := os.Open(path)
		if err != nil {
			return pathError(path, err)
		}
		defer f.Close()
		return d.once(path, f)
	}
}

func (d *discovery) stdin() error {
	if d.opt.Stdin == nil {
		return errors.New("-: there is no standard input")
	}
	if f, ok := d.opt.Stdin.(*os.File); ok {
		info, err := f.Stat()
		if err != nil {
			return pathError("-", err)
		}
		if at, err := f.Seek(0, io.SeekCurrent); info.Mode().IsRegular() && err == nil && at == 0 {
			in := &file{path: "-", info: info, f: f, keep: true} // the caller's to close
			return d.examine(in.blob(), nil, nil, newPlace("", true))
		}
	}
	return d.once("-", d.opt.Stdin)
}

// once spools what can be read only once.
func (d *discovery) once(path string, r io.Reader) error {
	sp, err := fill(r, d.opt.TempDir, memorySpool)
	d.in.closers = append(d.in.closers, sp)
	if err != nil {
		return pathError(path, err)
	}
	return d.examine(sp.blob(path), nil, nil, newPlace("", true))
}

// directory examines the files below dir, in the order of their paths.
func (d *discovery) directory(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return pathError(dir, err)
	}
	d.in.closers = append(d.in.closers, root)
	return fs.WalkDir(root.FS(), ".", func(rel string, e fs.DirEntry, err error) error {
		path := filepath.Join(dir, filepath.FromSlash(rel))
		if err != nil {
			return pathError(path, err)
		}
		if e.Type()&fs.ModeSymlink != 0 {
			target, _ := root.Readlink(rel)
			newPlace(dir, false).link(d, path, linkKind(root, rel), target)
			return nil
		}
		return d.entry(root, dir, rel, e)
	})
}

// entry examines an entry of a directory that is no link.
func (d *discovery) entry(root *os.Root, dir, rel string, e fs.DirEntry) error {
	path := filepath.Join(dir, filepath.FromSlash(rel))
	in := newPlace(dir, false)
	taking := TakeEvidence
	if rel != "." {
		taking = in.take(d, path, e.IsDir())
	}
	in.anyway = taking == TakeAnyway
	switch {
	case e.IsDir() && taking == TakeNothing:
		return fs.SkipDir
	case e.IsDir() || taking == TakeNothing:
		return nil
	case !e.Type().IsRegular():
		d.skip(path, "pipe, socket or device")
		return nil
	}
	return d.file(path, in, func() (*os.File, error) {
		// Nothing is waited for if a pipe takes the file's place.
		return root.OpenFile(filepath.FromSlash(rel), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	})
}

// linkKind: a link within the directory is not followed because its target is
// read at its own place, one that leads out because it is not of the directory.
func linkKind(root *os.Root, rel string) string {
	switch _, err := root.Stat(rel); {
	case err == nil:
		return "symbolic link"
	case errors.Is(err, fs.ErrNotExist):
		return "dangling symbolic link"
	}
	return "symbolic link out of the directory"
}

// heldFiles is how many files are kept open.
const heldFiles = 512

func (d *discovery) file(path string, in place, open func() (*os.File, error)) error {
	if d.seen[path] {
		d.skip(path, "named twice")
		return nil
	}
	d.seen[path] = true
	opened, err := open()
	if err != nil {
		return pathError(path, err)
	}
	info, err := opened.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errReplaced
	}
	if err != nil {
		opened.Close()
		return pathError(path, err)
	}
	f := &file{path: path, info: info, open: open, f: opened, users: 1}
	before := len(d.in.Sources)
	if err := d.examine(f.blob(), nil, nil, in); err != nil || len(d.in.Sources) == before {
		f.Close()
		return err
	}
	d.in.closers = append(d.in.closers, f)
	if d.held < heldFiles {
		f.keep = true
		d.held++
	}
	return f.release()
}

// headSize is how much of an input its kind is found from, after NUL bytes.
const headSize = 64 << 10

// examine finds out what b is. r is b as it is being read in passing; nil
// where b has random access.
func (d *discovery) examine(b blob, r io.Reader, stored *atomic.Int64, in place) error {
	if in.depth > d.opt.MaxDepth {
		d.skip(b.path, fmt.Sprintf("nested more than %d deep", d.opt.MaxDepth))
		return nil
	}
	if r == nil {
		s, err := b.open()
		if err != nil {
			return err
		}
		defer s.Close()
		r, stored = s.Reader, s.stored
	}
	head, r, err := peek(r)
	damage := (*Damage)(nil)
	if err != nil && !errors.As(err, &damage) {
		return err
	}
	if c := compressionOf(head); c != nil {
		inner := blob{path: b.path, size: b.size, restream: b.restream}
		inner.open = d.opt.decode(b, c.name+" data", c.build(d.opt))
		dec := d.opt.decoded(b.path, c.name+" data", r, stored, c.build(d.opt))
		defer dec.close()
		return d.examine(inner, dec, stored, in.deeper())
	}
	if isTar(head) || isZip(head) {
		if in.root == "" {
			in.root, in.base = b.path, b.path+"!"
		}
		if isZip(head) {
			return d.zip(b, r, in)
		}
		return d.tar(b, r, stored, in)
	}
	return d.add(b, r, head, err, in)
}

// peek gives the first bytes without taking them from the reader, and an error
// that is not the end.
func peek(r io.Reader) ([]byte, io.Reader, error) {
	var head []byte
	var err error
	if s, ok := r.(io.Seeker); ok {
		head = make([]byte, headSize)
		var n int
		n, err = io.ReadFull(r, head)
		head = head[:n]
		if _, err := s.Seek(0, io.SeekStart); err != nil {
			return nil, r, err
		}
	} else {
		br := bufio.NewReaderSize(r, headSize)
		head, err = br.Peek(headSize)
		r = br
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return head, r, err
}

// add makes b a source if it is evidence.
func (d *discovery) add(b blob, r io.Reader, head []byte, damage error, in place) error {
	text := head
	if len(head) > 0 && len(trimHead(head)) == 0 {
		// Longer than the head: a hole that a hard reset left.
		text = pastNULs(r)
	}
	kind, hint := d.kind(trimHead(text), in.named)
	if len(head) == 0 {
		kind = EmptyKind
	}
	if damage != nil && (kind == UnknownKind || kind == EmptyKind) {
		d.skip(b.path, "damaged")
		return d.fault(damage)
	}
	if !in.named && !in.anyway {
		if why := notEvidence(b.path, text, kind, hint); why != "" {
			d.skip(b.path, why)
			if what := broken(b.path, head, text, kind); what != "" {
				return d.fault(&Damage{Path: b.path, What: what})
			}
			return nil
		}
	}
	d.known(damage)
	if b.restream && len(text) == len(head) {
		var err error
		if b, err = d.remember(b, r); err != nil {
			return err
		}
	}
	s := &Source{Path: b.path, Root: in.root, Kind: kind, Hint: hint, Offsets: kind == JournalBinary, Size: b.size}
	s.OpenRaw = func() (io.ReadCloser, error) {
		s, err := b.open()
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s.OpenAt = b.at
	if b.at == nil {
		once := &spoolOnce{b: b, dir: d.opt.TempDir, memory: memorySpool}
		d.in.closers = append(d.in.closers, once)
		s.OpenAt = once.at
	}
	d.in.Sources = append(d.in.Sources, s)
	return nil
}
