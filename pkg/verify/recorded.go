package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// ability is something that audit rules may record of sessions.
type ability int

const (
	commands ability = iota
	connections
	changes
	abilities // how many there are
)

var abilityNames = [abilities]string{"commands (execve)", "connections (connect)", "opened and changed files"}

// abilityOf says what the record of a syscall shows to be recorded. Of open
// only what succeeded counts: many hosts record the failures alone.
func abilityOf(syscall string, failed bool) (ability, bool) {
	switch syscall {
	case "execve", "execveat":
		return commands, true
	case "connect":
		return connections, true
	case "open", "openat", "openat2", "creat":
		return changes, !failed
	case "truncate", "ftruncate", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat",
		"symlink", "symlinkat", "mkdir", "mkdirat", "rmdir", "mknod", "mknodat", "chmod", "fchmod", "fchmodat", "fchmodat2",
		"chown", "fchown", "lchown", "fchownat", "setxattr", "lsetxattr", "fsetxattr":
		return changes, true
	}
	return 0, false
}

// period is a time in which the rules were the same.
type period struct {
	from     int64
	sessions cited // events of sessions
	seen     [abilities]int64
}

// makePeriods cuts the boot where its rules became others.
func (b *boot) makePeriods() {
	b.periods = []period{{from: -1 << 62}}
	for _, t := range b.batches(false) {
		if t.nGone > 0 && maps.Equal(t.added, t.removed) {
			continue
		}
		b.periods = append(b.periods, period{from: t.to})
	}
}

// recorded notes what an event shows to be recorded.
func (b *boot) recorded(at int64, e *auditevent.AuditEvent, x *schema.Extra) {
	for b.at+1 < len(b.periods) && at >= b.periods[b.at+1].from {
		b.at++
	}
	p := &b.periods[b.at]
	if s := x.Session; e.Type == schema.TypeAction && s.ID != "" && s.ID != "0" && !s.NotSSH && x.Event.Type != "CONFIG_CHANGE" {
		p.sessions.add(at, x.Event.Pos)
	}
	syscall := x.Event.Syscall
	if syscall == "" && x.Event.Type == "EXECVE" {
		syscall = "execve"
	}
	a, ok := abilityOf(syscall, e.Outcome == schema.Failed)
	if !ok {
		return
	}
	p.seen[a]++
	for _, key := range x.Event.Keys {
		if b.keys == nil {
			b.keys = make(map[string][abilities]bool)
		}
		if _, ok := b.keys[key]; !ok && len(b.keys) >= maxKinds {
			continue
		}
		can := b.keys[key]
		can[a] = true
		b.keys[key] = can
	}
}

// fromStart reports whether the boot's first records are in the evidence.
func (b *boot) fromStart() bool {
	return len(b.serials.runs) > 0 && b.serials.runs[0].lo.serial <= firstSerials
}

// knowledge is what is known of one ability in one period.
type knowledge int

const (
	isSeen    knowledge = iota // events of that sort are in the evidence
	hasRule                    // a loaded rule records them; none happened
	hasNone                    // no loaded rule records them
	isUnknown                  // none is in the evidence, and the rules are not known
)

// abilityFindings says what of sessions was not recorded, and when.
func (v *Verifier) abilityFindings(b *boot) (out []Finding) {
	sets := []ruleSet{{known: b.fromStart(), keys: map[string]int{}}}
	for _, t := range b.batches(b.fromStart()) {
		if t.nGone > 0 && maps.Equal(t.added, t.removed) {
			continue
		}
		sets = append(sets, t.after)
	}
	can := v.keysOf(b.host)
	var open *Finding
	for i := range b.periods {
		p := &b.periods[i]
		if p.sessions.n == 0 {
			continue
		}
		detail := v.rules[b.host].lacks(p, sets[min(i, len(sets)-1)], can)
		switch {
		case detail == "":
			open = nil
		case open != nil && open.Detail == detail:
			open.To, open.Count = atMillis(p.sessions.to), open.Count+p.sessions.n
		default:
			f := b.finding(NotRecorded, p.sessions.from, p.sessions.to, p.sessions.where(), detail)
			f.Count = p.sessions.n
			out = append(out, f)
			open = &out[len(out)-1]
		}
	}
	return out
}

// lacks says what of sessions was not recorded in a period, "" where all was.
func (own ruleFiles) lacks(p *period, set ruleSet, can map[string][abilities]bool) string {
	var parts []string
	for a := abilities - 1; a >= 0; a-- {
		know, why := own.knows(a, p, set, can)
		if know == isSeen || know == hasRule {
			continue
		}
		// Those of one reason are named together.
		if n := len(parts); n > 0 && strings.HasSuffix(parts[n-1], ": "+why) {
			parts[n-1] = abilityNames[a] + ", " + parts[n-1]
			continue
		}
		parts = append(parts, abilityNames[a]+": "+why)
	}
	slices.Reverse(parts)
	return strings.Join(parts, "; ")
}

// knows decides what is known of an ability in a period with sessions.
func (own ruleFiles) knows(a ability, p *period, set ruleSet, can map[string][abilities]bool) (knowledge, string) {
	if p.seen[a] > 0 {
		return isSeen, ""
	}
	named := make(map[string]bool) // keys that the host's files explain
	for i := range own {
		r := &own[i]
		named[r.Key] = true
		if (!set.known || set.keys[r.Key] > 0) && r.can[a] {
			return hasRule, ""
		}
	}
	unexplained := false
	for key := range set.keys {
		if can[key][a] {
			return hasRule, ""
		}
		unexplained = unexplained || !named[key]
	}
	switch {
	case set.known && len(set.keys) == 0:
		return hasNone, "none seen, and no rule was loaded"
	case set.known && !unexplained:
		return hasNone, "none seen, and no loaded rule records them"
	case !set.known && len(own) > 0:
		return hasNone, "none seen, and no rule of the host's files records them"
	case set.known:
		return isUnknown, "none seen; whether one of the loaded rules records them is not in the evidence (--root has the rules)"
	}
	return isUnknown, "none seen; which rules were loaded is not in the evidence (--root may have them)"
}

// keysOf gives what the rules of each key were seen to record on a host.
func (v *Verifier) keysOf(host int) map[string][abilities]bool {
	all := make(map[string][abilities]bool)
	for _, b := range v.all {
		if b.host != host {
			continue
		}
		for key, can := range b.keys {
			merged := all[key]
			for a := range can {
				merged[a] = merged[a] || can[a]
			}
			all[key] = merged
		}
	}
	return all
}

// recordedText says what was recorded in a boot, for the figures.
func (b *boot) recordedText() string {
	var parts []string
	for a := range abilities {
		n := int64(0)
		for i := range b.periods {
			n += b.periods[i].seen[a]
		}
		var keys []string
		for key, can := range b.keys {
			if can[a] {
				keys = append(keys, key)
			}
		}
		slices.Sort(keys)
		text := fmt.Sprintf("%s %d", abilityNames[a], n)
		if len(keys) > 0 {
			text += " by " + strings.Join(keys, ", ")
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
