package verify

import (
	"fmt"
	"strings"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/schema"
	"auditreplay/pkg/tracker"
)

// loginuidFact is a LOGIN record that gave a process another login uid than
// it had: pam_loginuid sets what was unset.
type loginuidFact struct {
	node          int
	millis        int64
	serial        uint32
	pos           ingest.Pos
	pid           string
	auid, oldAUID string
	ses, oldSes   string
}

func (v *Verifier) loginuid(node int, rec *auditd.Record) {
	old := field(rec.Body, "old-auid")
	if old == "" {
		old = field(rec.Body, "old_auid")
	}
	if unset(old) || field(rec.Body, "res") == "0" || len(v.logins) >= maxFacts {
		return
	}
	v.logins = append(v.logins, loginuidFact{node: node, millis: rec.Millis, serial: rec.Serial, pos: rec.Pos, pid: field(rec.Body, "pid"),
		auid: field(rec.Body, "auid"), oldAUID: old, ses: field(rec.Body, "ses"), oldSes: field(rec.Body, "old-ses")})
}

func (v *Verifier) loginuidFindings() (out []Finding) {
	type event struct {
		host   int
		millis int64
		serial uint32
	}
	seen := make(map[event]bool)
	for _, l := range v.logins {
		b := v.bootOf(l.node, l.millis)
		if b == nil || seen[event{b.host, l.millis, l.serial}] { // the audit log's and the journal's copy
			continue
		}
		seen[event{b.host, l.millis, l.serial}] = true
		out = append(out, b.finding(LoginUIDRewritten, l.millis, l.millis, l.pos.String(),
			fmt.Sprintf("pid %s: login uid %s became %s, session %s became %s", l.pid, l.oldAUID, l.auid, l.oldSes, l.ses)))
	}
	return out
}

// decided is what the tracker of one boot decided.
type decided struct {
	sessions []tracker.SessionDecision
	logins   []tracker.LoginDecision
}

func (v *Verifier) decisions(b *boot) decided {
	if v.decisionsOf == nil {
		v.decisionsOf = make(map[*boot]decided)
	}
	d, ok := v.decisionsOf[b]
	if !ok {
		if t := v.c.Tracker(b.host, b.n); t != nil {
			d.sessions, d.logins = t.Decisions()
		}
		v.decisionsOf[b] = d
	}
	return d
}

// opened gives the time of the LOGIN record of the session that a login
// opened.
func (v *Verifier) opened(l *replay.ConcludedLogin) (time.Time, bool) {
	b := v.bootN(l.Host, l.Boot)
	if b == nil {
		return time.Time{}, false
	}
	if b.openedBy == nil {
		b.openedBy = make(map[string]time.Time)
		for _, s := range v.decisions(b).sessions {
			if s.Login != nil && s.HasLogin {
				b.openedBy[s.Login.ID] = s.Opened
			}
		}
	}
	at, ok := b.openedBy[l.ID]
	return at, ok
}

// joinFindings reports the logins and sessions that did not find each other.
func (v *Verifier) joinFindings(b *boot) (out []Finding) {
	d := v.decisions(b)
	var early cited
	for i := range d.logins {
		l := &d.logins[i]
		at := l.Time.UnixMilli()
		who := v.who(l)
		switch {
		case l.Shared:
			out = append(out, b.finding(InheritedSession, at, 0, l.Pos.String(),
				fmt.Sprintf("%s runs in session %s, which another login opened: its sshd was started from within it", who, l.Session)))
		case l.Session == "" && b.events > 0 && at < b.first-maxBefore && !strings.HasPrefix(l.Why, "conflict"):
			early.add(at, l.Pos.String())
		case l.Session == "":
			kind := LoginWithoutSession
			if strings.HasPrefix(l.Why, "conflict") {
				kind = Contradiction
			}
			out = append(out, b.finding(kind, at, 0, l.Pos.String(), who+": "+l.Why+v.excuse(b, at)))
		}
	}
	if early.n > 0 {
		f := b.finding(LoginWithoutSession, early.from, early.to, early.where(),
			plural(early.n, "login")+" of a time before the audit log of this boot begins")
		f.Count = early.n
		out = append(out, f)
	}
	return append(out, v.sessionFindings(b)...)
}

// maxBefore is how long before the boot's first audit event a login may stand
// and still be one whose session should be there: a line of sshd's log is
// written before the LOGIN record, by less than this.
const maxBefore = 5_000

// who names a login.
func (v *Verifier) who(l *tracker.LoginDecision) string {
	if l.Login == nil {
		return fmt.Sprintf("the login of pid %d", l.PID)
	}
	return fmt.Sprintf("the login of %s from %s port %d (pid %d)", l.Login.Account, l.Login.Addr, l.Login.Port, l.PID)
}

