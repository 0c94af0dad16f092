package auditd

import (
	"bytes"
	"errors"
	"testing"

	"github.com/elastic/go-libaudit/v2/auparse"
	"github.com/google/go-cmp/cmp"
)

func TestParseLine(t *testing.T) {
	t.Parallel()
	type parts struct {
		Type             uint16
		Name, Node       string
		Millis           int64
		Serial           uint32
		Body, Enr, Line_ string
		NULs             int
	}
	const stamp = "msg=audit(1670583961.051:202): "
	tests := map[string]struct {
		line string
		want parts
	}{
		"plain":                           {"type=CWD " + stamp + `cwd="/"`, parts{Type: 1307, Name: "CWD", Body: `cwd="/"`}},
		"node":                            {"node=web1 type=CWD " + stamp + `cwd="/"`, parts{Type: 1307, Name: "CWD", Node: "web1", Body: `cwd="/"`}},
		"NUL bytes":                       {"\x00\x00\x00node=web1 type=CWD " + stamp + `cwd="/"`, parts{Type: 1307, Name: "CWD", Node: "web1", Body: `cwd="/"`, NULs: 3}},
		"carriage return":                 {"type=CWD " + stamp + "cwd=\"/\"\r", parts{Type: 1307, Name: "CWD", Body: `cwd="/"`}},
		"no body":                         {"type=EOE msg=audit(1670583961.051:202):", parts{Type: 1320, Name: "EOE"}},
		"unknown name":                    {"type=NEWFANGLED " + stamp + "a=1", parts{Name: "NEWFANGLED", Body: "a=1"}},
		"UNKNOWN[1334]":                   {"type=UNKNOWN[1334] " + stamp + "prog-id=7", parts{Type: 1334, Name: "UNKNOWN[1334]", Body: "prog-id=7"}},
		"number":                          {"type=1300 " + stamp + "a=1", parts{Type: 1300, Name: "1300", Body: "a=1"}},
		"journald name":                   {"type=AUDIT1334 " + stamp + "a=1", parts{Type: 1334, Name: "AUDIT1334", Body: "a=1"}},
		"kernel log":                      {"[   12.834687][   T39] audit: type=1006 audit(1670583961.051:202): pid=1", parts{Type: 1006, Name: "1006", Body: "pid=1"}},
		"old kernel log":                  {"type=1006 audit(1670583961.051:202): login pid=1", parts{Type: 1006, Name: "1006", Body: "login pid=1"}},
		"audispd":                         {"Mar  7 19:43:35 web audispd: node=web1 type=CWD " + stamp + `cwd="/"`, parts{Type: 1307, Name: "CWD", Node: "web1", Body: `cwd="/"`}},
		"imfile tag":                      {"Mar  7 19:43:35 web auditd type=CWD " + stamp + `cwd="/"`, parts{Type: 1307, Name: "CWD", Body: `cwd="/"`}},
		"blank before colon":              {"type=CWD msg=audit(1670583961.051:202) : " + `cwd="/"`, parts{Type: 1307, Name: "CWD", Body: `cwd="/"`}},
		"enriched":                        {"type=LOGIN " + stamp + "ses=3 res=1\x1dUID=\"root\" AUID=\"al\"", parts{Type: 1006, Name: "LOGIN", Body: "ses=3 res=1", Enr: `UID="root" AUID="al"`}},
		"enriched #035":                   {"type=LOGIN " + stamp + "ses=3 res=1#035UID=\"root\" AUID=\"al\"", parts{Type: 1006, Name: "LOGIN", Body: "ses=3 res=1", Enr: `UID="root" AUID="al"`}},
		"enriched ^]":                     {"type=LOGIN " + stamp + "ses=3 res=1^]UID=\"root\" AUID=\"al\"", parts{Type: 1006, Name: "LOGIN", Body: "ses=3 res=1", Enr: `UID="root" AUID="al"`}},
		"enriched blank":                  {"type=LOGIN " + stamp + "ses=3 res=1 UID=\"root\" OLD-AUID=\"unset\" AUID=\"al\"", parts{Type: 1006, Name: "LOGIN", Body: "ses=3 res=1", Enr: `UID="root" OLD-AUID="unset" AUID="al"`}},
		"enriched glued to a digit":       {"type=LOGIN " + stamp + "ses=3 res=1UID=\"root\" AUID=\"al\"", parts{Type: 1006, Name: "LOGIN", Body: "ses=3 res=1", Enr: `UID="root" AUID="al"`}},
		"enriched glued to an apostrophe": {"type=USER_END " + stamp + "pid=1 msg='res=success'UID=\"root\"", parts{Type: 1106, Name: "USER_END", Body: "pid=1 msg='res=success'", Enr: `UID="root"`}},
		"enriched glued to a word":        {"type=DAEMON_END " + stamp + "res=successAUID=\"unset\" UID=\"root\"", parts{Type: 1201, Name: "DAEMON_END", Body: "res=success", Enr: `AUID="unset" UID="root"`}},
		"enriched glued to (null)":        {"type=SYSCALL " + stamp + "key=(null)ARCH=x86_64 SYSCALL=execve AUID=\"al\"", parts{Type: 1300, Name: "SYSCALL", Body: "key=(null)", Enr: `ARCH=x86_64 SYSCALL=execve AUID="al"`}},
		"enriched glued to hex":           {"type=SYSCALL " + stamp + "key=6B65790AARCH=x86_64 SYSCALL=execve", parts{Type: 1300, Name: "SYSCALL", Body: "key=6B65790A", Enr: `ARCH=x86_64 SYSCALL=execve`}},
		"enriched saddr":                  {"type=SOCKADDR " + stamp + "saddr=0200ABCD\x1dSADDR={ saddr_fam=inet laddr=1.2.3.4 lport=1 }", parts{Type: 1306, Name: "SOCKADDR", Body: "saddr=0200ABCD", Enr: `SADDR={ saddr_fam=inet laddr=1.2.3.4 lport=1 }`}},
		"enriched saddr glued":            {"type=SOCKADDR " + stamp + "saddr=0200ABCDSADDR={ saddr_fam=inet laddr=1.2.3.4 lport=1 }", parts{Type: 1306, Name: "SOCKADDR", Body: "saddr=0200ABCD", Enr: `SADDR={ saddr_fam=inet laddr=1.2.3.4 lport=1 }`}},
		"no enrichment inside quotes":     {"type=USER_CMD " + stamp + "pid=1 msg='cmd=\"x\x1dUID=\"root\"'", parts{Type: 1123, Name: "USER_CMD", Body: "pid=1 msg='cmd=\"x\x1dUID=\"root\"'"}},
		"the last of two separators":      {"type=USER_CMD " + stamp + "pid=1 msg='cmd=\"x\x1dUID=\"root\"'\x1dUID=\"al\"", parts{Type: 1123, Name: "USER_CMD", Body: "pid=1 msg='cmd=\"x\x1dUID=\"root\"'", Enr: `UID="al"`}},
		"no enrichment at all":            {"type=SYSCALL " + stamp + `a0=1 key="exec"`, parts{Type: 1300, Name: "SYSCALL", Body: `a0=1 key="exec"`}},
		"a second header in the text":     {"type=USER " + stamp + "msg='type=CWD msg=audit(1.000:1): '", parts{Type: 1005, Name: "USER", Body: "msg='type=CWD msg=audit(1.000:1): '"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var rec Record
			if err := ParseLine([]byte(tt.line), &rec); err != nil {
				t.Fatal(err)
			}
			got := parts{Type: uint16(rec.Type), Name: string(rec.TypeName), Node: string(rec.Node), Millis: rec.Millis,
				Serial: rec.Serial, Body: string(rec.Body), Enr: string(rec.Enriched), NULs: rec.NULs}
			tt.want.Millis, tt.want.Serial = 1670583961051, 202
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestParseLineRejects(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		line string
		want error
	}{
		"empty":              {"", errEmpty},
		"blank":              {"  \r", errEmpty},
		"stray text":         {"hello there", errNoHeader},
		"node alone":         {"node=web1", errNoHeader},
		"no msg":             {"type=CWD cwd=\"/\"", errNoHeader},
		"no type":            {"x msg=audit(1670583961.051:202): a=1", errNoType},
		"empty type":         {"type= msg=audit(1670583961.051:202): a=1", errNoType},
		"audit(16523210---)": {"type=CWD msg=audit(16523210---):", errTime},
		"no time":            {"type=CWD msg=audit(", errTime},
		"short millis":       {"type=CWD msg=audit(1670583961.05:202): a=1", errTime},
		"negative time":      {"type=CWD msg=audit(-1.051:202): a=1", errTimeNegative},
		"time overflow":      {"type=CWD msg=audit(99999999999999999999.051:202): a=1", errTimeOverflow},
		"year 10000":         {"type=CWD msg=audit(253402300800.000:202): a=1", errTimeOverflow},
		"no serial":          {"type=CWD msg=audit(1670583961.051:): a=1", errSerial},
		"negative serial":    {"type=CWD msg=audit(1670583961.051:-2): a=1", errSerialNegative},
		"serial overflow":    {"type=CWD msg=audit(1670583961.051:4294967296): a=1", errSerialOverflow},
		"cut in the serial":  {"type=CWD msg=audit(1670583961.051:42", errNoEnd},
		"no colon":           {"type=CWD msg=audit(1670583961.051:42) a=1", errNoEnd},
		"US date":            {"type=CWD msg=audit(06/29/2024 09:51:56.042:202) : cwd=/", ErrInterpreted},
		"ISO date":           {"type=CWD msg=audit(2024-06-29 09:51:56.042:202) : cwd=/", ErrInterpreted},
		"German date":        {"type=CWD msg=audit(29.06.2024 09:51:56.042:202) : cwd=/", ErrInterpreted},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var rec Record
			if err := ParseLine([]byte(tt.line), &rec); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestParseLineTypes(t *testing.T) {
	t.Parallel()
	for n := auparse.AuditMessageType(1000); n < 3000; n++ {
		name := n.String()
		if got := typeOf([]byte(name)); got != n {
			t.Errorf("%s: got %d, want %d", name, got, n)
		}
	}
	for _, name := range []string{"AUDIT", "UNKNOWN[x]", "99999", "99999999999999999999", "AUDIT99999"} {
		if got := typeOf([]byte(name)); got != 0 {
			t.Errorf("%s: got %d, want 0", name, got)
		}
	}
}

func TestParseLineDoesNotAllocate(t *testing.T) {
	lines := [][]byte{
		[]byte(`node=web1 type=USER_ROLE_CHANGE msg=audit(1670583961.051:202): pid=1`),
		[]byte("type=SYSCALL msg=audit(1670583961.051:202): a0=1 key=(null)\x1dARCH=x86_64 SYSCALL=execve"),
		[]byte(`type=LOGIN msg=audit(1670583961.051:202): a0=1 res=1UID="root"`),
	}
	var rec Record
	if n := testing.AllocsPerRun(100, func() {
		for _, line := range lines {
			if err := ParseLine(line, &rec); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// within reports where part lies inside whole; both share memory.
func within(whole, part []byte) int {
	return cap(whole) - cap(part)
}

// FuzzParseLine holds that every byte of a line is accounted for: NULs and
// prefix, header, body, separator, enrichment, line end.
func FuzzParseLine(f *testing.F) {
	f.Add([]byte("\x00node=web1 type=LOGIN msg=audit(1670583961.051:202): ses=3 res=1\x1dUID=\"root\" AUID=\"al\"\r"))
	f.Add([]byte("x audit: type=1006 audit(1670583961.051:202): ses=3 res=1#035UID=\"root\""))
	f.Add([]byte("type=SOCKADDR msg=audit(1.000:1): saddr=AASADDR={ a }"))
	f.Fuzz(func(t *testing.T, line []byte) {
		var rec Record
		if err := ParseLine(line, &rec); err != nil {
			return
		}
		start := within(line, rec.Line)
		rest := line[start+len(rec.Line):]
		if len(bytes.Trim(rest, "\r\n")) != 0 {
			t.Fatalf("line end %q", rest)
		}
		body := within(rec.Line, rec.Body)
		head := bytes.TrimRight(rec.Line[:body], " ")
		if !bytes.HasSuffix(head, []byte(":")) {
			t.Fatalf("header %q", head)
		}
		tail := rec.Line[body+len(rec.Body):]
		if rec.Enriched == nil {
			if len(tail) != 0 {
				t.Fatalf("lost %q", tail)
			}
			return
		}
		at := within(tail, rec.Enriched)
		switch sep := string(tail[:at]); sep {
		case "", " ", "#035", "^]", "\x1d":
		default:
			t.Fatalf("separator %q", sep)
		}
		if end := tail[at+len(rec.Enriched):]; len(bytes.Trim(end, " ")) != 0 {
			t.Fatalf("lost %q", end)
		}
		var again Record
		if err := ParseLine(rec.Line, &again); err != nil || !bytes.Equal(again.Body, rec.Body) {
			t.Fatalf("not stable: %v %q", err, again.Body)
		}
	})
}
