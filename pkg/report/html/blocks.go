package html

import (
	"errors"
	"fmt"
	"io"

	"auditreplay/pkg/report"
	"auditreplay/pkg/schema"
)

const (
	blockSize = 256 << 10 // bytes of rows that make a block
	waiting   = 64 << 20  // bytes of rows in all blocks that are being gathered
)

// A block is what was gathered of one session and not yet written.
type block struct {
	rows    []byte
	written int // blocks
	left    int // events to come
}

// blocks writes the events, in blocks of one session each, and the processes
// of each session behind its last event.
type blocks struct {
	page     *page
	sessions []block
	outside  [2]block
	gathered int
}

func (p *page) blocks() error {
	r := p.report
	if r.lines == nil {
		return nil
	}
	if err := r.enc.Flush(); err != nil {
		return err
	}
	if err := errors.Join(r.lines.rewind(), r.events.rewind()); err != nil {
		return err
	}
	b := &blocks{page: p, sessions: make([]block, len(p.rows))}
	for n := range r.seen {
		b.sessions[n].left = r.seen[n].events
	}
	b.outside[0].left, b.outside[1].left = r.outside[0], r.outside[1]
	saved := schema.NewDecoder(r.events.r, "events")
	for {
		group, row, err := r.lines.get()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if group >= 0 {
			e, err := saved.Next()
			if err != nil {
				return fmt.Errorf("read back an event: %w", err)
			}
			r.forest.Add(e)
		}
		if err := b.add(group, row); err != nil {
			return err
		}
	}
}

// of is the block of a group, and its name in the page.
func (b *blocks) of(group int) (*block, string) {
	switch group {
	case refusedLogins:
		return &b.outside[0], "refused"
	case ofNoSession:
		return &b.outside[1], "outside"
	}
	return &b.sessions[group], fmt.Sprintf("e%d", b.page.place[group])
}

func (b *blocks) add(group int, row []byte) error {
	k, name := b.of(group)
	before := len(k.rows)
	if before > 0 {
		k.rows = append(k.rows, ",\n"...)
	}
	k.rows = append(k.rows, row...)
	b.gathered += len(k.rows) - before
	k.left--
	if k.left == 0 || len(k.rows) >= blockSize {
		if err := b.flush(k, name); err != nil {
			return err
		}
	}
	if k.left == 0 && group >= 0 {
		return b.page.tree(group)
	}
	if b.gathered < waiting {
		return nil
	}
	for group := range b.sessions {
		k, name := b.of(group)
		if err := b.flush(k, name); err != nil {
			return err
		}
	}
	return nil
}

func (b *blocks) flush(k *block, name string) error {
	if len(k.rows) == 0 {
		return nil
	}
	b.gathered -= len(k.rows)
	err := b.page.data(fmt.Sprintf("%s.%d", name, k.written), append(append([]byte{'['}, k.rows...), ']'))
	k.written++
	k.rows = nil
	return err
}

// tree writes the processes of a session that has had its last event.
func (p *page) tree(session int) error {
	account := p.rows[session].Account
	rows := treeRows(p.report.forest.Take(session).Roots, func(one *report.Exec, entered bool) {
		p.report.index.privilege(session, one, account, entered)
	})
	if len(rows) == 0 {
		return nil
	}
	return p.data(fmt.Sprintf("t%d", p.place[session]), marshal(rows))
}
