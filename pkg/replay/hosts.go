package replay

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"auditreplay/pkg/ingest/root"
)

// host is one machine of the evidence.
type host struct {
	name    string // as shown; "" where nothing names it
	machine string
	group   int // of a host without a name
	boots   []boot
	overlap *overlap       // where two of them are at once; nil where that is never
	zone    *time.Location // by its root; nil unknown
	root    *root.Root     // or nil
}

// hostKey is what two nodes of one host have in common.
type hostKey struct {
	name  string
	group int // of a host without a name, or with a root; else -1
}

// hostFinder says which host a node is.
type hostFinder struct {
	canonical  map[string]string
	byGroup    map[int]map[string]bool
	everywhere map[string]bool
	roots      map[int]*root.Root // by group
	own        map[int]string     // canonical name of a root's host, by group
	alone      map[int]bool       // groups of roots whose records are all of that one host
	owners     map[string][]int   // groups of the roots whose host has that name
}

// resolveHosts says which host each node is, and gives the hosts in the order
// of their names. Names are compared by their first label, in lower case,
// where that label stands for one name only: an audit record says
// node=db-eu.example where the syslog file says db-eu. A group of sources
// that names one host has no other: its unnamed records are that host's. Those
// of a group that names none are the one host's that all evidence names.
//
// A root is one host, whatever other has its name, unless its records name
// several. What else names that host belongs to it; where two roots have one
// name, the machine id decides.
func resolveHosts(nodes []node, forced string, roots map[int]*root.Root) ([]host, error) {
	if forced != "" {
		return forcedHost(nodes, forced, roots)
	}
	f := newHostFinder(nodes, roots)
	found := make(map[hostKey]*host)
	names := make(map[hostKey]map[string]int)
	var keys []hostKey
	for i := range nodes {
		k := f.keyOf(&nodes[i])
		h := found[k]
		if h == nil {
			h = &host{group: k.group, root: f.roots[k.group]}
			found[k], names[k] = h, make(map[string]int)
			keys = append(keys, k)
		}
		if h.root == nil || f.alone[k.group] || f.canonical[nodes[i].name] == k.name {
			names[k][nodes[i].name] += nodes[i].count
		}
		h.machine = max(h.machine, nodes[i].machine)
	}
	for k, h := range found {
		h.name = bestName(names[k])
		h.fromRoot()
	}
	slices.SortFunc(keys, func(a, b hostKey) int {
		return cmp.Or(cmp.Compare(found[a].name, found[b].name), cmp.Compare(a.group, b.group))
	})
	hosts := make([]host, len(keys))
	number := make(map[hostKey]int)
	for i, k := range keys {
		hosts[i], number[k] = *found[k], i
	}
	for i := range nodes {
		nodes[i].host = number[f.keyOf(&nodes[i])]
	}
	return hosts, nil
}

// forcedHost makes all evidence that of one host with the name of --host.
func forcedHost(nodes []node, name string, roots map[int]*root.Root) ([]host, error) {
	if err := checkForced(nodes); err != nil {
		return nil, err
	}
	if len(roots) > 1 {
		return nil, fmt.Errorf("--host: there are %d roots; give each its own run", len(roots))
	}
	h := host{name: name, machine: oneMachine(nodes)}
	for _, r := range roots {
		h.root = r
	}
	h.fromRoot()
	for i := range nodes {
		nodes[i].host = 0
	}
	return []host{h}, nil
}

// fromRoot takes what the evidence left open from the host's root.
func (h *host) fromRoot() {
	if h.root == nil {
		return
	}
	if h.name == "" {
		h.name = h.root.Hostname
	}
	if h.machine == "" {
		h.machine = h.root.MachineID
	}
	h.zone = h.root.Zone
}

func newHostFinder(nodes []node, roots map[int]*root.Root) *hostFinder {
	f := &hostFinder{roots: roots, everywhere: make(map[string]bool), own: make(map[int]string),
		alone: make(map[int]bool), owners: make(map[string][]int)}
	named := slices.Clone(nodes)
	for _, r := range roots {
		named = append(named, node{name: r.Hostname, group: -1})
	}
	f.canonical = canonicalNames(named)
	f.byGroup = groupNames(nodes, f.canonical)
	for group, names := range f.byGroup {
		if roots[group] != nil && roots[group].Hostname != "" {
			continue
		}
		for name := range names {
			f.everywhere[name] = true
		}
	}
	groups := slices.Sorted(maps.Keys(roots))
	for _, g := range groups {
		f.own[g] = f.canonical[roots[g].Hostname]
		f.alone[g] = oneEach(nodes, g, f.canonical)
		if names := f.byGroup[g]; len(names) == 1 || f.own[g] == "" && f.alone[g] {
			for _, name := range slices.Sorted(maps.Keys(names)) {
				f.own[g] = name
			}
		}
		if name := f.own[g]; name != "" {
			f.owners[name] = append(f.owners[name], g)
			f.everywhere[name] = true
		}
	}
	return f
}

// oneEach reports whether the audit records of a group name one host at most,
// and its messages too: auditd's node= may be another name of the same one.
func oneEach(nodes []node, group int, canonical map[string]string) bool {
	audit, message := "", ""
	for i := range nodes {
		n := &nodes[i]
		if n.group != group || n.name == "" {
			continue
		}
		name := canonical[n.name]
		if n.audit {
			if audit != "" && audit != name {
				return false
			}
			audit = name
		}
		if n.journal || n.message {
			if message != "" && message != name {
				return false
			}
			message = name
		}
	}
	return true
}

func (f *hostFinder) keyOf(n *node) hostKey {
	if f.roots[n.group] != nil && (n.name == "" || f.alone[n.group] || f.canonical[n.name] == f.own[n.group]) {
		return hostKey{f.own[n.group], n.group}
	}
	if n.name != "" {
		return f.named(f.canonical[n.name], n.machine)
	}
	names := f.byGroup[n.group]
	if len(names) == 0 {
		names = f.everywhere
	}
	if len(names) == 1 {
		for name := range names {
			return f.named(name, n.machine)
		}
	}
	return hostKey{"", n.group}
}

// named finds the host with a name: that of a root, where there is one.
func (f *hostFinder) named(name, machine string) hostKey {
	owners := f.owners[name]
	if len(owners) == 1 {
		return hostKey{name, owners[0]}
	}
	for _, g := range owners {
		if machine != "" && f.roots[g].MachineID == machine {
			return hostKey{name, g}
		}
	}
	return hostKey{name, -1}
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

// bestName picks, of the names of one host and how often each was said, the one
// that says most. Of those that are as long it is the most frequent: in one
// record a letter's case may be damage.
func bestName(count map[string]int) string {
	best := ""
	for _, name := range slices.Sorted(maps.Keys(count)) {
		if len(name) > len(best) || len(name) == len(best) && count[name] > count[best] {
			best = name
		}
	}
	return best
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