// excuse says what is known of why the audit log lacks a moment.
func (v *Verifier) excuse(b *boot, at int64) string {
	for i := range b.down {
		if h := &b.down[i]; at >= h.from-2000 && at <= h.to+2000 {
			return "; auditd was down then"
		}
	}
	for i := range b.off {
		if h := &b.off[i]; at >= h.from && at <= h.to {
			return "; the audit was switched off then"
		}
	}
	switch {
	case b.events == 0:
		return "; no audit record of this boot is in the evidence"
	case at < b.first:
		return "; the audit log begins later"
	case len(b.serials.runs) > 0 && at > b.serials.runs[len(b.serials.runs)-1].hi.millis+60_000:
		return "; the audit log ends earlier"
	}
	return ""
}

// sessionFindings reports the sessions of sshd that got no login.
func (v *Verifier) sessionFindings(b *boot) (out []Finding) {
	covered := v.sshdCovers(b)
	opened := make(map[string]tracker.SessionDecision)
	for _, s := range v.decisions(b).sessions {
		opened[s.ID+" "+s.Reason] = s
	}
	var uncovered cited
	for _, s := range b.sshAll {
		why := ""
		d, known := opened[s.id+" "+s.reason]
		from, where := s.from, s.where()
		if known && !d.Opened.IsZero() {
			from = d.Opened.UnixMilli()
		}
		if known && len(d.Records) > 0 {
			where = d.Records[0].Pos.String()
		}
		switch {
		case strings.HasPrefix(s.reason, "shared"):
			f := b.finding(InheritedSession, s.from, s.to, s.where(), fmt.Sprintf("session %s is shared by several logins: %s cannot be told whose they are", s.id, plural(s.n, "event")))
			f.Count = s.n
			out = append(out, f)
			continue
		case strings.HasPrefix(s.reason, "conflict"):
			out = append(out, b.finding(Contradiction, from, s.to, where, "session "+s.id+": "+s.reason))
			continue
		case d.Exe == "" && s.attribution == schema.None && !s.others:
			continue // what is seen of it is systemd --user, which opens a session of its own
		case d.Exe == "" && s.attribution == schema.None:
			why = "how it was opened is not in the evidence, nor a login of it"
		case s.reason == "ambiguous":
			why = "several logins fit it equally well"
		case s.attribution == schema.ByAudit:
			why = "sshd opened it, and no line of its log fits"
		default:
			why = s.reason
		}
		if !covered.has(from) && s.reason != "ambiguous" {
			uncovered.add(from, where)
			continue
		}
		f := b.finding(SessionWithoutLogin, from, s.to, where, fmt.Sprintf("session %s: %s", s.id, why))
		f.Count = s.n
		out = append(out, f)
	}
	if uncovered.n > 0 {
		f := b.finding(SessionWithoutLogin, uncovered.from, uncovered.to, uncovered.where(),
			plural(uncovered.n, "session")+" of a time of which no line of sshd's log is in the evidence")
		f.Count = uncovered.n
		out = append(out, f)
	}
	return out
}

// sshdTime is the time that a boot's sshd log is in the evidence.
type sshdTime struct {
	from, to int64
	any      bool
}

func (s sshdTime) has(at int64) bool { return s.any && at >= s.from-60_000 && at <= s.to+60_000 }

func (v *Verifier) sshdCovers(b *boot) sshdTime {
	var t sshdTime
	for _, c := range v.order {
		if first, last, ok := v.covers(c, &c.messages, b); ok {
			if !t.any || first < t.from {
				t.from = first
			}
			t.to, t.any = max(t.to, last), true
		}
	}
	return t
}

// contradictionFindings reports what the records of events state in two ways.
func (b *boot) contradictionFindings() (out []Finding) {
	for _, what := range b.saidAll {
		t := b.said[what]
		f := b.finding(Contradiction, t.from, t.to, t.where(), what)
		f.Count = t.n
		out = append(out, f)
	}
	if b.late.n > 0 {
		f := b.finding(LateRecords, b.late.from, b.late.to, b.late.where(), plural(b.late.n, "event")+" of records that came after their event was closed")
		f.Count = b.late.n
		out = append(out, f)
	}
	return out
}

// claimFindings reports the messages that only claim to be sshd's.
func (v *Verifier) claimFindings() (out []Finding) {
	for key, t := range v.claims {
		f := Finding{Kind: UntrustedSource, host: -1, boot: -1}
		if b := v.bootOf(key.node, t.from); b != nil {
			f = b.finding(UntrustedSource, 0, 0, "", "")
		}
		f.From, f.To, f.Count, f.Where = atMillis(t.from), atMillis(t.to), t.n, t.where()
		f.Detail = plural(t.n, "message") + " under sshd's name that sshd did not send (" + key.why + "): not believed"
		out = append(out, f)
	}
	return out
}
