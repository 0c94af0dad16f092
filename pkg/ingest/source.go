package ingest

import (
	"io"
	"sync/atomic"
)

// Kind is what a source's content was found to be.
type Kind uint8

// The kinds of a source.
const (
	UnknownKind Kind = iota
	EmptyKind
	AuditLog      // lines with msg=audit(
	JournalExport // journalctl -o export
	JournalJSON   // journalctl -o json, json-pretty, json-seq, json-sse
	JournalBinary // .journal file
	JournalText   // journalctl -o verbose
	SyslogText    // auth.log and the -o short family
	UnusableKind  // known, but without what the join needs (cat, ausearch -i): Source.Hint says what to export instead
)

// Source is one input: a file, a member of an archive, standard input.
// It can be opened any number of times and always gives the same bytes.
type Source struct {
	Name    string // shortest trailing path that is unique in the run; set once all sources are known
	Path    string // as the user named it; members as ARCHIVE!MEMBER
	Root    string // host folder or archive it was found in, or ""
	Kind    Kind
	Hint    string // of UnusableKind
	Offsets bool   // positions are byte offsets, not lines (binary journals)
	Size    int64  // bytes as stored, -1 where unknown

	// OpenRaw opens the (decompressed) bytes from the start.
	OpenRaw func() (io.ReadCloser, error)
	// OpenAt gives the same bytes for random access and how many they are; nil
	// where only OpenRaw was set. Callers use Source.ReaderAt.
	OpenAt func() (io.ReaderAt, int64, error)

	Counts Counts
}

// Counts is the account of one source: everything read ends up in exactly one
// of the other figures.
type Counts struct {
	Read       int64            `json:"read"` // lines, or entries of a journal
	Bytes      int64            `json:"bytes"`
	Evidence   int64            `json:"evidence"`
	Duplicate  int64            `json:"duplicate"`
	Irrelevant map[string]int64 `json:"irrelevant,omitempty"` // by kind
	Rejected   int64            `json:"rejected"`
	NULs       int64            `json:"nuls,omitempty"`
}

// Skip counts one unit of a known kind that is not used.
func (c *Counts) Skip(kind string) {
	if c.Irrelevant == nil {
		c.Irrelevant = make(map[string]int64)
	}
	c.Irrelevant[kind]++
}

// Balanced reports whether everything read is accounted for.
func (c *Counts) Balanced() bool {
	sum := c.Evidence + c.Duplicate + c.Rejected
	for _, n := range c.Irrelevant {
		sum += n
	}
	return sum == c.Read
}

// CountingReader counts the bytes that pass through it.
type CountingReader struct {
	R io.Reader
	N atomic.Int64
}

func (c *CountingReader) Read(p []byte) (int, error) {
	n, err := c.R.Read(p)
	c.N.Add(int64(n))
	return n, err
}
