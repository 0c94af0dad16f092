package verify

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/replay"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// note is a statement of a carrier that something was lost.
type note struct {
	node   int
	at     int64
	pos    ingest.Pos
	kind   string // RecordsLost or RateLimited
	text   string
	count  int64 // as the line says; 0 where it does not
	prints bool  // only the printing to the kernel's own log was limited
}

func (v *Verifier) marker(node int, e *ingest.Entry, at int64) {
	n := note{node: node, at: at, pos: e.Pos, text: e.Message.Text}
	switch e.What {
	case "rate limit":
		n.kind = RateLimited
		n.count = firstNumber(n.text)
	case "audit records lost":
		n.kind = RecordsLost
		switch {
		case strings.HasPrefix(n.text, "kauditd_printk_skb: "):
			n.prints = true
			n.count = firstNumber(n.text)
		case strings.HasPrefix(n.text, "audit: audit_lost="):
			n.count = firstNumber(n.text[len("audit: audit_lost="):])
		}
	default:
		return
	}
	if len(v.notes) < maxFacts {
		v.notes = append(v.notes, n)
	}
}

// firstNumber gives the first number in a text, 0 where there is none.
func firstNumber(s string) int64 {
	from := strings.IndexAny(s, "0123456789")
	if from < 0 {
		return 0
	}
	s = s[from:]
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(s)
	}
	n, err := strconv.ParseInt(s[:end], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// noteFindings reports what carriers say was lost. That the kernel printed
// fewer records to its own log than it had is a loss only where these records
// are not in the evidence: where serials are missing around that line.
func (v *Verifier) noteFindings() (out []Finding) {
	seen := make(map[string]bool)
	for _, n := range v.notes {
		f := Finding{Kind: n.kind, host: -1, boot: -1, From: atMillis(n.at), To: atMillis(n.at), Where: n.pos.String(), Count: n.count, Detail: n.text}
		b := v.bootOf(n.node, n.at)
		if b != nil {
			f = b.finding(n.kind, n.at, n.at, n.pos.String(), n.text)
			f.Count = n.count
		}
		if n.prints {
			v.printed++
			if b == nil || !b.gapAround(n.at) {
				continue
			}
			f.Detail += ": records that no auditd took and the kernel did not print either; the serial gap at that time says how many are missing"
		}
		if f.Detail == "" {
			f.Detail = "a log daemon dropped messages"
		}
		key := fmt.Sprint(f.Kind, f.host, f.boot, n.at/1000, n.text)
		if !seen[key] { // the journal's and syslog's copy
			seen[key] = true
			out = append(out, f)
		}
	}
	return out
}

// gapAround reports whether serials are missing near a moment.
func (b *boot) gapAround(at int64) bool {
	const near = 10_000
	for i := 1; i < len(b.serials.runs); i++ {
		from, to := b.serials.runs[i-1].hi.millis, b.serials.runs[i].lo.millis
		if at > min(from, to)-near && at < max(from, to)+near {
			return true
		}
	}
	return false
}

// firstSerials is up to where the kernel may have counted before auditd runs
// on a healthy host: its own notice of the audit's start, and auditd's settings.
const firstSerials = 8

// disorder is how far from the start of a file events of another file stand
// among its own.
const disorder = 16

// gapFindings reports the serials that are missing.
func (b *boot) gapFindings(v *Verifier) (out []Finding) {
	runs := b.serials.runs
	if len(runs) == 0 {
		return nil
	}
	from := 1
	if first := runs[0].lo; first.serial > firstSerials {
		started := len(b.daemons) > 0 && b.daemons[0].millis <= first.millis+1000
		f := b.finding(FileMissing, 0, first.millis, first.pos, "")
		f.Count = int64(first.serial) - 1
		f.Detail = fmt.Sprintf("the start of this boot's audit log: serials up to %d, rotated away or not collected", first.serial-1)
		if started {
			f.Kind = SerialGap
			f.Detail = fmt.Sprintf("serials up to %d: what the kernel recorded before auditd ran", first.serial-1)
		}
		if start, _ := v.bounds(b); start > 0 && start < first.millis {
			f.From = atMillis(start)
		}
		// What came out of order stands in the file that is gone, too.
		for ; !started && from < len(runs) && runs[from].lo.serial-first.serial < disorder && runs[from].lo.millis-first.millis < 1000; from++ {
			n := int64(runs[from].lo.serial) - int64(runs[from-1].hi.serial) - 1
			f.Count += n
			f.Detail += fmt.Sprintf("; and %s", serialRange(runs[from-1].hi.serial+1, runs[from].lo.serial-1))
		}
		out = append(out, f)
	}
	for i := from; i < len(runs); i++ {
		left, right := runs[i-1].hi, runs[i].lo
		if b.serials.stray(i) {
			out = append(out, b.finding(Contradiction, right.millis, right.millis, right.pos,
				fmt.Sprintf("serial %d among serials near %d: a damaged or forged record", right.serial, left.serial)))
			if i+1 < len(runs) {
				runs[i].hi, runs[i].lo = left, left
			}
			continue
		}
		n := int64(right.serial) - int64(left.serial) - 1
		if n <= 0 {
			continue
		}
		out = append(out, b.gap(v, left, right, n))
	}
	if b.serials.merged > 0 {
		f := b.finding(SerialGap, b.first, 0, "", fmt.Sprintf("more than %d gaps: those not listed", maxRuns))
		f.Count = b.serials.merged
		out = append(out, f)
	}
	return out
}

// gap reports the n serials between two events, and what explains them.
func (b *boot) gap(v *Verifier, left, right end, n int64) Finding {
	f := b.finding(SerialGap, min(left.millis, right.millis), max(left.millis, right.millis), left.pos+","+right.pos,
		fmt.Sprintf("%s missing: %s", plural(n, "event"), serialRange(left.serial+1, right.serial-1)))
	f.Count = n
	switch h := b.downAt(left.millis, right.millis); {
	case h != nil:
		f.Detail += "; auditd was down from " + clockTime(h.from) + " to " + clockTime(h.to)
	case b.begins(left.millis, right.millis):
		f.Detail += "; auditd ran only after them"
	case b.ended(left.millis):
		f.Detail += "; auditd had stopped, as it does when the host shuts down"
	case right.serial > firstSerials && v.beginsAt(b, right.millis):
		// A journal has events of before: what is between stood in a file.
		f.Kind = FileMissing
		f.Detail += "; the audit log begins after them: rotated away or not collected"
	}
	return f
}

// begins reports whether the boot's first auditd started between two moments.
func (b *boot) begins(from, to int64) bool {
	if len(b.daemons) == 0 {
		return false
	}
	f := &b.daemons[0]
	return f.typ == auparse.AUDIT_DAEMON_START && from < f.millis && f.millis <= to+1000
}

// ended reports whether auditd had stopped for good by a moment.
func (b *boot) ended(at int64) bool {
	if len(b.daemons) == 0 {
		return false
	}
	f := &b.daemons[len(b.daemons)-1]
	return f.typ == auparse.AUDIT_DAEMON_END && at >= f.millis-1000
}

// beginsAt reports whether the boot's audit log begins at a moment, without
// the start of the auditd that wrote it.
func (v *Verifier) beginsAt(b *boot, at int64) bool {
	begin, found := int64(0), false
	for _, c := range v.order {
		if c.src.Kind != ingest.AuditLog {
			continue
		}
		if first, _, ok := v.covers(c, &c.records, b); ok && (!found || first < begin) {
			begin, found = first, true
		}
	}
	started := len(b.daemons) > 0 && b.daemons[0].typ == auparse.AUDIT_DAEMON_START && b.daemons[0].millis <= begin+1000
	return found && !started && begin == at
}

func serialRange(from, to uint32) string {
	if from == to {
		return fmt.Sprintf("serial %d", from)
	}
	return fmt.Sprintf("serials %d to %d", from, to)
}

// downAt finds a time without auditd that overlaps.
func (b *boot) downAt(from, to int64) *hole {
	for i := range b.down {
		if h := &b.down[i]; from <= h.to+1000 && to >= h.from-1000 {
			return h
		}
	}
	return nil
}

func clockTime(ms int64) string { return atMillis(ms).Format("15:04:05.000") }

// rotated matches the name of a log that rotation numbers.
var rotated = regexp.MustCompile(`^((?:audit|auth|messages|syslog|kern)\.log|secure|messages|syslog)(?:\.([0-9]+))?(?:\.(?:gz|bz2|xz|zst|lz4))?$`)

// fileFindings reports the numbers that are missing in rotated sets.
func (v *Verifier) fileFindings() (out []Finding) {
	type set struct {
		numbers []int
		src     *ingest.Source
	}
	sets := make(map[string]*set)
	for _, src := range v.c.Sources {
		dir, name := path.Split(src.Path)
		m := rotated.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		n := 0
		if m[2] != "" {
			n, _ = strconv.Atoi(m[2])
		}
		key := dir + m[1]
		if sets[key] == nil {
			sets[key] = &set{src: src.Source}
		}
		sets[key].numbers = append(sets[key].numbers, n)
	}
	for key, s := range sets {
		if len(s.numbers) < 2 {
			continue
		}
		slices.Sort(s.numbers)
		var missing []string
		next := 0
		for _, n := range s.numbers {
			if n-next > 1000 {
				break // not numbers of a rotation
			}
			for ; next < n; next++ {
				name := path.Base(key)
				if next > 0 {
					name += "." + strconv.Itoa(next)
				}
				missing = append(missing, name)
			}
			next = n + 1
		}
		if len(missing) == 0 {
			continue
		}
		f := Finding{Kind: FileMissing, Count: int64(len(missing)), Where: key, host: -1, boot: -1,
			Detail: "not in the evidence: " + strings.Join(missing, ", ")}
		if h := v.hostOf(s.src); h >= 0 {
			f.Host, f.host = v.c.Hosts[h].Name, h
		}
		out = append(out, f)
	}
	return out
}

// overlapFindings reports evidence that was given twice: copies of a log's
// lines in other logs of the same sort. That a journal and a syslog file, or
// audit.log and a journal, hold the same is as it should be.
func (v *Verifier) overlapFindings(sum *replay.Summary) (out []Finding) {
	kinds := make(map[bool]map[string]bool) // of audit records, of messages
	for _, c := range v.order {
		for audit, s := range map[bool]*spans{true: &c.records, false: &c.messages} {
			if s.n == 0 {
				continue
			}
			if kinds[audit] == nil {
				kinds[audit] = make(map[string]bool)
			}
			kinds[audit][c.src.Kind.String()] = true
		}
	}
	for i := range sum.Sources {
		s := &sum.Sources[i]
		if s.Duplicate == 0 {
			continue
		}
		audit := s.Kind == ingest.AuditLog.String()
		if len(kinds[audit]) > 1 || !audit && len(kinds[true]) > 1 {
			continue
		}
		out = append(out, Finding{Kind: Overlap, Where: s.Name, Count: s.Duplicate, host: -1, boot: -1,
			Detail: plural(s.Duplicate, "line") + " that another source of the same sort has too: each counts once"})
	}
	return out
}

// rejectFindings reports what could not be read.
func (v *Verifier) rejectFindings(sum *replay.Summary) (out []Finding) {
	for key, t := range v.rejects {
		f := Finding{Kind: Rejected, Count: t.n, Where: t.where(), Detail: t.what, host: -1, boot: -1}
		if h := v.hostOf(key.src); h >= 0 {
			f.Host, f.host = v.c.Hosts[h].Name, h
		}
		out = append(out, f)
	}
	for i := range sum.Sources {
		if s := &sum.Sources[i]; s.NULs > 0 {
			out = append(out, Finding{Kind: Rejected, Count: s.NULs, Where: s.Name, host: -1, boot: -1,
				Detail: plural(s.NULs, "NUL byte") + " before a line: the host was reset while it wrote; the line itself was read"})
		}
	}
	for _, d := range sum.Damage {
		where, what, ok := strings.Cut(d, ": ")
		if !ok {
			where, what = "", d
		}
		out = append(out, Finding{Kind: Rejected, Where: where, Detail: what, host: -1, boot: -1})
	}
	return out
}
