package tracker

import (
	"time"

	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/schema"

	"github.com/elastic/go-libaudit/v2/auparse"
	"github.com/metal-toolbox/auditevent"
)

// process is what the last event of a pid said of it.
type process struct {
	PPID  int    `json:",omitempty"`
	Ses   string `json:",omitempty"`
	Comm  string `json:",omitempty"`
	owner *login // of a login without an audit session
}

// processes remembers the processes of a boot by pid, as far as needed: for
// records that state no session, for logins that got none, and for sessions
// that several logins share. What it says is used only where a parent link or
// the process's own earlier event proves it.
type processes struct {
	events int
	table  map[int]process
	owners lists[*login] // by sshd pid: logins without a session
}

// maxProcesses bounds the table; the kernel's default pid range is smaller.
const maxProcesses = 1 << 16

// sessionOf finds the session of an event whose records state none, through
// an earlier event of the same process: same pid and same parent.
func (p *processes) sessionOf(ev *auditd.Event) string {
	known, ok := p.table[ev.PID]
	if !ok || ev.PID == 0 || ev.PPID == 0 || ev.PPID != known.PPID {
		return ""
	}
	return known.Ses
}

// see takes over what an event says of its process and gives the login it
// descends from, where that login has no session.
func (p *processes) see(t *SessionTracker, ev *auditd.Event, ses string) *login {
	p.events++
	if ev.PID == 0 || ev.PPID == 0 && p.owners.empty() {
		return nil
	}
	if p.table == nil {
		p.table = make(map[int]process)
	}
	was, ok := p.table[ev.PID]
	now := process{PPID: ev.PPID, Ses: ses, Comm: was.Comm}
	if ev.PPID == 0 { // a user record: it has no ppid
		now.PPID = was.PPID
	}
	if !p.owners.empty() {
		now.Comm = string(ev.Comm)
		now.owner = p.ownerOf(t, ev, was, ok)
	}
	if len(p.table) >= maxProcesses && !ok {
		clear(p.table)
	}
	p.table[ev.PID] = now
	return now.owner
}

// ownerOf finds the login without a session that a process descends from. The
// login's own pid has to be an sshd's still: pids come back.
func (p *processes) ownerOf(t *SessionTracker, ev *auditd.Event, was process, known bool) *login {
	at := time.UnixMilli(ev.Millis)
	exe := string(ev.Exe)
	for _, pid := range [...]int{ev.PID, ev.PPID} {
		for l := range p.owners.of(pid) {
			if t.useLogin(l); at.Before(l.At) || l.over(at) || pid == ev.PID && exe != "" && !isSSHD(exe) {
				continue
			}
			if parent, ok := p.table[pid]; pid == ev.PPID && ok && parent.Comm != "" && !isSSHD(parent.Comm) {
				continue
			}
			return l
		}
	}
	if p.owners.has(ev.PID) {
		return nil // the pid came back
	}
	same := known && (ev.PPID == 0 || ev.PPID == was.PPID || ev.PPID == 1 && was.Comm == string(ev.Comm))
	if same {
		return was.owner
	}
	return p.table[ev.PPID].owner
}

// findOwners lists the logins that no audit session was opened for: sshd
// without PAM, a container without loginuid. Their events have no ses; the
// processes below their sshd are theirs. Where any sshd of this boot opened
// sessions, a login without one has lost its records instead: its pid may be
// anybody's.
func (t *SessionTracker) findOwners(all []*session) {
	for s := range t.each(all) {
		if ssh, known := s.ssh(); s.login != nil || known && ssh {
			return
		}
	}
	for l := range t.eachLogin(t.logins) {
		if l.session == nil && !l.Shares && l.PID != 0 && !l.conflicted() && t.leaderOf(l) == nil {
			t.procs.owners.add(l.PID, l)
		}
	}
}

// maxAncestors bounds the walk up a process's ancestors.
const maxAncestors = 64

