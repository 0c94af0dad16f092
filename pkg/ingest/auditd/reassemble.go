package auditd

import (
	"bytes"
	"container/heap"
	"hash/maphash"
	"math"
	"sort"
	"strings"
)

// Reassembly puts records together that are one event. A record belongs to an
// event by host, time and serial alone. An event is complete when nothing of
// its time can come any more: a first pass notes the lowest time of every
// stretch of every file, so that this is known and not guessed by a time-out
// (the largest step back in time that was seen on a real host is 182 s).
// Stretches are read in the order of their times, whatever files they are in.

// LateAfter is how many lines of one file may lie between two records of one
// event: the later one is else an event of its own, marked late.
const LateAfter = 65536

// MaxRecords bounds one event: the largest argv that Linux takes fills about
// 1,000 records.
const MaxRecords = 16384

// Unit is one event on its way through reassembly.
type Unit struct {
	Host    int // number of the host, in the order of their names
	Millis  int64
	Serial  uint32
	Daemon  bool // auditd's own record: its serial is auditd's counter
	Late    bool
	Records []*Record
	Dropped int                // records beyond MaxRecords
	known   map[uint64][]int32 // the records by what they say, where they are many
}

type unitKey struct {
	millis int64
	serial uint32
	host   int32
	daemon bool
}

// Reassembler groups records into units and gives the units in order.
type Reassembler struct {
	// Nearly all units begin after all others. They need no heap and no map:
	// line has them in the order of the output. others has the ones that began
	// out of order, and open the same by their keys; each of them stands before
	// newest, the highest that line ever had.
	line   unitLine
	others unitQueue
	open   map[unitKey]*Unit
	newest Unit
	last   *Unit
	free   []*Unit

	waiting int  // weight of the chunks that have records in units which wait
	forced  Unit // the last that had to go before its time, in the order of the output
	seed    maphash.Seed

	Duplicates func(*Record) // called for a record that its event has already
	Oversize   func(*Record) // called for a record beyond MaxRecords
	Recycle    func(*Chunk)  // called for a chunk that no unit needs any more
}

// NewReassembler returns an empty Reassembler.
func NewReassembler() *Reassembler {
	return &Reassembler{open: make(map[unitKey]*Unit), seed: maphash.MakeSeed(),
		newest: Unit{Millis: math.MinInt64}, forced: Unit{Millis: math.MinInt64}, Duplicates: func(*Record) {}, Oversize: func(*Record) {},
		Recycle: func(*Chunk) {}}
}

// Add takes one record of a host. It and its bytes must stay as they are until
// its unit was given back with Release.
func (r *Reassembler) Add(host int, rec *Record) {
	u := r.last
	if u == nil || u.Millis != rec.Millis || u.Serial != rec.Serial || u.Host != host || u.Daemon != rec.Daemon() {
		u = r.find(host, rec)
	}
	late := u != nil && tooFar(u, rec)
	if u == nil || late {
		u = r.begin(host, rec, late)
	}
	r.last = u
	if i := r.same(u, rec); i >= 0 {
		if prefer(rec, u.Records[i]) {
			r.keep(rec)
			rec, u.Records[i] = u.Records[i], rec
			r.Duplicates(rec)
			r.leave(rec)
			r.drop(rec)
			return
		}
		r.Duplicates(rec)
		return
	}
	if len(u.Records) >= MaxRecords {
		u.Dropped++
		r.Oversize(rec)
		return
	}
	r.keep(rec)
	u.Records = append(u.Records, rec)
	if n := len(u.Records); n > fewRecords {
		r.remember(u, n-1)
	}
}

// find gives the unit that a record is of, where there is one.
func (r *Reassembler) find(host int, rec *Record) *Unit {
	u := Unit{Host: host, Millis: rec.Millis, Serial: rec.Serial, Daemon: rec.Daemon()}
	if r.newest.before(&u) {
		return nil
	}
	if o := r.open[u.key()]; o != nil {
		return o
	}
	return r.line.find(&u)
}

// begin begins a unit with a record, which find did not find one for, or one
// that is closed.
func (r *Reassembler) begin(host int, rec *Record, late bool) *Unit {
	u := r.unit()
	u.Host, u.Millis, u.Serial, u.Daemon = host, rec.Millis, rec.Serial, rec.Daemon()
	u.Late = late || !r.forced.before(u)
	if r.newest.before(u) {
		r.line.add(u)
		r.newest = Unit{Host: u.Host, Millis: u.Millis, Serial: u.Serial, Daemon: u.Daemon}
	} else {
		r.open[u.key()] = u
		heap.Push(&r.others, u)
	}
	return u
}

