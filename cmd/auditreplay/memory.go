package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// leastMemory is what the collector may always let the program use: below it
// to collect more often would save nothing that anybody misses. usedAlways is
// used beside what is held.
const (
	leastMemory = 64 << 20
	usedAlways  = 12 << 20
)

// growth is by how many percent the heap may grow between two collections, as
// GOGC says it, as long as it stays below the limit. Most runs need little
// memory, and some hundredths of their time would else go into finding that out
// again and again.
const growth = 400

// memoryLimit makes the collector run more often than growth asks for: the
// program may use a quarter more than what is held. How much that is each
// collection finds out, so that a limit that the evidence has outgrown is raised
// before the collector does nothing else.
type memoryLimit struct {
	now    int64
	sample []metrics.Sample
}

// limitMemory sets the limit, from now on.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return // somebody else has said how much
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(growth)
	}
	m := &memoryLimit{sample: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	m.set()
	m.afterEach()
}

// afterEach sets the limit anew after each collection: what nobody refers to
// is finalized then.
func (m *memoryLimit) afterEach() {
	runtime.SetFinalizer(new([16]byte), func(*[16]byte) {
		m.set()
		m.afterEach()
	})
}

func (m *memoryLimit) set() {
	metrics.Read(m.sample)
	limit := limitFor(int64(m.sample[0].Value.Uint64()))
	if change := limit - m.now; change > limit/32 || change < -limit/8 {
		m.now = limit
		debug.SetMemoryLimit(limit)
	}
}

// limitFor gives the limit where so much is held, in bytes.
func limitFor(held int64) int64 { return max(leastMemory, held/4*5+usedAlways) }
