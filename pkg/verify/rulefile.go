package verify

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"auditreplay/pkg/ingest"
)

// Rule is a line of a file of audit rules (audit.rules(7), auditctl(8)) that
// makes the kernel record something.
type Rule struct {
	Key   string
	Where string // FILE:LINE
	Text  string

	can [abilities]bool
}

// HostRules are the rules that the files of one host name.
type HostRules struct {
	Root  string // where the host's files are, as its sources have it: ingest.Source.Root
	Rules []Rule
}

// ruleFiles are the rules of the files of one host.
type ruleFiles []Rule

// assignRules finds the host of each root: whose audit records lie in it. Where
// several hosts have some there, as on one that collects those of others, the
// rules may be anyone's and count for none.
func (v *Verifier) assignRules() {
	v.rules = make(map[int]ruleFiles)
	for _, own := range v.opt.Rules {
		hosts := make(map[int]bool)
		for _, c := range v.order {
			if h := v.c.Host(c.node); h >= 0 && c.src.Root == own.Root && c.records.n > 0 {
				hosts[h] = true
			}
		}
		for h := range hosts {
			if len(hosts) == 1 {
				v.rules[h] = append(v.rules[h], own.Rules...)
			}
		}
	}
}

// ParseRules reads the rules of one file. name is what positions are given
// with. Lines that set something else, and what auditctl would refuse, are
// left out.
func ParseRules(name string, r io.Reader) ([]Rule, error) {
	lines := ingest.NewLines(r)
	var out []Rule
	for {
		line, n, _, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, fmt.Errorf("%s: %w", name, err)
		}
		if rule, ok := parseRule(string(line)); ok {
			rule.Where = fmt.Sprintf("%s:%d", name, n)
			out = append(out, rule)
		}
	}
}

func parseRule(line string) (Rule, bool) {
	words := strings.Fields(line)
	if len(words) == 0 || strings.HasPrefix(words[0], "#") {
		return Rule{}, false
	}
	rule := Rule{Text: strings.Join(words, " ")}
	exit, watch, perm, any := false, false, "rwxa", true
	for i := 0; i+1 < len(words); i++ {
		value := words[i+1]
		switch words[i] {
		case "-a", "-A":
			list := strings.Split(value, ",")
			exit = contains(list, "always") && contains(list, "exit")
		case "-w":
			watch = true
		case "-p":
			perm = value
		case "-k":
			rule.Key = strings.Trim(value, `"`)
		case "-F":
			if k, ok := strings.CutPrefix(value, "key="); ok {
				rule.Key = strings.Trim(k, `"`)
			}
			if p, ok := strings.CutPrefix(value, "perm="); ok {
				watch, perm = true, p
			}
		case "-S":
			any = false
			for _, name := range strings.Split(value, ",") {
				if a, ok := abilityOf(name, false); ok {
					rule.can[a] = true
				}
				any = any || name == "all"
			}
		default:
			continue
		}
		i++
	}
	switch {
	case !exit && !watch:
		return Rule{}, false
	case watch && any:
		rule.can[changes] = rule.can[changes] || strings.ContainsAny(perm, "wa")
	case any:
		rule.can = [abilities]bool{true, true, true}
	}
	return rule, true
}

func contains(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}
