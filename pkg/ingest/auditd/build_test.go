package auditd

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/elastic/go-libaudit/v2/auparse"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// one builds the single event that the lines are.
func one(t *testing.T, lines ...string) *Event {
	t.Helper()
	events, rejected := build([]byte(strings.Join(lines, "\n")))
	if len(events) != 1 || rejected != nil {
		t.Fatalf("%d events, rejected %q", len(events), rejected)
	}
	return events[0]
}

const (
	stamp   = " msg=audit(1679060258.126:30361): "
	execLog = "type=SYSCALL" + stamp + `arch=c000003e syscall=59 success=yes exit=0 ppid=1 pid=5 auid=1000 uid=0 euid=0 tty=pts0 ses=67 comm="x" exe="/usr/bin/x" key="exec"`
)

// TestLongCommandLineGoesOnInRecordsThatBeginWithABlank pins what the kernel
// writes: "argc=3 a0=... a2[0]=..." and then " a2[1]=...".
func TestLongCommandLineGoesOnInRecordsThatBeginWithABlank(t *testing.T) {
	t.Parallel()
	ev := one(t, execLog,
		"type=EXECVE"+stamp+` a2[2]=64 a3="e"`,
		"type=EXECVE"+stamp+` a2[1]=6263`,
		"type=EXECVE"+stamp+`argc=4 a0="x" a1="y" a2_len=8 a2[0]=61`)
	var got []string
	for _, a := range ev.Args {
		got = append(got, string(a))
	}
	if d := cmp.Diff([]string{"x", "y", "abcd", "e"}, got); d != "" || len(ev.Contradictions) > 0 {
		t.Errorf("%s%q", d, ev.Contradictions)
	}
}

func TestArgumentOf10KB(t *testing.T) {
	t.Parallel()
	for name, arg := range map[string]string{
		"plain": strings.Repeat("x", 10<<10), "hex": strings.Repeat("a b\x00\xff"[:3], 10<<10/3),
	} {
		encode := func(s string) string { return fmt.Sprintf("%X", s) }
		size := 2 * len(arg)
		if name == "plain" {
			encode = func(s string) string { return `"` + s + `"` }
			size = len(arg)
		}
		lines := []string{execLog, "type=EXECVE" + stamp + fmt.Sprintf(`argc=3 a0="x" a1_len=%d`, size)}
		for i, n := 0, 0; i < len(arg); i, n = i+3750, n+1 {
			if n == 2 {
				lines = append(lines, "type=EXECVE"+stamp)
			} else if n > 0 {
				lines[len(lines)-1] += " "
			} else {
				lines[len(lines)-1] += " "
			}
			lines[len(lines)-1] += fmt.Sprintf("a1[%d]=%s", n, encode(arg[i:min(i+3750, len(arg))]))
		}
		lines[len(lines)-1] += ` a2="last"`
		ev := one(t, lines...)
		if len(ev.Args) != 3 || string(ev.Args[1]) != arg || string(ev.Args[2]) != "last" || ev.Contradictions != nil {
			t.Errorf("%s: %d arguments, %q", name, len(ev.Args), ev.Contradictions)
		}
	}
}

