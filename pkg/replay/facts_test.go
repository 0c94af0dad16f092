package replay

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// Facts come back as they were, in the order of time, of more runs than one:
// those with texts that are all kept in one place, those longer than a block,
// and those that only their source tells apart.
func TestFactsComeBack(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	sources := []*ingest.Source{{Name: "c"}, {Name: "a"}, {Name: "b"}}
	types := []auparse.AuditMessageType{auparse.AUDIT_LOGIN, auparse.AUDIT_SYSCALL, auparse.AUDIT_USER_START}
	text := func() string {
		switch random.IntN(1000) {
		case 0:
			return strings.Repeat("é", random.IntN(factBlock))
		case 1, 2:
			return strings.Repeat("x", random.IntN(2*usualFact))
		}
		switch random.IntN(3) {
		case 0:
			return ""
		case 1:
			return fmt.Sprintf("SHA256:a%03d/same end", random.IntN(500))
		}
		return fmt.Sprint(random.IntN(500))
	}
	fs := facts{most: 1 << 13}
	defer fs.close()
	var want []fact
	for i := range 2*fs.most + 5000 {
		f := fact{node: int32(random.IntN(3) - 1), Fact: auditd.Fact{Type: types[random.IntN(3)], Millis: int64(i/3 - random.IntN(5)), Serial: uint32(random.IntN(2)),
			Pos: ingest.Pos{Source: sources[random.IntN(3)], Line: int64(i)}, PID: random.IntN(1 << 22), PPID: i, Ses: random.Uint32(), HasSes: i%2 == 0,
			AUID: random.Uint32(), OldSes: random.Uint32(), OK: i%3 == 0}}
		for _, s := range f.texts() {
			*s = text()
		}
		fs.add(&f)
		want = append(want, f)
	}
	if len(fs.runs) < 2 {
		t.Fatalf("%d runs", len(fs.runs))
	}
	slices.SortFunc(want, func(a, b fact) int {
		return cmp.Or(cmp.Compare(a.Millis, b.Millis), cmp.Compare(a.Serial, b.Serial), cmp.Compare(a.Type, b.Type), cmp.Compare(a.node, b.node),
			cmp.Compare(a.Pos.Source.Name, b.Pos.Source.Name), cmp.Compare(a.Pos.Line, b.Pos.Line))
	})
	n := 0
	if err := fs.each(func(f *fact) {
		if n < len(want) && *f != want[n] {
			t.Fatalf("fact %d is %+v, want %+v", n, *f, want[n])
		}
		n++
	}); err != nil || n != len(want) {
		t.Fatalf("%d facts of %d: %v", n, len(want), err)
	}
}
