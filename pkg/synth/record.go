package synth

import "strconv"

// process is what the kernel writes of one.
type process struct {
	pid, ppid int
	auid      *account // nil: unset
	uid       *account
	euid      *account
	ses       int // 0: unset
	tty       string
	comm, exe string
}

const unset = "4294967295"

// auditLog writes records. An event is begun, its records are written, and it
// is done; now and then the records of the next one fall between its own.
type auditLog struct {
	out      *rotated
	node     string // "node=NAME " or nothing
	enriched bool
	serial   int64
	stamp    []byte // " msg=audit(SEC.MMM:SERIAL): "
	buf      []byte // the event being written
	ends     []int  // of the records in buf
	us       int64  // its time
	held     []byte // an event that waits to be mixed with the next one
	heldEnds []int
	heldAt   int64
	records  int64
	events   int64
}

// begin starts an event at µs since the epoch.
func (a *auditLog) begin(us int64) {
	a.serial++
	a.header(us, a.serial)
}

func (a *auditLog) header(us, serial int64) {
	a.us = us
	b := append(a.stamp[:0], " msg=audit("...)
	b = strconv.AppendInt(b, us/1e6, 10)
	ms := us / 1000 % 1000
	b = append(b, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), ':')
	b = strconv.AppendInt(b, serial, 10)
	a.stamp = append(b, "): "...)
}

// mixSpan is how far apart events may be whose records are mixed, in µs.
const mixSpan = 200 * millisecond

// done writes the event. Held is an event to be mixed with the next, if that
// comes soon.
func (a *auditLog) done(hold bool) {
	a.events++
	a.records += int64(len(a.ends))
	if len(a.heldEnds) > 0 && a.us > a.heldAt+mixSpan {
		a.mix(nil)
	}
	if hold && len(a.heldEnds) == 0 {
		a.held, a.heldEnds, a.heldAt = append(a.held, a.buf...), append(a.heldEnds, a.ends...), a.us
	} else {
		a.mix(a.ends)
	}
	a.buf, a.ends = a.buf[:0], a.ends[:0]
}

// mix writes a held record and one that ends at ends in turn.
func (a *auditLog) mix(ends []int) {
	from, at := 0, 0
	for i := range max(len(ends), len(a.heldEnds)) {
		if i < len(a.heldEnds) {
			a.out.record(a.held[at:a.heldEnds[i]])
			at = a.heldEnds[i]
		}
		if i < len(ends) {
			a.out.record(a.buf[from:ends[i]])
			from = ends[i]
		}
	}
	a.held, a.heldEnds = a.held[:0], a.heldEnds[:0]
}

func (a *auditLog) rec(kind string) {
	a.buf = append(a.buf, a.node...)
	a.buf = append(a.buf, "type="...)
	a.buf = append(a.buf, kind...)
	a.buf = append(a.buf, a.stamp...)
}

func (a *auditLog) endRec() {
	a.buf = append(a.buf, '\n')
	a.ends = append(a.ends, len(a.buf))
}

func (a *auditLog) text(s string) { a.buf = append(a.buf, s...) }

func (a *auditLog) num(key string, n int) {
	a.buf = strconv.AppendInt(append(a.buf, key...), int64(n), 10)
}

func (a *auditLog) hexNum(key string, n uint64) {
	a.buf = strconv.AppendUint(append(a.buf, key...), n, 16)
}

// uid writes an id, unset for nobody.
func (a *auditLog) uid(key string, u *account) {
	if u == nil {
		a.text(key)
		a.text(unset)
		return
	}
	a.num(key, u.uid)
}

// name writes an interpretation of an ENRICHED record.
func (a *auditLog) name(key string, u *account) {
	a.text(key)
	if u == nil {
		a.text(`"unset"`)
		return
	}
	a.text(`"`)
	a.text(u.name)
	a.text(`"`)
}

// auids writes the interpretation of auid= alone.
func (a *auditLog) auids(u *account) {
	if a.enriched {
		a.name("\x1dAUID=", u)
	}
}

func (a *auditLog) ses(key string, ses int) {
	if ses == 0 {
		a.text(key)
		a.text(unset)
		return
	}
	a.num(key, ses)
}

// untrusted writes text that a user chose: in quotes, or in hex where it has
// blanks, quotes or bytes that are not ASCII.
func (a *auditLog) untrusted(s string) {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == '"' || s[i] > '~' {
			a.hex(s)
			return
		}
	}
	a.buf = append(append(append(a.buf, '"'), s...), '"')
}

func (a *auditLog) hex(s string) {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		a.buf = append(a.buf, digits[s[i]>>4], digits[s[i]&15])
	}
}

// call is a system call as SYSCALL shows it.
type call struct {
	number int
	name   string
	exit   int // negative: an errno
	args   [4]uint64
	items  int
	key    string // of the rule that recorded it
}

