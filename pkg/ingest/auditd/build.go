package auditd

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// Builder makes Events of records. It remembers what many events share
// (strings, names of syscalls, the meaning of event shapes), all of it
// bounded. A Builder is not safe for concurrent use; make one for each worker.
type Builder struct {
	strings  Strings
	syscalls [256]syscallName
	norms    map[shape]*norm
	recent   [128]recentNorm // the same for the last shapes
	claimsOf [512]claim
	seed     maphash.Seed // of their places
	heads    recall[head]
	creds    recall[credentials]
	tails    recall[Path] // of PATH records, without the name
	programs ends[program]

	order   []ordered    // of the event that is being built
	self    outer        // its SYSCALL record
	head    *head        // what it begins with, where that is in order
	ids     *credentials // the ids in it, where they are
	program *program     // and what it ends with
	main    outer        // its characterising record
	other   outer

	sys, mainAt int // their places in ev.Records, -1 where there is none
}

// NewBuilder returns a Builder that has seen nothing.
func NewBuilder() *Builder {
	b := &Builder{strings: make(Strings, 1024), norms: make(map[shape]*norm), seed: maphash.MakeSeed()}
	b.heads.same, b.creds.same, b.tails.same = len("arch=c000003e syscal"), len(" aui"), len(" dev")
	b.programs.same = len(" comm=\"")
	return b
}

// NewEvents returns n Events to be built, with room for what most events hold:
// all of it is a few pieces of memory.
func NewEvents(n int) []Event {
	const records, args, paths, keys, arena = 8, 8, 4, 2, 128
	evs := make([]Event, n)
	recs, argv, files, names := make([]*Record, n*records), make([]Text, n*args), make([]Path, n*paths), make([]string, n*keys)
	decoded := make([]byte, n*arena)
	for i := range evs {
		ev := &evs[i]
		ev.Records, recs = recs[:0:records], recs[records:]
		ev.Args, argv = argv[:0:args], argv[args:]
		ev.Paths, files = files[:0:paths], files[paths:]
		ev.Keys, names = names[:0:keys], names[keys:]
		ev.arena, decoded = decoded[:0:arena], decoded[arena:]
	}
	return evs
}

// Build fills ev from all records of one event, given in any order. What ev
// held before is gone; what it holds then points into the records' lines and
// into memory of its own, which the next Build of the same ev reuses.
func (b *Builder) Build(recs []*Record, ev *Event) {
	b.Begin(recs, ev)
	ev.Complete()
}

// Begin is Build for who may have no use for the event: it fills what tells
// what kind of event it is, whose, and when (type, ids and their names, process
// ids, terminal). The rest is there after ev.Complete, which must come before
// the Builder begins another event.
func (b *Builder) Begin(recs []*Record, ev *Event) {
	ev.reset()
	if len(recs) == 0 {
		return
	}
	b.sort(recs)
	sys, main := -1, -1
	for i := range b.order {
		rec := b.order[i].rec
		ev.Records = append(ev.Records, rec)
		switch rec.Type {
		case auparse.AUDIT_PATH, auparse.AUDIT_PROCTITLE, auparse.AUDIT_CWD, auparse.AUDIT_EXECVE:
			continue // no enrichment has a name that is looked for in these, and none has ses=
		}
		rec.Split()
		sys, main = better(ev.Records, i, sys, main)
		ev.CutOff = ev.CutOff || rec.cutOff()
	}
	first := ev.Records[0]
	ev.Key = Key{Node: b.str(first.Node), Millis: first.Millis, Serial: first.Serial}

	b.setType(ev, sys, main)
	b.other.empty()
	b.readSyscall(ev, sys)
	b.main.read(ev, main)
	b.fill(ev, sys, main)
	b.sys, b.mainAt = sys, main
	ev.begun = b
}

// Complete fills what Builder.Begin left open, where it did.
func (ev *Event) Complete() {
	b := ev.begun
	if b == nil {
		return
	}
	ev.begun = nil
	b.parts(ev)
	b.claims(ev, b.mainAt)
	b.summarise(ev, b.sys, b.mainAt)
}

// keepRecords is up to how many records an event's memory is kept for.
const keepRecords = 1024