func (u *Unit) key() unitKey { return unitKey{u.Millis, u.Serial, int32(u.Host), u.Daemon} }

func (r *Reassembler) keep(rec *Record) {
	if rec.home != nil {
		rec.home.held++
		rec.home.waiting++
	}
}

// leave notes that a record waits no longer.
func (r *Reassembler) leave(rec *Record) {
	if c := rec.home; c != nil {
		if c.waiting--; c.waiting == 0 && c.read {
			r.waiting -= c.weight()
		}
	}
}

func (r *Reassembler) drop(rec *Record) {
	if c := rec.home; c != nil {
		if c.held--; c.held == 0 && c.read {
			r.Recycle(c)
		}
	}
}

// Read says that all records of a chunk were added.
func (r *Reassembler) Read(c *Chunk) {
	c.read = true
	if c.waiting > 0 {
		r.waiting += c.weight()
	}
	if c.held == 0 {
		r.Recycle(c)
	}
}

// Waiting is how many chunks hold records of events that wait to be complete:
// one with a line as long as several chunks counts as so many.
func (r *Reassembler) Waiting() int { return r.waiting }

func (r *Reassembler) unit() *Unit {
	if n := len(r.free); n > 0 {
		u := r.free[n-1]
		r.free = r.free[:n-1]
		return u
	}
	return new(Unit)
}

// tooFar reports whether a record stands so far behind the others of its
// event, in the same file, that the event was closed.
func tooFar(u *Unit, rec *Record) bool {
	for i := len(u.Records) - 1; i >= 0; i-- { // nearly always the last one is near
		if p := u.Records[i].Pos; p.Source != rec.Pos.Source || rec.Pos.Line-p.Line <= LateAfter {
			return false
		}
	}
	return !rec.Pos.Source.Offsets
}

// fewRecords is up to how many records of an event are looked at one by one
// for a copy.
const fewRecords = 64

// same finds a record that says the same: a copy of the line in another file,
// or the same record from a carrier that adds no node and no names.
func (r *Reassembler) same(u *Unit, rec *Record) int {
	if len(u.Records) <= fewRecords {
		return same(u.Records, rec)
	}
	rec.Split()
	for _, i := range u.known[maphash.Bytes(r.seed, rec.Body)] {
		if o := u.Records[i]; o.Type == rec.Type && bytes.Equal(o.Body, rec.Body) {
			return int(i)
		}
	}
	return -1
}

// remember notes the last of n+1 records, and with the first that is too many
// all that came before.
func (r *Reassembler) remember(u *Unit, n int) {
	from := n
	if u.known == nil {
		u.known, from = make(map[uint64][]int32), 0
	}
	for i := from; i <= n; i++ {
		u.Records[i].Split()
		h := maphash.Bytes(r.seed, u.Records[i].Body)
		u.known[h] = append(u.known[h], int32(i))
	}
}

func same(recs []*Record, rec *Record) int {
	for i := len(recs) - 1; i >= 0; i-- {
		r := recs[i]
		if r.Type != rec.Type || differ(r.Body, rec.Body) {
			continue
		}
		r.Split()
		rec.Split()
		if len(r.Body) == len(rec.Body) && bytes.Equal(r.Body, rec.Body) {
			return i
		}
	}
	return -1
}

// differ reports whether two bodies differ where no enrichment has begun in
// either, which then need not be cut off: "item=0 name=" and "item=1 name=". It
// begins with a capital, or with what separates it, neither of which comes so far.
func differ(a, b []byte) bool {
	for i := range min(len(a), len(b)) {
		c, d := a[i], b[i]
		switch {
		case c != d:
			return (isLower(c) || isDigit(c)) && (isLower(d) || isDigit(d))
		case !isLower(c) && !isDigit(c) && c != '=' && c != ' ':
			return false
		}
	}
	return false
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }

// prefer decides which of two copies is kept: the one that says more, else
// the one whose file's name sorts first.
func prefer(a, b *Record) bool {
	if x, y := len(a.Enriched)+len(a.Node), len(b.Enriched)+len(b.Node); x != y {
		return x > y
	}
	if c := strings.Compare(a.Pos.Source.Name, b.Pos.Source.Name); c != 0 {
		return c < 0
	}
	return a.Pos.Line < b.Pos.Line
}

