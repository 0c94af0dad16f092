package replay

import (
	"cmp"
	"container/heap"
	"errors"
	"io"
	"math"
	"slices"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
)

// sequence is a part of an input that is read from its first stretch to its
// last while other sequences are read beside it.
type sequence struct {
	in       *input
	from, to int     // stretches
	floor    []int64 // lowest time of any stretch from here to the end
	next     int
	records  *records
	names    nodeNames
}

// heldBack bounds how many stretches of one sequence may be held because a
// later one steps back in time before them. A file that steps back further is
// read at several places at once.
const heldBack = 48

// sequences cuts an input into parts that are each nearly in the order of time.
func sequences(in *input) []*sequence {
	var out []*sequence
	st := in.stretches
	for from := 0; from < len(st); {
		to := from + 1
		for ; to < len(st); to++ {
			held := 0
			for i := to - 1; i >= from && held < heldBack; i-- {
				if st[i].max > st[to].min {
					held = to - i
				}
			}
			if held >= heldBack {
				break
			}
		}
		seq := &sequence{in: in, from: from, to: to, floor: make([]int64, to-from+1)}
		seq.floor[to-from] = math.MaxInt64
		for i := to - 1; i >= from; i-- {
			seq.floor[i-from] = min(st[i].min, seq.floor[i-from+1])
		}
		out = append(out, seq)
		from = to
	}
	return out
}

func (s *sequence) lowest() int64 { return s.floor[s.next] }

// read gives the sequence's next chunk.
func (s *sequence) read(sc *scan) (*auditd.Chunk, error) {
	if s.records == nil {
		rs, err := newRecords(s.in)
		if err != nil {
			return nil, err
		}
		s.records, s.names = rs, nodeNames{scan: sc, group: s.in.group}
		rs.audit = func(e *ingest.Entry, rec *auditd.Record) { rec.Via = e.Message.Host }
		var skip auditd.Chunk
		for range s.from {
			if err := rs.next(&skip); err != nil {
				return nil, err
			}
		}
	}
	c := new(auditd.Chunk)
	err := s.records.next(c)
	var damage *ingest.Damage
	if err != nil && !errors.Is(err, io.EOF) && !errors.As(err, &damage) {
		return nil, err
	}
	s.next++
	if s.from+s.next >= s.to {
		s.records.Close()
	}
	return c, nil
}

// sequenceHeap orders sequences by the lowest time that is still to come.
type sequenceHeap []*sequence

func (h sequenceHeap) Len() int { return len(h) }
func (h sequenceHeap) Less(i, j int) bool {
	if a, b := h[i].lowest(), h[j].lowest(); a != b {
		return a < b
	}
	if h[i].in != h[j].in {
		return h[i].in.src.Name < h[j].in.src.Name
	}
	return h[i].from < h[j].from
}
func (h sequenceHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *sequenceHeap) Push(x any)   { *h = append(*h, x.(*sequence)) }
func (h *sequenceHeap) Pop() any {
	old := *h
	s := old[len(old)-1]
	*h = old[:len(old)-1]
	return s
}

// emit reads the records again and writes all events in order.
func (r *run) emit() error {
	re := auditd.NewReassembler()
	re.Duplicates = func(rec auditd.Record) {
		rec.Pos.Source.Counts.Duplicate++
		rec.Pos.Source.Counts.Evidence--
	}
	var oversize error
	re.Oversize = func(rec auditd.Record) {
		rec.Pos.Source.Counts.Rejected++
		rec.Pos.Source.Counts.Evidence--
		if err := r.scan.rejects(rec.Pos, "event of more than 16384 records", rec.Line); err != nil {
			oversize = err
		}
	}
	var todo sequenceHeap
	for _, in := range r.inputs {
		todo = append(todo, sequences(in)...)
	}
	heap.Init(&todo)
	defer func() {
		for _, s := range todo {
			if s.records != nil {
				s.records.Close()
			}
		}
	}()
	for len(todo) > 0 && oversize == nil {
		s := todo[0]
		c, err := s.read(r.scan)
		if err != nil {
			return err
		}
		for i := range c.Records {
			rec := &c.Records[i]
			re.Add(r.scan.nodes[s.names.of(rec)].host, *rec)
		}
		if s.from+s.next >= s.to {
			heap.Pop(&todo)
		} else {
			heap.Fix(&todo, 0)
		}
		before := int64(math.MaxInt64)
		if len(todo) > 0 {
			before = todo[0].lowest()
		}
		for u := re.Next(before); u != nil; u = re.Next(before) {
			if err := r.event(u); err != nil {
				return err
			}
			re.Release(u)
		}
		if r.opt.Interrupted != nil && r.opt.Interrupted() {
			return ErrInterrupted
		}
	}
	if oversize != nil {
		return oversize
	}
	return r.itemsBefore(time.Time{}, 0)
}

// event builds one event and gives it to the tracker of its boot, after all
// logins and logouts that stand before it.
func (r *run) event(u *auditd.Unit) error {
	at := time.UnixMilli(u.Millis).UTC()
	if err := r.itemsBefore(at, u.Host); err != nil {
		return err
	}
	r.builder.Build(u.Records, &r.ev)
	r.ev.Late = u.Late
	r.sum.Events++
	if u.Late {
		r.sum.Late++
	}
	t := r.tracker(bootKey{u.Host, r.hosts[u.Host].bootAt(u.Millis)})
	return t.Event(&r.ev)
}

// item is a UserLogin or UserLogout on its way out.
type item struct {
	at     time.Time
	login  *loginOf
	logout bool
	how    string
	pos    ingest.Pos
}

// makeItems lists the logins and logouts in the order of the output.
func (r *run) makeItems() {
	for i := range r.logins {
		l := &r.logins[i]
		r.items = append(r.items, item{at: l.Time, login: l, pos: l.Pos})
		if !l.Accepted {
			continue
		}
		if how, s, ok := r.ended(l); ok {
			r.items = append(r.items, item{at: s.at, login: l, logout: true, how: how, pos: s.pos})
		}
	}
	slices.SortStableFunc(r.items, func(a, b item) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.login.host, b.login.host), cmp.Compare(a.login.boot, b.login.boot),
			cmp.Compare(a.login.PID, b.login.PID), cmp.Compare(a.login.Text, b.login.Text), cmp.Compare(a.login.N, b.login.N),
			cmpBool(a.logout, b.logout))
	})
}

func cmpBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// itemsBefore writes the logins and logouts that stand before an event of
// that time and host; all that are left for the zero time.
func (r *run) itemsBefore(at time.Time, host int) error {
	for len(r.items) > 0 {
		it := &r.items[0]
		if !at.IsZero() && (it.at.After(at) || it.at.Equal(at) && it.login.host > host) {
			return nil
		}
		r.items = r.items[1:]
		t := r.tracker(bootKey{it.login.host, it.login.boot})
		var err error
		if it.logout {
			err = t.WriteLogout(it.login.Login, it.at, it.pos, it.how)
		} else {
			err = t.WriteLogin(it.login.Login)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
