package auditd

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-libaudit/v2/aucoalesce"
	"github.com/elastic/go-libaudit/v2/auparse"
)

// library asks go-libaudit for its event of the records, in the order given.
// It gets the bodies alone: node= and ENRICHED fields would break it.
func library(recs []*Record) (*aucoalesce.Event, error) {
	var msgs []*auparse.AuditMessage
	for _, r := range recs {
		msgs = append(msgs, &auparse.AuditMessage{
			RecordType: r.Type, Timestamp: time.UnixMilli(r.Millis).UTC(), Sequence: r.Serial, RawData: string(r.Body),
		})
	}
	return aucoalesce.CoalesceMessages(msgs)
}

// difference is one of ours from go-libaudit.
type difference struct {
	field      string
	ours, lib  string
	ev         *Event
	recs       []*Record
	libPartial bool // go-libaudit warned that it could not read a record
}

// wanted says why a difference is wanted, "" where it is not.
func (d *difference) wanted() string {
	hasType := func(t auparse.AuditMessageType) bool {
		return slices.ContainsFunc(d.recs, func(r *Record) bool { return r.Type == t })
	}
	switch {
	case d.field == "event" && !hasType(auparse.AUDIT_SYSCALL):
		return "records of a syscall whose SYSCALL record is missing: go-libaudit gives an error, we keep the event"
	case d.field == "type" && d.ours == "EXECVE" && d.lib == "SYSCALL":
		return "an event with argv is an EXECVE, whatever record comes first"
	case d.field == "type" && d.lib == "SYSCALL" && d.recs[0].Type == auparse.AUDIT_SYSCALL:
		return "go-libaudit goes by the file's order: a characterising record after the SYSCALL record is ignored"
	case d.field == "object" && d.lib == "file" && slices.Contains([]string{"directory", "character-device",
		"block-device", "named-pipe", "symlink", "socket"}, d.ours):
		return "go-libaudit tests st_mode with os.FileMode's bits, so everything is a file; its code means the type"
	case d.field == "args" && hasType(auparse.AUDIT_EXECVE):
		return d.wantedArgs()
	case d.field == "event" || d.ev.Type == 0:
		return "record types that the tables do not know"
	case d.field == "tty" && d.lib == "(none)":
		return "no terminal is no value"
	case d.field == "result" && d.ours == "" && d.lib == "unknown":
		return "no record states a result"
	case (d.field == "pid" || d.field == "ppid") && d.lib == "-1" && d.ours == "":
		return "DAEMON_END of a signal whose sender is not known"
	case d.field == "ppid" && d.lib == "0" && d.ours == "":
		return "0 is no process"
	case (d.field == "uid" || d.field == "euid") && d.ours == "unset":
		return "-1 is unset in every id, not in auid alone"
	case d.field == "comm" && isHex([]byte(d.lib)), d.field == "how" && isHex([]byte(d.lib)):
		return "hex comm is decoded"
	case d.field == "exe" && isHex([]byte(d.lib)):
		return "hex exe is decoded in every record"
	case d.field == "primary" && hasType(auparse.AUDIT_SOCKADDR) && d.lib == "" && strings.HasPrefix(d.ours, "@"):
		return "abstract socket names are shown"
	case d.field == "primary" && strings.Contains(d.lib, "\x00"):
		return "socket paths end at the first NUL"
	case d.libPartial:
		return "go-libaudit could not read one of the records"
	}
	return ""
}

// wantedArgs finds what erases or cuts an argv in go-libaudit.
func (d *difference) wantedArgs() string {
	n := 0
	for _, r := range d.recs {
		if r.Type != auparse.AUDIT_EXECVE {
			continue
		}
		if n++; n > 1 {
			return "a command line in several records is put together"
		}
		switch {
		case bytes.Contains(r.Body, []byte(`=""`)), bytes.Contains(r.Body, []byte(`="?"`)), bytes.Contains(r.Body, []byte(`="(null)"`)):
			return `an argument "", "?" or "(null)" erases the whole argv in go-libaudit`
		case bytes.Contains(r.Body, []byte("_len=")), bytes.Contains(r.Body, []byte("[0]=")):
			return "split arguments are put together"
		case bytes.ContainsAny(r.Body, `'\\`):
			return "quotes and backslashes inside an argument are its own"
		}
	}
	return ""
}

