package journal

import (
	"io"

	"auditreplay/pkg/ingest"
)

// Reader is what the readers of this package have in common.
type Reader interface {
	Next() (*ingest.Entry, error)
	Seq() Seq // of the last entry
}

// Duplicate is What a Merged reader calls an Irrelevant entry that it has given
// before, from another file.
const Duplicate = "duplicate"

// Merged reads several files of one host as one journal. With persistent
// storage journald keeps what processes of ordinary users say in files of their
// own: of an SSH login the first lines are in system.journal and the last in
// user-1000.journal.
type Merged struct {
	in   []Reader
	head []*ingest.Entry // next entry of each; nil: to be read, or ended
	eof  []bool
	last int // whose entry was given, -1 none
	seq  Seq
	seen []place // entries given last, newest last
}

// place is what tells an entry from all others.
type place struct {
	seq  Seq
	boot string
	mono uint64
	unix int64
}

// Merge returns a reader of the readers' entries in the order in which they
// were written: by number where two were counted by the same writer, else by
// the time since boot where the boot is the same, else by time of reception.
// Entries without time, such as rejected ones, come as soon as they are met.
func Merge(readers ...Reader) *Merged {
	return &Merged{in: readers, head: make([]*ingest.Entry, len(readers)), eof: make([]bool, len(readers)), last: -1}
}

// Seq returns the address of the last entry in its journal.
func (m *Merged) Seq() Seq { return m.seq }

// Next returns the next entry, valid until the next call. The error is io.EOF
// at the end, else that of one of the readers.
func (m *Merged) Next() (*ingest.Entry, error) {
	best := -1
	for i, r := range m.in {
		if i == m.last {
			m.head[i] = nil
		}
		if m.head[i] == nil && !m.eof[i] {
			e, err := r.Next()
			if err != nil && err != io.EOF {
				return nil, err
			}
			m.head[i], m.eof[i] = e, err == io.EOF
			if err == io.EOF {
				m.head[i] = nil
			}
		}
		if m.head[i] != nil && (best < 0 || m.less(i, best)) {
			best = i
		}
	}
	m.last = best
	if best < 0 {
		return nil, io.EOF
	}
	e := m.head[best]
	m.seq = m.in[best].Seq()
	if m.duplicate(e) {
		e.Kind, e.What = ingest.Irrelevant, Duplicate
	}
	return e, nil
}

// less reports whether the next entry of reader i was written before that of j.
func (m *Merged) less(i, j int) bool {
	a, b := &m.head[i].Message, &m.head[j].Message
	if a.Received.IsZero() || b.Received.IsZero() {
		return a.Received.IsZero() && !b.Received.IsZero()
	}
	if s, t := m.in[i].Seq(), m.in[j].Seq(); s.ID != "" && s.ID == t.ID && s.Num != t.Num {
		return s.Num < t.Num
	}
	if a.Boot != "" && a.Boot == b.Boot && a.Mono != b.Mono {
		return a.Mono < b.Mono
	}
	return a.Received.Before(b.Received)
}

// duplicate reports whether the entry was given before. Copies stand next to
// each other: no more than one a reader.
func (m *Merged) duplicate(e *ingest.Entry) bool {
	if m.seq.ID == "" || m.seq.Num == 0 || e.Kind == ingest.Rejected {
		return false
	}
	p := place{m.seq, e.Message.Boot, e.Message.Mono, e.Message.Received.UnixMicro()}
	for _, s := range m.seen {
		if s == p {
			return true
		}
	}
	if len(m.seen) >= len(m.in) {
		copy(m.seen, m.seen[1:])
		m.seen = m.seen[:len(m.seen)-1]
	}
	m.seen = append(m.seen, p)
	return false
}