func (a *auditLog) syscall(c *call, p *process) {
	a.rec("SYSCALL")
	a.num("arch=c000003e syscall=", c.number)
	if c.exit < 0 {
		a.num(" success=no exit=", c.exit)
	} else {
		a.num(" success=yes exit=", c.exit)
	}
	a.hexNum(" a0=", c.args[0])
	a.hexNum(" a1=", c.args[1])
	a.hexNum(" a2=", c.args[2])
	a.hexNum(" a3=", c.args[3])
	a.num(" items=", c.items)
	a.num(" ppid=", p.ppid)
	a.num(" pid=", p.pid)
	a.uid(" auid=", p.auid)
	a.uid(" uid=", p.uid)
	a.uid(" gid=", p.uid)
	a.uid(" euid=", p.euid)
	a.uid(" suid=", p.euid)
	a.uid(" fsuid=", p.euid)
	for _, key := range [...]string{" egid=", " sgid=", " fsgid="} {
		a.uid(key, p.uid)
	}
	a.text(" tty=")
	a.text(p.tty)
	a.ses(" ses=", p.ses)
	a.text(" comm=")
	a.untrusted(p.comm)
	a.text(` exe="`)
	a.text(p.exe)
	a.text(`" subj=unconfined key=`)
	if c.key == "" {
		a.text("(null)")
	} else {
		a.untrusted(c.key)
	}
	if a.enriched {
		a.text("\x1dARCH=x86_64 SYSCALL=")
		a.text(c.name)
		a.name(" AUID=", p.auid)
		a.name(" UID=", p.uid)
		a.name(" GID=", p.uid)
		a.name(" EUID=", p.euid)
		a.name(" SUID=", p.euid)
		a.name(" FSUID=", p.euid)
		for _, key := range [...]string{" EGID=", " SGID=", " FSGID="} {
			a.name(key, p.uid)
		}
	}
	a.endRec()
}

func (a *auditLog) execve(argv []string) {
	a.rec("EXECVE")
	a.num("argc=", len(argv))
	for i, arg := range argv {
		a.num(" a", i)
		a.text("=")
		a.untrusted(arg)
	}
	a.endRec()
}

func (a *auditLog) cwd(dir string) {
	a.rec("CWD")
	a.text("cwd=")
	a.untrusted(dir)
	a.endRec()
}

func (a *auditLog) path(item int, name string, inode int, mode, nametype string, owner *account) {
	a.rec("PATH")
	a.num("item=", item)
	a.text(" name=")
	a.untrusted(name)
	a.num(" inode=", inode)
	a.text(" dev=fe:00 mode=")
	a.text(mode)
	a.uid(" ouid=", owner)
	a.uid(" ogid=", owner)
	a.text(" rdev=00:00 nametype=")
	a.text(nametype)
	a.text(" cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0")
	if a.enriched {
		a.name("\x1dOUID=", owner)
		a.name(" OGID=", owner)
	}
	a.endRec()
}

// sockaddr writes an IPv4 address and port.
func (a *auditLog) sockaddr(ip [4]byte, port int) {
	a.rec("SOCKADDR")
	a.text("saddr=")
	a.hex(string([]byte{2, 0, byte(port >> 8), byte(port), ip[0], ip[1], ip[2], ip[3], 0, 0, 0, 0, 0, 0, 0, 0}))
	if a.enriched {
		a.text("\x1dSADDR={ saddr_fam=inet laddr=")
		for i, b := range ip {
			if i > 0 {
				a.text(".")
			}
			a.num("", int(b))
		}
		a.num(" lport=", port)
		a.text(" }")
	}
	a.endRec()
}

// proctitle writes a command line, of which the kernel keeps 128 bytes.
func (a *auditLog) proctitle(argv []string) {
	a.rec("PROCTITLE")
	a.text("proctitle=")
	var room [192]byte
	title := room[:0]
	for i, arg := range argv {
		if i > 0 {
			title = append(title, 0)
		}
		title = append(title, arg...)
	}
	a.untrusted(string(title[:min(len(title), 128)]))
	a.endRec()
}

// login writes a LOGIN record: the kernel gives a process a session.
func (a *auditLog) login(p *process) {
	a.rec("LOGIN")
	a.num("pid=", p.pid)
	a.text(" uid=0 subj=unconfined old-auid=" + unset)
	a.uid(" auid=", p.auid)
	a.text(" tty=(none) old-ses=" + unset)
	a.num(" ses=", p.ses)
	a.text(" res=1")
	if a.enriched {
		a.text("\x1dUID=\"root\" OLD-AUID=\"unset\"")
		a.name(" AUID=", p.auid)
	}
	a.endRec()
}

// user writes a record of user space: its message stands in quotes.
func (a *auditLog) user(kind string, p *process, message ...string) {
	a.rec(kind)
	a.num("pid=", p.pid)
	a.uid(" uid=", p.uid)
	a.uid(" auid=", p.auid)
	a.ses(" ses=", p.ses)
	a.text(" subj=unconfined msg='")
	for _, part := range message {
		a.text(part)
	}
	a.text("'")
	if a.enriched {
		a.name("\x1dUID=", p.uid)
		a.name(" AUID=", p.auid)
	}
	a.endRec()
}
