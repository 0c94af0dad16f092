package follow

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"auditreplay/pkg/ingest"
)

// TailOptions say where a Tail starts. The zero value starts at the first
// line of the file that the path names now.
type TailOptions struct {
	Resume *Position // where an earlier one ended
	Old    bool      // without Resume: at the first line of the oldest file there is
	Warn   func(string)
}

// The numbers of the descriptors that are given to tail, which all Tails of the
// process take in turn.
const (
	firstNumber = 128
	numbers     = 512
)

var turns atomic.Int32

func nextNumber() int { return firstNumber + int(uint32(turns.Add(1))%numbers) }

// Tail follows one log across its rotations. It is not safe for concurrent
// use; Wake is.
type Tail struct {
	path  string
	opt   TailOptions
	cur   *file
	known []Ident
	wake  chan struct{}
	lines []Line
	last  *file // to be closed when what it gave is no longer in use
	moves int
	heads heads
}

// NewTail starts to follow the log at path, which need not be there yet; its
// directory has to be. The error is a *Misfit where Resume does not fit the
// files.
//
// What may not be read now is an error. While a log is followed it is waited for:
// who rotates a log makes the new file first and gives it to its readers then.
func NewTail(path string, opt TailOptions) (*Tail, error) {
	if opt.Warn == nil {
		opt.Warn = func(string) {}
	}
	t := &Tail{path: path, opt: opt, wake: make(chan struct{}, 1), heads: make(heads)}
	if opt.Resume != nil {
		return t, t.resume(opt.Resume)
	}
	chain, err := t.chain()
	if err != nil {
		return nil, err
	}
	if !opt.Old {
		for _, m := range chain {
			if !m.age.current {
				t.remember(m.ident())
			}
		}
	}
	if n := len(chain); n > 0 && !opt.Old && chain[n-1].age.current {
		return t, t.start(chain[n-1])
	}
	for _, m := range chain {
		if m.closed() {
			return t, m.err
		}
	}
	return t, nil
}

// chainTries is how often a rotation may come between a listing and a look
// into the files that were listed.
const chainTries = 50

// chain lists the files of the log, each with its first bytes. errMoved says
// that they are being rotated all the time.
func (t *Tail) chain() ([]*member, error) {
	for range chainTries {
		ms, err := listChain(t.path)
		if err != nil {
			return nil, err
		}
		t.heads.fill(ms)
		whole := true
		for _, m := range ms {
			m.first()
			whole = whole && (m.err == nil || !errors.Is(m.err, errMoved) && !errors.Is(m.err, fs.ErrNotExist))
		}
		if whole {
			return ms, nil
		}
	}
	return nil, errMoved
}

// Wake has an element when there may be something new to read.
func (t *Tail) Wake() <-chan struct{} { return t.wake }

func (t *Tail) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// start goes on with the file of a chain.
func (t *Tail) start(m *member) error {
	f, err := m.open()
	if err != nil {
		return err
	}
	t.use(newFile(f, t.source(m.path), !m.age.current))
	return nil
}

func (t *Tail) source(path string) *ingest.Source {
	return &ingest.Source{Name: filepath.Base(path), Path: path, Kind: ingest.AuditLog, Size: -1}
}

// use makes o the file that is read.
func (t *Tail) use(o *file) {
	if t.last != nil {
		t.last.close()
	}
	t.last = t.cur
	if t.cur != nil {
		t.remember(t.cur.ident())
	}
	t.cur = o
	t.moves++
	if !o.final {
		o.listen(nextNumber(), t.signal)
	}
}

// remember notes a file that is not to be read again. One of which nothing is
// known but the inode is not noted: inodes come back.
func (t *Tail) remember(id Ident) {
	if id.Len > 0 {
		t.known = append(t.known, id)
	}
}

// Read gives lines that are new. eof says that there were no more when it was
// called; the lines are valid until the next call.
func (t *Tail) Read() (lines []Line, eof bool, err error) {
	t.lines = t.lines[:0]
	if t.last != nil {
		t.last.close()
		t.last = nil
	}
	if t.cur == nil {
		if moved, err := t.next(); err != nil || !moved {
			return nil, true, err
		}
	}
	for {
		if t.lines, err = t.cur.read(t.lines); errors.Is(err, errTruncated) {
			if err = t.truncated(); err != nil {
				return nil, true, err
			}
			continue
		}
		if err != nil || len(t.lines) > 0 {
			return t.lines, false, err
		}
		moved, err := t.next()
		if err != nil || !moved {
			return t.lines, len(t.lines) == 0, err
		}
		if len(t.lines) > 0 {
			return t.lines, false, nil
		}
	}
}

