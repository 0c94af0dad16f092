package auditd

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// oddFields are what a damaged or forged record may have among its fields.
var oddFields = []string{"", "word", "old", "new", "avc:", "{", "op=a", "ses=9", "auid=7", "uid=3", "pid=77", `key="k"`, `exe="/e"`,
	`a0="z"`, "a1[0]=41", "argc=3", "item=9", "name=(null)", "res=1", "msg='x", `acct="q"`, "inode=", "inode=8\x1d", "mode=0", "nametype=A"}

// oddValues are what they may say.
var oddValues = []string{"", "?", "(null)", `"x"`, "'x'", `"a b"`, "6162", "616", "-1", "4294967295", "unset", "0", "67", "5,", "(5)", `"`, "'", "=",
	"a=b", "\x01", "\xff\xfe", `"ä"`, "yes", "no", "(none)", `"x`, `x"`, "12345678", "123456789", "59"}

// damage changes one to three fields of a record's text.
func damage(rnd *rand.Rand, body string) string {
	fields := strings.Split(body, " ")
	for range 1 + rnd.IntN(3) {
		i, j := rnd.IntN(len(fields)), rnd.IntN(len(fields))
		name, _, _ := strings.Cut(fields[i], "=")
		switch rnd.IntN(8) {
		case 0:
			fields[i], fields[j] = fields[j], fields[i]
		case 1:
			if len(fields) > 1 {
				fields = slices.Delete(fields, i, i+1)
			}
		case 2:
			fields = slices.Insert(fields, j, fields[i])
		case 3, 4:
			fields[i] = name + "=" + oddValues[rnd.IntN(len(oddValues))]
		case 5:
			fields = slices.Insert(fields, i, oddFields[rnd.IntN(len(oddFields))])
		case 6:
			fields[i] += []string{",", ")", "\x1dUID=\"x\"", "\x1d", "AUID=\"y\"", `"`, "'"}[rnd.IntN(7)]
		case 7:
			whole := strings.Join(fields, " ")
			return whole[:rnd.IntN(len(whole)+1)]
		}
	}
	return strings.Join(fields, " ")
}

// TestOrderTellsTheSame: what a record says does not depend on whether it is read
// in the kernel's order or by the names of its fields, for which a field before
// all others is enough; nor on what was remembered of other records.
func TestOrderTellsTheSame(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	const field = "zz=0 "
	without := func(s string) string { return strings.ReplaceAll(s, field, "") } // it may be in the middle of what an open quote makes a value
	like := cmp.Options{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b string) bool { return without(a) == without(b) })}
	paths := func(ev *Event) (out []string) {
		for _, p := range ev.Paths {
			out = append(out, fmt.Sprintf("%s %s %v %o", p.Name, p.NameType, p.HasMode, p.Mode))
		}
		return out
	}
	inOrder, byName := NewBuilder(), NewBuilder()
	records := 0
	logs := hostLogs(t)
	for _, host := range slices.Sorted(maps.Keys(logs)) {
		for line := range bytes.Lines(logs[host]) {
			var rec Record
			if rnd.IntN(10) > 0 || ParseLine(line, &rec) != nil || rec.Type == 0 {
				continue
			}
			head, body, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), "): ")
			if !ok {
				continue
			}
			if rnd.IntN(4) > 0 {
				body = damage(rnd, body)
			}
			if strings.Contains(body, "old msg=") || strings.Contains(body, "new msg=") {
				continue // of another name, and what stands in its text is the record's own
			}
			records++
			var events [2]Event
			for i, b := range []*Builder{inOrder, byName} {
				text := body
				if i == 1 {
					text = field + strings.Replace(body, "msg='", "msg='"+field, 1)
				}
				var r Record
				if err := ParseLine([]byte(head+"): "+text), &r); err != nil {
					t.Fatal(err)
				}
				b.Build([]*Record{&r}, &events[i])
			}
			if d := cmp.Diff(viewOf(&events[1]), viewOf(&events[0]), like) + cmp.Diff(paths(&events[1]), paths(&events[0]), like); d != "" {
				t.Fatalf("%s: %s (-by name +in order):\n%s", host, head+"): "+body, d)
			}
		}
	}
	if records < 1000 {
		t.Fatalf("%d records", records)
	}
}
