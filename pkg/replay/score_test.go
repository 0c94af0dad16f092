package replay_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"auditreplay/pkg/schema"
)

var (
	stampOf  = regexp.MustCompile(`msg=audit\((\d+)\.(\d+):(\d+)\):(.*)`)
	outerSes = regexp.MustCompile(`(?:^|[^a-z-])ses=(\d+)`)
	markerIn = regexp.MustCompile(`marker-\d{4}`)
)

// owned gives the audit events that the log holds of the truth logins'
// sessions.
func (h *recorded) owned() map[string]*truthLogin {
	out := make(map[string]*truthLogin)
	for _, f := range h.audit {
		for line := range strings.Lines(string(f.data)) {
			m := stampOf.FindStringSubmatch(line)
			if m == nil || strings.Contains(line[:min(40, len(line))], "type=DAEMON_") {
				continue
			}
			outer, _, _ := strings.Cut(m[4], "msg='")
			ses := outerSes.FindStringSubmatch(outer)
			if ses == nil {
				continue
			}
			sec, _ := strconv.ParseInt(m[1], 10, 64)
			ms, _ := strconv.ParseInt(m[2], 10, 64)
			at := time.UnixMilli(sec*1000 + ms)
			if l := h.truth.owner[fmt.Sprint(h.truth.boot(at), "/", ses[1])]; l != nil {
				out[fmt.Sprintf("%s.%s:%s", m[1], m[2], m[3])] = l
			}
		}
	}
	return out
}

// differs gives what an event's identity contradicts in a truth login, and
// what it lacks of it.
func (e *event) differs(l *truthLogin) (wrong, gaps []string) {
	fp := l.Fingerprint
	if !strings.Contains(l.Method, "publickey") && l.Method != "cert" {
		fp = ""
		if e.fingerprint != "" {
			wrong = append(wrong, "fingerprint "+e.fingerprint)
		}
	}
	if l.KeyID == "" && e.keyID != "" {
		wrong = append(wrong, "key id "+e.keyID)
	}
	port := ""
	if l.Port != 0 {
		port = strconv.Itoa(l.Port)
	}
	for _, c := range [...][3]string{{"fingerprint", e.fingerprint, fp}, {"key id", e.keyID, l.KeyID}, {"address", e.addr, l.Addr},
		{"port", e.port, port}, {"account", e.account, l.Account}} {
		switch {
		case c[2] == "" || c[1] == c[2]:
		case c[1] == "":
			gaps = append(gaps, c[0])
		default:
			wrong = append(wrong, c[0]+" "+c[1]+" for "+c[2])
		}
	}
	return wrong, gaps
}

// score is the account of one replay against the truth.
type score struct {
	wrong, missing, invented, twice, unheard, inexact, lost []string
	due, right, execs                                       int
}

func (s *score) recall() float64 { return float64(s.right) / float64(max(s.due, 1)) }

// against scores a replay. excused are the logins that the evidence cannot
// show: the journal lost their lines.
func (h *recorded) against(events []event, excused map[string]bool) *score {
	s := new(score)
	s.actions(h, events, excused)
	s.logins(h, events, excused)
	return s
}

func (s *score) actions(h *recorded, events []event, excused map[string]bool) {
	due := h.owned()
	maps.DeleteFunc(due, func(_ string, l *truthLogin) bool { return excused[l.ID] })
	ids, seen, ran := make(map[string]bool), make(map[string]bool), make(map[string]bool)
	for i := range events {
		e := &events[i]
		if e.typ != schema.TypeAction {
			continue
		}
		if ids[e.id] {
			s.twice = append(s.twice, e.id)
		}
		ids[e.id] = true
		args := strings.Join(e.args, " ")
		if e.exec {
			for _, m := range markerIn.FindAllString(args, -1) {
				seen[m] = true
			}
		}
		boot := h.truth.boot(e.at)
		l := h.truth.owner[fmt.Sprint(boot, "/", e.ses)]
		if l == nil {
			s.unowned(h, e, boot, ran)
			continue
		}
		named := e.attribution == schema.BySSHD || e.attribution == schema.ByAudit
		wrong, gaps := e.differs(l)
		switch {
		case named && len(wrong) > 0:
			s.wrong = append(s.wrong, fmt.Sprint(e.id, " ses ", e.ses, " of ", l.ID, ": ", wrong))
		case excused[l.ID]:
		default:
			due[e.id] = l
			if !named || len(gaps) > 0 {
				s.lost = append(s.lost, fmt.Sprint(e.id, " ses ", e.ses, " of ", l.ID, ": ", e.attribution, e.reason, gaps))
				continue
			}
			s.right++
			ran[l.ID+"\x00"+strings.Join(e.args, "\x00")] = true
		}
	}
	s.due = len(due)
	s.argv(h, seen, ran, excused)
}

// unowned takes an event of a session whose id no client learnt: whoever is
// named has to be one of the logins of which that is so.
func (s *score) unowned(h *recorded, e *event, boot int, ran map[string]bool) {
	if e.attribution != schema.BySSHD && e.attribution != schema.ByAudit || e.addr == "" {
		return
	}
	fits := false
	for _, l := range h.truth.Logins {
		if l.Session != nil || l.Boot != boot {
			continue
		}
		if wrong, _ := e.differs(l); len(wrong) == 0 {
			fits = true
			ran[l.ID+"\x00"+strings.Join(e.args, "\x00")] = true
		}
	}
	if !fits {
		s.wrong = append(s.wrong, fmt.Sprint(e.id, " ses ", e.ses, ": no client's, given to ", e.identity()))
	}
}

// argv looks for every command that a client ran and the log holds.
func (s *score) argv(h *recorded, seen, ran, excused map[string]bool) {
	for _, l := range h.truth.Logins {
		for _, c := range l.Commands {
			for _, x := range c.Execs {
				if excused[l.ID] || !seen[c.Marker] || x.Outside || x.Optional || !markerIn.MatchString(strings.Join(x.Argv, " ")) {
					continue
				}
				s.execs++
				if !ran[l.ID+"\x00"+strings.Join(x.Argv, "\x00")] {
					s.inexact = append(s.inexact, fmt.Sprint(l.ID, " ", c.Marker))
				}
			}
		}
	}
}

func (s *score) logins(h *recorded, events []event, excused map[string]bool) {
	var succeeded []*event
	refused := make(map[string]bool)
	for i := range events {
		if e := &events[i]; e.typ == schema.TypeLogin {
			if e.outcome == schema.Succeeded {
				succeeded = append(succeeded, e)
			} else {
				refused[e.addr] = true
			}
		}
	}
	used := make([]bool, len(succeeded))
	for _, l := range h.truth.Logins {
		found := slices.IndexFunc(succeeded, func(e *event) bool {
			wrong, gaps := e.differs(l)
			return len(wrong) == 0 && len(gaps) == 0 && !used[slices.Index(succeeded, e)]
		})
		switch {
		case found >= 0:
			used[found] = true
		case !excused[l.ID]:
			s.missing = append(s.missing, l.ID)
		}
	}
	for i, e := range succeeded {
		if !used[i] {
			s.invented = append(s.invented, e.pos)
		}
	}
	for _, f := range h.truth.Failed {
		if f.Addr != "" && f.Kind != "connect and close" && f.Kind != "http on ssh port" && !refused[f.Addr] {
			s.unheard = append(s.unheard, f.ID)
		}
	}
}
