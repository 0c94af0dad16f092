package tracker

import (
	"slices"
	"time"

	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/schema"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// This file is the join while the evidence is still coming in: without
// Resolve, every login and every record may decide a session, and what comes
// later may contradict it. Then what was written stays, and what follows gets
// no name.

// observe takes over what an event says of its session.
func (t *SessionTracker) observe(ev *auditd.Event, s *session) {
	if len(ev.Records) == 0 {
		t.observePlain(ev, s)
		return
	}
	var f auditd.Fact
	for i := range ev.Records {
		r := ev.Records[i]
		ofLogin := r.Type == auparse.AUDIT_SYSCALL && ev.Type == auparse.AUDIT_LOGIN
		if !ofLogin && !auditd.FactType(r.Type) {
			continue
		}
		t.facts.Read(r, &f)
		if f.HasSes && utoa(f.Ses) == s.ID && (f.Type != auparse.AUDIT_LOGIN || ev.Result != "fail") {
			t.learn(s, &f)
		}
	}
	if s.AUID == "" && ev.AUID != "unset" {
		s.AUID = ev.AUID
	}
}

// observePlain does the same for an event that came without its records.
func (t *SessionTracker) observePlain(ev *auditd.Event, s *session) {
	f := auditd.Fact{Type: ev.Type, Millis: ev.Millis, Serial: ev.Serial, PID: ev.PID, AUID: auditd.UnsetID,
		AUIDName: ev.Names.AUID, OK: ev.Result != "fail", Op: ev.Op, Acct: string(ev.Acct), Exe: string(ev.Exe),
		Addr: ev.Addr, Terminal: ev.Terminal}
	if !auditd.FactType(ev.Type) || ev.Type == auparse.AUDIT_LOGIN && !f.OK {
		return
	}
	if ev.Type != auparse.AUDIT_LOGIN && f.Exe == "" {
		return // nothing tells whose program said it
	}
	if s.AUID == "" && ev.AUID != "unset" {
		s.AUID = ev.AUID
	}
	t.learn(s, &f)
}

// tryJoin joins a session to the best of the logins that wait for it.
func (t *SessionTracker) tryJoin(s *session) error { return t.joinBest(s, t.candidates(s)) }

// joinWaiting joins a login that has just come, or of which more is known, to
// the session that waits for it, if there is one.
func (t *SessionTracker) joinWaiting(l *login) error {
	var best *session
	var apart time.Duration
	try := func(s *session) {
		if s.Decided || s.Ended {
			return
		}
		if v := t.judge(s, l); t.binds(s, l, v) && (best == nil || v.apart <= apart) {
			best, apart = s, v.apart
		}
	}
	for s := range t.byLeader.of(l.pid) {
		try(t.use(s))
	}
	if d := l.detail; d != nil && d.AuditSes != "" && best == nil {
		if s := t.use(t.sessions.get(d.AuditSes)); s != nil {
			try(s)
		}
	}
	if best == nil {
		return nil
	}
	return t.tryJoin(best)
}

// candidates gives the logins that wait and may have opened a session.
func (t *SessionTracker) candidates(s *session) []*login {
	if s.Leader != 0 {
		return t.used(slices.Collect(t.waiting.of(s.Leader)))
	}
	var out []*login
	for l := range t.waiting.all() {
		if d := t.useLogin(l).detail; d != nil && d.AuditSes == s.ID {
			out = append(out, l)
		}
	}
	return out
}

// binds reports whether a verdict is enough to join while records may still
// come. What sshd's log says in full waits for a record that names the
// session's program: cron gets pids that an sshd had.
func (t *SessionTracker) binds(s *session, l *login, v verdict) bool {
	if !v.proof || l.conflicted() {
		return false
	}
	if l.detail == nil {
		return true
	}
	ssh, _ := s.ssh()
	return ssh || s.Ended
}

// joinBest joins a session to the nearest of several logins; where two are
// equally near it has none.
func (t *SessionTracker) joinBest(s *session, candidates []*login) error {
	if s.Decided {
		return nil
	}
	var best, rival *login
	var v verdict
	for _, l := range candidates {
		w := t.judge(s, l)
		switch {
		case !t.binds(s, l, w):
			if w.against != "" && l.PID == s.Leader {
				t.reject(s, l, w.against)
			}
		case best == nil:
			best, v = l, w
		case l.sameCredential(best):
		case w.apart+tieMargin <= v.apart:
			best, v, rival = l, w, nil
		case v.apart+tieMargin > w.apart:
			rival = l
			if w.apart < v.apart {
				best, v, rival = l, w, best
			}
		}
	}
	switch {
	case best == nil:
		return nil
	case rival != nil:
		t.reject(s, best, reasonAmbiguous)
		t.reject(s, rival, reasonAmbiguous)
		t.decideNone(s, reasonAmbiguous)
	default:
		t.bind(s, best, v)
	}
	return t.flush(s)
}

// recheck looks whether what a joined session has shown since contradicts its
// login.
func (t *SessionTracker) recheck(s *session) {
	l := s.login
	if l == nil || s.Revoked {
		return
	}
	v := t.judge(s, l)
	ssh, known := s.ssh()
	switch {
	case l.conflicted():
		t.revoke(s, "conflict: "+l.conflictText())
	case known && !ssh:
		s.Revoked = true
		t.decide(s, decision{attribution: schema.Local})
	case v.against != "":
		t.revoke(s, "conflict: "+v.against)
	}
}
