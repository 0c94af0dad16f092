package explain

import (
	"fmt"
	"strings"
	"time"

	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/schema"
	"auditreplay/pkg/tracker"
)

// explain says why a session was given to whom it was given.
func (x *Explainer) explain(e *Explanation, f *found) {
	s := &f.s
	switch s.Attribution {
	case schema.BySSHD:
		e.Conclusion = fmt.Sprintf("The session is given to %s.", who(s.Login))
		e.Steps = append(loginSteps(s.Login), recordSteps(s)...)
		e.Steps = append(e.Steps, evidenceSteps(s)...)
		e.Overturn = overturnJoin(s)
	case schema.ByAudit:
		e.Conclusion = fmt.Sprintf("The session is sshd's, of account %s from %s, as the audit log alone says: no line of sshd's log was found for it, so the credential is not known but for what is said here.", orUnknown(s.Account), orUnknown(s.Address))
		e.Steps = recordSteps(s)
		e.Overturn = []string{"sshd's log of that time: it would name the credential, or contradict the account or address.",
			"A record that shows the session's leader, pid " + fmt.Sprint(s.Leader) + ", to be another program than sshd."}
	case schema.Local:
		e.Conclusion = fmt.Sprintf("The session is local: %s opened it, no network login did.", orUnknown(s.Exe))
		e.Steps = recordSteps(s)
		e.Overturn = []string{"An Accepted line of pid " + fmt.Sprint(s.Leader) + " at that time: the program that opened the session would then not be what the records say."}
	default:
		e.Conclusion = fmt.Sprintf("The session is given to nobody: %s.", reasonText(s))
		e.Steps = recordSteps(s)
		if s.Login != nil {
			e.Steps = append(loginSteps(s.Login), e.Steps...)
		}
		e.Overturn = []string{"The lines that are missing: the LOGIN record of the session, or the Accepted line of its login.",
			"Evidence that decides between what contradicts itself here."}
	}
	for _, l := range s.Shared {
		e.Steps = append(e.Steps, Step{What: "Within it an sshd that was started from it accepted " + who(l) + ". Processes below that sshd, pid " + fmt.Sprint(l.PID) + ", are that login's; what cannot be told apart is nobody's.",
			Time: l.Time, Pos: posOf(l)})
	}
	e.Rejected = x.candidates(f)
}

func posOf(l *tracker.LoginDecision) string {
	if l.Pos.Source == nil {
		return ""
	}
	return l.Pos.String()
}

// who names a login by all that its line says of the credential.
func who(l *tracker.LoginDecision) string {
	d := l.Login
	if d == nil {
		return "the login " + l.ID
	}
	text := fmt.Sprintf("the login of account %s by %s", d.Account, d.Method)
	if d.Fingerprint != "" {
		text += ", key " + strings.TrimSpace(d.Algorithm+" "+d.Fingerprint)
	}
	if d.KeyID != "" {
		text += fmt.Sprintf(", certificate of %q (serial %s)", d.KeyID, d.Serial)
		if d.CAFingerprint != "" {
			text += ", signed by " + strings.TrimSpace(d.CAAlgorithm+" "+d.CAFingerprint)
		}
	}
	if d.Principal != "" {
		text += ", principal " + d.Principal
	}
	text += ", from " + orUnknown(d.Addr)
	if d.Port != 0 {
		text += fmt.Sprintf(" port %d", d.Port)
	}
	return text
}

func orUnknown(s string) string {
	if s == "" {
		return "(unknown)"
	}
	return s
}

// loginSteps are the lines of sshd's log that make a login.
func loginSteps(l *tracker.LoginDecision) []Step {
	d := l.Login
	if d == nil {
		return nil
	}
	var out []Step
	for _, pos := range d.Also {
		out = append(out, Step{What: "sshd says, of the same decision:", Pos: pos.String()})
	}
	verb := "sshd accepted"
	if !d.Accepted {
		verb = "sshd refused"
	}
	step := Step{What: fmt.Sprintf("%s %s. Its process is pid %d.", verb, who(l), d.PID), Time: d.Time, Pos: posOf(l)}
	if d.Accepted && !l.Time.IsZero() && !l.Time.Equal(d.Time) {
		step.What += fmt.Sprintf(" Its clock is %s off the audit log's, on which it was %s.", d.Time.Sub(l.Time), l.Time.Format(time.RFC3339Nano))
	}
	return append(out, step)
}

