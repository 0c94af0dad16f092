package replay_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/replay"
)

// TestInterrupted: a run ends when it is asked to, in whatever pass and carrier
// it is, and reads nothing more.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	dir := "../../testdata/host/bookworm-A/"
	for _, sshd := range []string{"sshd.export.gz", "sshd.json.gz", "sshd.short.gz", "auth.log.gz", "journal.tar.xz"} {
		t.Run(sshd, func(t *testing.T) {
			t.Parallel()
			in := open(t, replay.EvidenceOptions{Paths: []string{dir + "var/log/audit", dir + sshd}})
			var most int64
			run := func(stopAt int64) error {
				var asked, after atomic.Int64
				var sources []*ingest.Source
				for _, src := range in.Sources {
					own := *src
					sources = append(sources, &own)
				}
				_, err := replay.Run(sources, &recorder{}, replay.Options{Interrupted: func() bool {
					if asked.Add(1) < stopAt {
						return false
					}
					after.Add(1)
					return true
				}})
				if n := after.Load(); n > 10 { // the two sides of a pass, each some times
					t.Errorf("interrupted at look %d: looked %d times more", stopAt, n)
				}
				most = max(most, asked.Load())
				return err
			}
			if err := run(1 << 40); err != nil {
				t.Fatal(err)
			}
			all := most
			if all < 20 {
				t.Fatalf("looked %d times", all)
			}
			for i := range int64(12) {
				if err := run(1 + i*(all-1)/12); !errors.Is(err, replay.ErrInterrupted) {
					t.Errorf("interrupted at look %d of %d: %v", 1+i*(all-1)/12, all, err)
				}
			}
		})
	}
}