// Next gives the first unit of all whose time lies before the given one, in
// milliseconds since the epoch, or nil where there is none: nothing of such a
// time may be added any more.
func (r *Reassembler) Next(before int64) *Unit {
	if u := r.first(); u == nil || u.Millis >= before {
		return nil
	}
	return r.pop()
}

// first gives the first unit of all.
func (r *Reassembler) first() *Unit {
	u := r.line.first()
	if len(r.others) > 0 && (u == nil || r.others[0].less(u)) {
		return r.others[0]
	}
	return u
}

// Force gives the first unit of all, or nil where there is none, though what is
// still to be added may belong before it: more of that cannot be held. Units
// that come later and belong before it are marked late.
func (r *Reassembler) Force() *Unit {
	if r.Pending() == 0 {
		return nil
	}
	u := r.pop()
	if r.forced.before(u) {
		r.forced = Unit{Host: u.Host, Millis: u.Millis, Serial: u.Serial, Daemon: u.Daemon}
	}
	return u
}

func (r *Reassembler) pop() *Unit {
	u := r.first()
	if u == r.line.first() {
		r.line.drop()
	} else {
		heap.Pop(&r.others)
		if r.open[u.key()] == u {
			delete(r.open, u.key())
		}
	}
	if r.last == u {
		r.last = nil
	}
	for _, rec := range u.Records {
		r.leave(rec)
	}
	return u
}

// before reports whether u stands before o in the output, by time, host and
// serial alone.
func (u *Unit) before(o *Unit) bool {
	switch {
	case u.Millis != o.Millis:
		return u.Millis < o.Millis
	case u.Host != o.Host:
		return u.Host < o.Host
	case u.Serial != o.Serial:
		return u.Serial < o.Serial
	}
	return u.Daemon && !o.Daemon
}

// Pending is the number of units that are not complete.
func (r *Reassembler) Pending() int { return r.line.len() + len(r.others) }

// Release takes a unit back for reuse.
func (r *Reassembler) Release(u *Unit) {
	for i := range u.Records {
		r.drop(u.Records[i])
	}
	clear(u.Records)
	*u = Unit{Records: u.Records[:0]}
	r.free = append(r.free, u)
}

// less reports whether u stands before o in the output: by time, host, serial,
// and then by what the records say.
func (u *Unit) less(o *Unit) bool {
	switch {
	case u.Millis != o.Millis:
		return u.Millis < o.Millis
	case u.Host != o.Host || u.Serial != o.Serial || u.Daemon != o.Daemon:
		return u.before(o)
	case u.Late != o.Late:
		return o.Late
	}
	return bytes.Compare(lowest(u.Records), lowest(o.Records)) < 0
}

// unitLine is a queue of units, each of which begins after the one before.
type unitLine struct {
	units []*Unit
	head  int
}

func (l *unitLine) len() int { return len(l.units) - l.head }

func (l *unitLine) first() *Unit {
	if l.len() == 0 {
		return nil
	}
	return l.units[l.head]
}

func (l *unitLine) add(u *Unit) {
	if l.head > 64 && l.head > len(l.units)/2 { // the front half is free
		n := copy(l.units, l.units[l.head:])
		clear(l.units[n:])
		l.units, l.head = l.units[:n], 0
	}
	l.units = append(l.units, u)
}

func (l *unitLine) drop() {
	l.units[l.head] = nil
	l.head++
}

func (l *unitLine) find(u *Unit) *Unit {
	in := l.units[l.head:]
	i := sort.Search(len(in), func(i int) bool { return !in[i].before(u) })
	if i < len(in) && !u.before(in[i]) {
		return in[i]
	}
	return nil
}

// unitQueue is a heap in the order of the output.
type unitQueue []*Unit

func (q unitQueue) Len() int           { return len(q) }
func (q unitQueue) Less(i, j int) bool { return q[i].less(q[j]) }
func (q unitQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
}
func (q *unitQueue) Push(x any) {
	u := x.(*Unit)
	*q = append(*q, u)
}
func (q *unitQueue) Pop() any {
	old := *q
	u := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return u
}

func lowest(recs []*Record) []byte {
	var low []byte
	for i := range recs {
		if low == nil || bytes.Compare(recs[i].Line, low) < 0 {
			low = recs[i].Line
		}
	}
	return low
}
