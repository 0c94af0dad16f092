package auditd

import (
	"bytes"
	"strconv"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// field is a value that a record has, or a program's message in it.
type field uint8

// The fields that are needed.
const (
	none field = iota // any other
	fPID
	fPPID
	fAUID
	fUID
	fEUID
	fSes
	fTTY
	fComm
	fExe
	fCWD
	fKey
	fArch
	fSyscall
	fExit
	fSuccess
	fOldSes
	fOldAUID
	fOp
	fAcct
	fHostname
	fAddr
	fTerm
	fRes
	fName // of a PATH record
	fieldCount
)

// values is where the values of fields stand in a text; the zero span where
// there is none.
type values [fieldCount]span

// outer is what one record says itself, outside msg='...', as it stands in the
// log; or what the text of msg='...' says.
type outer struct {
	text  []byte // that it is in
	at    values
	inner []byte // text of msg='...'
	used  bool   // something may have been read
}

// empty takes everything out of o. Most events need one of a Builder's three.
func (o *outer) empty() {
	if o.used {
		*o = outer{}
	}
}

// begin empties o for what stands in text.
func (o *outer) begin(text []byte) fields {
	o.empty()
	o.text, o.used = text, true
	return fields{b: text}
}

// get gives a value, nil where there is none.
func (o *outer) get(f field) []byte {
	s := o.at[f]
	if s.to == 0 {
		return nil
	}
	return s.of(o.text)
}

// or gives a value of o, or that of rest where o has none.
func (o *outer) or(rest *outer, f field) []byte {
	if o.at[f].to == 0 {
		o = rest
	}
	return o.get(f)
}

// userIDs is what a user record begins with (audit_log_user_recv_msg in kernel/audit.c).
var userIDs = []pair{pairOf("pid=", fPID), pairOf(" uid=", fUID), pairOf(" auid=", fAUID),
	optionalPair(" ses=", fSes), optionalPair(" subj=", none)}

// read reads record at, where there is one.
func (o *outer) read(ev *Event, at int) {
	if at < 0 {
		o.empty()
		return
	}
	f := o.begin(ev.Records[at].Body)
	f.inOrder(userIDs, &o.at)
	o.readOn(ev, f)
}

// readSyscall reads the event's SYSCALL record, where there is one.
func (b *Builder) readSyscall(ev *Event, at int) {
	b.head, b.ids, b.program = nil, nil, nil
	if at < 0 {
		b.self.empty()
		return
	}
	f := b.self.begin(ev.Records[at].Body)
	b.syscallOrder(ev, &f)
	b.self.readOn(ev, f)
}

// readOn reads what is left of a record.
func (o *outer) readOn(ev *Event, f fields) {
	for {
		name, at, ok := f.nextAt()
		if !ok {
			return
		}
		if v := at.of(f.b); string(name) == "msg" && len(v) > 0 && v[0] == '\'' {
			o.inner = unapostrophe(v)
			return
		}
		o.set(ev, "", name, at)
	}
}

// set notes where the value of a field stands. What it had before stays, and
// another value is a contradiction; where says whose it is.
func (o *outer) set(ev *Event, where string, name []byte, at span) {
	f := fieldOf(name)
	if f == none {
		return
	}
	if o.at[f].to == 0 {
		o.at[f] = at
	} else if v := o.get(f); !bytes.Equal(v, at.of(o.text)) {
		ev.contradict(where, name, at.of(o.text), v)
	}
}

// What a SYSCALL record says, in the order in which the kernel writes it
// (audit_log_exit in kernel/auditsc.c).
var (
	syscallHead = []pair{pairOf("arch=", fArch), pairOf(" syscall=", fSyscall), pairOf(" success=", fSuccess), pairOf(" exit=", fExit)}
	syscallArgs = []pair{pairOf(" a0=", none), pairOf(" a1=", none), pairOf(" a2=", none), pairOf(" a3=", none), pairOf(" items=", none),
		pairOf(" ppid=", fPPID), pairOf(" pid=", fPID)}
	syscallIDs = []pair{pairOf(" auid=", fAUID), pairOf(" uid=", fUID), pairOf(" gid=", none), pairOf(" euid=", fEUID), pairOf(" suid=", none),
		pairOf(" fsuid=", none), pairOf(" egid=", none), pairOf(" sgid=", none), pairOf(" fsgid=", none)}
	syscallTask    = []pair{pairOf(" tty=", fTTY), pairOf(" ses=", fSes)}
	syscallProgram = []pair{quotedPair(" comm=", fComm), quotedPair(" exe=", fExe), pairOf(" subj=", none), quotedPair(" key=", fKey)}
)

// syscallOrder reads the SYSCALL record that f is of as far as the record keeps
// to that order and each value is plain: nobody need be asked then what a field
// is called and whether it was there before.
func (b *Builder) syscallOrder(ev *Event, f *fields) {
	at := &b.self.at
	_ = b.headOf(ev, f) && f.inOrder(syscallArgs, at) && b.credentials(f) && f.inOrder(syscallTask, at) && b.programOf(ev, f)
}

// head is "arch=... exit=...": where its values stand, and what they mean.
type head struct {
	arch, syscall, success, exit span
	name, result                 string // Event.Syscall and Event.Exit
}

// credentials are " auid=... fsgid=...": where the ids that are wanted stand,
// what they are, and how the enrichment that was last seen with them names them.
type credentials struct {
	auid, uid, euid span
	AUID, UID, EUID string
	claim           claim
}

// program is " comm=... key=...", with which a SYSCALL record ends: where the
// values that are wanted stand, and the keys.
type program struct {
	comm, exe, key span
	keys           []string
}

// headOf begins syscallOrder: few such texts stand on many records.
func (b *Builder) headOf(ev *Event, f *fields) bool {
	o := &b.self
	if h, n := b.heads.find(f.b); n > 0 {
		o.at[fArch], o.at[fSyscall], o.at[fSuccess], o.at[fExit] = h.arch, h.syscall, h.success, h.exit
		b.head, f.pos = h, n
		return true
	}
	if !f.inOrder(syscallHead, &o.at) {
		return false
	}
	if b.head = b.heads.keep(f.b, f.pos); b.head != nil {
		b.setSyscall(ev, o.get(fArch), o.get(fSyscall))
		b.setExit(ev, o.get(fExit))
		*b.head = head{arch: o.at[fArch], syscall: o.at[fSyscall], success: o.at[fSuccess], exit: o.at[fExit],
			name: ev.Syscall, result: ev.Exit}
	}
	return true
}

// credentials goes on with syscallOrder over the ids, in the same way.
func (b *Builder) credentials(f *fields) bool {
	o, text, from := &b.self, f.b[f.pos:], uint32(f.pos)
	if c, n := b.creds.find(text); n > 0 {
		o.at[fAUID], o.at[fUID], o.at[fEUID] = c.auid.behind(from), c.uid.behind(from), c.euid.behind(from)
		b.ids = c
		f.pos += n
		return true
	}
	if !f.inOrder(syscallIDs, &o.at) {
		return false
	}
	if c := b.creds.keep(text, f.pos-int(from)); c != nil {
		c.auid, c.uid, c.euid = o.at[fAUID].before(from), o.at[fUID].before(from), o.at[fEUID].before(from)
		c.AUID, c.UID, c.EUID = b.id(o.get(fAUID)), b.id(o.get(fUID)), b.id(o.get(fEUID))
		c.claim = claim{enriched: c.claim.enriched[:0]}
		b.ids = c
	}
	return true
}

// programOf ends syscallOrder: few programs act under many ids.
func (b *Builder) programOf(ev *Event, f *fields) bool {
	o, text, from := &b.self, f.b[f.pos:], uint32(f.pos)
	if p, ok := b.programs.find(text); ok {
		o.at[fComm], o.at[fExe], o.at[fKey] = p.comm.behind(from), p.exe.behind(from), p.key.behind(from)
		b.program = p
		f.pos = len(f.b)
		return true
	}
	if !f.inOrder(syscallProgram, &o.at) || f.pos < len(f.b) {
		return false
	}
	if p := b.programs.keep(text); p != nil {
		p.comm, p.exe, p.key = o.at[fComm].before(from), o.at[fExe].before(from), o.at[fKey].before(from)
		p.keys = b.appendKeys(p.keys[:0], ev, o.get(fKey))
		b.program = p
	}
	return true
}

// messageOrder is what a program's message begins with, in the order in which
// libaudit writes it (audit_log_acct_message in lib/audit_logging.c).
var messageOrder = []pair{pairOf("op=", fOp), optionalPair(" grantors=", none), quotedPair(" acct=", fAcct), quotedPair(" exe=", fExe),
	pairOf(" hostname=", fHostname), pairOf(" addr=", fAddr), pairOf(" terminal=", fTerm), pairOf(" res=", fRes)}

// message goes on over what a program's message begins with.
func (f *fields) message(at *values) {
	if f.inOrder(messageOrder, at); at[fAcct].to == 0 { // op may be several words
		at[fOp], f.pos = span{}, 0
	}
}

// fieldOf gives the field of a name.
func fieldOf(name []byte) field {
	switch string(name) {
	case "pid":
		return fPID
	case "ppid":
		return fPPID
	case "auid", "new auid", "new-auid", "loginuid":
		return fAUID
	case "uid":
		return fUID
	case "euid":
		return fEUID
	case "ses", "new ses", "new-ses":
		return fSes
	case "old-auid", "old auid":
		return fOldAUID
	case "old-ses", "old ses":
		return fOldSes
	case "tty":
		return fTTY
	case "comm":
		return fComm
	case "exe":
		return fExe
	case "cwd":
		return fCWD
	case "key":
		return fKey
	case "arch":
		return fArch
	case "syscall":
		return fSyscall
	case "exit":
		return fExit
	case "success":
		return fSuccess
	case "res", "result":
		return fRes
	case "op":
		return fOp
	case "acct":
		return fAcct
	case "addr":
		return fAddr
	case "hostname":
		return fHostname
	case "terminal":
		return fTerm
	}
	return none
}

// contradict notes that one field has two values; where says whose the first is.
func (ev *Event) contradict(where string, name, v, other []byte) {
	s := where + string(name)
	ev.Contradictions = append(ev.Contradictions, s+" "+string(v)+" != "+string(name)+" "+string(other))
}

// fill sets what the kernel says of the acting process. A SYSCALL record knows
// it best, but the session and the login uid that a LOGIN record speaks of are
// that record's own (they differ where it failed).
func (b *Builder) fill(ev *Event, sys, main int) {
	ids, at := &b.self, sys
	if sys < 0 || main >= 0 && ev.Records[main].Type == auparse.AUDIT_LOGIN {
		ids, at = &b.main, main
	}
	if sys >= 0 && main >= 0 && at == sys {
		b.compare(ev)
	}
	o, rest := &b.self, &b.main
	if sys < 0 {
		o, rest = rest, o
	}
	notIDs := rest
	if ids == rest {
		notIDs = o
	}
	if sys < 0 && main >= 0 {
		b.borrow(ev, main)
	}
	ev.PID = ev.pid("pid", o.or(rest, fPID))
	ev.PPID = ev.pid("ppid", o.or(rest, fPPID))
	ev.Ses = b.id(ids.or(notIDs, fSes))
	if b.ids != nil && ids == &b.self {
		ev.AUID, ev.UID, ev.EUID = b.ids.AUID, b.ids.UID, b.ids.EUID
	} else {
		ev.AUID = b.id(ids.or(notIDs, fAUID))
		ev.UID = b.id(o.or(rest, fUID))
		ev.EUID = b.id(o.or(rest, fEUID))
	}
	ev.OldSes, ev.OldAUID = b.id(b.main.get(fOldSes)), b.id(b.main.get(fOldAUID))
	if v := o.or(rest, fTTY); !absent(v) && string(v) != "(none)" {
		ev.TTY = b.str(plain(v))
	}
	ev.Comm = ev.known(o.or(rest, fComm))
	ev.Exe = ev.known(o.or(rest, fExe))
	ev.CWD = ev.known(o.or(rest, fCWD))
	if b.head != nil {
		ev.Syscall, ev.Exit = b.head.name, b.head.result
	} else {
		b.setSyscall(ev, o.or(rest, fArch), o.or(rest, fSyscall))
		b.setExit(ev, o.or(rest, fExit))
	}
	if b.program != nil {
		ev.Keys = append(ev.Keys, b.program.keys...)
	} else {
		ev.Keys = b.appendKeys(ev.Keys, ev, b.self.or(&b.main, fKey))
	}
	ev.setResult(b.self.get(fSuccess), either(b.main.get(fRes), either(b.main.get(fSuccess), b.other.get(fRes))))
	b.names(ev, at, sys)
	if at != sys {
		b.names(ev, sys, sys)
	}
}

// named is a field with its name.
type named struct {
	name []byte
	field
}

// borrowed are the fields that an event without SYSCALL takes from its other
// records, and kernels those that a program cannot speak for.
var (
	borrowed = []named{{[]byte("ses"), fSes}, {[]byte("auid"), fAUID}, {[]byte("pid"), fPID}, {[]byte("ppid"), fPPID},
		{[]byte("uid"), fUID}, {[]byte("comm"), fComm}, {[]byte("exe"), fExe}}
	kernels = []named{{[]byte("ses"), fSes}, {[]byte("auid"), fAUID}, {[]byte("pid"), fPID}, {[]byte("uid"), fUID}}
)

// borrow fills what the characterising record of an event without SYSCALL does
// not say from its other records (AVC has no ses, but a CONFIG_CHANGE may).
func (b *Builder) borrow(ev *Event, main int) {
	for i := range ev.Records {
		if i == main || part(ev.Records[i].Type) {
			continue
		}
		b.other.read(ev, i)
		for _, f := range borrowed {
			v, w := b.other.get(f.field), b.main.get(f.field)
			if w == nil && v != nil {
				b.main.take(ev, f.field, v)
			} else if v != nil && !bytes.Equal(w, v) {
				ev.contradict(string(ev.Records[i].TypeName)+" ", f.name, v, w)
			}
		}
	}
}

// take gives o a value that another record says: it goes on with its text, which
// is the event's own then.
func (o *outer) take(ev *Event, f field, v []byte) {
	at := len(ev.arena)
	ev.arena = append(append(ev.arena, o.text...), v...)
	from := len(o.text)
	o.text = ev.arena[at:]
	o.at[f] = span{uint32(from), uint32(len(o.text))}
}

// compare reports a characterising record whose session or login uid is not
// the SYSCALL record's.
func (b *Builder) compare(ev *Event) {
	for _, f := range kernels[:2] {
		if v, w := b.main.get(f.field), b.self.get(f.field); v != nil && w != nil && !bytes.Equal(v, w) {
			ev.contradict(ev.TypeStr+" ", f.name, v, w)
		}
	}
}

// claims sets what a program said about itself in a user record: only what
// the kernel did not say, and with every contradiction to it reported.
func (b *Builder) claims(ev *Event, main int) {
	if main < 0 {
		return
	}
	m, in := &b.main, &b.main
	if m.inner != nil {
		in = &b.other
		f := in.begin(m.inner)
		f.message(&in.at)
		for name, at, ok := f.nextAt(); ok; name, at, ok = f.nextAt() {
			in.set(ev, "msg ", name, at)
		}
		b.forged(ev)
		if ev.Exe == nil {
			ev.Exe = ev.known(in.get(fExe))
		}
		if ev.Comm == nil {
			ev.Comm = ev.known(in.get(fComm))
		}
		if ev.CWD == nil {
			ev.CWD = ev.known(in.get(fCWD))
		}
		ev.setResult(b.self.get(fSuccess), either(in.get(fRes), either(in.get(fSuccess), m.get(fRes))))
	}
	ev.Acct = ev.known(in.or(m, fAcct))
	ev.Op, ev.Addr = b.value(in.or(m, fOp)), b.value(in.or(m, fAddr))
	ev.Hostname, ev.Terminal = b.value(in.or(m, fHostname)), b.value(in.or(m, fTerm))
}

// forged reports ids inside msg='...' that are not the kernel's.
func (b *Builder) forged(ev *Event) {
	for _, f := range kernels {
		if v, w := b.other.get(f.field), b.main.get(f.field); v != nil && w != nil && !bytes.Equal(v, w) {
			ev.contradict("msg ", f.name, v, w)
		}
	}
}

// pid reads a process id. "-1" (auditd's own records) is none.
func (ev *Event) pid(name string, v []byte) int {
	n := 0
	for _, c := range v {
		if !isDigit(c) || n > 1<<22 { // the kernel's PID_MAX_LIMIT
			if string(v) != "-1" && !absent(v) {
				ev.Contradictions = append(ev.Contradictions, name+" "+strconv.Quote(string(v))+" is no process id")
			}
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// known decodes an encodable value, nil where it is absent.
func (ev *Event) known(v []byte) Text {
	if absent(v) {
		return nil
	}
	return ev.text(v)
}

// either gives v, or w where there is no v.
func either(v, w []byte) []byte {
	if v != nil {
		return v
	}
	return w
}

// Result of an event.
const (
	success = "success"
	fail    = "fail"
)

// setResult sets the event's result from that of its syscall and that of its
// characterising record: it failed where either says so (a netlink message
// was sent, but the change it asked for was refused).
func (ev *Event) setResult(syscall, res []byte) {
	a, b := result(syscall), result(res)
	switch {
	case a == fail || b == fail:
		ev.Result = fail
	case a != "":
		ev.Result = a
	default:
		ev.Result = b
	}
}

// result reads success= and res=; what is neither says nothing.
func result(v []byte) string {
	switch string(v) {
	case "yes", "1", success:
		return success
	case "no", "0", "failed", fail, "failure":
		return fail
	}
	return ""
}
