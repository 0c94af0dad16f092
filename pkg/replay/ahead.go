package replay

import (
	"bytes"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
)

// ahead reads an audit log beside the side that takes what it reads: lines are
// found and their heads parsed on one processor while the other learns from
// the chunk before, and whichever has less to do fills the buffers. The order
// stays.
type ahead struct {
	rs         *records
	full, free chan *stretchRead
	at         *stretchRead // that is being filled
}

// stretchRead is a chunk and what else stood in its stretch.
type stretchRead struct {
	chunk  auditd.Chunk
	others []others
	nuls   int64 // before its records
	units  int   // entries of the source that were read when it was full
	err    error
}

// others are so many entries in a row that say the same.
type others struct {
	entry ingest.Entry
	times int
}

// chunksAhead is how many chunks are in hand.
const chunksAhead = 3

func readAhead(rs *records) *ahead {
	a := &ahead{rs: rs, full: make(chan *stretchRead, chunksAhead), free: make(chan *stretchRead, chunksAhead)}
	for range chunksAhead {
		a.free <- new(stretchRead)
	}
	rs.other = a.other
	rs.audit = func(e *ingest.Entry, _ *auditd.Record) { a.at.nuls += int64(e.NULs) }
	if rs.detail != nil {
		rs.detail = func(int) {} // their records know their number
	}
	rs.log.blocks.Ahead()
	go a.run()
	return a
}

func (a *ahead) run() {
	defer close(a.full)
	for sr := range a.free {
		sr.others, sr.nuls = sr.others[:0], 0
		a.at = sr
		sr.err = a.rs.next(&sr.chunk)
		sr.units = a.rs.units
		a.full <- sr
		if sr.err != nil {
			return
		}
	}
}

// other keeps an entry that is no record.
func (a *ahead) other(e *ingest.Entry) {
	sr := a.at
	if e.Kind != ingest.Rejected && e.NULs == 0 {
		for i := range sr.others {
			if o := &sr.others[i]; o.entry.Kind == e.Kind && o.entry.What == e.What {
				o.times++
				return
			}
		}
	}
	kept := *e
	kept.Raw, kept.Audit = bytes.Clone(e.Raw), nil
	sr.others = append(sr.others, others{kept, 1})
	a.rs.flush = true
}

// close ends reading.
func (a *ahead) close() {
	close(a.free)
	for range a.full {
	}
}
