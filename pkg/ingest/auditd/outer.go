package auditd

import (
	"bytes"
	"strconv"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// outer is what one record says itself, outside msg='...', as it stands in the
// log; nil where it says nothing.
type outer struct {
	pid, ppid, auid, uid, euid, ses []byte
	tty, comm, cwd, key             []byte
	arch, syscall, exit, success    []byte
	oldSes, oldAUID                 []byte
	inner                           []byte // text of msg='...'
	message
	used bool // something may have been read
}

// empty takes everything out of o. Most events need one of a Builder's three.
func (o *outer) empty() {
	if o.used {
		*o = outer{}
	}
}

// message is what a program's message says; some of it a kernel's record says too.
type message struct{ op, acct, exe, hostname, addr, term, res []byte }

// read reads record at, where there is one.
func (o *outer) read(ev *Event, at int) {
	o.empty()
	if at < 0 {
		return
	}
	o.used = true
	f := fields{b: ev.Records[at].Body}
	_ = f.plain("pid=", &o.pid) && f.plain(" uid=", &o.uid) && f.plain(" auid=", &o.auid) && f.plain(" ses=", &o.ses) // audit_log_user_recv_msg
	o.readOn(ev, f)
}

// readSyscall reads the event's SYSCALL record, where there is one.
func (b *Builder) readSyscall(ev *Event, at int) {
	o := &b.self
	o.empty()
	b.head, b.ids = nil, nil
	if at < 0 {
		return
	}
	o.used = true
	f := fields{b: ev.Records[at].Body}
	b.syscallOrder(ev, &f)
	o.readOn(ev, f)
}

// readOn reads what is left of a record.
func (o *outer) readOn(ev *Event, f fields) {
	for {
		name, v, ok := f.next()
		if !ok {
			return
		}
		switch string(name) { // what the kernel writes behind these is not needed
		case "exit":
			f.over(" a0=", " a1=", " a2=", " a3=", " items=")
		case "euid":
			f.over(" suid=", " fsuid=", " egid=", " sgid=", " fsgid=")
		}
		if string(name) == "msg" && len(v) > 0 && v[0] == '\'' {
			o.inner = unapostrophe(v)
			return
		}
		if dst := o.slot(name); dst == nil {
			continue
		} else if *dst == nil {
			*dst = v
		} else if !bytes.Equal(*dst, v) {
			ev.contradict("", name, v, *dst)
		}
	}
}

// syscallOrder reads the SYSCALL record that f is of, in the
// order in which the kernel writes it (audit_log_exit in kernel/auditsc.c), as
// far as the record keeps to that and each value is plain: nobody need be asked
// then what a field is called and whether it was there before.
func (b *Builder) syscallOrder(ev *Event, f *fields) {
	o := &b.self
	_ = b.headOf(ev, f) &&
		f.plain(" a0=", nil) && f.plain(" a1=", nil) && f.plain(" a2=", nil) && f.plain(" a3=", nil) && f.plain(" items=", nil) &&
		f.plain(" ppid=", &o.ppid) && f.plain(" pid=", &o.pid) &&
		b.credentials(f) && f.plain(" tty=", &o.tty) && f.plain(" ses=", &o.ses) &&
		f.quoted(" comm=", &o.comm) && f.quoted(" exe=", &o.exe) && f.plain(" subj=", nil) && f.quoted(" key=", &o.key)
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

// span is a part of a text.
type span struct{ from, to uint16 }

func (s span) of(b []byte) []byte { return b[s.from:s.to:s.to] }

// plainAt is plain, and notes in at where the value stands behind from.
func (f *fields) plainAt(name string, dst *[]byte, at *span, from int) bool {
	if !f.plain(name, dst) {
		return false
	}
	*at = span{uint16(f.pos - from - len(*dst)), uint16(f.pos - from)}
	return true
}

// headOf begins syscallOrder: few such texts stand on many records.
func (b *Builder) headOf(ev *Event, f *fields) bool {
	o := &b.self
	if h, n := b.heads.find(f.b); n > 0 {
		o.arch, o.syscall, o.success, o.exit = h.arch.of(f.b), h.syscall.of(f.b), h.success.of(f.b), h.exit.of(f.b)
		b.head, f.pos = h, n
		return true
	}
	var h head
	if !f.plainAt("arch=", &o.arch, &h.arch, 0) || !f.plainAt(" syscall=", &o.syscall, &h.syscall, 0) ||
		!f.plainAt(" success=", &o.success, &h.success, 0) || !f.plainAt(" exit=", &o.exit, &h.exit, 0) {
		return false
	}
	if b.head = b.heads.keep(f.b, f.pos); b.head != nil {
		b.setSyscall(ev, o.arch, o.syscall)
		b.setExit(ev, o.exit)
		h.name, h.result = ev.Syscall, ev.Exit
		*b.head = h
	}
	return true
}

// credentials goes on with syscallOrder over the ids, in the same way.
func (b *Builder) credentials(f *fields) bool {
	o, text, from := &b.self, f.b[f.pos:], f.pos
	if c, n := b.creds.find(text); n > 0 {
		o.auid, o.uid, o.euid = c.auid.of(text), c.uid.of(text), c.euid.of(text)
		b.ids = c
		f.pos += n
		return true
	}
	var c credentials
	if !f.plainAt(" auid=", &o.auid, &c.auid, from) || !f.plainAt(" uid=", &o.uid, &c.uid, from) ||
		!f.plain(" gid=", nil) || !f.plainAt(" euid=", &o.euid, &c.euid, from) ||
		!f.plain(" suid=", nil) || !f.plain(" fsuid=", nil) || !f.plain(" egid=", nil) || !f.plain(" sgid=", nil) || !f.plain(" fsgid=", nil) {
		return false
	}
	if b.ids = b.creds.keep(text, f.pos-from); b.ids != nil {
		c.AUID, c.UID, c.EUID = b.id(o.auid), b.id(o.uid), b.id(o.euid)
		c.claim.enriched = b.ids.claim.enriched[:0]
		*b.ids = c
	}
	return true
}

// inOrder reads what a program's message begins with, in the order in
// which libaudit writes it (audit_log_acct_message in lib/audit_logging.c).
func (o *message) inOrder(f *fields) {
	var op []byte
	if !f.plain("op=", &op) {
		return
	}
	f.over(" grantors=")
	if !f.quoted(" acct=", &o.acct) { // op may be several words
		f.pos = 0
		return
	}
	o.op = op
	_ = f.quoted(" exe=", &o.exe) && f.plain(" hostname=", &o.hostname) && f.plain(" addr=", &o.addr) && f.plain(" terminal=", &o.term) && f.plain(" res=", &o.res)
}

// slot gives where the value of a field belongs, nil for one not needed.
func (o *outer) slot(name []byte) *[]byte {
	switch string(name) {
	case "pid":
		return &o.pid
	case "ppid":
		return &o.ppid
	case "auid", "new auid", "new-auid", "loginuid":
		return &o.auid
	case "uid":
		return &o.uid
	case "euid":
		return &o.euid
	case "ses", "new ses", "new-ses":
		return &o.ses
	case "old-auid", "old auid":
		return &o.oldAUID
	case "old-ses", "old ses":
		return &o.oldSes
	case "tty":
		return &o.tty
	case "comm":
		return &o.comm
	case "exe":
		return &o.exe
	case "cwd":
		return &o.cwd
	case "key":
		return &o.key
	case "arch":
		return &o.arch
	case "syscall":
		return &o.syscall
	case "exit":
		return &o.exit
	case "success":
		return &o.success
	case "res", "result":
		return &o.res
	}
	return o.claim(name)
}

// claim is slot for the fields of programs' own messages.
func (o *outer) claim(name []byte) *[]byte {
	switch string(name) {
	case "op":
		return &o.op
	case "acct":
		return &o.acct
	case "addr":
		return &o.addr
	case "hostname":
		return &o.hostname
	case "terminal":
		return &o.term
	}
	return nil
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
	if sys < 0 && main >= 0 {
		b.borrow(ev, main)
	}
	ev.PID = ev.pid("pid", either(o.pid, rest.pid))
	ev.PPID = ev.pid("ppid", either(o.ppid, rest.ppid))
	ev.Ses = b.id(either(ids.ses, either(o.ses, rest.ses)))
	if b.ids != nil && ids == &b.self {
		ev.AUID, ev.UID, ev.EUID = b.ids.AUID, b.ids.UID, b.ids.EUID
	} else {
		ev.AUID = b.id(either(ids.auid, either(o.auid, rest.auid)))
		ev.UID = b.id(either(o.uid, rest.uid))
		ev.EUID = b.id(either(o.euid, rest.euid))
	}
	ev.OldSes, ev.OldAUID = b.id(b.main.oldSes), b.id(b.main.oldAUID)
	if v := either(o.tty, rest.tty); !absent(v) && string(v) != "(none)" {
		ev.TTY = b.str(plain(v))
	}
	ev.Comm = ev.known(either(o.comm, rest.comm))
	ev.Exe = ev.known(either(o.exe, rest.exe))
	ev.CWD = ev.known(either(o.cwd, rest.cwd))
	if b.head != nil {
		ev.Syscall, ev.Exit = b.head.name, b.head.result
	} else {
		b.setSyscall(ev, either(o.arch, rest.arch), either(o.syscall, rest.syscall))
		b.setExit(ev, either(o.exit, rest.exit))
	}
	b.setKeys(ev)
	ev.setResult(b.self.success, either(b.main.res, either(b.main.success, b.other.res)))
	b.names(ev, at, sys)
	if at != sys {
		b.names(ev, sys, sys)
	}
}

// borrow fills what the characterising record of an event without SYSCALL does
// not say from its other records (AVC has no ses, but a CONFIG_CHANGE may).
func (b *Builder) borrow(ev *Event, main int) {
	for i := range ev.Records {
		if i == main || part(ev.Records[i].Type) {
			continue
		}
		b.other.read(ev, i)
		m, o := &b.main, &b.other
		for _, s := range [...]struct {
			name string
			dst  *[]byte
			src  []byte
		}{{"ses", &m.ses, o.ses}, {"auid", &m.auid, o.auid}, {"pid", &m.pid, o.pid}, {"ppid", &m.ppid, o.ppid},
			{"uid", &m.uid, o.uid}, {"comm", &m.comm, o.comm}, {"exe", &m.exe, o.exe}} {
			if *s.dst == nil {
				*s.dst = s.src
			} else if s.src != nil && !bytes.Equal(*s.dst, s.src) {
				ev.contradict(string(ev.Records[i].TypeName)+" ", []byte(s.name), s.src, *s.dst)
			}
		}
	}
}

// compare reports a characterising record whose session or login uid is not
// the SYSCALL record's.
func (b *Builder) compare(ev *Event) {
	if v, w := b.main.ses, b.self.ses; v != nil && w != nil && !bytes.Equal(v, w) {
		ev.contradict(ev.TypeStr+" ", []byte("ses"), v, w)
	}
	if v, w := b.main.auid, b.self.auid; v != nil && w != nil && !bytes.Equal(v, w) {
		ev.contradict(ev.TypeStr+" ", []byte("auid"), v, w)
	}
}

// claims sets what a program said about itself in a user record: only what
// the kernel did not say, and with every contradiction to it reported.
func (b *Builder) claims(ev *Event, main int) {
	if main < 0 {
		return
	}
	m := &b.main
	op, acct, addr, host, term, res := m.op, m.acct, m.addr, m.hostname, m.term, m.res
	if m.inner != nil {
		in := &b.other
		in.empty()
		in.used = true
		f := fields{b: m.inner}
		in.inOrder(&f)
		for name, v, ok := f.next(); ok; name, v, ok = f.next() {
			if dst := in.slot(name); dst != nil && *dst == nil {
				*dst = v
			} else if dst != nil && !bytes.Equal(*dst, v) {
				ev.contradict("msg ", name, v, *dst)
			}
		}
		b.forged(ev, in)
		op, acct, addr, host = either(in.op, op), either(in.acct, acct), either(in.addr, addr), either(in.hostname, host)
		term, res = either(in.term, term), either(in.res, either(in.success, res))
		if ev.Exe == nil {
			ev.Exe = ev.known(in.exe)
		}
		if ev.Comm == nil {
			ev.Comm = ev.known(in.comm)
		}
		if ev.CWD == nil {
			ev.CWD = ev.known(in.cwd)
		}
		ev.setResult(b.self.success, res)
	}
	ev.Acct = ev.known(acct)
	ev.Op, ev.Addr, ev.Hostname, ev.Terminal = b.value(op), b.value(addr), b.value(host), b.value(term)
}

// forged reports ids inside msg='...' that are not the kernel's.
func (b *Builder) forged(ev *Event, in *outer) {
	m := &b.main
	for _, s := range [...]struct {
		name      string
		in, outer []byte
	}{{"ses", in.ses, m.ses}, {"auid", in.auid, m.auid}, {"pid", in.pid, m.pid}, {"uid", in.uid, m.uid}} {
		if s.in != nil && s.outer != nil && !bytes.Equal(s.in, s.outer) {
			ev.contradict("msg ", []byte(s.name), s.in, s.outer)
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
