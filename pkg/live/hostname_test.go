package live

import (
	"fmt"
	"strings"
	"testing"

	"auditreplay/pkg/ingest"
)

// TestDamagedCaseOfHostName: before the first event is written, one record in
// which a letter of node= lost its case does not give the host its spelling.
func TestDamagedCaseOfHostName(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ nodes, want string }{
		{"web weB web", "web"},
		{"weB web web", "web"},
		{"web web weB", "web"},
		{"web weB", "weB"},
		{"web web weB web.example", "web.example"},
	} {
		h := newHost(t, Options{SSHD: true})
		for i, node := range strings.Fields(test.nodes) {
			line := fmt.Sprintf("node=%s type=LOGIN msg=audit(%.3f:%d): pid=50 uid=0 old-auid=4294967295 auid=1000 old-ses=4294967295 ses=7 res=1", node, 1e9+float64(i), 100+i)
			if err := h.p.Audit([]byte(line), 0, ingest.Pos{Source: h.audit, Line: int64(i + 1)}); err != nil {
				t.Fatal(err)
			}
			if i == 1 {
				h.restart()
			}
		}
		if name, _ := h.p.Name(); name != test.want {
			t.Errorf("%s: %s, want %s", test.nodes, name, test.want)
		}
	}
}
