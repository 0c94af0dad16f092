package replay_test

import (
	"testing"

	"auditreplay/pkg/replay"

	"github.com/google/go-cmp/cmp"
)

// How many sessions and logins are held in memory makes no difference to what
// is written.
func TestHoldChangesNothing(t *testing.T) {
	t.Parallel()
	all, err := hosts()
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range all {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			for _, log := range []string{"sshd.export", "auth.log"} {
				var want []string
				for _, hold := range []int{0, 1, 7, 100} {
					rec := recorder{text: true}
					if _, err := replay.Run(h.with(log).sources(), &rec, replay.Options{Hold: hold}); err != nil {
						t.Fatal(err)
					}
					got := texts(rec.events)
					if hold == 0 {
						if want = got; len(want) < 1000 {
							t.Fatalf("%d events", len(want))
						}
					} else if d := cmp.Diff(want, got); d != "" {
						t.Errorf("%s, %d held:\n%s", log, hold, d)
					}
				}
			}
		})
	}
}
