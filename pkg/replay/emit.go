package replay

import (
	"cmp"
	"container/heap"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/tracker"
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
const heldBack = 28

// maxSequences bounds at how many places one input is read.
const maxSequences = 64

// maxWaiting bounds the chunks that are held for events which may not be
// complete: beyond it the first event goes, and what belongs before it and
// comes later is marked late. Only a log whose order is no order at all, or of
// whose records thousands have one time, gets there. Each input has one chunk
// in hand whatever it holds.
const maxWaiting = 40

// sequences cuts an input into parts that are each nearly in the order of time.
func sequences(in *input) []*sequence {
	var out []*sequence
	st := in.stretches
	for from := 0; from < len(st); {
		to := from + 1
		far := int64(math.MinInt64) // highest time of those that lie heldBack or more behind
		for ; to < len(st); to++ {
			if i := to - heldBack; i >= from {
				far = max(far, st[i].max)
			}
			if far > st[to].min && len(out) < maxSequences-1 {
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
func (s *sequence) read(sc *scan, c *auditd.Chunk, between interval) error {
	if s.records == nil {
		rs, err := newRecords(s.in)
		if err != nil {
			return err
		}
		s.records, s.names = rs, nodeNames{scan: sc, group: s.in.group}
		rs.audit = func(e *ingest.Entry, rec *auditd.Record) { rec.Via = e.Message.Host }
		for i := range s.from {
			if err := rs.skip(s.in.stretches[i].units); err != nil {
				return err
			}
		}
	}
	c.Reset()
	st := s.in.stretches[s.from+s.next]
	var err error
	if between.has(st) {
		err = s.records.next(c)
	} else {
		err = s.records.skip(st.units)
	}
	var damage *ingest.Damage
	if err != nil && !errors.Is(err, io.EOF) && !errors.As(err, &damage) {
		return err
	}
	s.next++
	s.in.progress.wrote(s.in, 1)
	if s.from+s.next >= s.to || between.to < s.lowest() {
		s.in.progress.wrote(s.in, s.to-s.from-s.next)
		s.next = s.to - s.from
		s.records.Close()
	}
	return nil
}

// interval is the time, in milliseconds, of the events that are wanted.
type interval struct{ from, to int64 }

func (i interval) has(st stretch) bool { return st.max >= i.from && st.min <= i.to }

// wanted gives the time of the events that the run writes: all of it where
// events outside of it say something about those inside.
func (r *run) wanted() interval {
	all := interval{math.MinInt64, math.MaxInt64}
	if r.opt.Between == nil || r.scan.frags {
		return all
	}
	for _, t := range r.trackers {
		if t.NeedsProcesses() || t.Shares() {
			return all
		}
	}
	from, to := r.opt.Between()
	if !from.IsZero() {
		all.from = from.UnixMilli()
	}
	if !to.IsZero() {
		all.to = to.UnixMilli()
	}
	return all
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

// batchSize is how many events are handed on at once, unless they have very
// many records or bytes: no event is begun beyond batchRecords and batchBytes.
const (
	batchSize    = 256
	batchRecords = 4096
	batchBytes   = 2 << 20
)

// batch is some complete events, in order, on their way from the side that
// reads to the side that writes.
type batch struct {
	units  []*auditd.Unit
	bare   []bool         // not to be built: of no session, and not to be written
	events []auditd.Event // built already, where built says so; what they hold is reused
	built  bool
	err    error // of the reading side; no batch follows
}

// feed is the side that reads: it puts records together to events, and builds
// them where the side that writes is behind.
type feed struct {
	r       *run
	re      *auditd.Reassembler
	todo    sequenceHeap
	builder *auditd.Builder
	chunks  []*auditd.Chunk // to be used again
	failed  error
	before  int64 // all records of an earlier time have been read
	between interval
	bares   bool // there may be bare events
	most    int  // chunks that may wait
}

func newFeed(r *run) *feed {
	f := &feed{r: r, re: auditd.NewReassembler(), builder: auditd.NewBuilder(), before: math.MinInt64, between: r.wanted(),
		bares: r.opt.Scope != ScopeAll}
	f.re.Duplicates = func(rec *auditd.Record) {
		rec.Pos.Source.Counts.Duplicate++
		rec.Pos.Source.Counts.Evidence--
	}
	f.re.Oversize = func(rec *auditd.Record) {
		rec.Pos.Source.Counts.Rejected++
		rec.Pos.Source.Counts.Evidence--
		if err := r.scan.rejects(rec.Pos, "event of more than 16384 records", rec.Line); err != nil && f.failed == nil {
			f.failed = err
		}
	}
	f.re.Recycle = func(c *auditd.Chunk) { f.chunks = append(f.chunks, c) }
	for _, in := range r.inputs {
		f.todo = append(f.todo, sequences(in)...)
	}
	f.most = maxWaiting + 2*len(f.todo)
	heap.Init(&f.todo)
	return f
}

func (f *feed) close() {
	for _, s := range f.todo {
		if s.records != nil {
			s.records.Close()
		}
	}
}

// fill puts the next events into b, and gives back what b held before. It
// reports whether there is more.
func (f *feed) fill(b *batch) bool {
	for _, u := range b.units {
		f.re.Release(u)
	}
	b.units, b.bare, b.built = b.units[:0], b.bare[:0], false
	for records, bytes := 0, 0; len(b.units) < batchSize && records < batchRecords && bytes < batchBytes; {
		u := f.re.Next(f.before)
		if u == nil && f.re.Waiting() > f.most {
			u = f.re.Force()
		}
		if u == nil {
			if len(f.todo) == 0 || f.failed != nil {
				b.err = f.failed
				return false
			}
			if f.failed = f.read(); f.failed == nil && f.r.opt.Interrupted != nil && f.r.opt.Interrupted() {
				f.failed = ErrInterrupted
			}
			continue
		}
		b.units, b.bare = append(b.units, u), append(b.bare, f.bares && f.r.bare(u))
		records += len(u.Records)
		for _, rec := range u.Records {
			bytes += len(rec.Line)
		}
	}
	return true
}

// build builds the events of a batch.
func (f *feed) build(b *batch) {
	if b.events == nil {
		b.events = auditd.NewEvents(batchSize)
	}
	for i, u := range b.units {
		if !b.bare[i] {
			buildUnit(f.builder, u, &b.events[i])
		}
	}
	b.built = true
}

func buildUnit(b *auditd.Builder, u *auditd.Unit, ev *auditd.Event) {
	b.Build(u.Records, ev)
	ev.Late = u.Late
}

// read reads one more chunk, of the sequence with the lowest time to come.
func (f *feed) read() error {
	s := f.todo[0]
	var c *auditd.Chunk
	if n := len(f.chunks); n > 0 {
		c, f.chunks = f.chunks[n-1], f.chunks[:n-1]
	} else {
		c = new(auditd.Chunk)
	}
	if err := s.read(f.r.scan, c, f.between); err != nil {
		return err
	}
	for i := range c.Records {
		rec := &c.Records[i]
		f.re.Add(f.r.scan.nodes[s.names.of(rec)].host, rec)
	}
	f.re.Read(c)
	if s.from+s.next >= s.to {
		heap.Pop(&f.todo)
	} else {
		heap.Fix(&f.todo, 0)
	}
	f.before = math.MaxInt64
	if len(f.todo) > 0 {
		f.before = f.todo[0].lowest()
	}
	return nil
}

// bare reports whether an event is of no session, will not be written, and
// tells nothing about the processes of a login.
func (r *run) bare(u *auditd.Unit) bool {
	if !auditd.Sessionless(u.Records) {
		return false
	}
	boot, _ := r.hosts[u.Host].bootOf(u.Millis, u.Serial)
	return !r.processes[bootKey{u.Host, boot}]
}

// emit reads the records again and writes all events in order: reading and
// writing side by side where there is more than one worker, else in turn.
func (r *run) emit() error {
	r.opt.Progress.begin(Writing, slices.DeleteFunc(slices.Clone(r.inputs), func(in *input) bool { return len(in.stretches) == 0 }))
	f := newFeed(r)
	defer f.close()
	out := &sink{r: r, builder: auditd.NewBuilder()}
	r.processes = make(map[bootKey]bool)
	for key, t := range r.trackers {
		if t.NeedsProcesses() {
			r.processes[key] = true
		}
	}
	if r.opt.Workers == 1 {
		var b batch
		for more := true; more; {
			more = f.fill(&b)
			if err := out.consume(&b); err != nil {
				return err
			}
		}
		return r.itemsBefore(math.MaxInt64, math.MaxInt)
	}
	return r.emitAside(f, out)
}

// batchesAhead is how many batches the reading side may be ahead.
const batchesAhead = 4

func (r *run) emitAside(f *feed, out *sink) error {
	full, free := make(chan *batch, batchesAhead), make(chan *batch, batchesAhead)
	for range batchesAhead {
		free <- new(batch)
	}
	go func() {
		defer close(full)
		for b := range free {
			more := f.fill(b)
			if len(full) > 0 && f.r.counted.chooser == nil { // else most need not be built
				f.build(b)
			}
			full <- b
			if !more {
				return
			}
		}
	}()
	var failed error
	for b := range full {
		if failed == nil {
			if failed = out.consume(b); failed != nil {
				close(free) // the other side ends with the batch it has
			}
		}
		if failed == nil {
			free <- b
		}
	}
	if failed != nil {
		return failed
	}
	return r.itemsBefore(math.MaxInt64, math.MaxInt)
}

// sink is the side that writes.
type sink struct {
	r       *run
	builder *auditd.Builder
	event   auditd.Event
	last    struct { // whose events came last
		key   bootKey
		t     *tracker.SessionTracker
		whole bool // it needs whole events
	}
}

// consume gives a batch's events to the trackers of their boots, after all
// logins and logouts that stand before them.
func (o *sink) consume(b *batch) error {
	sum := &o.r.sum
	for i, u := range b.units {
		sum.Events++
		if u.Late {
			sum.Late++
		}
		if b.bare[i] {
			sum.Bare++
			continue
		}
		if err := o.r.itemsBefore(u.Millis, u.Host); err != nil {
			return err
		}
		t, sure := o.tracker(u)
		ev := &o.event
		switch {
		case b.built:
			ev = &b.events[i]
		case o.last.whole:
			buildUnit(o.builder, u, ev)
		default:
			o.builder.Begin(u.Records, ev)
			ev.Late = u.Late
		}
		if !sure || o.r.hosts[u.Host].overlap != nil && o.twice(u.Host, ev.Ses) {
			if err := t.EventInDoubt(ev, twoBoots); err != nil {
				return err
			}
			continue
		}
		if err := t.Event(ev); err != nil {
			return err
		}
	}
	return b.err
}

func (o *sink) tracker(u *auditd.Unit) (t *tracker.SessionTracker, sure bool) {
	boot, sure := o.r.hosts[u.Host].bootOf(u.Millis, u.Serial)
	key := bootKey{u.Host, boot}
	if o.last.t == nil || o.last.key != key {
		o.last.key, o.last.t = key, o.r.tracker(key)
		o.last.whole = o.last.t.NeedsWhole()
	}
	return o.last.t, sure
}

// twice reports whether an event's session was opened twice in its boot.
func (o *sink) twice(host int, ses string) bool {
	n, err := strconv.ParseUint(ses, 10, 32)
	return err == nil && o.r.hosts[host].openedTwice(o.last.key.boot, uint32(n))
}

// item is a UserLogin or UserLogout on its way out.
type item struct {
	login uint32 // which of the accepted logins, or of the refused ones
	kind  itemKind
}

type itemKind uint8

const (
	itemLogin itemKind = iota
	itemRefused
	itemLogout
)

// itemKey is what items are ordered by, but for the message.
type itemKey struct {
	at time.Time // on the clock of its login's log
	bootKey
	pid int
}

func (r *run) keyOf(it item) itemKey {
	if it.kind == itemRefused {
		f := r.refused.at(int(it.login))
		return itemKey{f.time(), f.key(), int(f.pid)}
	}
	l := r.logins.at(int(it.login))
	k := itemKey{l.time(), l.key(), l.pid}
	if it.kind == itemLogout {
		k.at = l.over()
	}
	return k
}

// loginOf gives the login of an item.
func (r *run) loginOf(it item) (*sshd.Login, error) {
	if it.kind == itemRefused {
		return r.refused.get(int(it.login))
	}
	return r.logins.get(int(it.login))
}

// makeItems lists the logins and logouts in the order of the output.
func (r *run) makeItems() error {
	r.items = make([]item, 0, 2*r.logins.count()+r.refused.count())
	for i := range r.logins.count() {
		r.items = append(r.items, item{uint32(i), itemLogin})
		if r.logins.at(i).how != 0 {
			r.items = append(r.items, item{uint32(i), itemLogout})
		}
	}
	for i := range r.refused.count() {
		r.items = append(r.items, item{uint32(i), itemRefused})
	}
	var failed error
	slices.SortFunc(r.items, func(x, y item) int {
		a, b := r.keyOf(x), r.keyOf(y)
		if c := cmp.Or(a.at.Compare(b.at), cmp.Compare(a.host, b.host), cmp.Compare(a.boot, b.boot), cmp.Compare(a.pid, b.pid)); c != 0 {
			return c
		}
		if x.login == y.login && x.kind != itemRefused && y.kind != itemRefused {
			return cmpBool(x.kind == itemLogout, y.kind == itemLogout)
		}
		f, err := r.loginOf(x)
		g, err2 := r.loginOf(y)
		if err != nil || err2 != nil {
			failed = errors.Join(err, err2)
			return 0
		}
		return cmp.Or(cmp.Compare(f.Text, g.Text), cmp.Compare(f.N, g.N), cmpBool(x.kind == itemLogout, y.kind == itemLogout),
			cmpBool(f.Accepted, g.Accepted), cmp.Compare(x.login, y.login))
	})
	return failed
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

// itemsBefore writes the logins and logouts that stand before an event of that
// time (milliseconds since the epoch) and host.
func (r *run) itemsBefore(millis int64, host int) error {
	for len(r.items) > 0 {
		it := r.items[0]
		if millis < r.nextItem || millis == r.nextItem && r.after(it, millis, host) {
			return nil
		}
		r.items = r.items[1:]
		r.aimItems()
		g, err := r.loginOf(it)
		if err != nil {
			return err
		}
		t := r.tracker(r.keyOf(it).bootKey)
		if it.kind == itemLogout {
			l := r.logins.at(int(it.login))
			err = t.WriteLogout(g, l.over(), l.overPos, endedHow[l.how])
		} else {
			err = t.WriteLogin(g)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// after reports whether an item stands behind an event of the millisecond in
// which it is itself.
func (r *run) after(it item, millis int64, host int) bool {
	k, event := r.keyOf(it), time.UnixMilli(millis)
	return k.at.After(event) || k.at.Equal(event) && k.host > host
}

// aimItems notes when the next item is.
func (r *run) aimItems() {
	if len(r.items) > 0 {
		r.nextItem = r.keyOf(r.items[0]).at.UnixMilli()
	}
}