// compareLibrary lists how our event differs from go-libaudit's.
func compareLibrary(b *Builder, recs []*Record) (diffs []difference) {
	ev := new(Event)
	b.Build(recs, ev)
	add := func(field, ours, lib string, partial bool) {
		if ours != lib {
			diffs = append(diffs, difference{field: field, ours: ours, lib: lib, ev: ev, recs: recs, libPartial: partial})
		}
	}
	lib, err := library(recs)
	if err != nil {
		add("event", "kept", err.Error(), false)
		return diffs
	}
	partial := slices.ContainsFunc(lib.Warnings, func(w error) bool {
		return strings.Contains(w.Error(), "failed to parse") || strings.Contains(w.Error(), "key not found")
	})
	d := func(field, ours, theirs string) { add(field, ours, theirs, partial) }
	e := ev.Coalesced()
	d("type", ev.Type.String(), lib.Type.String())
	d("action", ev.Action, lib.Summary.Action)
	d("how", string(ev.How), lib.Summary.How)
	d("object", ev.ObjectType, lib.Summary.Object.Type)
	d("primary", string(ev.ObjectPrimary), lib.Summary.Object.Primary)
	d("secondary", string(ev.ObjectSecondary), lib.Summary.Object.Secondary)
	d("result", ev.Result, lib.Result)
	d("ses", ev.Ses, lib.Session)
	d("auid", ev.AUID, lib.User.IDs["auid"])
	d("uid", ev.UID, lib.User.IDs["uid"])
	d("euid", ev.EUID, lib.User.IDs["euid"])
	d("pid", pidString(ev.PID), lib.Process.PID)
	d("ppid", pidString(ev.PPID), lib.Process.PPID)
	d("comm", string(ev.Comm), lib.Process.Name)
	d("exe", string(ev.Exe), lib.Process.Exe)
	d("cwd", string(ev.CWD), lib.Process.CWD)
	d("title", strings.TrimRight(e.Process.Title, " "), strings.TrimRight(lib.Process.Title, " "))
	d("args", strings.Join(e.Process.Args, "\x00"), strings.Join(lib.Process.Args, "\x00"))
	d("keys", strings.Join(ev.Keys, "\x00"), strings.Join(lib.Tags, "\x00"))
	d("tty", ev.TTY, lib.Data["tty"])
	d("syscall", ev.Syscall, lib.Data["syscall"])
	d("exit", ev.Exit, lib.Data["exit"])
	return diffs
}

// report fails for every kind of difference that is not wanted, and logs the
// wanted ones.
func report(t *testing.T, diffs []difference) {
	t.Helper()
	seen := make(map[string]int)
	for i := range diffs {
		d := &diffs[i]
		if why := d.wanted(); why != "" {
			seen["wanted: "+d.field+": "+why]++
			continue
		}
		kind := "not wanted: " + d.field + " of " + d.ev.TypeStr + " " + d.ev.Syscall
		if seen[kind]++; seen[kind] < 3 {
			t.Errorf("%s: ours %q, go-libaudit %q\n%s", kind, d.ours, d.lib, d.recs[0].Line)
		}
	}
	for kind, n := range seen {
		t.Logf("%6d %s", n, kind)
	}
}

func TestEventsOfRecordedHostsMeanWhatGoLibauditSays(t *testing.T) {
	t.Parallel()
	b := NewBuilder()
	var diffs []difference
	for _, log := range hostLogs(t) {
		for i, recs := range groups(t, log) {
			if testing.Short() && i%8 != 0 { // go-libaudit takes its time
				continue
			}
			diffs = append(diffs, compareLibrary(b, recs)...)
		}
	}
	report(t, diffs)
}

// wantedInRecordFiles are the differences that the golden records were chosen
// to show, by file and field.
var wantedInRecordFiles = map[string]map[string]string{
	"argv-missing":   {"args": "what is left of a command line is shown, go-libaudit erases it"},
	"bad-pid":        {"pid": "no process id is no process, and reported"},
	"duplicate-keys": {"ses": "the first value stands, and the other is reported", "secondary": "likewise"},
	"failed-config": {
		"action": "go-libaudit goes by the file's order: after the SYSCALL record, CONFIG_CHANGE is ignored",
		"object": "likewise", "primary": "likewise", "result": "an event failed where either of its records says so",
	},
	"forged-ids":       {"ses": "the kernel's fields win", "auid": "likewise", "uid": "likewise", "pid": "likewise"},
	"hex":              {"keys": "key= in front of a key is syntax, of each of several keys too"},
	"login-forms":      {"ses": "the new session of an old kernel's LOGIN", "auid": "the new login uid of an old kernel's LOGIN"},
	"old-user-records": {"secondary": "the comma after an address is old PAM's"},
	"saddr":            {"primary": "half a byte is no address", "secondary": "likewise"},
	"types": {
		"action": "go-libaudit goes by the file's order: after the SYSCALL record, AVC is ignored",
		"object": "likewise", "primary": "likewise", "secondary": "likewise",
	},
}

func TestEventsOfRecordFilesMeanWhatGoLibauditSays(t *testing.T) {
	t.Parallel()
	b := NewBuilder()
	for file, lines := range goldenInputs(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		events, _ := build(lines)
		var diffs []difference
		for _, ev := range events {
			for _, d := range compareLibrary(b, ev.Records) {
				if wantedInRecordFiles[name][d.field] == "" {
					diffs = append(diffs, d)
				}
			}
		}
		t.Log(name)
		report(t, diffs)
	}
}
