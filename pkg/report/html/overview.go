package html

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"auditreplay/pkg/report"
	"auditreplay/pkg/schema"
)

// overview is what the page says before its script runs.
type overview struct {
	Title, Version, Command string
	Known                   bool // there is a Case
	Hosts                   []Host
	From, To                int64
	Figures                 []figure
	Boots                   []bootView
	Ticks                   []tick
	Missing                 []remark
	Damage                  []string
	Findings                []Finding
	Inputs                  []Input
	Skipped                 []report.Count
	Case                    Case
	Refused, Outside        int
	Sessions                int
}

type figure struct {
	N, What, Note string
	Ink           string // class
}

type bootView struct {
	Host, Boot             string
	First, Last            int64
	Audit, SSHD            []bar
	AuditEvents, SSHDLines int
	Kinds                  string
}

type tick struct {
	X     float64
	Label string
}

type remark struct{ What, Why string }

func (p *page) overview() *overview {
	r := p.report
	o := &overview{Title: p.title(), From: r.coverage.first, To: r.coverage.last,
		Refused: r.outside[0], Outside: r.outside[1], Sessions: len(p.rows)}
	if r.of != nil {
		o.Known, o.Case = true, *r.of
		o.Version, o.Command = r.of.Version, report.CommandLine(r.of.Command)
		o.Hosts, o.Damage, o.Findings, o.Inputs = r.of.Hosts, damage(r.of), r.of.Findings, r.of.Inputs
		for _, why := range slices.Sorted(maps.Keys(r.of.Skipped)) {
			o.Skipped = append(o.Skipped, report.Count{Name: why, N: int(r.of.Skipped[why])})
		}
	}
	if len(o.Hosts) == 0 {
		o.Hosts = p.hosts()
	}
	o.Figures = p.figures()
	for _, b := range r.coverage.sorted() {
		o.Boots = append(o.Boots, bootView{Host: b.host, Boot: b.boot, First: b.first, Last: b.last,
			Audit: b.audit.bars(o.From, o.To), SSHD: b.sshd.bars(o.From, o.To),
			AuditEvents: b.audit.total, SSHDLines: b.sshd.total, Kinds: kinds(b)})
	}
	o.Ticks = ticks(o.From, o.To)
	o.Missing = append(p.missing(), skews(o.Inputs)...)
	return o
}

// hosts are those that the events name.
func (p *page) hosts() []Host {
	var hosts []Host
	for _, b := range p.report.coverage.sorted() {
		if n := len(hosts); n == 0 || hosts[n-1].Name != b.host {
			hosts = append(hosts, Host{Name: b.host})
		}
		last := &hosts[len(hosts)-1]
		last.Boots = append(last.Boots, b.boot)
	}
	return hosts
}

func (p *page) figures() []figure {
	var ssh, nobody, local, commands, root int
	people := map[string]bool{}
	for i := range p.rows {
		s := &p.rows[i]
		switch s.Attribution {
		case schema.Local:
			local++
			continue
		case schema.None:
			nobody++
		default:
			ssh++
			people[cmp.Or(s.Person, s.Fingerprint, s.Account)] = true
		}
		if s.Commands != nil {
			commands += *s.Commands
		}
		if s.RootCommands != nil {
			root += *s.RootCommands
		}
	}
	refused := 0
	sources := p.report.refusals.All()
	for i := range sources {
		refused += sources[i].Attempts
	}
	return []figure{
		{number(ssh), "SSH sessions", "by " + plural(len(people), "person or key", "persons or keys"), ""},
		{number(commands), "commands", "in them", ""},
		{number(root), "as root", "of these commands", ink(root, "warm")},
		{number(refused), "refused logins", "from " + plural(len(sources), "source", "sources"), ink(refused, "bad")},
		{number(nobody), "unattributed", "sessions or parts of one", ink(nobody, "bad")},
		{number(local), "local sessions", "cron, console, services", ""},
	}
}

func ink(n int, class string) string {
	if n == 0 {
		return ""
	}
	return class
}

// kinds says what a boot's audit events are about.
func kinds(b *boot) string {
	var parts []string
	for _, k := range []string{report.AboutCommand, report.AboutFile, report.AboutNetwork, report.AboutPrivilege} {
		n := "none"
		if b.about[k] > 0 {
			n = number(b.about[k])
		}
		parts = append(parts, k+" "+n)
	}
	return strings.Join(parts, " · ")
}

