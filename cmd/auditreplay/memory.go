package main

import (
	"os"
	"runtime/debug"

	"auditreplay/pkg/replay"
)

// What a replay holds while it writes events: so much, and so much more for
// each session and each login (docs/performance.md has the measurement).
const (
	heldAlways  = 16 << 20
	heldSession = 700
	heldLogin   = 1800
)

// leastMemory is what the collector may always let the program use: below it
// to collect more often would save nothing that anybody misses.
const leastMemory = 64 << 20

// limitMemory makes the collector run more often than when twice the memory is
// in use that was needed last time: by then the program may use a third more
// than it is expected to hold. Views that hold more themselves are not bound.
func limitMemory(log replay.Log) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return // somebody else has said how much
	}
	held := heldAlways + heldSession*int64(log.Sessions) + heldLogin*int64(log.Logins)
	debug.SetMemoryLimit(max(leastMemory, held+held/3))
}
