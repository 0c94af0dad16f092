package replay_test

import (
	"testing"

	"auditreplay/pkg/replay"
)

// watched looks at the progress with every event.
type watched struct {
	t     *testing.T
	p     *replay.Progress
	last  int64
	moved int
}

func (w *watched) Encode(any) error {
	stage, done, total := w.p.Now()
	if stage != replay.Writing || done < w.last || done > total || total == 0 {
		w.t.Errorf("stage %d, %d of %d bytes after %d", stage, done, total, w.last)
	}
	if done > w.last {
		w.moved++
	}
	w.last = done
	return nil
}

func TestProgress(t *testing.T) {
	t.Parallel()
	w := &watched{t: t, p: new(replay.Progress)}
	sources := host(t, "bookworm-0").with("sshd.export").sources()
	var size int64
	for _, src := range sources {
		size += src.Size
	}
	seen := false
	opt := replay.Options{Progress: w.p, Workers: 1, Known: func(replay.Log) error {
		stage, done, total := w.p.Now()
		seen = stage == replay.Reading && done == total && total == size && size > 0
		return nil
	}}
	if _, err := replay.Run(sources, w, opt); err != nil {
		t.Fatal(err)
	}
	_, done, total := w.p.Now()
	if few := total / 1000; !seen || total-done > few || w.moved < 3 {
		t.Errorf("all read: %t; at the end %d of %d bytes, moved %d times", seen, done, total, w.moved)
	}
}
