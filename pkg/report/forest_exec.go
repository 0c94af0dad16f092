package report

import (
	"slices"
	"strings"

	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// exec adds an execution to its process.
func (f *Forest) exec(p *Process, e *auditevent.AuditEvent, x *schema.Extra) {
	one := Exec{
		Time:    e.LoggedAt,
		Args:    f.keepAll(x.ProcessArgs),
		ArgsHex: f.keepAll(x.ProcessArgsHex),
		Exe:     f.strs.keep(x.Process.Exe),
		CWD:     f.strs.keep(x.Process.CWD),
		Result:  result(e, x),
	}
	if x.Event != nil {
		one.ID = strings.Clone(x.Event.ID)
	}
	if u := acting(x); u != nil {
		one.User = f.strs.keep(u.ID)
		one.setuid = x.User.UID != nil && x.User.UID.ID != u.ID
	}
	if one.Result != "" {
		if x.Object != nil && x.Object.Primary != "" {
			one.Exe = f.strs.keep(x.Object.Primary)
		}
		// A search along PATH is one of these per directory.
		if one.Result == noSuchFile {
			p.lastFailed = &one
			return
		}
	}
	if len(p.Execs) == 0 {
		p.DuringLogin = p.Parent != nil && (p.Parent.DuringLogin || p.session.starting() == &p.session.early)
		f.underSudo(p, &one)
	}
	p.Execs = append(p.Execs, one)
}

func (f *Forest) keepAll(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	kept := make([]string, len(list))
	for i, s := range list {
		kept[i] = f.strs.keep(s)
	}
	return kept
}

// underSudo puts p's missing parent below the one sudo of the session that
// announced just the command that p executes.
func (f *Forest) underSudo(p *Process, one *Exec) {
	if p.Parent == nil || !p.Parent.Missing || p.Parent.Parent != nil {
		return
	}
	var found *Process
	which := 0
	for _, sudo := range f.sudos[p.session] {
		if i := slices.IndexFunc(sudo.sudo, one.announced); i >= 0 {
			if found != nil {
				return
			}
			found, which = sudo, i
		}
	}
	if found == nil || found == p {
		return
	}
	found.sudo = slices.Delete(found.sudo, which, which+1)
	p.Parent.Parent, p.Parent.Guessed = found, true
	found.Children = append(found.Children, p.Parent)
}

// announced reports whether cmd is how sudo writes the command: its
// arguments, separated by blanks, the program with its full path or not.
func (one *Exec) announced(cmd string) bool {
	if len(one.Args) == 0 {
		return false
	}
	program, rest, _ := strings.Cut(cmd, " ")
	return base(program) == base(one.Args[0]) && rest == strings.Join(one.Args[1:], " ")
}
