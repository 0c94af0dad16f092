package replay_test

import (
	"testing"
	"time"

	"auditreplay/pkg/replay"

	"github.com/google/go-cmp/cmp"
)

// TestBetween holds that events outside of the wanted time are left out
// without a change to those inside, in whatever order the file has them.
func TestBetween(t *testing.T) {
	t.Parallel()
	for _, name := range hostNames {
		h := host(t, name)
		all := h.with("sshd.export")
		whole := &recorder{text: true}
		sum, err := replay.Run(all.sources(), whole, replay.Options{})
		if err != nil {
			t.Fatal(err)
		}
		n := len(whole.events)
		from, to := whole.events[n/3].at, whole.events[n/3+n/10].at
		part := &recorder{text: true}
		less, err := replay.Run(all.sources(), part, replay.Options{Between: func() (time.Time, time.Time) { return from, to }})
		if err != nil {
			t.Fatal(err)
		}
		within := func(events []event) (out []string) {
			for _, e := range events {
				if !e.at.Before(from) && !e.at.After(to) {
					out = append(out, e.text+e.pos)
				}
			}
			return out
		}
		if d := cmp.Diff(within(whole.events), within(part.events)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if less.Events > sum.Events*2/3 {
			t.Errorf("%s: %d of %d events were read", name, less.Events, sum.Events)
		}
	}
}
