package auditd

import (
	"bytes"
	"reflect"
	"testing"

	"auditreplay/pkg/ingest"

	"github.com/elastic/go-libaudit/v2/auparse"
	"github.com/google/go-cmp/cmp"
)

// inChunk cuts lines one after the other, each with what is known of the one
// before, and holds every record against the line alone. Another chunk leaves
// out what it takes for details: it gives their number.
func inChunk(t testing.TB, lines [][]byte) (details int) {
	t.Helper()
	var c, brief Chunk
	for i, line := range lines {
		if !c.Fits(len(line)) {
			c.Reset()
		}
		var want Record
		wantErr := ParseLine(line, &want)
		if !brief.Fits(len(line)) {
			brief.Reset()
		}
		if brief.Detail(line) {
			details++
			first := &brief.Records[len(brief.Records)-1]
			if wantErr != nil || !part(want.Type) || want.Type == auparse.AUDIT_SYSCALL || first.Daemon() ||
				!bytes.Equal(want.Node, first.Node) || want.Millis != first.Millis || want.Serial != first.Serial || want.NULs > 0 {
				t.Fatalf("%q is no detail of %q (error %v)", line, first.Line, wantErr)
			}
		} else if err := brief.Add(line, ingest.Pos{Line: int64(i + 1)}); err != wantErr {
			t.Fatalf("%q behind what was left out: error %v, alone %v", line, err, wantErr)
		} else if err == nil && brief.Records[len(brief.Records)-1].Details != 0 {
			t.Fatalf("%q begins with details", line)
		}
		n := len(c.Records)
		err := c.Add(line, ingest.Pos{Line: int64(i + 1)})
		if err != wantErr || err != nil && len(c.Records) != n {
			t.Fatalf("%q after %q: error %v, alone %v", line, lines[max(0, i-1)], err, wantErr)
		}
		if err != nil {
			continue
		}
		got := c.Records[n]
		if got.home != &c || got.Pos.Line != int64(i+1) {
			t.Fatalf("%q: at line %d", line, got.Pos.Line)
		}
		if got.SameNode && (n == 0 || len(got.Node) == 0 || !bytes.Equal(got.Node, c.Records[n-1].Node)) {
			t.Fatalf("%q is not of the node before it", line)
		}
		got.Split()
		got.home, got.Pos, got.SameNode = nil, ingest.Pos{}, false
		if !reflect.DeepEqual(want, got) {
			t.Fatalf("%q after %q (-alone +in the chunk):\n%s", line, lines[max(0, i-1)], cmp.Diff(want, got, cmp.AllowUnexported(Record{})))
		}
	}
	return details
}

func TestChunkOfHosts(t *testing.T) {
	t.Parallel()
	for name, data := range hostLogs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if inChunk(t, bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))) == 0 {
				t.Error("no details")
			}
		})
	}
}

// FuzzChunk: what a line says does not depend on the lines before it.
func FuzzChunk(f *testing.F) {
	f.Add([]byte("node=a type=CWD msg=audit(1.000:1): cwd=\"/\"\nnode=ab type=CWD msg=audit(1.000:1): cwd=\"/\"\ntype=CWD msg=audit(1.000:1): x\nno record\nnode=a type=EOE msg=audit(1.000:12): "))
	f.Add([]byte("x node=a type=CWD msg=audit(1.000:1): \ntype=DAEMON_END msg=audit(1.000:1) a\ntype=DAEMON_END msg=audit(1.000:1): a\ntype=A msg=audit(1.000:1) : a"))
	f.Add([]byte("xnode=zeta type=SYSCALL msg=audit(1.000:1): a\ntype=PATH msg=audit(1.000:1): item=0\nnode= type=CWD msg=audit(1.000:1): a\nnode= type=CWD msg=audit(1.000:1): b"))
	f.Add([]byte("type=DAEMON_START msg=audit(1.000:1): a\ntype=PATH msg=audit(1.000:1): item=0\ntype=PATH msg=audit(1.000:1): item=1\nx\ntype=CWD msg=audit(1.000:1): a"))
	f.Fuzz(func(t *testing.T, lines []byte) { inChunk(t, bytes.Split(lines, []byte("\n"))) })
}

// TestDiffer holds that bodies which differ before an enrichment could begin
// differ without it too, wherever in them it begins and whatever separates it.
func TestDiffer(t *testing.T) {
	t.Parallel()
	var bodies [][]byte
	for _, own := range []string{"", "item=0", "item=1", "item=1 x", "item=0 x=03", "item=0 x=035", "item=0 x=#035", "a b"} {
		for _, sep := range []string{"", " ", "\x1d", "#035", "^]"} {
			for _, enriched := range []string{"", `UID="root"`, "ARCH=x86_64 SYSCALL=open", "ID=1", "x"} {
				bodies = append(bodies, []byte(own+sep+enriched))
			}
		}
	}
	n := 0
	for _, a := range bodies {
		for _, b := range bodies {
			x, _ := splitEnriched(a)
			y, _ := splitEnriched(b)
			if !differ(a, b) {
				continue
			}
			if n++; bytes.Equal(x, y) {
				t.Errorf("%q and %q", a, b)
			}
		}
	}
	if n == 0 {
		t.Error("none differ")
	}
}
