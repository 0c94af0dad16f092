package main

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// hostTruth is what the clients of a recorded host did, written down by them.
type hostTruth struct {
	Boots []struct {
		N      int
		End    float64
		Offset float64 `json:"guest_clock_minus_host"`
	}
	Logins []struct {
		ID          string
		Boot        int
		Account     string `json:"unix_user"`
		Fingerprint string `json:"key_fingerprint"`
		KeyID       string `json:"cert_key_id"`
		Addr        string `json:"src_ip"`
		Session     *int   `json:"sessionid"`
		Lost        bool   `json:"accepted_line_lost_from_journal"`
	}
}

func (h *hostTruth) boot(at time.Time) int {
	for _, b := range h.Boots {
		if float64(at.UnixNano())/1e9 <= b.End+b.Offset+5 {
			return b.N
		}
	}
	return h.Boots[len(h.Boots)-1].N
}

// score holds the events that follow wrote against what the clients did: none
// may have the name of another login, and of those that have a client's
// session, all but a few must have its name.
func score(t testing.TB, name string, live []string, recall float64) {
	t.Helper()
	var h hostTruth
	if err := json.Unmarshal(unzip(t, hostPath(name, "truth.json.gz")), &h); err != nil {
		t.Fatal(err)
	}
	owner := make(map[string]int)
	for i, l := range h.Logins {
		if l.Session != nil {
			owner[fmt.Sprint(l.Boot, "/", *l.Session)] = i + 1
		}
	}
	due, right := 0, 0
	for _, line := range live {
		var e struct {
			auditevent.AuditEvent
			Metadata struct{ Extra schema.Extra } `json:"metadata"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		s := e.Metadata.Extra.Session
		if e.Type != schema.TypeAction || s == nil {
			continue
		}
		i := owner[fmt.Sprint(h.boot(e.LoggedAt), "/", s.ID)]
		if i == 0 || h.Logins[i-1].Lost {
			continue
		}
		due++
		if s.Attribution != schema.BySSHD && s.Attribution != schema.ByAudit {
			continue
		}
		l, c := h.Logins[i-1], e.Metadata.Extra.Credential
		if c == nil {
			c = new(schema.Credential)
		}
		for what, v := range map[string][2]string{"account": {e.Subjects["loggedAs"], l.Account}, "address": {e.Source.Value, l.Addr},
			"key": {c.Fingerprint, l.Fingerprint}, "key id": {c.KeyID, l.KeyID}} {
			if v[0] != "" && v[1] != "" && v[0] != v[1] || what == "key id" && v[0] != v[1] {
				t.Errorf("wrong %s: %q, of %s it is %q: %s", what, v[0], l.ID, v[1], line)
			}
		}
		right++
	}
	if due < 3000 || float64(right) < recall*float64(due) {
		t.Errorf("%d of %d events of the clients' sessions have a name", right, due)
	}
	t.Logf("%d of %d events of the clients' sessions have the right name", right, due)
}
