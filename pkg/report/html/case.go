package html

import "time"

// A Case is what the events themselves do not know of a report: what it was
// made from, with what, and what was found wrong with it.
type Case struct {
	Version  string   // of the tool
	Command  []string // the exact command line
	Inputs   []Input
	Hosts    []Host
	Damage   []string         // input that could not be read, one sentence each
	Findings []Finding        // what the evidence lacks, as the verify command finds it
	Skipped  map[string]int64 // files that were not read, by reason

	Accepted, Refused, Joined, Unjoined int64 // logins
	AuditEvents                         int64 // all of the input, of any scope
	Written, LeftOut                    int64 // events that scope and filters let through, and those they did not
	Late                                int64 // records that came after their event was closed
}

// Input is one file of evidence.
type Input struct {
	Name, Path, Kind string
	SHA256           string // hex; of the file as it lay there
	Bytes            int64  // after decompression
	Read             int64  // lines or entries
	Evidence         int64
	Duplicate        int64
	Irrelevant       int64
	Rejected         int64
	NULs             int64         // bytes of zero that a reset of the host left
	First, Last      time.Time     // zero: not known
	ClockSkew        time.Duration // ahead of the audit log
}

// Host is a host and its boots.
type Host struct {
	Name, MachineID string
	Boots           []string
}

// Finding is something that the evidence lacks, or contradicts itself in.
type Finding struct {
	Kind, Host, Boot string
	From, To         time.Time
	Count            int64
	Where, Detail    string
}