// next goes on to the next file of the chain, if the current one is no longer
// the one that the path names and the next one holds something. What was
// written to the current one until then is given first.
func (t *Tail) next() (bool, error) {
	if t.cur != nil && !t.cur.final && t.isCurrent() {
		return false, nil
	}
	chain, err := t.chain()
	if err != nil {
		return false, t.wait(err)
	}
	m := t.after(chain)
	if m == nil {
		if t.cur == nil {
			t.opt.Warn(t.path + ": is not there yet, and waited for")
		}
		return false, nil
	}
	if t.cur != nil {
		if t.lines, err = t.cur.read(t.lines); err != nil || len(t.lines) > 0 {
			return len(t.lines) > 0, ignore(err, errTruncated)
		}
		if t.lines, err = t.cur.rest(t.lines); err != nil {
			return false, ignore(err, errTruncated)
		}
	}
	if err := t.start(m); err != nil {
		return len(t.lines) > 0, t.wait(err)
	}
	t.prune(chain)
	return true, nil
}

// wait takes an error that another look may not find again.
func (t *Tail) wait(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		t.opt.Warn(err.Error() + "; it is waited for")
		return nil
	}
	return ignore(err, errMoved, fs.ErrNotExist)
}

func ignore(err error, those ...error) error {
	for _, e := range those {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}

// isCurrent reports whether the path still names the current file.
func (t *Tail) isCurrent() bool {
	named, err := os.Stat(t.path)
	if err != nil {
		return false
	}
	info, err := t.cur.f.Stat()
	return err == nil && os.SameFile(named, info)
}

// after finds the file to go on with: the first after all that are known that
// holds something. nil: there is none yet.
func (t *Tail) after(chain []*member) *member {
	known := t.known
	if t.cur != nil {
		known = append(slices.Clone(known), t.cur.ident())
	}
	from := 0
	for i, m := range chain {
		if m.empty() {
			continue
		}
		if slices.ContainsFunc(known, func(id Ident) bool { return id.is(m.info, m.first()) }) || t.isOpen(m) {
			from = i + 1
		}
	}
	for _, m := range chain[from:] {
		if !m.empty() {
			return m
		}
	}
	if n := len(chain); t.cur == nil && n > 0 && chain[n-1].age.current {
		return chain[n-1]
	}
	return nil
}

// isOpen reports whether a file that may no longer be read is the current one:
// while that is open nothing else gets its inode.
func (t *Tail) isOpen(m *member) bool {
	return m.closed() && t.cur != nil && t.cur.ident().sameInode(m.info)
}

// prune forgets the files that are no longer there.
func (t *Tail) prune(chain []*member) {
	t.known = slices.DeleteFunc(t.known, func(id Ident) bool {
		return !slices.ContainsFunc(chain, func(m *member) bool {
			return id.is(m.info, m.first()) || m.closed() && id.sameInode(m.info)
		})
	})
}

// truncated goes on after the current file was emptied under our hands: with
// the copy that was made of it before, where there is one, then with it again.
func (t *Tail) truncated() error {
	old := t.cur
	chain, err := t.chain()
	if err != nil {
		return ignore(err, errMoved) // the next look finds the same
	}
	id := Ident{Len: len(old.head), Head: hashOf(old.head)}
	for _, m := range chain {
		if len(old.head) == 0 || m.age.current || !id.is(m.info, m.first()) {
			continue
		}
		f, err := m.open()
		if err != nil {
			return ignore(err, errMoved, fs.ErrNotExist)
		}
		if info, err := f.Stat(); err != nil || info.Size() < old.offset {
			f.Close()
			continue
		}
		o := newFile(f, old.src, true)
		o.offset, o.number, o.head = old.offset, old.number, old.head
		t.cur = o
		t.moves++
		old.close()
		return nil
	}
	t.opt.Warn(fmt.Sprintf("%s: was truncated, and no copy of it was found: what was written to it after byte %d is lost", t.path, old.offset))
	o := newFile(old.f, t.source(t.path), false)
	o.watch = old.watch
	t.cur = o
	t.moves++
	return nil
}

// Moves counts the changes from one file to another.
func (t *Tail) Moves() int { return t.moves }

// Position is the place of the first byte that Read did not give yet.
func (t *Tail) Position() Position {
	p := Position{Path: t.path, Known: slices.Clone(t.known)}
	if t.cur != nil {
		id := t.cur.ident()
		p.File, p.Offset, p.Line = &id, t.cur.offset, t.cur.number
		if !t.cur.final {
			if real, err := filepath.EvalSymlinks(t.path); err == nil && real != t.path {
				p.Real = real
			}
		}
	}
	return p
}

// Behind is how many bytes of the current file were not given yet.
func (t *Tail) Behind() int64 {
	if t.cur == nil {
		return 0
	}
	info, err := t.cur.f.Stat()
	if err != nil {
		return 0
	}
	return info.Size() - t.cur.offset
}

// Deleted reports whether the current file has no name any more: what is left
// of it is ours alone to read.
func (t *Tail) Deleted() bool {
	if t.cur == nil {
		return false
	}
	info, err := t.cur.f.Stat()
	return err == nil && linksOf(info) == 0 && !t.cur.final
}

// Close ends following.
func (t *Tail) Close() {
	for _, o := range []*file{t.last, t.cur} {
		if o != nil {
			o.close()
		}
	}
	t.last, t.cur = nil, nil
}
