package explain

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/journal"
	"auditreplay/pkg/replay"
)

// place is a stretch of lines that is to be read.
type place struct {
	from, to int64
	into     *[]Line
}

// maxEntry bounds the lines of one entry of a journal in the text forms.
const maxEntry = 200

// readLines reads the lines at all places that an explanation cites.
func (x *Explainer) readLines(e *Explanation) error {
	wanted := make(map[*ingest.Source][]place)
	asked := make(map[string]bool)
	ask := func(pos string, into *[]Line) error {
		if asked[pos] { // shown where it is cited first
			return nil
		}
		asked[pos] = true
		places, err := parsePos(pos, x.c.Sources)
		if err != nil {
			return err
		}
		for _, p := range places {
			wanted[p.src] = append(wanted[p.src], place{p.from, p.to, into})
		}
		return nil
	}
	for i := range e.Steps {
		if err := ask(e.Steps[i].Pos, &e.Steps[i].Lines); err != nil {
			return err
		}
	}
	for i := range e.Rejected {
		if err := ask(e.Rejected[i].Pos, &e.Rejected[i].Lines); err != nil {
			return err
		}
	}
	for _, src := range x.c.Sources {
		if places := wanted[src.Source]; len(places) > 0 {
			slices.SortStableFunc(places, func(a, b place) int { return int(a.from - b.from) })
			if err := readSource(src.Source, places); err != nil {
				return err
			}
		}
	}
	return nil
}

// cited is a part of a position.
type cited struct {
	src      *ingest.Source
	from, to int64
}

// parsePos reads a position: "NAME:A-B,C,NAME2:D". Names may hold any
// character, so the sources' own are looked for.
func parsePos(pos string, sources []replay.ConcludedSource) ([]cited, error) {
	var out []cited
	var src *ingest.Source
	for rest := pos; rest != ""; {
		if name := startsWith(rest, sources); name != nil {
			src = name
			rest = rest[len(name.Name)+1:]
		}
		end := strings.IndexByte(rest, ',')
		if end < 0 {
			end = len(rest)
		}
		from, to, ok := parseRange(rest[:end])
		if !ok || src == nil {
			return nil, fmt.Errorf("position %q: not understood at %q", pos, rest)
		}
		out = append(out, cited{src, from, to})
		rest = strings.TrimPrefix(rest[end:], ",")
	}
	return out, nil
}

// startsWith finds the source whose name, and : or @, text starts with.
func startsWith(text string, sources []replay.ConcludedSource) (best *ingest.Source) {
	for _, s := range sources {
		rest, ok := strings.CutPrefix(text, s.Name)
		if ok && rest != "" && (rest[0] == ':' || rest[0] == '@') && (best == nil || len(s.Name) > len(best.Name)) {
			best = s.Source
		}
	}
	return best
}

