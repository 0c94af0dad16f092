package auditd

import (
	"bytes"
	"strconv"
	"strings"
	"syscall"

	"github.com/elastic/go-libaudit/v2/auparse"
	"golang.org/x/sys/unix"
)

// maxNorms bounds the shapes a Builder remembers; there are a few hundred.
const maxNorms = 4096

// norm gives the normalisation of a shape, nil where go-libaudit has none.
func (b *Builder) norm(ev *Event, t auparse.AuditMessageType, fl flavour) *norm {
	s := shape{typ: t, flavour: fl}
	named := false
	if t == auparse.AUDIT_SYSCALL || t == auparse.AUDIT_SECCOMP {
		if ev.Syscall == "" {
			return nil
		}
		s.syscall, named = ev.Syscall, !isDigit(ev.Syscall[0])
		if !named {
			s.syscall = unnamed
		}
	}
	// The shapes of late events are compared, not hashed.
	k := int(s.typ) + int(s.flavour)
	if n := len(s.syscall); n > 0 {
		k += 31*n + 7*int(s.syscall[0]) + int(s.syscall[n-1])
	}
	recent := &b.recent[k%len(b.recent)]
	if recent.shape != s || !recent.known {
		*recent = recentNorm{s, b.normOf(s, named), true}
	}
	return recent.norm
}

// recentNorm is a shape and its normalisation.
type recentNorm struct {
	shape shape
	norm  *norm
	known bool
}

func (b *Builder) normOf(s shape, named bool) *norm {
	if n, ok := b.norms[s]; ok {
		return n
	}
	arch, number := "c000003e", "999999"
	if named {
		if a, nr, ok := syscallNumber(s.syscall); ok {
			arch, number = a, nr
		} // else no syscall's name: as one not in the tables
	}
	n := ask(s, arch, number)
	if len(b.norms) < maxNorms {
		b.norms[s] = n
	}
	return n
}

// syscallNumber finds an architecture (as arch= says it) that has a syscall.
func syscallNumber(name string) (arch, number string, ok bool) {
	for a, archName := range auparse.AuditArchNames {
		for nr, n := range auparse.AuditSyscalls[archName] {
			if n == name {
				return strconv.FormatUint(uint64(a), 16), strconv.Itoa(nr), true
			}
		}
	}
	return "", "", false
}

// summarise sets Action, How and the object as go-libaudit's normalisation
// says, of the characterising record, else of the syscall.
func (b *Builder) summarise(ev *Event, sys, main int) {
	ev.How = how(ev.Exe, ev.Comm)
	var n *norm
	if main >= 0 && (sys < 0 || !appended(ev.Type)) {
		n = b.norm(ev, ev.Type, avcFlavour(ev.Records[main]))
	}
	if n == nil && sys >= 0 {
		n = b.norm(ev, auparse.AUDIT_SYSCALL, anyFlavour)
	}
	if n == nil {
		return
	}
	ev.Action, ev.ObjectType = n.action, n.what
	switch n.what {
	case "file", "filesystem":
		ev.fileObject(n.pathIndex)
	case "socket":
		ev.socketObject()
	}
	b.slot(ev, &ev.ObjectPrimary, n.primary, sys, main)
	b.slot(ev, &ev.ObjectSecondary, n.secondary, sys, main)
	b.slot(ev, &ev.How, n.how, sys, main)
}

// avcFlavour tells SELinux's AVC records from AppArmor's.
func avcFlavour(r *Record) flavour {
	if r.Type != auparse.AUDIT_AVC {
		return anyFlavour
	}
	if bytes.HasPrefix(r.Body, []byte("avc:")) {
		return seLinux
	}
	if _, ok := r.Field("apparmor"); ok {
		return appArmor
	}
	return anyFlavour
}

// how names the program that acted: a script by its own name.
func how(exe, comm Text) Text {
	if exe == nil {
		return comm
	}
	const bin = "/usr/bin/"
	if comm == nil || !hasPrefix(exe, bin) {
		return exe
	}
	if p := exe[len(bin):]; hasPrefix(p, "python") || hasPrefix(p, "sh") || hasPrefix(p, "bash") || hasPrefix(p, "perl") {
		return comm
	}
	return exe
}

