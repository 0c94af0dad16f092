package ingest

import (
	"fmt"
	"slices"
	"strings"
)

// NameSources gives every source the shortest trailing part of its path, in
// whole components, that ends no other source's path: "audit.log.1", or
// "host1/audit.log" where there is another audit.log. A member is named with
// its archive, by its whole path: "bundle.tar.gz!var/log/audit/audit.log".
// Then it sorts the sources by name. Both depend on the set alone, so the
// order of arguments changes nothing.
func NameSources(sources []*Source) {
	// How many sources have a path that ends so.
	ends := make(map[string]int)
	for _, s := range sources {
		for name := range trailing(s.Path) {
			ends[name]++
		}
	}
	for _, s := range sources {
		for name := range trailing(s.Path) {
			s.Name = name
			if ends[name] == 1 {
				break
			}
		}
		s.Name = printable(s.Name)
	}
	slices.SortStableFunc(sources, func(a, b *Source) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Path, b.Path)
	})
	// Names that are still alike: paths of different bytes that print alike.
	taken := make(map[string]bool)
	for _, s := range sources {
		name := s.Name
		for n := 2; taken[s.Name]; n++ {
			s.Name = fmt.Sprintf("%s#%d", name, n)
		}
		taken[s.Name] = true
	}
}

// trailing yields the trailing parts of a path, the shortest first.
func trailing(path string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		end := len(path)
		if i := strings.IndexByte(path, '!'); i >= 0 {
			end = i
		}
		for i := end - 1; i > 0; i-- {
			if path[i-1] == '/' && !yield(path[i:]) {
				return
			}
		}
		yield(path)
	}
}

// hostRoots divides what was found in one directory or archive where it holds
// the log folders of several hosts: the root of each is what stands above its
// var/log or run/log. One alone changes nothing: what lies beside it (exports
// of the journal) is that host's too.
func hostRoots(sources []*Source) {
	found := make(map[string][]string) // root -> roots below
	for _, s := range sources {
		if below, ok := hostRoot(s); ok && !slices.Contains(found[s.Root], below) {
			found[s.Root] = append(found[s.Root], below)
		}
	}
	for _, s := range sources {
		roots := outermost(found[s.Root])
		if len(roots) < 2 {
			continue
		}
		for _, root := range roots {
			if strings.HasPrefix(s.Path, root) {
				s.Root = strings.TrimRight(root, "/!")
				break
			}
		}
	}
}

// hostRoot gives the part of a source's path above var/log, with its separator.
func hostRoot(s *Source) (string, bool) {
	root := s.Root
	if root == "." {
		root = ""
	}
	if s.Root == "" || !strings.HasPrefix(s.Path, root) {
		return "", false
	}
	rest := s.Path[len(root):]
	best := -1
	for _, logs := range []string{"var/log/", "run/log/"} {
		for i := 0; ; {
			j := strings.Index(rest[i:], logs)
			if j < 0 {
				break
			}
			i += j
			if i > 0 && (rest[i-1] == '/' || rest[i-1] == '!') && (best < 0 || i < best) {
				best = i
			}
			i += len(logs)
		}
	}
	if best < 0 {
		return "", false
	}
	return root + rest[:best], true
}

// outermost leaves out the roots that lie in another.
func outermost(roots []string) []string {
	slices.Sort(roots)
	var out []string
	for _, r := range roots {
		if len(out) == 0 || !strings.HasPrefix(r, out[len(out)-1]) {
			out = append(out, r)
		}
	}
	return out
}