// faceOf finds whose an event of a shared session is: the nearest ancestor
// that is the leader or one of the nested sshds says it, as long as these had
// their pids. Before the first nested login all events are the leader's.
func (p *processes) faceOf(t *SessionTracker, ev *auditd.Event, s *session) *face {
	at := time.UnixMilli(ev.Millis)
	shared := false
	for _, n := range s.nested {
		shared = shared || !at.Before(n.Since.Add(-disorder))
	}
	if !shared || s.login == nil {
		if shared {
			return t.noneFace(s, reasonShared)
		}
		return t.face(s)
	}
	pid, ppid := ev.PID, ev.PPID
	for range maxAncestors {
		for _, n := range s.nested {
			if n.PID == pid && !at.Before(n.Since) && (n.Until.IsZero() || !at.After(n.Until)) {
				return t.nestedFace(s, n)
			}
		}
		if pid == s.Leader && pid != 0 {
			if !s.Closed.IsZero() && at.After(s.Closed) {
				break
			}
			return t.face(s)
		}
		if ppid == 0 {
			ppid = p.table[pid].PPID
		}
		parent, ok := p.table[ppid]
		if ppid <= 1 || ppid != s.Leader && !nestedPID(s, ppid) && (!ok || parent.Ses != s.ID) {
			break
		}
		pid, ppid = ppid, parent.PPID
	}
	return t.noneFace(s, reasonShared)
}

func nestedPID(s *session, pid int) bool {
	for _, n := range s.nested {
		if n.PID == pid {
			return true
		}
	}
	return false
}

// nestedFace is what the events of a nested login show.
func (t *SessionTracker) nestedFace(s *session, n *nested) *face {
	if n.face == nil {
		if n.login == nil {
			n.face = t.noneFace(s, reasonShared)
		} else {
			n.face = t.loginFace(n.login)
			n.face.sess.ID = s.ID
			n.face.sess.Evidence = []string{"boot", "pid"}
		}
	}
	return n.face
}

// NoSession is the reason of an event of which records are missing: those that
// are there name no session, and the process that they would name is not known.
const NoSession = "no session in its records"

// eventOfNone writes an event whose ses is unset, or whose records state none.
func (t *SessionTracker) eventOfNone(ev *auditd.Event, ses string, owner *login) error {
	o := t.compose(ev, &t.out)
	if owner != nil {
		f := t.ownerFace(owner)
		if err := t.writeLoginOf(f); err != nil {
			return err
		}
		return t.write(o, f)
	}
	f := face{unshared: true, source: systemSource(ev), subjects: noSubjects, sess: schema.Session{Boot: t.opt.Boot}}
	if ses == "" && fragment(ev) {
		f.sess.Attribution, f.sess.Reason = schema.None, NoSession
	} else {
		o.event.Type = schema.TypeSystem
	}
	return t.write(o, &f)
}

// ownerFace is what the events of a login without an audit session show.
func (t *SessionTracker) ownerFace(l *login) *face {
	f := t.owners[l]
	if f == nil {
		f = t.loginFace(l)
		f.sess.Evidence = []string{"boot", "pid"}
		t.owners[l] = f
	}
	return f
}

func systemSource(ev *auditd.Event) auditevent.EventSource {
	switch {
	case ev.Addr != "":
		return auditevent.EventSource{Type: "IP", Value: ev.Addr}
	case len(ev.Exe) > 0:
		return auditevent.EventSource{Type: "local", Value: string(ev.Exe)}
	}
	return unknownSource
}

// fragment reports whether an event is the rest of a syscall's event whose
// SYSCALL record is gone: it may have been anybody's.
func fragment(ev *auditd.Event) bool {
	found := false
	for i := range ev.Records {
		switch ev.Records[i].Type {
		case auparse.AUDIT_SYSCALL:
			return false
		case auparse.AUDIT_EXECVE, auparse.AUDIT_PATH, auparse.AUDIT_CWD, auparse.AUDIT_SOCKADDR,
			auparse.AUDIT_PROCTITLE, auparse.AUDIT_BPRM_FCAPS, auparse.AUDIT_OBJ_PID, auparse.AUDIT_FD_PAIR,
			auparse.AUDIT_IPC, auparse.AUDIT_MMAP, 1336, 1337: // URINGOP, OPENAT2
			found = true
		}
	}
	return found
}
