package replay

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/sshd"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// scan is what the first pass keeps of the evidence.
type scan struct {
	nodes  []node
	nodeAt map[nodeKey]int32

	facts  facts
	marks  []mark // of the facts that boots and clocks are told by
	auditd []daemon
	stamps []stamp
	thin   bool              // not every event has a stamp
	spans  map[spanKey]*span // what the journals say of boots
	pairs  []accepted        // for the clock offset
	forged []forgery         // Accepted lines that a journal shows to be another program's
	frags  bool              // events may lack ses=: processes must be remembered
	ahead  bool              // audit logs are read beside what is learnt from them

	factReader *auditd.Facts
	line       sshd.Line
	rejects    func(pos ingest.Pos, what string, raw []byte) error
	observer   Observer
}

// node is a name that records or messages give their host, within one group
// of sources; hosts.go says which host it is.
type node struct {
	group   int
	name    string // "" where nothing names it
	audit   bool   // audit records came from it
	journal bool   // a journal names it
	message bool   // sshd's messages came from it
	machine string // machine id that a journal gives
	count   int    // records and messages
	host    int
}

type nodeKey struct {
	group int
	name  string
}

// fact is an auditd.Fact and where it came from.
type fact struct {
	auditd.Fact
	node int32
}

// mark is what boots and clocks need of a fact.
type mark struct {
	millis int64
	typ    auparse.AuditMessageType
	node   int32
	pid    int
	ses    uint32
	serial uint32
	ok     bool // a session was given
}

// daemon is a DAEMON_START or DAEMON_END of auditd's own.
type daemon struct {
	node   int32
	millis int64
	end    bool
	pid    int // who ended it
	pos    ingest.Pos
}

// stamp is the time and kernel serial of one record: what boots are told by.
type stamp struct {
	millis int64
	serial uint32
	node   int32
}

// maxStarts is how many of a boot's first entries are asked when it started.
const maxStarts = 255

type spanKey struct {
	node int32
	boot string
}

// span is a boot as a journal shows it.
type span struct {
	boot        string
	first, last time.Time   // reception of its entries
	starts      []time.Time // reception less the monotonic clock, of some entries: when the kernel started
	entries     int

	base  time.Time // when the kernel started, by the last entry that was believed
	doubt struct {  // an entry that tells something else, as long as no other says so
		start, at time.Time
	}
}

// accepted is an Accepted line, for estimating the offset of sshd's clock.
type accepted struct {
	node    int32
	carrier *ingest.Source
	pid     int
	at      time.Time

	// Until resolveTimes makes an instant of a time that is none:
	clock  ingest.Clock
	zone   string
	number int
}

func newScan() *scan {
	reader := auditd.NewFacts()
	reader.Borrow = true // facts.add copies what it keeps
	reader.Wanted = wanted
	return &scan{nodeAt: make(map[nodeKey]int32), spans: make(map[spanKey]*span), factReader: reader,
		rejects: func(ingest.Pos, string, []byte) error { return nil }}
}

func (s *scan) node(group int, name string) int32 {
	key := nodeKey{group, name}
	if id, ok := s.nodeAt[key]; ok {
		return id
	}
	id := int32(len(s.nodes))
	s.nodes = append(s.nodes, node{group: group, name: name})
	s.nodeAt[key] = id
	return id
}

