package replay_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/replay"
)

// TestDamagedCaseOfHostName: one record in which a letter of node= lost its
// case does not give the host its spelling, in whatever order the files lie.
func TestDamagedCaseOfHostName(t *testing.T) {
	t.Parallel()
	h := host(t, "trixie-A")
	for i := range h.audit {
		if testing.Short() && i > 0 {
			break // one shows races as well
		}
		e := h.with("auth.log")
		at := slices.IndexFunc(e, func(f file) bool { return f.name == h.audit[i].name })
		e = slices.Clone(e)
		e[at].data = bytes.Replace(e[at].data, []byte("node=app-17 "), []byte("node=apP-17 "), 1)
		for range 2 {
			slices.Reverse(e)
			sum, err := replay.Run(e.sources(), discard{}, replay.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(sum.Hosts) != 1 || sum.Hosts[0].Name != "app-17" {
				t.Fatalf("%s: hosts %+v", h.audit[i].name, sum.Hosts)
			}
		}
	}
}

// TestNameThatSaysMost: the full name is shown, however rare, and of two
// spellings that are as frequent the smaller.
func TestNameThatSaysMost(t *testing.T) {
	t.Parallel()
	line := func(node string) string {
		return "node=" + node + " type=SYSTEM_BOOT msg=audit(1700000000.000:1): pid=1 uid=0 auid=4294967295 ses=4294967295 msg='op=boot'\n"
	}
	for _, test := range []struct {
		nodes []string
		want  string
	}{
		{[]string{"web", "web", "web", "web.example"}, "web.example"},
		{[]string{"web", "Web"}, "Web"},
		{[]string{"web", "Web", "web"}, "web"},
		{[]string{"web.example", "web.eXample", "web.example", "WEB", "WEB"}, "web.example"},
	} {
		for range 2 {
			slices.Reverse(test.nodes)
			var log strings.Builder
			for _, n := range test.nodes {
				log.WriteString(line(n))
			}
			sum, err := replay.Run(evidence{{"audit.log", ingest.AuditLog, []byte(log.String())}}.sources(), discard{}, replay.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(sum.Hosts) != 1 || sum.Hosts[0].Name != test.want {
				t.Errorf("%v: hosts %+v, want %s", test.nodes, sum.Hosts, test.want)
			}
		}
	}
}
