package replay

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// host is one machine of the evidence.
type host struct {
	name    string // as shown; "" where nothing names it
	machine string
	group   int // of a host without a name
	boots   []boot
	zone    *time.Location // by its root; nil unknown
}

// resolveHosts says which host each node is, and gives the hosts in the order
// of their names. Names are compared by their first label, in lower case,
// where that label stands for one name only: an audit record says
// node=db-eu.example where the syslog file says db-eu. A group of sources
// that names one host has no other: its unnamed records are that host's. Those
// of a group that names none are the one host's that all evidence names.
func resolveHosts(nodes []node, forced string) ([]host, error) {
	if forced != "" {
		if err := checkForced(nodes); err != nil {
			return nil, err
		}
		for i := range nodes {
			nodes[i].host = 0
		}
		return []host{{name: forced, machine: oneMachine(nodes)}}, nil
	}
	canonical := canonicalNames(nodes)
	byGroup := groupNames(nodes, canonical)
	everywhere := make(map[string]bool)
	for _, names := range byGroup {
		for name := range names {
			everywhere[name] = true
		}
	}
	type key struct {
		name  string
		group int // of unnamed hosts
	}
	keyOf := func(n *node) key {
		if n.name != "" {
			return key{canonical[n.name], -1}
		}
		names := byGroup[n.group]
		if len(names) == 0 {
			names = everywhere
		}
		if len(names) == 1 {
			for name := range names {
				return key{name, -1}
			}
		}
		return key{"", n.group}
	}
	found := make(map[key]*host)
	var keys []key
	for i := range nodes {
		k := keyOf(&nodes[i])
		h := found[k]
		if h == nil {
			h = &host{group: k.group}
			found[k] = h
			keys = append(keys, k)
		}
		h.name = betterName(h.name, nodes[i].name)
		h.machine = max(h.machine, nodes[i].machine)
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(found[a].name, found[b].name), cmp.Compare(a.group, b.group))
	})
	hosts := make([]host, len(keys))
	number := make(map[key]int)
	for i, k := range keys {
		hosts[i], number[k] = *found[k], i
	}
	for i := range nodes {
		nodes[i].host = number[keyOf(&nodes[i])]
	}
	return hosts, nil
}

// strayShare is how many times rarer than its group's records a name may be
// before it is taken for damage: one line of a host's log whose host field
// lost a letter must not make two hosts of it.
const strayShare = 50

// groupNames gives the names that each group of sources gives its host.
func groupNames(nodes []node, canonical map[string]string) map[int]map[string]bool {
	count := make(map[int]map[string]int)
	total := make(map[int]int)
	for _, n := range nodes {
		if n.name == "" {
			continue
		}
		if count[n.group] == nil {
			count[n.group] = make(map[string]int)
		}
		count[n.group][canonical[n.name]] += n.count
		total[n.group] += n.count
	}
	out := make(map[int]map[string]bool)
	for group, names := range count {
		out[group] = make(map[string]bool)
		for name, c := range names {
			if c*strayShare >= total[group] {
				out[group][name] = true
			}
		}
	}
	return out
}

// betterName prefers the name that says more.
func betterName(a, b string) string {
	if len(b) > len(a) || len(b) == len(a) && b < a && b != "" {
		return b
	}
	return a
}

// canonicalNames maps each name to what it is compared by.
func canonicalNames(nodes []node) map[string]string {
	full := make(map[string]map[string]bool) // first label -> full names that have it
	for _, n := range nodes {
		name := strings.ToLower(n.name)
		if label := firstLabel(name); label != name {
			if full[label] == nil {
				full[label] = make(map[string]bool)
			}
			full[label][name] = true
		}
	}
	out := make(map[string]string)
	for _, n := range nodes {
		name := strings.ToLower(n.name)
		if label := firstLabel(name); len(full[label]) <= 1 {
			name = label
		}
		out[n.name] = name
	}
	return out
}

// firstLabel cuts a name at its first dot; an address has no labels.
func firstLabel(name string) string {
	label, _, _ := strings.Cut(name, ".")
	if strings.Trim(label, "0123456789") == "" || strings.Contains(name, ":") {
		return name
	}
	return label
}

// checkForced refuses --host where the evidence is of several machines.
func checkForced(nodes []node) error {
	audit, message := make(map[string]bool), make(map[string]bool)
	canonical := canonicalNames(nodes)
	for _, n := range nodes {
		if n.name == "" {
			continue
		}
		if n.audit {
			audit[canonical[n.name]] = true
		}
		if n.journal || n.message {
			message[canonical[n.name]] = true
		}
	}
	for _, names := range []map[string]bool{audit, message} {
		if len(names) > 1 {
			var list []string
			for name := range names {
				list = append(list, name)
			}
			slices.Sort(list)
			return fmt.Errorf("--host: the evidence names several hosts (%s); give each its own run", strings.Join(list, ", "))
		}
	}
	return nil
}

func oneMachine(nodes []node) string {
	id := ""
	for _, n := range nodes {
		id = max(id, n.machine)
	}
	return id
}
