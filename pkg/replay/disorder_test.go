package replay_test

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// owned counts the events that sshd's log names somebody for, by who it is.
func owned(t *testing.T, e evidence) (n int, by map[string]int) {
	t.Helper()
	by = make(map[string]int)
	enc := &owners{by: by}
	if _, err := replay.Run(e.sources(), enc, replay.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range by {
		n += c
	}
	return n, by
}

// inFileOrder is a host's audit log in one piece, in the order of its files.
func inFileOrder(h *recorded) []byte {
	logs := slices.Clone(h.audit)
	slices.SortFunc(logs, func(a, b file) int { return rotated(b.name) - rotated(a.name) })
	var all []byte
	for _, f := range logs {
		all = append(all, f.data...)
	}
	return all
}

func rotated(name string) int {
	n, _ := strconv.Atoi(name[bytes.LastIndexByte([]byte(name), '.')+1:])
	return n
}

// TestReversedLog: an audit log whose last line comes first names what the log
// names.
func TestReversedLog(t *testing.T) {
	t.Parallel()
	h := host(t, "bookworm-A")
	want, by := owned(t, h.with("sshd.export"))
	lines := bytes.SplitAfter(inFileOrder(h), []byte("\n"))
	slices.Reverse(lines)
	got, reversed := owned(t, evidence{{"audit.log", ingest.AuditLog, bytes.Join(lines, nil)}, h.sshd["sshd.export"]})
	if got != want {
		t.Errorf("%d events have a name, %d have one in the order of the file", got, want)
	}
	for who, n := range reversed {
		if n != by[who] {
			t.Errorf("%s has %d events, %d in the order of the file", who, n, by[who])
		}
	}
}

var auditTime = regexp.MustCompile(`audit\((\d+)\.(\d+):`)

// TestClockSetBackKeepsNames sets the clock of both logs back by an hour, with
// no reboot: nearly all keep their names.
func TestClockSetBackKeepsNames(t *testing.T) {
	t.Parallel()
	const back, most = time.Hour, 0.05 // of the names may be lost
	h := host(t, "bookworm-A")
	all := inFileOrder(h)
	want, by := owned(t, evidence{{"audit.log", ingest.AuditLog, all}, h.sshd["auth.log"]})
	lines := bytes.SplitAfter(all, []byte("\n"))
	at := func(line []byte) (sec int64) {
		if m := auditTime.FindSubmatch(line); m != nil {
			sec, _ = strconv.ParseInt(string(m[1]), 10, 64)
		}
		return sec
	}
	step := at(lines[len(lines)/3])
	for i, l := range lines {
		if sec := at(l); sec >= step {
			lines[i] = auditTime.ReplaceAll(l, []byte("audit("+strconv.FormatInt(sec-int64(back.Seconds()), 10)+".$2:"))
		}
	}
	auth := bytes.SplitAfter(h.sshd["auth.log"].data, []byte("\n"))
	for i, l := range auth {
		stamp, rest, _ := bytes.Cut(l, []byte(" "))
		if when, err := time.Parse(time.RFC3339Nano, string(stamp)); err == nil && when.Unix() >= step {
			auth[i] = append(when.Add(-back).AppendFormat(nil, "2006-01-02T15:04:05.000000Z07:00 "), rest...)
		}
	}
	got, stepped := owned(t, evidence{{"audit.log", ingest.AuditLog, bytes.Join(lines, nil)}, {"auth.log", ingest.SyslogText, bytes.Join(auth, nil)}})
	if float64(want-got) > most*float64(want) {
		t.Errorf("%d of %d events have kept their name", got, want)
	}
	for who, n := range stepped {
		if n > by[who] {
			t.Errorf("%s has %d events, %d where the clock was not set", who, n, by[who])
		}
	}
}

// owners counts events by the credential and address that sshd's log gives.
type owners struct{ by map[string]int }

func (o *owners) Encode(v any) error {
	e := v.(*auditevent.AuditEvent)
	x := schema.Of(e)
	if x.Session.Attribution == schema.BySSHD {
		port, _ := e.Source.Extra["port"].(string)
		o.by[e.Subjects["userID"]+" "+e.Source.Value+":"+port]++
	}
	return nil
}
