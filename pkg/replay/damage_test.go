package replay_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"auditreplay/pkg/ingest"
)

// damage does one to three things to evidence.
func damage(rng *rand.Rand, all map[string]*recorded, h *recorded, e evidence) *wounded {
	w := &wounded{evidence: slices.Clone(e), touched: make(map[string]bool)}
	for range 1 + rng.IntN(3) {
		m := mutations[rng.IntN(len(mutations))]
		w.how = append(w.how, m.name)
		m.do(rng, w, all[hostNames[rng.IntN(len(hostNames))]], h)
	}
	return w
}

type mutation struct {
	name string
	do   func(rng *rand.Rand, w *wounded, other, h *recorded)
}

var mutations = []mutation{
	{"drop lines", lineByLine(func(rng *rand.Rand, line []byte) []byte { return nil })},
	{"repeat lines", lineByLine(func(rng *rand.Rand, line []byte) []byte { return append(slices.Clone(line), line...) })},
	{"truncate lines", lineByLine(func(rng *rand.Rand, line []byte) []byte {
		return append(slices.Clone(line[:rng.IntN(len(line))]), '\n')
	})},
	{"flip bytes", lineByLine(func(rng *rand.Rand, line []byte) []byte {
		out := slices.Clone(line)
		out[rng.IntN(len(out)-1)] ^= byte(1 << rng.IntN(8))
		return out
	})},
	{"random bytes", lineByLine(func(rng *rand.Rand, line []byte) []byte {
		out := slices.Clone(line)
		out[rng.IntN(len(out)-1)] = byte(rng.IntN(256))
		return out
	})},
	{"tear lines", tear},
	{"reorder lines", reorder},
	{"splice another host", splice},
	{"shift sshd's clock", shift},
	{"remove a file", removeFile},
	{"drop half of sshd's log", dropHalf},
	{"remove all LOGIN", without("type=LOGIN ")},
	{"remove all USER_ and CRED_", without("type=USER_", "type=CRED_")},
	{"remove all USER_START and CRED_ACQ", without("type=USER_START", "type=CRED_ACQ")},
	{"remove nine LOGIN of ten", sometimes(0.9, "type=LOGIN ")},
	{"remove half of Accepted", sometimes(0.5, "Accepted ")},
	{"remove half of LOGIN", sometimes(0.5, "type=LOGIN ")},
	{"remove half of the ends", sometimes(0.5, "type=USER_END", "type=CRED_DISP", "session closed for", "Disconnected from", "Received disconnect", "Connection closed")},
	{"remove a stretch of audit.log", stretchOfAudit},
}

// lineByLine changes 1 % of the lines of every file. Journals are changed by
// whole entries where a line of theirs would make no sense by itself.
func lineByLine(change func(rng *rand.Rand, line []byte) []byte) func(*rand.Rand, *wounded, *recorded, *recorded) {
	return func(rng *rand.Rand, w *wounded, _, _ *recorded) {
		w.each(func(f *file, unit []byte) []byte {
			if rng.IntN(100) != 0 || len(unit) < 2 {
				return unit
			}
			w.touch(f, unit)
			if f.kind != ingest.JournalExport {
				return change(rng, unit)
			}
			// One line of the entry, or all of it where it has but one.
			lines := bytes.SplitAfter(unit, []byte("\n"))
			i := rng.IntN(len(lines))
			for len(lines[i]) < 2 {
				i = (i + 1) % len(lines)
			}
			lines[i] = change(rng, lines[i])
			return bytes.Join(lines, nil)
		})
	}
}

func (w *wounded) touch(f *file, unit []byte) {
	w.touched[strings.TrimSuffix(string(unit), "\n")] = true
	if f.kind != ingest.AuditLog {
		w.sshd = true
	}
}

// each rewrites every file unit by unit: a line, or an entry of an export.
func (w *wounded) each(change func(f *file, unit []byte) []byte) {
	for i := range w.evidence {
		f := &w.evidence[i]
		var out []byte
		for _, unit := range units(f) {
			out = append(out, change(f, unit)...)
		}
		f.data = out
	}
}

func units(f *file) [][]byte {
	sep := []byte("\n")
	if f.kind == ingest.JournalExport {
		sep = []byte("\n\n")
	}
	us := bytes.SplitAfter(f.data, sep)
	if n := len(us); n > 0 && len(us[n-1]) == 0 {
		us = us[:n-1]
	}
	return us
}

// tear cuts 1 % of the lines of text logs off, with the newline, so that the
// next begins on what is left, or behind NUL bytes.
func tear(rng *rand.Rand, w *wounded, _, _ *recorded) {
	for i := range w.evidence {
		f := &w.evidence[i]
		if f.kind != ingest.AuditLog && f.kind != ingest.SyslogText {
			continue
		}
		var out []byte
		us := units(f)
		for k, unit := range us {
			if rng.IntN(100) != 0 || len(unit) < 2 {
				out = append(out, unit...)
				continue
			}
			w.touch(f, unit)
			if k+1 < len(us) { // it may be lost with the text that it stands in
				w.touch(f, us[k+1])
			}
			out = append(out, unit[:rng.IntN(len(unit))]...)
			if rng.IntN(2) == 0 {
				out = append(out, make([]byte, rng.IntN(300))...)
			}
		}
		f.data = out
	}
}