// reset empties ev and keeps its memory, unless an event needed very much.
func (ev *Event) reset() {
	if cap(ev.Records)+cap(ev.Paths)+cap(ev.Args) > keepRecords || cap(ev.arena) > 64*keepRecords {
		*ev = Event{}
	}
	recs, args, keys, contradictions, paths, arena := ev.Records[:0], ev.Args[:0], ev.Keys[:0], ev.Contradictions[:0], ev.Paths[:0], ev.arena[:0]
	*ev = Event{}
	ev.Records, ev.Args, ev.Keys, ev.Contradictions, ev.Paths, ev.arena = recs, args, keys, contradictions, paths, arena
}

// ordered is a record's place in the canonical order: by type, then PATH
// records by item= and EXECVE records by their first argument, then by bytes.
type ordered struct {
	rank uint64
	rec  *Record
}

func (x ordered) compare(y ordered) int {
	if x.rank != y.rank {
		return cmp.Compare(x.rank, y.rank)
	}
	return bytes.Compare(x.rec.Line, y.rec.Line)
}

func (b *Builder) sort(recs []*Record) {
	order := b.order[:0]
	for _, r := range recs {
		rank := uint64(r.Type) << 32
		switch r.Type {
		case auparse.AUDIT_PATH:
			rank |= uint64(item(r.Body))
		case auparse.AUDIT_EXECVE:
			rank |= uint64(firstArg(r.Body))
		case 0: // unknown name
			rank = 1 << 63
		}
		order = append(order, ordered{rank, r})
	}
	b.order = order
	if len(order) > 32 {
		slices.SortFunc(order, ordered.compare)
		return
	}
	for i := 1; i < len(order); i++ {
		x, j := order[i], i
		for ; j > 0 && (x.rank < order[j-1].rank || x.rank == order[j-1].rank && x.compare(order[j-1]) < 0); j-- {
			order[j] = order[j-1]
		}
		order[j] = x
	}
}

// item gives the number of a PATH record, 0 where its body begins otherwise.
func item(body []byte) uint32 {
	if len(body) <= 5 || string(body[:5]) != "item=" {
		return 0
	}
	return digits(body[5:])
}

// digits reads the digits that b starts with; beyond 32 bits it stays at the end.
func digits(b []byte) uint32 {
	var n uint64
	for i := 0; i < len(b) && isDigit(b[i]); i++ {
		if n = n*10 + uint64(b[i]-'0'); n > 1<<32-1 {
			return 1<<32 - 1
		}
	}
	return uint32(n)
}

// part reports whether records of type t are part of another record's event
// and never characterise one themselves.
func part(t auparse.AuditMessageType) bool {
	switch t {
	case auparse.AUDIT_SYSCALL, auparse.AUDIT_EXECVE, auparse.AUDIT_CWD, auparse.AUDIT_PATH,
		auparse.AUDIT_SOCKADDR, auparse.AUDIT_PROCTITLE, auparse.AUDIT_BPRM_FCAPS, auparse.AUDIT_EOE:
		return true
	}
	return false
}

// choose finds the SYSCALL record (-1: none) and the record that characterises
// the event (-1: none) among records in canonical order. Of several of the
// latter, those that the kernel appends to a syscall come last.
func choose(recs []*Record) (sys, main int) {
	sys, main = -1, -1
	for i := range recs {
		sys, main = better(recs, i, sys, main)
	}
	return sys, main
}

// better is choose for record i, where sys and main are what was found before it.
func better(recs []*Record, i, sys, main int) (int, int) {
	switch t := recs[i].Type; {
	case t == auparse.AUDIT_SYSCALL:
		if sys < 0 {
			sys = i
		}
	case !part(t) && (main < 0 || appended(recs[main].Type) && !appended(t)):
		main = i
	}
	return sys, main
}

// appended reports whether the kernel writes records of type t after the
// SYSCALL record, as details of it (kernel/auditsc.c, show_special and
// audit_log_exit), and not on their own account while the syscall runs.
func appended(t auparse.AuditMessageType) bool {
	switch t {
	case auparse.AUDIT_IPC, auparse.AUDIT_SOCKETCALL, auparse.AUDIT_IPC_SET_PERM,
		auparse.AUDIT_MQ_OPEN, auparse.AUDIT_MQ_SENDRECV, auparse.AUDIT_MQ_NOTIFY, auparse.AUDIT_MQ_GETSETATTR,
		auparse.AUDIT_FD_PAIR, auparse.AUDIT_OBJ_PID, auparse.AUDIT_CAPSET, auparse.AUDIT_MMAP,
		auparse.AUDIT_KERN_MODULE, auparse.AUDIT_TIME_INJOFFSET, auparse.AUDIT_TIME_ADJNTPVAL, auparse.AUDIT_OPENAT2, 0:
		return true
	}
	return false
}

