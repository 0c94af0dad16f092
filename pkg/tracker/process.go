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
	ppid  int
	ses   string
	comm  string
	owner *login // of a login without an audit session
}

// processes remembers the processes of a boot by pid, as far as needed: for
// records that state no session, for logins that got none, and for sessions
// that several logins share. What it says is used only where a parent link or
// the process's own earlier event proves it.
type processes struct {
	events int
	table  map[int]process
	owners map[int][]*login // by sshd pid: logins without a session
}

// maxProcesses bounds the table; the kernel's default pid range is smaller.
const maxProcesses = 1 << 16

// sessionOf finds the session of an event whose records state none, through
// an earlier event of the same process.
func (p *processes) sessionOf(ev *auditd.Event) string {
	known, ok := p.table[ev.PID]
	if !ok || ev.PID == 0 || ev.PPID != 0 && ev.PPID != known.ppid {
		return ""
	}
	return known.ses
}

// see takes over what an event says of its process and gives the login it
// descends from, where that login has no session.
func (p *processes) see(ev *auditd.Event, ses string) *login {
	p.events++
	if ev.PID == 0 || ev.PPID == 0 && p.owners == nil {
		return nil
	}
	if p.table == nil {
		p.table = make(map[int]process)
	}
	was, ok := p.table[ev.PID]
	now := process{ppid: ev.PPID, ses: ses, comm: was.comm}
	if ev.PPID == 0 { // a user record: it has no ppid
		now.ppid = was.ppid
	}
	if len(p.owners) > 0 {
		now.comm = string(ev.Comm)
		now.owner = p.ownerOf(ev, was, ok)
	}
	if len(p.table) >= maxProcesses && !ok {
		clear(p.table)
	}
	p.table[ev.PID] = now
	return now.owner
}

// ownerOf finds the login without a session that a process descends from.
func (p *processes) ownerOf(ev *auditd.Event, was process, known bool) *login {
	at := time.UnixMilli(ev.Millis)
	for _, pid := range [...]int{ev.PID, ev.PPID} {
		for _, l := range p.owners[pid] {
			if !at.Before(l.at) && !l.anotherLife(at) && !l.overBy(at) {
				return l
			}
		}
	}
	same := known && (ev.PPID == 0 || ev.PPID == was.ppid || ev.PPID == 1 && was.comm == string(ev.Comm))
	if same {
		return was.owner
	}
	return p.table[ev.PPID].owner
}

// overBy reports whether the login's connection had ended by then.
func (l *login) overBy(at time.Time) bool {
	return l.detail != nil && l.detail.End != nil && at.After(l.detail.End.Time.Add(closeSlack))
}

// maxAncestors bounds the walk up a process's ancestors.
const maxAncestors = 64

// faceOf finds whose an event of a shared session is: the nearest ancestor
// that is the leader or one of the nested sshds says it. Before the first
// nested login all events are the leader's.
func (p *processes) faceOf(t *SessionTracker, ev *auditd.Event, s *session) *face {
	at := time.UnixMilli(ev.Millis)
	shared := false
	for _, n := range s.nested {
		shared = shared || !at.Before(n.since)
	}
	if !shared {
		return s.face
	}
	pid, ppid := ev.PID, ev.PPID
	for range maxAncestors {
		for _, n := range s.nested {
			if n.pid == pid && !at.Before(n.since) {
				return t.nestedFace(s, n)
			}
		}
		if pid == s.leader && pid != 0 {
			return s.face
		}
		if ppid == 0 {
			ppid = p.table[pid].ppid
		}
		parent, ok := p.table[ppid]
		if ppid <= 1 || ppid != s.leader && !nestedPID(s, ppid) && (!ok || parent.ses != s.id) {
			break
		}
		pid, ppid = ppid, parent.ppid
	}
	return t.noneFace(s, reasonShared)
}

func nestedPID(s *session, pid int) bool {
	for _, n := range s.nested {
		if n.pid == pid {
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
			n.face.sess.ID = s.id
			n.face.sess.Evidence = []string{"boot", "pid"}
		}
	}
	return n.face
}

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
	f := face{source: systemSource(ev), subjects: noSubjects, sess: schema.Session{Boot: t.opt.Boot}}
	if ses == "" && fragment(ev) {
		f.sess.Attribution, f.sess.Reason = schema.None, "no session in its records"
	} else {
		o.event.Type = schema.TypeSystem
	}
	return t.write(o, &f)
}

// ownerFace is what the events of a login without an audit session show.
func (t *SessionTracker) ownerFace(l *login) *face {
	f := t.ownerFaces[l]
	if f == nil {
		f = t.loginFace(l)
		f.sess.Evidence = []string{"boot", "pid"}
		t.ownerFaces[l] = f
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
