package auditd

import (
	"auditreplay/pkg/ingest"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// Key is what makes records one event: node, time and serial.
type Key struct {
	Node   string // node= as written, or ""
	Millis int64  // since the epoch
	Serial uint32
}

// Record is one line of an audit log, cut into its parts. All slices point
// into the line; nothing is decoded yet.
type Record struct {
	Type     auparse.AuditMessageType
	TypeName []byte // as written: "SYSCALL", "UNKNOWN[1334]"
	Node     []byte
	Millis   int64 // since the epoch
	Serial   uint32
	Body     []byte // what follows "msg=audit(...): "; with the enrichment until Split, in a Chunk
	Enriched []byte // NAME=value pairs that auditd added (log_format=ENRICHED), without their separator
	Line     []byte // the whole record, prefix and NULs stripped, without newline
	NULs     int    // NUL bytes that stood before it on its line
	Pos      ingest.Pos
	Via      string // host that the carrier names, for records without a node
	SameNode bool   // it has a node, that of the record before it in its Chunk
	Details  int32  // records of its event and node that stood behind it and were left out: see Chunk.Detail
	home     *Chunk // that Line is in
}

// Event is one audit event: its records, reassembled, and what they say.
// The zero value is ready for Builder.Build; Events are reused.
type Event struct {
	Key
	Records []*Record                // in the order of canonical type and item, never of the file
	Type    auparse.AuditMessageType // what schema.md calls event.type
	TypeStr string                   // its name; as written in the log where the tables do not know it
	Late    bool
	CutOff  bool // a record ends in the middle of its session's number

	Result string // "success", "fail", or "" where no record states one
	Ses    string // outer ses= in decimal; "" where no record has one, "unset" for 4294967295 and -1
	AUID   string // outer auid= in decimal, "unset", or ""
	UID    string
	EUID   string
	Names  Names // of AUID, UID, EUID: the log's own claims (ENRICHED), or ""

	PID, PPID int // 0 where not stated
	TTY       string
	Comm      Text
	Exe       Text
	CWD       Text
	Args      []Text // argv of an EXECVE
	Keys      []string
	Syscall   string // name, or number where unknown
	Exit      string // decimal, or errno name

	// Of user records (inside msg='...'): claims of the program that sent it.
	Op       string
	Acct     Text
	Addr     string // "" for "?"
	Hostname string
	Terminal string

	// Of LOGIN records.
	OldSes, OldAUID string

	Action          string // go-libaudit's Summary.Action
	How             Text
	ObjectType      string
	ObjectPrimary   Text
	ObjectSecondary Text
	Contradictions  []string // see schema.Event
	Uncoalesced     bool     // the records do not form an event of a known shape: raw lines are output

	Paths []Path // PATH records, by item
	Sock  *Sock  // SOCKADDR record, or nil

	sock  Sock
	arena []byte   // decoded values
	begun *Builder // that is to complete it
}

// Path is one PATH record: a file that the syscall touched.
type Path struct {
	Name     Text   // nil for (null)
	NameType string // "NORMAL", "PARENT", "CREATE", "DELETE", "UNKNOWN"
	Mode     uint32 // st_mode
	HasMode  bool
}

// Sock is a socket's address (saddr= of a SOCKADDR record).
type Sock struct {
	Family string // "ipv4", "ipv6", "unix", "netlink", another family's number, or "" where saddr is malformed
	Addr   string // of ipv4 and ipv6
	Port   string
	Path   Text // of unix; abstract names have "@" for their leading NUL
	Raw    Text // saddr= as it stands
}

// Names are the enriched names of the ids.
type Names struct{ AUID, UID, EUID string }

// Text is a decoded value that may not be UTF-8: the exact bytes.
type Text []byte