// recordTexts say what each record that a session cites is.
var recordTexts = map[string]string{
	"LOGIN":      "The kernel opened the session: LOGIN names the process that did, and the session's number.",
	"USER_START": "The session's leader reported that PAM's session was opened, with account and address.",
	"USER_LOGIN": "sshd reported the login to the audit.",
	"CRED_ACQ":   "sshd's user child took the user's credentials, inside the session.",
	"USER_END":   "The session's leader reported that PAM's session was closed.",
	"CRED_DISP":  "The session's leader gave the credentials back: the session's end.",
}

// recordSteps are the records that say something of a session.
func recordSteps(s *tracker.SessionDecision) []Step {
	var out []Step
	for _, c := range s.Records {
		text, ok := recordTexts[c.What]
		switch {
		case strings.Contains(c.What, "another sshd"):
			text = "Another sshd, one that was started from within the session, opened or closed PAM's session in it: " + c.What + "."
		case !ok:
			text = "A record that says something of the session: " + c.What + "."
		}
		st := Step{What: text, Pos: c.Pos.String()}
		switch c.What {
		case "LOGIN":
			st.What += fmt.Sprintf(" Process %d opened session %s, login uid %s.", s.Leader, s.ID, orUnknown(s.AUID))
			st.Time = s.Opened
		case "USER_END", "CRED_DISP":
			st.Time = s.Closed
		}
		out = append(out, st)
	}
	if len(out) == 0 {
		out = append(out, Step{What: "No record that tells how the session was opened or ended is in the evidence."})
	} else if !s.HasLogin && s.Leader != 0 {
		out = append(out, Step{What: fmt.Sprintf("The session's LOGIN record is not in the evidence; its other records name process %d as the one that opened it.", s.Leader)})
	}
	return out
}

// evidenceSteps say what agrees between the login and the session.
func evidenceSteps(s *tracker.SessionDecision) []Step {
	d := s.Login.Login
	var out []Step
	for _, word := range s.Evidence {
		text := ""
		switch word {
		case "boot":
			text = "Both are of one boot of one host: " + s.Boot + "."
		case "pid":
			text = fmt.Sprintf("Both name process %d, in one life of that number.", s.Leader)
		case "time":
			text = timeText(s)
		case "account":
			text = fmt.Sprintf("Both name the account %s.", s.Account)
		case "address":
			text = fmt.Sprintf("Both name the address %s.", s.Address)
		case "port":
			text = fmt.Sprintf("Both name the client's port %s.", s.Port)
		case "fingerprint":
			text = "Both name the key by the same fingerprint."
		case "session":
			text = fmt.Sprintf("The journal itself names session %s on an entry of the login's connection (_AUDIT_SESSION, the kernel's word, or logind's).", s.ID)
		case "child":
			text = "sshd's line names its user child, and a record of the session is that process's."
			if d != nil && d.ChildPID != 0 {
				text = fmt.Sprintf("sshd says that its user child is process %d, and a record of the session is that process's.", d.ChildPID)
			}
		case "terminal":
			text = fmt.Sprintf("Both name the terminal %s.", s.Terminal)
		default:
			text = "Both agree in " + word + "."
		}
		out = append(out, Step{What: text})
	}
	return out
}

func timeText(s *tracker.SessionDecision) string {
	at, end := s.Opened, "opened"
	if at.IsZero() {
		at, end = s.Closed, "ended"
	}
	if at.IsZero() || s.Login.Time.IsZero() {
		return "Their times agree."
	}
	dt := at.Sub(s.Login.Time)
	side := "after"
	if dt < 0 {
		side, dt = "before", -dt
	}
	return fmt.Sprintf("The session was %s %.3f s %s sshd's line.", end, dt.Seconds(), side)
}

// reasonText says in words why a session has no name.
func reasonText(s *tracker.SessionDecision) string {
	switch {
	case s.Reason == "no login" || s.Reason == "":
		return "no login was found that opened it, and its records do not say who did"
	case s.Reason == "ambiguous":
		return "several logins fit it equally well, and to choose one would be to guess"
	case s.Reason == "shared session":
		return "several logins share it, and what is whose cannot be told"
	}
	return s.Reason
}

// overturnJoin says what would overturn that a login opened a session.
func overturnJoin(s *tracker.SessionDecision) []string {
	l := s.Login
	var out []string
	if l.Login != nil {
		from, to := l.Time, s.Opened
		if to.Before(from) {
			from, to = to, from
		}
		if !s.Opened.IsZero() && l.PID != 0 {
			out = append(out, fmt.Sprintf("Another Accepted line of pid %d between %s and %s, with another credential: the process number would have had two owners.",
				l.PID, stamp(from.Add(-time.Minute)), stamp(to.Add(time.Minute))))
		}
		out = append(out, vouched(l.Login))
	}
	out = append(out, fmt.Sprintf("A record of session %s that names another account, address or program than the login does.", s.ID))
	return append(out, "Proof that the files were changed after they were written: who was root on the host could do that. `auditreplay verify` shows what such a change usually leaves.")
}

