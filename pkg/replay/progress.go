package replay

import (
	"sync"

	"auditreplay/pkg/ingest"
)

// Stage is a part of a run that takes long.
type Stage int

// The stages of a run, in order.
const (
	Reading Stage = iota // all evidence, for the first time
	Joining              // sshd's logs, for the second time
	Writing              // the audit logs, for the second time
)

// Progress is how far a run is. Whoever shows it may ask at any time. A nil
// Progress knows nothing and costs nothing.
type Progress struct {
	mu    sync.Mutex
	stage Stage
	total int64
	done  int64
	open  map[*opened]bool
}

// opened is a source that is being read.
type opened struct {
	p     *Progress
	size  int64 // as stored
	taken func() int64
}

// Now gives the stage of the run and how many of its bytes, as they are stored,
// are done.
func (p *Progress) Now() (stage Stage, done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	done = p.done
	for o := range p.open {
		done += min(o.taken(), o.size)
	}
	return p.stage, min(done, p.total), p.total
}

// begin starts a stage that reads those inputs.
func (p *Progress) begin(stage Stage, inputs []*input) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stage, p.done, p.total, p.open = stage, 0, 0, make(map[*opened]bool)
	for _, in := range inputs {
		p.total += max(in.src.Size, 0)
	}
}

// opens notes that a source is being read; close it when it no longer is.
func (p *Progress) opens(src *ingest.Source, taken func() int64) *opened {
	if p == nil {
		return nil
	}
	o := &opened{p, max(src.Size, 0), taken}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stage != Writing { // in which a source may be open at several places
		p.open[o] = true
	}
	return o
}

// Close notes that a source was read.
func (o *opened) Close() error {
	if o == nil {
		return nil
	}
	o.p.mu.Lock()
	defer o.p.mu.Unlock()
	if o.p.open[o] {
		delete(o.p.open, o)
		o.p.done += o.size
	}
	return nil
}

// wrote notes that so many of an input's stretches were written.
func (p *Progress) wrote(in *input, stretches int) {
	if p == nil || len(in.stretches) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += max(in.src.Size, 0) * int64(stretches) / int64(len(in.stretches))
}