// setType sets what schema.Event calls type.
func (b *Builder) setType(ev *Event, sys, main int) {
	at := main
	if at < 0 {
		at = slices.IndexFunc(ev.Records, func(r *Record) bool { return r.Type == auparse.AUDIT_EXECVE })
	}
	if at < 0 {
		at = sys
	}
	if at < 0 { // records of a syscall whose SYSCALL record is missing
		at = 0
		ev.Uncoalesced = true
	}
	r := ev.Records[at]
	ev.Type, ev.TypeStr = r.Type, b.str(r.TypeName)
	if r.Type != 0 && (isDigit(r.TypeName[0]) || hasPrefix(r.TypeName, "UNKNOWN[") || hasPrefix(r.TypeName, "AUDIT")) {
		ev.TypeStr = r.Type.String()
	}
}

// cutOff reports whether the record ends in the middle of its session's number.
// None but an old kernel's LOGIN has it last.
func (r *Record) cutOff() bool {
	b := r.Body
	n := len(b)
	for n > 0 && isDigit(b[n-1]) {
		n--
	}
	return n < len(b) && bytes.HasSuffix(b[:n], sesField) && r.Type != auparse.AUDIT_LOGIN && len(r.Enriched) == 0
}

// parts reads the records that belong to a syscall.
func (b *Builder) parts(ev *Event) {
	for i := 0; i < len(ev.Records); i++ {
		r := ev.Records[i]
		switch r.Type {
		case auparse.AUDIT_EXECVE:
			i += b.argv(ev, i) - 1
		case auparse.AUDIT_PATH:
			b.path(ev, r)
		case auparse.AUDIT_CWD:
			if ev.CWD == nil {
				ev.CWD = ev.known(r.cwd())
			}
		case auparse.AUDIT_SOCKADDR:
			if ev.Sock == nil {
				b.sockaddr(ev, r)
			}
		}
	}
}

var cwdOrder = []pair{quotedPair("cwd=", none)}

// cwd gives the value of a CWD record.
func (r *Record) cwd() []byte {
	var at values
	if f := (fields{b: r.Body}); f.inOrder(cwdOrder, &at) {
		return at[none].of(r.Body)
	}
	v, _ := r.Field("cwd")
	return v
}

func (b *Builder) path(ev *Event, r *Record) {
	p, whole := b.pathOf(ev, r.Body)
	if !whole {
		r.Split()
		p, _ = b.pathOf(ev, r.Body)
	}
	ev.Paths = append(ev.Paths, p)
}

var (
	pathOrder                = []pair{pairOf("item=", none), quotedPair(" name=", fName), optionalPair(" inode=", none)}
	modeField, nametypeField = []byte(" mode="), []byte(" nametype=")
)

// pathOf reads a PATH record's body, from which the enrichment need not have
// been cut where the last field that is wanted is there.
func (b *Builder) pathOf(ev *Event, body []byte) (p Path, whole bool) {
	f := fields{b: body}
	var at values
	tail := -1 // what follows upon the name and the inode
	ordered := f.inOrder(pathOrder, &at)
	if at[fName].to > 0 {
		p.Name = ev.known(at[fName].of(body))
		if ordered {
			if t, n := b.tails.find(body[f.pos:]); n > 0 {
				p.Mode, p.HasMode, p.NameType = t.Mode, t.HasMode, t.NameType
				return p, true
			}
			tail = f.pos
		}
		f.skipTo(modeField) // over numbers, which are most of the record
	}
	for {
		name, v, ok := f.next()
		if !ok {
			return p, false
		}
		switch string(name) {
		case "name":
			if !absent(v) {
				p.Name = ev.text(v)
			}
			f.skipTo(modeField)
		case "mode":
			p.Mode, p.HasMode = octal(v)
			f.skipTo(nametypeField)
		case "nametype", "objtype": // kernels before 4.1 say objtype
			p.NameType = b.str(v)
			if tail >= 0 && p.HasMode { // else a mode may follow in another record
				if t := b.tails.keep(body[tail:], f.pos-tail); t != nil {
					*t = Path{Mode: p.Mode, HasMode: p.HasMode, NameType: p.NameType}
				}
			}
			return p, true // what follows are capabilities
		}
	}
}

func octal(v []byte) (n uint32, ok bool) {
	for _, c := range v {
		if c < '0' || c > '7' || n > 1<<28 {
			return 0, false
		}
		n = n<<3 | uint32(c-'0')
	}
	return n, len(v) > 0
}