// vouched says who vouches for sshd's line.
func vouched(d *sshd.Login) string {
	if d.Pos.Source != nil && strings.HasPrefix(d.Pos.Source.Kind.String(), "journal") {
		return "A journal in which that entry was not sent by sshd: its _UID and _COMM, where it has them, are the kernel's word for who sent it."
	}
	proof := "Proof that sshd did not write its line: any process of the host may write to syslog under any name, and a text file does not say who did."
	if d.Accepted {
		proof += " The LOGIN record, which agrees with it, is the kernel's."
	}
	return proof
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// candidates are the logins that the session was not given to, and the
// sessions that its login was not.
func (x *Explainer) candidates(f *found) []Candidate {
	var out []Candidate
	for _, r := range f.s.Rejected {
		c := Candidate{Login: r.LoginID, Why: r.Why}
		if r.Pos.Source != nil {
			c.Pos = r.Pos.String()
		}
		out = append(out, c)
	}
	if f.s.Login != nil {
		for _, r := range f.s.Login.Rejected {
			if r.Session != f.s.ID {
				out = append(out, Candidate{Session: r.Session, Why: r.Why})
			}
		}
	}
	return append(out, x.samePID(f, out)...)
}

// samePID adds the other logins that had the leader's process number in that
// boot, which nobody had to judge.
func (x *Explainer) samePID(f *found, have []Candidate) (out []Candidate) {
	known := make(map[string]bool)
	for _, c := range have {
		known[c.Login] = true
	}
	for i := range f.logins {
		l := &f.logins[i]
		if l.PID == 0 || l.PID != f.s.Leader || known[l.ID] || f.s.Login != nil && l.ID == f.s.Login.ID {
			continue
		}
		why := fmt.Sprintf("its process had the same number, %d, at another time", l.PID)
		if l.Session != "" {
			why += ", and opened session " + l.Session
		}
		out = append(out, Candidate{Login: l.ID, Why: why, Pos: posOf(l)})
	}
	return out
}

// loginNamed finds a login of any boot.
func (x *Explainer) loginNamed(id string) (out *tracker.LoginDecision) {
	x.eachBoot(func(_, _ string, t *tracker.SessionTracker) {
		_, logins := t.Decisions()
		for i := range logins {
			if logins[i].ID == id {
				out = &logins[i]
			}
		}
	})
	return out
}

func (x *Explainer) explainLogin() (*Explanation, error) {
	l := x.login
	switch {
	case x.failed != nil:
		return nil, x.failed
	case l == nil:
		return nil, ErrNotFound
	}
	host := &x.c.Hosts[l.Host]
	e := &Explanation{Host: host.Name, Boot: host.Boots[l.Boot].ID, Overturn: []string{vouched(l.Login)}}
	d := &tracker.LoginDecision{ID: l.ID, Login: l.Login, Pos: l.Pos, Time: l.Time, PID: l.PID}
	if !l.Accepted {
		e.Conclusion = "sshd refused " + who(d)
		if why := strings.Trim(l.Error+": "+l.Reason, ": "); why != "" {
			e.Conclusion += ": " + why
		}
		e.Conclusion += "."
		e.Steps = loginSteps(d)
		return e, nil
	}
	if known := x.loginNamed(l.ID); known != nil {
		d = known
	}
	if d.Session == "" {
		e.Conclusion = "No session was found for " + who(d) + ": " + d.Why + "."
		e.Steps = loginSteps(d)
		for _, r := range d.Rejected {
			e.Rejected = append(e.Rejected, Candidate{Session: r.Session, Why: r.Why})
		}
		e.Overturn = append(e.Overturn, "A LOGIN record of pid "+fmt.Sprint(d.PID)+" at that time.")
		return e, nil
	}
	for _, f := range x.sessions(d.Session) {
		if f.boot == e.Boot && f.host == e.Host && (f.s.Login != nil && f.s.Login.ID == d.ID || d.Shared) {
			x.explain(e, &f)
			break
		}
	}
	e.Conclusion = fmt.Sprintf("Session %s is that of %s.", d.Session, who(d))
	if d.Shared {
		e.Conclusion = fmt.Sprintf("%s runs in session %s, which another login opened: its sshd was started from within it.", who(d), d.Session)
		e.Steps = append(loginSteps(d), e.Steps...)
	}
	return e, nil
}