// source reads one input from start to end.
func (s *scan) source(in *input) error {
	rs, err := newRecords(in)
	if err != nil {
		return err
	}
	defer rs.Close()
	in.src.Counts = ingest.Counts{}
	in.stretches = in.stretches[:0]
	s.reserve(in.src.Size)
	failed := s.listen(in, rs)
	next, stop := s.inTurn(rs), func() {}
	if rs.log != nil && s.ahead && s.observer == nil {
		next, stop = s.beside(in, rs)
	}
	stop = sync.OnceFunc(stop)
	defer stop()
	read := 0
	for *failed == nil {
		c, units, err := next()
		if len(c.Records) > 0 {
			in.stretches = append(in.stretches, stretch{min: c.Min, max: c.Max, units: units - read})
			read = units
		}
		var damage *ingest.Damage
		switch {
		case err == nil:
			continue
		case errors.As(err, &damage):
			in.damage = append(in.damage, damage.Error())
		case !errors.Is(err, io.EOF):
			return fmt.Errorf("%s: %w", in.src.Path, err)
		}
		break
	}
	stop() // what the other side found out is read from here on
	if in.cut != nil {
		in.damage = append(in.damage, in.cut.Error())
	}
	if rs.log != nil && rs.log.open {
		in.damage = append(in.damage, in.src.Path+": its last line has no end: what it says may be cut off")
	}
	in.scanned = true
	in.torn = rs.log != nil && rs.log.torn
	in.src.Counts.Bytes = in.src.Size
	if rs.count != nil {
		in.src.Counts.Bytes = rs.count.N.Load()
	}
	return *failed
}

// nextChunk gives the next chunk of an input, and how many of its entries were
// read then. What is in it has been taken.
type nextChunk func() (c *auditd.Chunk, units int, err error)

// inTurn reads and takes one after the other.
func (s *scan) inTurn(rs *records) nextChunk {
	var c auditd.Chunk
	return func() (*auditd.Chunk, int, error) {
		err := rs.next(&c)
		return &c, rs.units, err
	}
}

// beside takes what another goroutine reads, in the same order.
func (s *scan) beside(in *input, rs *records) (next nextChunk, stop func()) {
	other, audit, detail := rs.other, rs.audit, rs.detail
	a := readAhead(rs)
	var last *stretchRead
	return func() (*auditd.Chunk, int, error) {
		if last != nil {
			a.free <- last
		}
		last = <-a.full
		for i := range last.others {
			for o := &last.others[i]; o.times > 0; o.times-- {
				other(&o.entry)
			}
		}
		in.src.Counts.NULs += last.nuls
		var bare ingest.Entry
		for i := range last.chunk.Records {
			rec := &last.chunk.Records[i]
			if audit(&bare, rec); rec.Details > 0 {
				detail(int(rec.Details))
			}
		}
		return &last.chunk, last.units, last.err
	}, a.close
}

// listen takes what rs reads of an input, and counts it. The error that it
// points to is that of the first entry which ends the run.
func (s *scan) listen(in *input, rs *records) *error {
	counts := &in.src.Counts
	var failed error
	rs.other = func(e *ingest.Entry) {
		counts.Read++
		counts.NULs += int64(e.NULs)
		in.civil.observe(e)
		if err := s.entry(in, e); err != nil && failed == nil {
			failed = err
		}
		if s.observer != nil && !isCivil(e) {
			s.observed(in, e)
		}
	}
	names := nodeNames{scan: s, group: in.group}
	var login loginEvent
	rs.audit = func(e *ingest.Entry, rec *auditd.Record) {
		counts.Read++
		counts.NULs += int64(e.NULs)
		counts.Evidence++
		rec.Via = e.Message.Host
		id := names.of(rec)
		s.record(rec, id, &login)
		if s.observer != nil {
			rec.Split()
			s.observer.Record(int(id), rec)
		}
		if e.Message.Clock != ingest.UTC {
			in.civil.record(&e.Message, rec)
		}
		if e.Message.Boot != "" {
			s.span(id, &e.Message)
		}
	}
	if rs.log != nil && s.observer == nil {
		rs.detail = func(n int) { // of the last record's node
			counts.Read += int64(n)
			counts.Evidence += int64(n)
			s.nodes[names.id].count += n
		}
	}
	return &failed
}

// reserve makes room for what a source of that many bytes usually holds: to
// grow step by step costs more than to read it.
func (s *scan) reserve(size int64) {
	s.stamps = slices.Grow(s.stamps, int(min(max(size, 0)/600, maxStamps-int64(min(len(s.stamps), maxStamps)))))
}

