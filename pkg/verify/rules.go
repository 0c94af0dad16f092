package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
)

// changeFact is a CONFIG_CHANGE record: the audit was set up differently.
type changeFact struct {
	node   int
	millis int64
	serial uint32
	pos    ingest.Pos
	add    bool
	remove bool
	key    string
	set    string // "audit_enabled"
	value  string
	old    string
	by     string // "auid 1000 in session 4", "" for the system's own
}

// same reports whether two sources have the same record.
func (f *changeFact) same(o *changeFact) bool {
	return f.millis == o.millis && f.serial == o.serial && f.key == o.key && f.set == o.set && f.add == o.add
}

func (v *Verifier) change(node int, rec *auditd.Record) {
	if len(v.changes) >= maxFacts {
		return
	}
	f := changeFact{node: node, millis: rec.Millis, serial: rec.Serial, pos: rec.Pos, key: field(rec.Body, "key")}
	if field(rec.Body, "res") == "0" {
		return
	}
	switch op := field(rec.Body, "op"); op {
	case "add_rule", "add":
		f.add = true
	case "remove_rule", "remove":
		f.remove = true
	}
	// Old kernels write "audit_enabled=0 old=1" without op=set, and
	// "add rule to list=4" and "remove rule from list=4" in words.
	text := string(rec.Body)
	f.add = f.add || strings.Contains(text, "add rule ")
	f.remove = f.remove || strings.Contains(text, "remove rule ")
	if value := field(rec.Body, "audit_enabled"); value != "" {
		f.set, f.value, f.old = "audit_enabled", value, field(rec.Body, "old")
	}
	if !f.add && !f.remove && f.set == "" {
		return
	}
	if auid := field(rec.Body, "auid"); !unset(auid) {
		f.by = "auid " + auid
		if ses := field(rec.Body, "ses"); !unset(ses) {
			f.by += " in session " + ses
		}
	}
	v.changes = append(v.changes, f)
}

// switchedOff finds the times in which the kernel's audit was switched off.
func (b *boot) switchedOff() {
	var off *changeFact
	for i := range b.changes {
		f := &b.changes[i]
		switch {
		case f.set == "":
		case f.value == "0" && off == nil:
			off = f
		case f.value != "0" && off != nil:
			b.off = append(b.off, hole{from: off.millis, to: f.millis, where: off.pos.String() + "," + f.pos.String(),
				detail: "audit_enabled=0" + by(off.by) + ", set back" + by(f.by)})
			off = nil
		}
	}
	if off != nil {
		b.off = append(b.off, hole{from: off.millis, to: max(b.last, off.millis), where: off.pos.String(), open: true,
			detail: "audit_enabled=0" + by(off.by) + ", not set back in this boot"})
	}
}

func by(who string) string {
	if who == "" {
		return ""
	}
	return " by " + who
}

// batchWithin is how near each other the changes of one loading of rules are.
const batchWithin = 5_000

// batch is some changes of the rules that belong together: auditctl -R
// removes all rules and adds those of the file one by one.
type batch struct {
	from, to       int64
	first, last    ingest.Pos
	added, removed map[string]int // rules by key
	nAdded, nGone  int
	by             string
	after          ruleSet
	before         ruleSet
}

// ruleSet is what rules are loaded, by key, as far as the evidence tells.
type ruleSet struct {
	known bool
	keys  map[string]int
}

func (s ruleSet) equal(o ruleSet) bool { return s.known == o.known && maps.Equal(s.keys, o.keys) }

// batches gives the boot's changes of rules. start says whether the boot began
// without rules: its start is in the evidence.
func (b *boot) batches(start bool) []batch {
	var out []batch
	set := ruleSet{known: start, keys: map[string]int{}}
	for i := 0; i < len(b.changes); {
		f := &b.changes[i]
		if !f.add && !f.remove {
			i++
			continue
		}
		t := batch{from: f.millis, first: f.pos, by: f.by, added: map[string]int{}, removed: map[string]int{}, before: set}
		keys := maps.Clone(set.keys)
		for ; i < len(b.changes); i++ {
			f := &b.changes[i]
			if !f.add && !f.remove {
				continue
			}
			if f.by != t.by || t.last.Source != nil && f.millis-t.to > batchWithin {
				break
			}
			t.to, t.last = f.millis, f.pos
			if f.add {
				t.added[f.key]++
				t.nAdded++
				keys[f.key]++
			} else {
				t.removed[f.key]++
				t.nGone++
				if keys[f.key]--; keys[f.key] <= 0 {
					delete(keys, f.key)
				}
			}
		}
		set = ruleSet{known: set.known, keys: keys}
		if !set.known && t.nGone > 0 && t.nAdded > 0 { // all removed, then all added
			set = ruleSet{known: true, keys: maps.Clone(t.added)}
		}
		t.after = set
		out = append(out, t)
	}
	return out
}

// ruleFindings reports the changes of rules, but for their loading at the
// boot's start.
func (v *Verifier) ruleFindings(b *boot) (out []Finding) {
	for _, t := range b.batches(b.fromStart()) {
		if t.nGone == 0 && t.by == "" && t.before.known && len(t.before.keys) == 0 {
			continue
		}
		detail := ""
		switch {
		case t.nGone > 0 && maps.Equal(t.added, t.removed):
			detail = fmt.Sprintf("%s removed and added again%s: the same keys; in between not all were in force", rules(t.nGone), by(t.by))
		default:
			var parts []string
			if t.nGone > 0 {
				parts = append(parts, fmt.Sprintf("%s removed (%s)", rules(t.nGone), keyList(t.removed)))
			}
			if t.nAdded > 0 {
				parts = append(parts, fmt.Sprintf("%s added (%s)", rules(t.nAdded), keyList(t.added)))
			}
			detail = strings.Join(parts, ", ") + by(t.by)
			if t.after.known && len(t.after.keys) == 0 {
				detail += "; no rule was left"
			}
		}
		where := t.first.String()
		if t.last != t.first {
			where += "," + t.last.String()
		}
		f := b.finding(RulesChanged, t.from, t.to, where, detail)
		f.Count = int64(t.nAdded + t.nGone)
		out = append(out, f)
	}
	return out
}

func rules(n int) string {
	if n == 1 {
		return "1 rule"
	}
	return fmt.Sprintf("%d rules", n)
}

// keyList names rules by their keys.
func keyList(m map[string]int) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		name := key
		if key == "" || key == "(null)" {
			name = "without key"
		}
		if m[key] > 1 {
			name += fmt.Sprintf(" %d", m[key])
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, ", ")
}

// reboots compares the rules of a boot with those of the boot before.
func (v *Verifier) rebootFindings(host int) (out []Finding) {
	var before ruleSet
	for _, b := range v.all {
		if b.host != host {
			continue
		}
		all := b.batches(b.fromStart())
		if len(all) == 0 {
			continue
		}
		// The first loading: what the host's files said at that time.
		first := all[0].after
		if before.known && first.known && !before.equal(first) {
			f := b.finding(RulesChanged, all[0].from, all[0].to, all[0].first.String()+","+all[0].last.String(),
				fmt.Sprintf("the rules loaded at this boot (%s) are not those at the end of the boot before (%s)", keyList(first.keys), keyList(before.keys)))
			out = append(out, f)
		}
		before = all[len(all)-1].after
	}
	return out
}
