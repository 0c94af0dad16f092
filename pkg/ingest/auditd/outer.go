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
	tty, comm, exe, cwd, key        []byte
	arch, syscall, exit             []byte
	op, acct, addr, hostname, term  []byte
	success, res                    []byte
	oldSes, oldAUID                 []byte
	inner                           []byte // text of msg='...'
	has                             bool   // there is such a record
}

// read reads record at, where there is one.
func (o *outer) read(ev *Event, at int) {
	*o = outer{}
	if at < 0 {
		return
	}
	o.has = true
	f := fields{b: ev.Records[at].Body}
	if ev.Records[at].Type == auparse.AUDIT_SYSCALL {
		o.syscallOrder(&f)
	}
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

// syscallOrder reads what a SYSCALL record begins with, in the order in which
// the kernel writes it (audit_log_exit in kernel/auditsc.c), as far as the
// record keeps to that and each value is plain: nobody need be asked then what
// a field is called and whether it was there before.
func (o *outer) syscallOrder(f *fields) {
	b, i := f.b, 0
	for _, e := range [...]struct {
		name string
		dst  *[]byte
	}{{"arch=", &o.arch}, {" syscall=", &o.syscall}, {" success=", &o.success}, {" exit=", &o.exit},
		{" a0=", nil}, {" a1=", nil}, {" a2=", nil}, {" a3=", nil}, {" items=", nil},
		{" ppid=", &o.ppid}, {" pid=", &o.pid}, {" auid=", &o.auid}, {" uid=", &o.uid}, {" gid=", nil}, {" euid=", &o.euid},
		{" suid=", nil}, {" fsuid=", nil}, {" egid=", nil}, {" sgid=", nil}, {" fsgid=", nil}, {" tty=", &o.tty}, {" ses=", &o.ses}} {
		if !hasPrefix(b[i:], e.name) {
			return
		}
		first := i + len(e.name)
		end := indexOr(b, first, ' ')
		if first == end || b[first] == '"' || b[first] == '\'' || b[end-1] == ',' || b[end-1] == ')' && b[first] != '(' {
			return
		}
		if e.dst != nil {
			*e.dst = b[first:end:end]
		}
		i = end
		f.pos = i
	}
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
	ev.AUID = b.id(either(ids.auid, either(o.auid, rest.auid)))
	ev.UID = b.id(either(o.uid, rest.uid))
	ev.EUID = b.id(either(o.euid, rest.euid))
	ev.OldSes, ev.OldAUID = b.id(b.main.oldSes), b.id(b.main.oldAUID)
	if v := either(o.tty, rest.tty); !absent(v) && string(v) != "(none)" {
		ev.TTY = b.str(plain(v))
	}
	ev.Comm = ev.known(either(o.comm, rest.comm))
	ev.Exe = ev.known(either(o.exe, rest.exe))
	ev.CWD = ev.known(either(o.cwd, rest.cwd))
	b.setSyscall(ev, either(o.arch, rest.arch), either(o.syscall, rest.syscall))
	b.setExit(ev, either(o.exit, rest.exit))
	b.setKeys(ev)
	ev.setResult(b.self.success, either(b.main.res, either(b.main.success, b.other.res)))
	b.names(ev, at)
	if at != sys && sys >= 0 {
		b.names(ev, sys)
	}
}

// borrow fills what the characterising record of an event without SYSCALL does
// not say from its other records (AVC has no ses, but a CONFIG_CHANGE may).
func (b *Builder) borrow(ev *Event, main int) {
	b.other = outer{}
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
		*in = outer{}
		f := fields{b: m.inner}
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
