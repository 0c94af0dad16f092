package ingest

import (
	"bytes"
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// place is where an input stands.
type place struct {
	root    string // see Source.Root
	base    string // what of its path is not below the named directory or archive
	named   bool   // by the user, not found in something
	anyway  bool   // a source of whatever kind
	depth   int
	members *members
}

// members are the members of all archives in one named input.
type members struct {
	n     int
	names map[string]int
}

func (p place) deeper() place { p.depth++; return p }

func (p place) inside() place { p.depth++; p.named = false; return p }

// take decides about what was found at a path.
func (p place) take(d *discovery, path string, dir bool) Taking {
	if d.opt.Take == nil {
		return TakeEvidence
	}
	return d.opt.Take(strings.TrimPrefix(path, p.base), dir)
}

// link keeps a link that would have been looked at were it what it leads to.
func (p place) link(d *discovery, path, why, target string) {
	if p.take(d, path, false) != TakeNothing || p.take(d, path, true) != TakeNothing {
		d.in.Skipped = append(d.in.Skipped, Skipped{path, why, target})
	}
}

// count counts a member.
func (p place) count(d *discovery, archive string) error {
	p.members.n++
	if p.members.n > d.opt.MaxMembers {
		return &Damage{Path: archive, What: fmt.Sprintf("archive bomb (more than %d members)", d.opt.MaxMembers)}
	}
	return nil
}

// memberPath gives ARCHIVE!MEMBER. Where an archive holds two members of one
// name the second is MEMBER#2: both are evidence.
func (p place) memberPath(archive, name string) string {
	full := archive + "!" + cleanMember(name)
	p.members.names[full]++
	if n := p.members.names[full]; n > 1 {
		return fmt.Sprintf("%s#%d", full, n)
	}
	return full
}

// cleanMember makes a member's name one to print and to compare. It is never
// used to open anything.
func cleanMember(name string) string {
	return printable(strings.TrimPrefix(path.Clean("/"+name), "/"))
}

// printable escapes what would not print as itself: control characters, bytes
// that are no UTF-8, and characters that reorder or hide text.
func printable(s string) string {
	clean := true
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b bytes.Buffer
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unicode.IsPrint(r):
			b.WriteString(s[:n])
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		s = s[n:]
	}
	return b.String()
}