func TestThousandArguments(t *testing.T) {
	t.Parallel()
	var want []string
	lines := []string{execLog, "type=EXECVE" + stamp + "argc=1000"}
	for i := range 1000 {
		if i%300 == 299 {
			lines = append(lines, "type=EXECVE"+stamp[:len(stamp)-1])
		}
		arg := fmt.Sprintf("arg %d", i)
		want = append(want, arg)
		lines[len(lines)-1] += fmt.Sprintf(" a%d=%X", i, arg)
	}
	rand.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	ev := one(t, lines...)
	var got []string
	for _, a := range ev.Args {
		got = append(got, string(a))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestLongRecord holds that a record of 2 MB is read like any other.
func TestLongRecord(t *testing.T) {
	t.Parallel()
	arg := strings.Repeat("y", 2<<20)
	ev := one(t, execLog, "type=EXECVE"+stamp+`argc=2 a0="x" a1="`+arg+`"`)
	if len(ev.Args) != 2 || string(ev.Args[1]) != arg {
		t.Error("argument lost")
	}
}

// TestNoWrongID holds the law that what a program says never replaces what the
// kernel says, in whatever form it says it.
func TestNoWrongID(t *testing.T) {
	t.Parallel()
	const kernel = "pid=5 uid=0 auid=1000 ses=67 "
	for _, msg := range []string{
		`msg='op=x pid=1 uid=1 auid=1 ses=1 res=success'`,
		`msg='op=x' pid=1 uid=1 auid=1 ses=1 res=success'`,
		`msg='op=x acct="a" ses=1 "pid=1 auid=1 uid=1 res=success'`,
		`msg='op=x res=success' UID="root" pid=1 ses=1'`,
		`msg='op=x old auid=1 new auid=1 new ses=1 res=success'`,
		`msg='msg='pid=1 uid=1 auid=1 ses=1'`,
		"msg='\x1dpid=1 ses=1 auid=1 uid=1'",
		`msg='pid=1 ses=1 auid=1 uid=1`,
	} {
		ev := one(t, "type=USER_CMD"+stamp+kernel+msg)
		if ev.PID != 5 || ev.UID != "0" || ev.AUID != "1000" || ev.Ses != "67" {
			t.Errorf("%s: pid %d uid %s auid %s ses %s", msg, ev.PID, ev.UID, ev.AUID, ev.Ses)
		}
	}
}

// TestBorrow holds that an event without SYSCALL takes from each of its records
// what those before it do not say, and that no line is written to.
func TestBorrow(t *testing.T) {
	t.Parallel()
	lines := []string{"type=AVC" + stamp + `avc:  denied  { read } for  pid=5 comm="x" name="y"`,
		"type=CONFIG_CHANGE" + stamp + `auid=1000 ses=67 pid=6 op=add_rule`,
		"type=MAC_STATUS" + stamp + `enforcing=0 auid=1001 uid=0 exe="/usr/bin/x"`}
	ev := one(t, lines...)
	type ids struct {
		Ses, AUID, UID, Comm, Exe string
		PID                       int
		Contradictions            []string
	}
	want := ids{"67", "1000", "0", "x", "/usr/bin/x", 6, []string{"AVC pid 5 != pid 6", "MAC_STATUS auid 1001 != auid 1000"}}
	if d := cmp.Diff(want, ids{ev.Ses, ev.AUID, ev.UID, string(ev.Comm), string(ev.Exe), ev.PID, ev.Contradictions}); d != "" {
		t.Error(d)
	}
	for _, r := range ev.Records {
		if !slices.Contains(lines, string(r.Line)) {
			t.Errorf("changed: %s", r.Line)
		}
	}
}

func TestRecordFields(t *testing.T) {
	t.Parallel()
	var r Record
	line := "type=USER_START" + stamp + `pid=5 uid=0 auid=1000 msg='op=PAM:session_open pid=9 acct="core" fp=SHA256:aa  exe="/usr/sbin/sshd" res=success'`
	if err := ParseLine([]byte(line), &r); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]string{
		"pid": {"5", "9"}, "acct": {"", `"core"`}, "auid": {"1000", ""}, "fp": {"", "SHA256:aa"}, "msg": {"", ""}, "res": {"", "success"},
	} {
		outer, ok1 := r.Field(name)
		inner, ok2 := r.InnerField(name)
		if string(outer) != want[0] || string(inner) != want[1] || ok1 != (want[0] != "") || ok2 != (want[1] != "") {
			t.Errorf("%s: outer %q, inner %q", name, outer, inner)
		}
	}
}

// TestCandidates holds that go-libaudit's normalisations use no field that a
// Builder would not ask about: no slot of any record type or syscall is fed by
// a field outside candidates.
func TestCandidates(t *testing.T) {
	t.Parallel()
	b := NewBuilder()
	for typ := auparse.AuditMessageType(1000); typ < 3000; typ++ {
		if strings.HasPrefix(typ.String(), "UNKNOWN") || part(typ) {
			continue
		}
		name := typ.String()
		ev := one(t, "type="+name+stamp+"pid=5 uid=0 auid=1000 ses=67 sig=9 arch=c000003e syscall=59 "+everyField())
		recs := ev.Records
		for _, d := range compareLibrary(b, recs) {
			switch d.field {
			case "action", "how", "object", "primary", "secondary":
				t.Errorf("%s: %s: ours %q, go-libaudit %q", name, d.field, d.ours, d.lib)
			}
		}
	}
}

// TestSyscalls holds that the summary of every syscall is go-libaudit's, with
// and without the paths and the address that it may have.
func TestSyscalls(t *testing.T) {
	t.Parallel()
	b := NewBuilder()
	for nr, name := range auparse.AuditSyscalls["x86_64"] {
		lines := []string{"type=SYSCALL" + stamp + fmt.Sprintf("arch=c000003e syscall=%d success=yes ", nr) + everyField()}
		for _, more := range []string{
			"", "type=PATH" + stamp + `item=0 name="/tmp/" mode=0100755 nametype=PARENT`,
			"type=PATH" + stamp + `item=1 name="/tmp/a" mode=0100755 nametype=CREATE`,
			"type=PATH" + stamp + `item=2 name="/tmp/b" nametype=NORMAL`,
			"type=SOCKADDR" + stamp + "saddr=0200115C7F0000010000000000000000",
		} {
			if more != "" {
				lines = append(lines, more)
			}
			for _, d := range compareLibrary(b, one(t, lines...).Records) {
				switch d.field {
				case "action", "how", "object", "primary", "secondary":
					t.Errorf("%s, %d records: %s: ours %q, go-libaudit %q", name, len(lines), d.field, d.ours, d.lib)
				}
			}
		}
	}
}

// everyField has a value for each field name that audit's field dictionary
// lists and that a summary could be about.
func everyField() string {
	var b strings.Builder
	for name := range strings.FieldsSeq(`acct addr audit_backlog_limit audit_backlog_wait_time audit_enabled audit_failure
		audit_pid banners bool bus capability capname category cgroup changed cipher class cmd code comm cwd daddr data
		default-context denied_mask dev device dir direction dmac dport enforcing entries exe family feature file format fp
		fsgid fsuid grantors grp hook hostname icmp_type id img-ctx info inode invalid_context ip ipid kernel kind ksize laddr
		len list lport mac map model name ncontext new new-chardev new-disk new-enabled new-fs new-level new-mem new-net
		new-rng new-role new-seuser new-vcpu new_gid oauid obj ocomm old old-level op operation opid path pending per permissive
		pfs printer prom proto qbytes range reason removed requested_mask reset resp resrc role rport saddr sauid scontext
		selected-context seperms seresult seuser seqno sport spid state suid table tclass tcontext terminal tty unit uri user
		uuid vcpu ver virt vm vm-ctx vm-pid watch xattr apparmor profile old-auid new-auid`) {
		b.WriteString(name + "=@" + name + " ")
	}
	return b.String()
}

// manyAlike are records whose beginnings or ends are those of others, but not
// all of what stands between.
var manyAlike = []string{
	"type=SYSCALL" + stamp + ids + " tty=pts0 ses=3 comm=\"a\" exe=\"/a\" subj=x key=(null)",
	"type=SYSCALL" + stamp + ids + " tty=(none) ses=4294967295 comm=6120 exe=\"/a",
	"type=SYSCALL" + stamp + ids + "1 tty=pts0 ses=3",
	"type=SYSCALL" + stamp + ids + ", tty=pts0 ses=3",
	"type=SYSCALL" + stamp + ids,
	"type=SYSCALL" + stamp + ids + " auid=7 uid=8",
	"type=SYSCALL" + stamp + strings.Replace(ids, "c000003e", "40000003", 1),
	"type=SYSCALL" + stamp + strings.Replace(ids, "syscall=2 ", "syscall=3 ", 1),
	"type=SYSCALL" + stamp + strings.Replace(ids, "syscall=2 ", "syscall=? ", 1),
	"type=SYSCALL" + stamp + strings.Replace(ids, "=no ", "=yes ", 1),
	"type=SYSCALL" + stamp + strings.Replace(ids, "-13 ", "-130 ", 1),
	"type=SYSCALL" + stamp + strings.Replace(ids, "-13 a0", "-13 exit=3 a0", 1),
	"type=SYSCALL" + stamp + ids + " tty=pts0\x1dARCH=x86_64 SYSCALL=open AUID=\"a\" UID=\"b\" EUID=\"c\"",
	"type=SYSCALL" + stamp + ids + " tty=pts0\x1dARCH=x86_64 SYSCALL=mkdir AUID=\"a\" UID=\"b\" EUID=\"d\"",
	"type=SYSCALL" + stamp + ids + " tty=pts0\x1dARCH=\"x AUID=\" SYSCALL=open AUID=\"e\"",
	"type=SYSCALL" + stamp + ids + " tty=pts0\x1dARCH=x86_64 SYSCALL=\" UID=\" AUID=\"e\"",
	"type=SYSCALL" + stamp + ids + " tty=pts0\x1dARCH=x86_64 SYSCALL=open",
	"type=SYSCALL" + stamp + ids + " tty=pts0\x1dAUID=\"f\"",
	"type=SYSCALL" + stamp + ids + " tty=pts0\x1dAUID=\"" + strings.Repeat("f", longestClaim) + "\" UID=\"b\"",
	"type=SYSCALL" + stamp + ids + " tty=pts0 ses=3 comm=\"abcdefgh\" exe=\"/b\" subj=x key=\"aaaaaaa\"", // these five have one place
	"type=SYSCALL" + stamp + ids + " tty=pts01 ses=33 comm=\"abcdefgh\" exe=\"/c\" subj=x key=\"aaaaaaa\"",
	"type=SYSCALL" + stamp + ids + " tty=pts0 ses=3 comm=\"abcdefgh\" exe=\"b\" subj=xx key=\"aaaaaaa\"",
	"type=SYSCALL" + stamp + ids + " tty=pts0 ses=3 comm=\"abcdefgh\" exe=\"b\" key=\"x\" key=\"aaaaaaa\"",
	"type=SYSCALL" + stamp + ids + " tty=pts0 ses=3 comm=\"abcdefgh\" exe=/b, subj=xx key=\"aaaaaaa\"",
	"type=SYSCALL" + stamp + ids + " tty=pts0 ses=3 comm=\"abcdefgh\" exe=\"/b\" subj=x key=\"aaaaaaa\" auid=7 key=\"b\"",
	"type=SYSCALL" + stamp + ids + " tty=pts0 ses=3 comm=6120 exe=\"/b\" subj=x key=6B65793D61016B65793D62",
	"type=PATH" + stamp + "item=0 name=\"/a\"" + inode + " cap_fp=0",
	"type=PATH" + stamp + "item=0 name=\"/b\"" + inode,
	"type=PATH" + stamp + "item=0 name=\"/b\"" + inode + "OUID=\"root\"",
	"type=PATH" + stamp + "item=0 mode=07 name=\"/b\"" + inode + " cap_fp=0",
	"type=PATH" + stamp + "item=0 name=\"/b\"" + inode + "X nametype=PARENT",
	"type=PATH" + stamp + "item=0 name=(null) inode=5 dev=fe:00 mode=0100755 ouid=0 nametype=CREATE",
	"type=PATH" + stamp + "item=0 name=\"/b\" inode=5 dev=fe:00 nametype=NORMAL cap_fp=0",
	"type=USER_START" + stamp + "pid=1 uid=0 auid=1 ses=2 pid=2 auid=3 msg='op=x res=success'",
	"type=CWD" + stamp + "cwd=2F61",
}

const (
	ids   = "arch=c000003e syscall=2 success=no exit=-13 a0=0 a1=1 a2=2 a3=3 items=1 ppid=1 pid=2 auid=1 uid=0 gid=0 euid=5 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0"
	inode = " inode=5 dev=fe:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL"
)

// TestBuilderThatHasSeenMuch pins that what a Builder remembers of the events
// before changes none.
func TestBuilderThatHasSeenMuch(t *testing.T) {
	t.Parallel()
	all := map[string][]byte{"alike": nil}
	for i, line := range manyAlike { // each after each
		for _, other := range manyAlike[:i+1] {
			all["alike"] = append(append(append(append(all["alike"], line...), '\n'), other...), '\n')
		}
	}
	for name, data := range hostLogs(t) {
		all[name] = data[:min(len(data), 1<<16)]
	}
	for name, data := range all {
		b := NewBuilder()
		for line := range bytes.Lines(data) {
			var rec Record
			if ParseLine(line, &rec) != nil {
				continue
			}
			var ev Event
			b.Build([]*Record{&rec}, &ev)
			if d := likeFresh(b, []*Record{&rec}, &ev); d != "" {
				t.Fatalf("%s: %s\n%s", name, line, d)
			}
		}
	}
}

// TestOrderIsNoMatter pins that records in the order of the kernel and libaudit,
// which is not asked for names, mean what they mean in any other: a blank in
// front of them is enough for that.
func TestOrderIsNoMatter(t *testing.T) {
	t.Parallel()
	all := map[string][]byte{"alike": []byte(strings.Join(manyAlike, "\n"))}
	for name, data := range hostLogs(t) {
		all[name] = data[:min(len(data), 1<<16)]
	}
	b := NewBuilder()
	for name, data := range all {
		for line := range bytes.Lines(data) {
			var rec, blank Record
			if ParseLine(line, &rec) != nil || rec.Type == auparse.AUDIT_AVC {
				continue
			}
			other := bytes.Replace(line, []byte("): "), []byte("):  "), 1)
			if err := ParseLine(bytes.Replace(other, []byte("msg='"), []byte("msg=' "), 1), &blank); err != nil {
				t.Fatal(err)
			}
			var ev, want Event
			b.Build([]*Record{&rec}, &ev)
			got, paths := viewOf(&ev), slices.Clone(ev.Paths)
			b.Build([]*Record{&blank}, &want)
			if d := cmp.Diff(viewOf(&want), got) + cmp.Diff(want.Paths, paths, cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("%s: %s\n%s", name, line, d)
			}
			var facts, wantFacts Fact
			NewFacts().Read(&rec, &facts)
			NewFacts().Read(&blank, &wantFacts)
			if d := cmp.Diff(wantFacts, facts); d != "" {
				t.Fatalf("%s: %s\n%s", name, line, d)
			}
		}
	}
}

// likeFresh tells how an event that b built of records differs from what a
// Builder makes of them that remembers nothing but what go-libaudit said.
func likeFresh(b *Builder, recs []*Record, ev *Event) string {
	var fresh Event
	other := NewBuilder()
	other.norms = b.norms
	other.Build(recs, &fresh)
	return cmp.Diff(viewOf(&fresh), viewOf(ev)) + cmp.Diff(fresh.Paths, ev.Paths, cmpopts.EquateEmpty())
}

// TestBuildDoesNotAllocate holds it for the usual shapes, once seen.
func TestBuildDoesNotAllocate(t *testing.T) {
	groups := [][]string{
		{execLog, "type=EXECVE" + stamp + `argc=2 a0="x" a1=612062`, "type=CWD" + stamp + `cwd="/"`,
			"type=PATH" + stamp + `item=0 name="/usr/bin/x" inode=1 dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL`},
		{"type=USER_START" + stamp + `pid=5 uid=0 auid=1000 ses=67 msg='op=PAM:session_open acct="core" exe="/usr/sbin/sshd" hostname=10.0.0.5 addr=10.0.0.5 terminal=ssh res=success'` + "\x1dUID=\"root\" AUID=\"core\""},
		{"type=SYSCALL" + stamp + `arch=c000003e syscall=42 success=no exit=-111 ppid=1 pid=5 auid=1000 uid=0 euid=0 tty=pts0 ses=67 comm="nc" exe="/usr/bin/nc" key="net"`,
			"type=SOCKADDR" + stamp + "saddr=0200115C7F0000010000000000000000"},
	}
	b := NewBuilder()
	for _, lines := range groups {
		ev := one(t, lines...)
		recs := append([]*Record(nil), ev.Records...)
		b.Build(recs, ev)
		if n := testing.AllocsPerRun(100, func() { b.Build(recs, ev) }); n != 0 {
			t.Errorf("%s: %v allocations", lines[0], n)
		}
	}
}

// TestNewEvents holds that events which share memory do not write into each
// other's.
func TestNewEvents(t *testing.T) {
	t.Parallel()
	for name, lines := range goldenInputs(t) {
		want, _ := build(lines)
		b, got := NewBuilder(), NewEvents(len(want))
		for i := range want {
			b.Build(slices.Clone(want[i].Records), &got[i])
		}
		for i := range want {
			if d := cmp.Diff(viewOf(want[i]), viewOf(&got[i]), cmpopts.EquateEmpty()) + cmp.Diff(want[i].Paths, got[i].Paths, cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("%s: event %d: %s", name, i, d)
			}
		}
	}
}

// TestCoalescedAndBack holds that the plain API's form keeps what a tracker needs.
func TestCoalescedAndBack(t *testing.T) {
	t.Parallel()
	for name, lines := range goldenInputs(t) {
		events, _ := build(lines)
		for _, ev := range events {
			var back Event
			FromCoalesced(ev.Coalesced(), &back)
			back.TypeStr = ev.TypeStr
			if ev.Uncoalesced || ev.Type == 0 {
				continue
			}
			if ev.Type == auparse.AUDIT_SYSCALL {
				back.Type = ev.Type
			}
			back.Node = ev.Node
			if d := cmp.Diff(ev, &back, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(Event{}, Record{}),
				cmpopts.IgnoreFields(Event{}, "Records", "Paths", "Sock", "Contradictions", "Uncoalesced", "TypeStr")); d != "" {
				t.Errorf("%s: %s", name, d)
			}
		}
	}
}

// FuzzBuild holds that no input makes a Builder panic, and that the order of
// an event's records makes no difference.
func FuzzBuild(f *testing.F) {
	for _, seed := range []string{
		"type=USER_CMD" + stamp + `pid=1 msg='cmd="x' res=1'`,
		"type=SYSCALL" + stamp + "arch=c000003e syscall=59 exit=-2 key=6B01\ntype=EXECVE" + stamp + "argc=2 a0=\"\" a1[1]=6 a1[0]=61",
		"type=LOGIN" + stamp + "login pid=1 old auid=1 new auid=2\ntype=SOCKADDR" + stamp + "saddr=0A00",
		"type=AVC" + stamp + "avc:  denied  { } for  name=\ntype=PATH" + stamp + "item=9 mode=077777777777",
	} {
		f.Add([]byte(seed), uint64(1))
	}
	for _, seed := range manyAlike {
		f.Add([]byte(seed), uint64(1))
	}
	b := NewBuilder()
	f.Fuzz(func(t *testing.T, lines []byte, seed uint64) {
		var recs []*Record
		for line := range bytes.Lines(lines) {
			var rec Record
			if ParseLine(line, &rec) == nil {
				rec.Serial, rec.Millis, rec.Node = 1, 1, nil
				recs = append(recs, &rec)
			}
		}
		var ev, shuffled Event
		b.Build(recs, &ev)
		if d := likeFresh(b, recs, &ev); d != "" {
			t.Fatal(d)
		}
		ev.Coalesced()
		rnd := rand.New(rand.NewPCG(seed, 0))
		rnd.Shuffle(len(recs), func(i, j int) { recs[i], recs[j] = recs[j], recs[i] })
		b.Build(recs, &shuffled)
		if len(ev.Records) != len(recs) {
			t.Fatal("record lost")
		}
		ignore := cmpopts.IgnoreFields(Record{}, "NULs", "Enriched", "Body", "TypeName", "Pos")
		if d := cmp.Diff(&ev, &shuffled, cmpopts.IgnoreUnexported(Event{}, Record{}), ignore); d != "" {
			t.Fatal(d)
		}
	})
}

// TestCutOff holds which records are said to end in the middle of their
// session's number.
func TestCutOff(t *testing.T) {
	t.Parallel()
	for record, want := range map[string]bool{
		"SYSCALL" + stamp + "arch=c000003e syscall=59 pid=5 auid=1000 ses=6":                           true,
		"SYSCALL" + stamp + "arch=c000003e syscall=59 pid=5 auid=1000 ses=":                            false,
		"SYSCALL" + stamp + "arch=c000003e syscall=59 pid=5 auid=1000 old-ses=6":                       false,
		"SYSCALL" + stamp + "arch=c000003e syscall=59 pid=5 auid=1000 ses=67 items=1":                  false,
		"USER_START" + stamp + "pid=5 uid=0 auid=1000 ses=6":                                           true,
		"USER_START" + stamp + "pid=5 uid=0 auid=1000 ses=6\x1dUID=\"root\" AUID=\"core\"":             false,
		"LOGIN" + stamp + "pid=5 uid=0 old auid=4294967295 new auid=1000 old ses=4294967295 new ses=6": false,
		"PATH" + stamp + `item=0 name="x" ses=6`:                                                       false,
	} {
		if ev := one(t, "type="+record); ev.CutOff != want {
			t.Errorf("%s: %v", record, ev.CutOff)
		}
	}
	if ev := one(t, "type=AVC"+stamp+"avc:  denied", execLog, "type=OBJ_PID"+stamp+"opid=5 oses=1 ses=6"); !ev.CutOff {
		t.Error("not seen in another record of the event")
	}
}
