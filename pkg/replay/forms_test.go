package replay_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// entry is one entry of a journal export: its fields in their order.
type entry [][2]string

func (e entry) get(name string) string {
	for _, f := range e {
		if f[0] == name {
			return f[1]
		}
	}
	return ""
}

// entries reads a journal export.
func entries(t testing.TB, export []byte) []entry {
	t.Helper()
	var all []entry
	var e entry
	for len(export) > 0 {
		line, rest, _ := bytes.Cut(export, []byte("\n"))
		export = rest
		name, value, ok := strings.Cut(string(line), "=")
		switch {
		case len(line) == 0:
			all, e = append(all, e), nil
			continue
		case !ok:
			n := binary.LittleEndian.Uint64(export)
			value, export = string(export[8:8+n]), export[9+n:]
		}
		e = append(e, [2]string{name, value})
	}
	if e != nil {
		all = append(all, e)
	}
	if len(all) < 100 {
		t.Fatalf("%d entries", len(all))
	}
	return all
}

// forms writes a journal as journalctl, rsyslog and others would, with times
// in that zone.
func forms(t testing.TB, export []byte, zone *time.Location) map[string][]byte {
	out := make(map[string]*bytes.Buffer)
	write := func(form, format string, args ...any) {
		if out[form] == nil {
			out[form] = new(bytes.Buffer)
		}
		fmt.Fprintf(out[form], format, args...)
	}
	for _, e := range entries(t, export) {
		reception := micros(e.get("__REALTIME_TIMESTAMP"))
		sent := reception
		if s := e.get("_SOURCE_REALTIME_TIMESTAMP"); s != "" {
			sent = micros(s)
		}
		sent = sent.In(zone)
		head := fmt.Sprintf("%s %s[%s]: ", e.get("_HOSTNAME"), e.get("SYSLOG_IDENTIFIER"), e.get("_PID"))
		text := e.get("MESSAGE")
		write("short", "%s %s%s\n", sent.Format(time.Stamp), head, text)
		write("short-precise", "%s %s%s\n", sent.Format(time.StampMicro), head, text)
		write("short-iso", "%s %s%s\n", sent.Format("2006-01-02T15:04:05-0700"), head, text)
		write("short-iso-precise", "%s %s%s\n", sent.Format("2006-01-02T15:04:05.000000-07:00"), head, text)
		write("short-full", "%s %s%s\n", sent.Format("Mon 2006-01-02 15:04:05 MST"), head, text)
		write("short-unix", "%d.%06d %s%s\n", sent.Unix(), sent.Nanosecond()/1000, head, text)
		write("with-unit", "%s %s %s[%s]: %s\n", sent.Format("Mon 2006-01-02 15:04:05 MST"), e.get("_HOSTNAME"), e.get("_SYSTEMD_UNIT"), e.get("_PID"), text)
		write("rfc3164", "<86>%s %s%s\n", reception.In(zone).Format(time.Stamp), head, text)
		write("rsyslog-iso", "%s %s%s\n", reception.In(zone).Format("2006-01-02T15:04:05.000000-07:00"), head, text)
		write("rfc5424", "<86>1 %s %s %s %s - [x@1 y=\"z\\]\"] %s\n", sent.Format("2006-01-02T15:04:05.000000Z07:00"),
			e.get("_HOSTNAME"), e.get("SYSLOG_IDENTIFIER"), e.get("_PID"), text)
		write("verbose", "%s [%s]\n", sent.Format("Mon 2006-01-02 15:04:05.000000 MST"), e.get("__CURSOR"))
		fields := make(map[string]string)
		for _, f := range e {
			fields[f[0]] = f[1]
			if !strings.HasPrefix(f[0], "__") {
				write("verbose", "    %s=%s\n", f[0], strings.ReplaceAll(f[1], "\n", "\n"+strings.Repeat(" ", len(f[0])+5)))
			}
		}
		line, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		pretty, _ := json.MarshalIndent(fields, "", "\t")
		write("json", "%s\n", line)
		write("json-pretty", "%s\n", pretty)
		write("json-seq", "\x1e%s\n", line)
		write("json-sse", "data: %s\n\n", line)
	}
	all := map[string][]byte{"export": export}
	for form, b := range out {
		all[form] = b.Bytes()
	}
	return all
}

func micros(s string) time.Time {
	n, _ := strconv.ParseInt(s, 10, 64)
	return time.UnixMicro(n).UTC()
}

// carries says what a form cannot hold: the columns of the table in
// docs/evidence.md.
type carries struct {
	boot     bool // the boot's id, and with it auditId and session.login
	session  bool // journald's word for the audit session (evidence "session")
	machine  bool // target.machine-id
	fraction bool // less than a second of a login's time
	sent     bool // when a line was sent, not when it was received
	program  bool // which program said it
}

var carriers = map[string]carries{
	"export":            {true, true, true, true, true, true},
	"json":              {true, true, true, true, true, true},
	"json-pretty":       {true, true, true, true, true, true},
	"json-seq":          {true, true, true, true, true, true},
	"json-sse":          {true, true, true, true, true, true},
	"verbose":           {true, true, true, true, true, true},
	"short":             {false, false, false, false, true, true},
	"short-precise":     {false, false, false, true, true, true},
	"short-iso":         {false, false, false, false, true, true},
	"short-iso-precise": {false, false, false, true, true, true},
	"short-full":        {false, false, false, false, true, true},
	"short-unix":        {false, false, false, true, true, true},
	"with-unit":         {false, false, false, false, true, false},
	"rfc3164":           {false, false, false, false, false, true},
	"rsyslog-iso":       {false, false, false, true, false, true},
	"rfc5424":           {false, false, false, true, true, true},
}

func carrierNames() []string {
	var names []string
	for name := range carriers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// TestTableOfForms holds docs/evidence.md to what TestCarriers tests.
func TestTableOfForms(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/evidence.md")
	if err != nil {
		t.Fatal(err)
	}
	for form, c := range carriers {
		row := "| " + form
		for _, has := range []bool{c.boot, c.session, c.machine, c.fraction, c.sent, c.program} {
			if has {
				row += " | yes"
			} else {
				row += " | -"
			}
		}
		if !bytes.Contains(doc, []byte("\n"+row+" |\n")) {
			t.Errorf("docs/evidence.md has not the row %q", row)
		}
	}
}
