package report

import (
	"io"
	"time"
)

// writeTreeJSON writes one object per process, parents first.
func writeTreeJSON(w io.Writer, t *SessionTree) error {
	type step struct {
		p     *Process
		depth int
	}
	var stack []step
	push := func(list []*Process, depth int) {
		for i := len(list) - 1; i >= 0; i-- {
			stack = append(stack, step{list[i], depth})
		}
	}
	push(t.Roots, 0)
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if err := writeJSON(w, at.p.fields(&t.Row, at.depth)); err != nil {
			return err
		}
		push(at.p.Children, at.depth+1)
	}
	return nil
}

// id names the process within its host and boot.
func (p *Process) id() string {
	return processID(p.PID, p.Start)
}

func (p *Process) fields(r *Row, depth int) []field {
	parent := ""
	if p.Parent != nil {
		parent = p.Parent.id()
	}
	execs := make([]execJSON, len(p.Execs))
	for i, one := range p.Execs {
		execs[i] = execJSON{one.Time.UTC(), one.Args, one.ArgsHex, one.Exe, one.CWD, "", one.Result, one.Chain, one.ID}
		if n := len(one.Chain); n > 0 {
			execs[i].User = one.Chain[n-1]
		}
	}
	return []field{
		{"host", p.Host}, {"boot", p.Boot}, {"session", r.Session}, {"login", r.Login},
		{"person", r.Person}, {"account", r.Account}, {"source_ip", r.SourceIP}, {"source_port", r.SourcePort},
		{"attribution", r.Attribution},
		{"id", p.id()}, {"parent", parent}, {"depth", depth},
		{"pid", p.PID}, {"ppid", some(p.PPID)}, {"start", p.Start}, {"end", p.End},
		{"exe", p.Exe}, {"user", p.UserName},
		{"missing", p.Missing}, {"parent_guessed", p.Guessed}, {"forked", p.forked}, {"during_login", p.DuringLogin},
		{"failures", p.Failures}, {"execs", execs},
	}
}

type execJSON struct {
	Time    time.Time `json:"time"`
	Args    []string  `json:"argv,omitempty"`
	ArgsHex []string  `json:"argv_hex,omitempty"`
	Exe     string    `json:"exe,omitempty"`
	CWD     string    `json:"cwd,omitempty"`
	User    string    `json:"user,omitempty"`
	Result  string    `json:"result,omitempty"`
	Chain   []string  `json:"chain,omitempty"`
	ID      string    `json:"event_id,omitempty"`
}