// reorder moves 1 % of the lines by up to a hundred.
func reorder(rng *rand.Rand, w *wounded, _, _ *recorded) {
	for i := range w.evidence {
		us := units(&w.evidence[i])
		for range len(us)/100 + 1 {
			a := rng.IntN(len(us))
			b := min(len(us)-1, a+rng.IntN(100))
			us[a], us[b] = us[b], us[a]
		}
		w.evidence[i].data = bytes.Join(us, nil)
	}
}

// splice puts a stretch of another host's log into this one's.
func splice(rng *rand.Rand, w *wounded, other, h *recorded) {
	if other == h {
		return
	}
	i := rng.IntN(len(w.evidence))
	f := &w.evidence[i]
	from := other.sshd[f.name]
	if f.kind == ingest.AuditLog {
		from = other.audit[rng.IntN(len(other.audit))]
	}
	if from.data == nil {
		return
	}
	theirs, ours := units(&from), units(f)
	a := rng.IntN(len(theirs))
	b := min(len(theirs), a+rng.IntN(400))
	at := rng.IntN(len(ours) + 1)
	f.data = bytes.Join(slices.Insert(slices.Clone(ours), at, theirs[a:b]...), nil)
}

var (
	isoStamp   = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+[+-]\d\d:\d\d`)
	microStamp = regexp.MustCompile(`(REALTIME_TIMESTAMP(?:=|" ?: ?"))(\d{16})`)
)

// shift sets the clock of sshd's logs up to 30 s forward or back.
func shift(rng *rand.Rand, w *wounded, _, _ *recorded) {
	by := time.Duration(rng.IntN(60_001)-30_000) * time.Millisecond
	w.how[len(w.how)-1] += fmt.Sprint(" ", by)
	w.each(func(f *file, unit []byte) []byte {
		switch f.kind {
		case ingest.SyslogText:
			return isoStamp.ReplaceAllFunc(unit, func(s []byte) []byte {
				at, err := time.Parse("2006-01-02T15:04:05.999999-07:00", string(s))
				if err != nil {
					return s
				}
				return []byte(at.Add(by).Format("2006-01-02T15:04:05.000000-07:00"))
			})
		case ingest.AuditLog:
			return unit
		}
		return microStamp.ReplaceAllFunc(unit, func(s []byte) []byte {
			m := microStamp.FindSubmatch(s)
			n, err := strconv.ParseInt(string(m[2]), 10, 64)
			if err != nil {
				return s
			}
			return append(slices.Clone(m[1]), strconv.FormatInt(n+by.Microseconds(), 10)...)
		})
	})
}

func removeFile(rng *rand.Rand, w *wounded, _, _ *recorded) {
	i := rng.IntN(len(w.evidence))
	for _, unit := range units(&w.evidence[i]) {
		w.touched[strings.TrimSuffix(string(unit), "\n")] = true
	}
	w.evidence = slices.Delete(slices.Clone(w.evidence), i, i+1)
}

func dropHalf(rng *rand.Rand, w *wounded, _, _ *recorded) {
	first := rng.IntN(2) == 0
	for i := range w.evidence {
		f := &w.evidence[i]
		if f.kind == ingest.AuditLog {
			continue
		}
		us := units(f)
		if first {
			us = us[len(us)/2:]
		} else {
			us = us[:len(us)/2]
		}
		f.data = bytes.Join(us, nil)
	}
}

// without takes all lines out that hold one of the words.
func without(words ...string) func(*rand.Rand, *wounded, *recorded, *recorded) {
	return sometimes(1, words...)
}

// sometimes takes such lines out with a probability.
func sometimes(p float64, words ...string) func(*rand.Rand, *wounded, *recorded, *recorded) {
	return func(rng *rand.Rand, w *wounded, _, _ *recorded) {
		w.each(func(f *file, unit []byte) []byte {
			for _, word := range words {
				if bytes.Contains(unit, []byte(word)) && rng.Float64() < p {
					w.touch(f, unit)
					return nil
				}
			}
			return unit
		})
	}
}

// stretchOfAudit takes up to a third of one audit log out, as a stopped
// auditd does.
func stretchOfAudit(rng *rand.Rand, w *wounded, _, _ *recorded) {
	i := rng.IntN(len(w.evidence))
	f := &w.evidence[i]
	if f.kind != ingest.AuditLog {
		return
	}
	us := units(f)
	a := rng.IntN(len(us))
	b := min(len(us), a+rng.IntN(len(us)/3+1))
	for _, unit := range us[a:b] {
		w.touch(f, unit)
	}
	f.data = bytes.Join(slices.Delete(slices.Clone(us), a, b), nil)
}
