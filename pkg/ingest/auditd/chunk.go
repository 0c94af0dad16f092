package auditd

import "auditreplay/pkg/ingest"

// A Chunk is a stretch of one source: the records of some hundred kilobytes of
// lines, with the bytes they point to.
type Chunk struct {
	Records []Record
	Min     int64 // lowest time of its records, in milliseconds
	Max     int64
	Size    int // bytes of lines that fill it; 0 is ChunkSize
	buf     []byte
	hint    hint
	held    int  // records that units hold
	waiting int  // of them, those whose units wait in the Reassembler
	read    bool // all its records were added to a Reassembler
}

// ChunkSize is how many bytes of lines usually fill a chunk.
const ChunkSize = 256 << 10

// perRecord is less than most records take: there is one for so many bytes at
// the most in a chunk that lines are copied to.
const perRecord = 192

func (c *Chunk) size() int {
	if c.Size == 0 {
		return ChunkSize
	}
	return c.Size
}

// Fits reports whether the chunk takes a copy of another line of n bytes. An
// empty chunk takes any.
func (c *Chunk) Fits(n int) bool {
	return len(c.Records) == 0 || len(c.buf)+n <= c.size() && len(c.Records) < c.size()/perRecord
}

// Add copies a line into the chunk and does as Cut.
func (c *Chunk) Add(line []byte, pos ingest.Pos) error {
	if cap(c.buf)-len(c.buf) < len(line) {
		c.buf = make([]byte, 0, max(c.size(), len(line))) // only when empty: see Fits
	}
	at := len(c.buf)
	c.buf = append(c.buf, line...)
	if err := c.Cut(c.buf[at:len(c.buf):len(c.buf)], pos); err != nil {
		c.buf = c.buf[:at]
		return err
	}
	return nil
}

// Adopt makes buf the chunk's, which must be empty, and gives the one it had.
// Lines in it are to be given to Cut.
func (c *Chunk) Adopt(buf []byte) (old []byte) {
	old, c.buf = c.buf, buf
	return old
}

// weight is how many chunks of the usual size have as many bytes.
func (c *Chunk) weight() int { return max(1, len(c.buf)/ChunkSize) }

// Holds reports whether buf is the chunk's.
func (c *Chunk) Holds(buf []byte) bool { return len(c.buf) > 0 && len(buf) > 0 && &c.buf[0] == &buf[0] }

// Cut cuts the head of a line of the chunk's bytes off: the enrichment stays in
// the record's body until Record.Split. An error says that the line is no record
// and leaves the chunk as it was.
func (c *Chunk) Cut(line []byte, pos ingest.Pos) error {
	n := len(c.Records)
	switch {
	case c.Records == nil:
		c.Records = make([]Record, 1, max(c.size()/perRecord, 1))
	case n < cap(c.Records):
		c.Records = c.Records[:n+1]
	default:
		c.Records = append(c.Records, Record{})
	}
	rec := &c.Records[n]
	if err := c.hint.parse(line, rec); err != nil {
		c.Records, c.hint = c.Records[:n], hint{} // the line's bytes will be another's
		return err
	}
	rec.Pos, rec.Via, rec.Details, rec.home = pos, "", 0, c
	if n == 0 || rec.Millis < c.Min {
		c.Min = rec.Millis
	}
	if n == 0 || rec.Millis > c.Max {
		c.Max = rec.Millis
	}
	return nil
}

// Detail reports whether a line is a record of a syscall's details that stands
// behind another record of its event: it says nothing new of when the event was
// and on which host, nor of whose it was. Of such a line nothing is kept but
// that it was there, in Record.Details.
func (c *Chunk) Detail(line []byte) bool {
	n := len(c.Records)
	if n == 0 || !c.hint.detail(line) || c.Records[n-1].Daemon() {
		return false
	}
	c.Records[n-1].Details++
	return true
}

// Reset empties the chunk for reuse: nothing may point into it any more.
func (c *Chunk) Reset() {
	c.Records, c.buf, c.held, c.read = c.Records[:0], c.buf[:0], 0, false
	c.waiting = 0
	c.hint = hint{}
}