// nodeNames finds the node of a record; nearly all have the one before's.
type nodeNames struct {
	scan  *scan
	group int
	last  string
	id    int32
	known bool
}

func (n *nodeNames) of(rec *auditd.Record) int32 {
	if rec.SameNode && n.known {
		return n.id
	}
	if len(rec.Node) > 0 {
		if !n.known || string(rec.Node) != n.last {
			n.last = string(rec.Node)
			n.id, n.known = n.scan.node(n.group, n.last), true
		}
		return n.id
	}
	if !n.known || rec.Via != n.last {
		n.last = rec.Via
		n.id, n.known = n.scan.node(n.group, n.last), true
	}
	return n.id
}

// loginEvent remembers the last LOGIN record, whose SYSCALL tells the program.
type loginEvent struct {
	millis int64
	serial uint32
	node   int32
	valid  bool
}

// typeURINGOP is the record of an io_uring operation: it has a pid, and on
// several kernels no ses.
const typeURINGOP = 1336

func (s *scan) record(rec *auditd.Record, id int32, login *loginEvent) {
	n := &s.nodes[id]
	n.audit, n.count = true, n.count+1
	if rec.Daemon() {
		s.daemon(rec, id)
		return
	}
	s.stamp(stamp{rec.Millis, rec.Serial, id})
	switch {
	case rec.Type == typeURINGOP:
		s.frags = true
	case rec.Type == auparse.AUDIT_SYSCALL:
		if !login.valid || *login != (loginEvent{rec.Millis, rec.Serial, id, true}) {
			return
		}
	case !auditd.FactType(rec.Type):
		return
	case rec.Type == auparse.AUDIT_LOGIN:
		*login = loginEvent{rec.Millis, rec.Serial, id, true}
	}
	var f fact
	rec.Split()
	s.factReader.Read(rec, &f.Fact)
	f.node = id
	if wanted(f.Type, f.Ses) {
		s.facts.add(&f)
		switch f.Type {
		case auparse.AUDIT_LOGIN, auparse.AUDIT_SYSTEM_BOOT, auparse.AUDIT_KERNEL:
			s.marks = append(s.marks, mark{f.Millis, f.Type, id, f.PID, f.Ses, f.Serial, f.OK && f.HasSes})
		}
	}
}

// wanted reports whether a fact of that type and session is of a session or a boot.
func wanted(t auparse.AuditMessageType, ses uint32) bool {
	return ses != auditd.UnsetID || t >= auparse.AUDIT_SYSTEM_BOOT || t == auparse.AUDIT_LOGIN
}

// entry takes what is no audit record.
func (s *scan) entry(in *input, e *ingest.Entry) error {
	counts := &in.src.Counts
	m := &e.Message
	if m.Boot != "" && !m.Received.IsZero() {
		switch id := s.node(in.group, m.Host); {
		case m.Journal:
			s.span(id, m)
		case e.Kind == ingest.Marker: // "-- Boot ID --" itself has no time
		case m.Clock == ingest.UTC:
			s.widen(spanKey{id, m.Boot}, m.Received, m.Received, 1)
		default:
			in.civil.boot(spanKey{id, m.Boot})
		}
	}
	switch e.Kind {
	case ingest.MessageEntry:
		return s.message(in, e)
	case ingest.Rejected:
		counts.Rejected++
		return s.rejects(e.Pos, e.What, e.Raw)
	case ingest.AuditEntry: // a record: counted where it is read
	default:
		counts.Skip(e.What)
	}
	return nil
}