// missing is what the events themselves show to be missing.
func (p *page) missing() []remark {
	var all []remark
	say := func(n int, one, many, why string) {
		if n > 0 {
			all = append(all, remark{plural(n, one, many), why})
		}
	}
	var unrecorded, unseen, open int
	reasons := map[string]int{}
	for i := range p.rows {
		s := &p.rows[i]
		switch {
		case s.Attribution == schema.Local:
			continue
		case s.Attribution == schema.None:
			reasons[cmp.Or(s.Reason, "no reason given")]++
		case s.Login != "" && s.Failures == nil:
			unseen++
		case s.NotRecorded:
			unrecorded++
		}
		if s.End.IsZero() && s.Ended != "shutdown" {
			open++
		}
	}
	for _, why := range slices.Sorted(maps.Keys(reasons)) {
		say(reasons[why], "session is nobody's", "sessions are nobody's", text(why))
	}
	say(unseen, "login without an audit session", "logins without an audit session",
		"sshd let them in, but the audit log has nothing of what was done")
	say(unrecorded, "SSH session without recorded commands", "SSH sessions without recorded commands",
		"no rule can be shown to have recorded executions then: nothing seen is not nothing done")
	say(open, "SSH session without an end", "SSH sessions without an end", "still open where the evidence ends, or their end is not in it")
	boots := p.report.coverage.sorted()
	for _, k := range []string{report.AboutCommand, report.AboutFile, report.AboutNetwork} {
		if at := where(boots, func(b *boot) bool { return b.audit.total > 0 && b.about[k] == 0 }); at != "" {
			all = append(all, remark{"no " + k + " event", at + ": either none happened in a session or no rule recorded them"})
		}
	}
	if at := where(boots, func(b *boot) bool { return b.sshd.total == 0 }); at != "" {
		all = append(all, remark{"nothing of sshd's log", at})
	}
	if at := where(boots, func(b *boot) bool { return b.audit.total == 0 }); at != "" {
		all = append(all, remark{"no audit event of a session", at})
	}
	return all
}

// where names the boots that are so, a few of them.
func where(boots []*boot, so func(*boot) bool) string {
	const most = 4
	var names []string
	n := 0
	for _, b := range boots {
		if !so(b) {
			continue
		}
		if n++; n <= most {
			names = append(names, cmp.Or(text(b.host), "unnamed host")+" boot "+bootName(b.boot))
		}
	}
	if n > most {
		names = append(names, fmt.Sprintf("and %s more of %s", number(n-most), plural(len(boots), "boot", "boots")))
	}
	return strings.Join(names, ", ")
}

// skews are the sources whose clock differs from the audit log's.
func skews(inputs []Input) []remark {
	var all []remark
	for i := range inputs {
		if skew := inputs[i].ClockSkew; skew != 0 {
			all = append(all, remark{"clock", fmt.Sprintf("%s is %+.3f s off the audit log", text(inputs[i].Name), skew.Seconds())})
		}
	}
	return all
}

// damage is what could not be read of the inputs.
func damage(c *Case) []string {
	all := slices.Clone(c.Damage)
	for i := range c.Inputs {
		in := &c.Inputs[i]
		if in.Rejected > 0 {
			all = append(all, fmt.Sprintf("%s: %s of %s lines or entries could not be read", in.Name, number(in.Rejected), number(in.Read)))
		}
		if in.NULs > 0 {
			all = append(all, fmt.Sprintf("%s: %s NUL bytes, which a reset of the host leaves", in.Name, number(in.NULs)))
		}
	}
	return all
}

// ticks are readable moments between two times.
func ticks(from, to int64) []tick {
	const day = 24 * time.Hour
	if to <= from {
		return nil
	}
	steps := []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
		time.Hour, 3 * time.Hour, 6 * time.Hour, day, 2 * day, 7 * day, 14 * day, 30 * day, 91 * day, 365 * day}
	i := 0
	for i < len(steps)-1 && (to-from)/steps[i].Milliseconds() > 7 {
		i++
	}
	step := max(steps[i].Milliseconds(), (to-from)/7)
	layout := "15:04"
	switch {
	case step < time.Minute.Milliseconds():
		layout = "15:04:05"
	case step >= day.Milliseconds():
		layout = time.DateOnly
	case to-from > day.Milliseconds():
		layout = "01-02 15:04"
	}
	var all []tick
	for at := from - from%step + step; at < to-(to-from)/30; at += step {
		all = append(all, tick{float64(at-from) / float64(to-from) * 1000, time.UnixMilli(at).UTC().Format(layout)})
	}
	return all
}

// bootName is a boot as people read it: by when it began, or the start of its id.
func bootName(id string) string {
	switch {
	case id == "":
		return "unknown"
	case strings.HasPrefix(id, "@"):
		sec, err := strconv.ParseFloat(id[1:], 64)
		if err == nil && sec < 1e11 {
			return "of " + time.Unix(int64(sec), 0).UTC().Format(time.DateTime)
		}
	case len(id) > 8:
		return text(id[:8]) + "…"
	}
	return text(id)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// number groups the digits of n by three.
func number[T int | int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	for at := len(s) - 3; at > 0 && s[at-1] != '-'; at -= 3 {
		s = s[:at] + "\u202f" + s[at:]
	}
	return s
}

func functions() template.FuncMap {
	return template.FuncMap{
		"text":   text,
		"number": number[int64],
		"count":  number[int],
		"boot":   bootName,
		"coord":  func(x float64) string { return strconv.FormatFloat(x/10, 'f', 2, 64) + "%" },
		"when":   func(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.DateTime) },
		"time": func(t time.Time) string {
			if t.IsZero() {
				return ""
			}
			return t.UTC().Format(time.DateTime)
		},
		"seconds": func(d time.Duration) string { return fmt.Sprintf("%+.3f s", d.Seconds()) },
	}
}