func parseRange(text string) (from, to int64, ok bool) {
	a, b, ranged := strings.Cut(text, "-")
	from, err := strconv.ParseInt(a, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	if !ranged {
		return from, from, true
	}
	to, err = strconv.ParseInt(b, 10, 64)
	return from, to, err == nil && to >= from
}

// readSource reads the places of one source, which are in order.
func readSource(src *ingest.Source, places []place) error {
	if src.Offsets {
		return readBinary(src, places)
	}
	r, err := src.OpenRaw()
	if err != nil {
		return err
	}
	defer r.Close()
	lines := ingest.NewLines(r)
	var open []*reading
	for len(places) > 0 || len(open) > 0 {
		line, n, nuls, err := lines.Next()
		var damage *ingest.Damage
		if errors.Is(err, io.EOF) || errors.As(err, &damage) {
			return nil
		}
		if err != nil {
			return err
		}
		for len(places) > 0 && places[0].from <= n {
			open = append(open, &reading{place: places[0], src: src})
			places = places[1:]
		}
		open = slices.DeleteFunc(open, func(o *reading) bool { return !o.line(line, n, nuls) })
	}
	return nil
}

// reading is a place that is being read.
type reading struct {
	place
	src    *ingest.Source
	field  string // of an export whose value is being read: it may hold newlines
	at     int64  // its line
	value  []byte // its length (8 bytes) and bytes so far
	pretty bool
}

// line takes the next line and reports whether more are wanted.
func (r *reading) line(line []byte, n int64, nuls int) bool {
	switch {
	case r.src.Kind == ingest.JournalExport:
		return r.export(line, n, nuls)
	case r.src.Kind == ingest.JournalText:
		if n > r.from && (len(line) == 0 || line[0] != ' ') || n >= r.from+maxEntry {
			return false
		}
		if n == r.from || telling(line) {
			r.keep(n, string(line))
		}
		return true
	case n == r.from && r.src.Kind == ingest.JournalJSON && string(line) == "{":
		r.pretty = true
	}
	r.keep(n, string(line))
	if r.pretty {
		return string(line) != "}" && n < r.from+maxEntry
	}
	return n < r.to
}

func (r *reading) keep(n int64, text string) {
	*r.into = append(*r.into, Line{ingest.Pos{Source: r.src, Line: n}.String(), text})
}

// export takes a line of an entry of an export. A field's name alone on its
// line is followed by the length of its value and the value, which may hold
// newlines: such a field is shown as NAME=value.
func (r *reading) export(line []byte, n int64, nuls int) bool {
	if r.field != "" {
		r.value = append(append(r.value, make([]byte, nuls)...), line...)
		size := uint64(8)
		if len(r.value) >= 8 {
			size = 8 + min(binary.LittleEndian.Uint64(r.value), ingest.MaxLine)
		}
		if uint64(len(r.value)) < size {
			r.value = append(r.value, '\n')
			return len(r.value) < ingest.MaxLine
		}
		if text := r.field + "=" + string(r.value[8:size]); telling([]byte(text)) {
			r.keep(r.at, text)
		}
		r.field, r.value = "", nil
		return true
	}
	switch {
	case len(line) == 0:
		return false
	case !bytes.ContainsRune(line, '='):
		r.field, r.at = string(line), n
	case n == r.from || telling(line):
		r.keep(n, string(line))
	}
	return true
}

// telling reports whether a field of a journal's entry says who said what.
func telling(line []byte) bool {
	text := strings.TrimLeft(string(line[:min(len(line), 48)]), " ")
	for _, field := range []string{"MESSAGE", "_PID=", "_UID=", "_COMM=", "_EXE=", "_BOOT_ID=", "_HOSTNAME=", "SYSLOG_IDENTIFIER=",
		"__REALTIME_TIMESTAMP=", "_SOURCE_REALTIME_TIMESTAMP=", "_AUDIT_SESSION=", "_AUDIT_ID=", "_AUDIT_TYPE_NAME=", "SESSION_ID=", "LEADER="} {
		if strings.HasPrefix(text, field) {
			return true
		}
	}
	return false
}

// readBinary reads entries of a binary journal by their offsets.
func readBinary(src *ingest.Source, places []place) error {
	at, size, err := src.ReaderAt()
	if err != nil {
		return err
	}
	wanted := make(map[int64][]place)
	for _, p := range places {
		wanted[p.from] = append(wanted[p.from], p)
	}
	r := journal.NewBinary(at, size, src)
	for {
		e, err := r.Next()
		var damage *ingest.Damage
		if errors.Is(err, io.EOF) || errors.As(err, &damage) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, p := range wanted[e.Pos.Line] {
			text := fmt.Sprintf("%s[%d]: %s", e.Message.Ident, e.Message.PID, e.Message.Text)
			if e.Kind == ingest.AuditEntry {
				text = string(e.Audit)
			}
			*p.into = append(*p.into, Line{e.Pos.String(), text})
		}
	}
}
