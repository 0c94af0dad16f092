package follow

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// Position is a place in a followed log, as the state holds it: the oldest
// byte still needed is the one at Offset of File.
type Position struct {
	Path   string  `json:"path"`
	Real   string  `json:"real,omitempty"` // what Path led to, where that is a link
	File   *Ident  `json:"file,omitempty"` // nil: nothing was there yet
	Offset int64   `json:"offset"`
	Line   int64   `json:"line"`  // lines before Offset
	Known  []Ident `json:"known"` // older files of the chain: not to be read again
}

// resume finds the file that the position is in.
func (t *Tail) resume(p *Position) error {
	if p.Path != t.path {
		return &Misfit{Other, fmt.Sprintf("the state is of %s, not of %s", p.Path, t.path)}
	}
	t.known = slices.Clone(p.Known)
	if p.File == nil || p.Offset == 0 {
		return nil // the first file that is not known is the one
	}
	chain, err := t.chain()
	if err != nil {
		return err
	}
	if info, err := os.Stat(p.Real); err == nil && p.Real != "" {
		chain = append([]*member{{path: p.Real, info: info}}, chain...)
	}
	slices.SortStableFunc(chain, func(a, b *member) int { // the very file before a copy of it
		x, y := p.File.sameInode(a.info), p.File.sameInode(b.info)
		switch {
		case x == y:
			return 0
		case x:
			return -1
		}
		return 1
	})
	for _, m := range chain {
		if !p.File.is(m.info, m.first()) {
			continue
		}
		f, err := m.open()
		if errors.Is(err, errMoved) || errors.Is(err, fs.ErrNotExist) {
			return t.resume(p) // it was rotated on just now
		}
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err == nil && info.Size() < p.Offset {
			err = &Misfit{Cut, fmt.Sprintf("%s: has %d bytes, the state has read %d of it", m.path, info.Size(), p.Offset)}
		}
		if err != nil {
			f.Close()
			return err
		}
		o := newFile(f, t.source(m.path), !m.age.current)
		o.offset, o.number = p.Offset, p.Line
		if o.head, err = readHead(f, int(min(headSize, p.Offset))); err != nil {
			f.Close()
			return err
		}
		t.use(o)
		return nil
	}
	for _, m := range chain {
		if m.closed() { // it may be the one
			return m.err
		}
	}
	return &Misfit{Old, fmt.Sprintf("%s: the file that the state ends in is gone, and what was written to it since", t.path)}
}