func (s *scan) message(in *input, e *ingest.Entry) error {
	counts, m := &in.src.Counts, &e.Message
	in.lows.add(m)
	id := s.node(in.group, m.Host)
	n := &s.nodes[id]
	n.count++
	n.journal = n.journal || m.Journal
	if m.MachineID != "" {
		n.machine = m.MachineID
	}
	if m.LogindLeader != 0 {
		counts.Evidence++
		in.messages = true
		in.civil.node = id
		return nil
	}
	if !fromSSHD(m) {
		counts.Skip(otherProgram(m.Ident))
		return nil
	}
	n.message, in.messages = true, true
	in.civil.node = id
	if !sshd.Parse(m.Text, &s.line) {
		counts.Skip("sshd message not used")
		return nil
	}
	if ok, why := believable(m, &s.line); !ok {
		counts.Skip(onlyClaims + why)
		if s.line.Kind == sshd.Accepted && m.Journal && len(s.forged) < maxForged {
			s.forged = append(s.forged, forgery{node: id, at: m.Received, text: strings.Clone(m.Text)})
		}
		return nil
	}
	counts.Evidence++
	in.inOrder(m.Received)
	if s.line.Kind == sshd.Accepted && m.PID != 0 {
		s.pairs = append(s.pairs, accepted{id, in.src, m.PID, m.Time, m.Clock, m.ZoneName, in.civil.number})
	}
	return nil
}

// maxStepBack is how far a source's messages may step back in time and still
// be sorted while they are read.
const maxStepBack = time.Minute

func (in *input) inOrder(at time.Time) {
	if at.After(in.newest) {
		in.newest = at
	}
	in.unsorted = in.unsorted || in.newest.Sub(at) > maxStepBack
}

// otherProgram is the kind under which a program's messages are counted.
func otherProgram(ident string) string {
	switch ident {
	case "sudo", "su", "systemd-logind", "CRON", "cron", "login", "systemd":
		return ident
	}
	return "other programs"
}

func (s *scan) span(id int32, m *ingest.Message) {
	n := &s.nodes[id]
	n.journal = true
	if m.MachineID != "" {
		n.machine = m.MachineID
	}
	key := spanKey{id, m.Boot}
	if m.Mono == 0 {
		s.widen(key, m.Received, m.Received, 1)
		return
	}
	sp := s.spanOf(key)
	sp.entries++
	start := m.Received.Add(-time.Duration(m.Mono) * time.Microsecond)
	sp.note(m.Received, start)
	if sp.entries <= maxStarts || sp.entries&(sp.entries-1) == 0 { // the first ones, then ever fewer
		sp.starts = append(sp.starts, start)
	}
}

// note takes the time of an entry's reception and when the kernel started by
// it. One damaged digit puts an entry hours away and would make its boot last
// until then, over the next reboot: an entry that tells another start than
// those around it counts only if the next one that differs agrees with it, as
// all do after the clock was set.
func (sp *span) note(at, start time.Time) {
	near := func(a, b time.Time) bool { return a.Sub(b).Abs() <= oneStart }
	switch {
	case !sp.base.IsZero() && near(start, sp.base):
	case !sp.doubt.at.IsZero() && near(start, sp.doubt.start):
		sp.widen(sp.doubt.at, sp.doubt.at)
		sp.doubt.at = time.Time{}
	default:
		sp.doubt.start, sp.doubt.at = start, at
		return
	}
	sp.base = start
	sp.widen(at, at)
}

// settle gives a span whose entries all differ the time of the last of them.
func (sp *span) settle() {
	if sp.first.IsZero() {
		sp.widen(sp.doubt.at, sp.doubt.at)
	}
}

// widen makes a boot's span hold a stretch of time with that many entries.
func (s *scan) widen(key spanKey, first, last time.Time, entries int) *span {
	sp := s.spanOf(key)
	sp.entries += entries
	sp.widen(first, last)
	return sp
}

func (s *scan) spanOf(key spanKey) *span {
	sp := s.spans[key]
	if sp == nil {
		sp = &span{boot: key.boot}
		s.spans[key] = sp
	}
	return sp
}

func (sp *span) widen(first, last time.Time) {
	if sp.first.IsZero() || first.Before(sp.first) {
		sp.first = first
	}
	if last.After(sp.last) {
		sp.last = last
	}
}