// slot sets dst to the first of the named fields that the event has.
func (b *Builder) slot(ev *Event, dst *Text, names []string, sys, main int) {
	for _, name := range names {
		if v := b.lookup(ev, name, sys, main); v != nil {
			*dst = v
			return
		}
	}
}

// lookup finds a field in the event's own records as go-libaudit would: a
// syscall's fields before the others', but its ids after them; and the
// kernel's before a program's.
func (b *Builder) lookup(ev *Event, name string, sys, main int) Text {
	switch name {
	case "exe":
		return ev.Exe
	case "comm":
		return ev.Comm
	case "acct":
		return ev.Acct
	case "op":
		return ev.copied(ev.Op)
	case "addr":
		return ev.copied(ev.Addr)
	case "hostname":
		return ev.copied(ev.Hostname)
	case "terminal":
		return ev.copied(ev.Terminal)
	case "syscall":
		return ev.copied(ev.Syscall)
	case "auid":
		return ev.copied(ev.AUID)
	}
	order := [2]int{sys, main}
	if strings.HasSuffix(name, "uid") || strings.HasSuffix(name, "gid") {
		order = [2]int{main, sys}
	}
	for _, at := range order {
		if at < 0 {
			continue
		}
		r := ev.Records[at]
		if end := strings.IndexAny(name, "-_"); end > 0 && !bytes.Contains(r.Body, []byte(name[:end])) {
			continue // names of other kernels are asked for too: "new-auid", "new_auid"
		}
		for _, field := range [...]func(string) ([]byte, bool){r.Field, r.InnerField} {
			v, ok := field(name)
			if !ok || absent(v) {
				continue
			}
			switch {
			case encodable(name):
				return ev.text(v)
			case name == "sig" && r.Type == auparse.AUDIT_SECCOMP:
				if s := unix.SignalName(syscall.Signal(digits(v))); s != "" {
					return ev.copied(s)
				}
			}
			return plain(v)
		}
	}
	return nil
}

// Types of files in st_mode.
const (
	modeType   = 0o170000
	modeDir    = 0o040000
	modeChar   = 0o020000
	modeBlock  = 0o060000
	modePipe   = 0o010000
	modeLink   = 0o120000
	modeSocket = 0o140000
)

// fileObject takes the object from the event's paths: the one at index, or
// where that is a directory entry's parent, the next that is not.
func (ev *Event) fileObject(index int) {
	if len(ev.Paths) == 0 {
		return
	}
	if index >= len(ev.Paths) {
		index = 0
	}
	path := &ev.Paths[index]
	for i := index; i < len(ev.Paths); i++ {
		if t := ev.Paths[i].NameType; t != "PARENT" && t != "UNKNOWN" {
			path = &ev.Paths[i]
			break
		}
	}
	ev.ObjectPrimary = path.Name
	if !path.HasMode {
		return
	}
	switch path.Mode & modeType {
	case modeDir:
		ev.ObjectType = "directory"
	case modeChar:
		ev.ObjectType = "character-device"
	case modeBlock:
		ev.ObjectType = "block-device"
	case modePipe:
		ev.ObjectType = "named-pipe"
	case modeLink:
		ev.ObjectType = "symlink"
	case modeSocket:
		ev.ObjectType = "socket"
	default:
		ev.ObjectType = "file"
	}
}

// socketObject takes the object from the event's socket address.
func (ev *Event) socketObject() {
	if ev.Sock == nil {
		return
	}
	ev.ObjectPrimary = ev.Sock.Path
	if ev.Sock.Addr != "" {
		ev.ObjectPrimary = ev.copied(ev.Sock.Addr)
	}
	if ev.Sock.Port != "" {
		ev.ObjectSecondary = ev.copied(ev.Sock.Port)
	}
}
