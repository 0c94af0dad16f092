package replay

import (
	"errors"
	"fmt"
	"io"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/journal"
	"auditreplay/pkg/ingest/syslog"
)

// input is one source and what the first pass learnt of it.
type input struct {
	src   *ingest.Source
	group int // sources of one folder, archive or root: one host unless they name several

	stretches []stretch
	messages  bool          // it holds sshd's messages
	unsorted  bool          // they are far from the order of time
	newest    time.Time     // of its messages so far
	lows      lows          // of them
	offset    time.Duration // that its clock is ahead of the audit log's
	damage    []string
	cut       *ingest.Damage // where the bytes of a binary journal broke off
	civil     civil          // of a log whose times lack year or zone
	progress  *Progress

	interrupted func() bool // may be nil; asked before every read, in any goroutine

	chunk   int // bytes of a chunk of its records
	scanned bool
	torn    bool // a line of it holds more than one record
}

// stretch is a chunk of an input's records, as the first pass saw it.
type stretch struct {
	min, max int64
	units    int // entries of the carrier that it took
}

// reader gives the entries of one carrier.
type reader interface {
	Next() (*ingest.Entry, error)
}

// open opens an input as the carrier it is.
func (in *input) open() (reader, *ingest.CountingReader, io.Closer, error) {
	if in.src.Kind == ingest.JournalBinary {
		at, size, err := in.src.ReaderAt()
		var damage *ingest.Damage
		switch {
		case errors.As(err, &damage) && at != nil: // what could be decompressed is read
			if in.cut == nil {
				in.cut = damage
			}
		case err != nil:
			return nil, nil, nil, err
		}
		return journal.NewBinary(stoppableAt{at, in.interrupted}, size, in.src), nil, in.progress.opens(in.src, func() int64 { return 0 }), nil
	}
	rc, err := in.src.OpenRaw()
	if err != nil {
		return nil, nil, nil, err
	}
	count := &ingest.CountingReader{R: stoppable{rc, in.interrupted}}
	var r reader
	open := closers{rc}
	switch in.src.Kind {
	case ingest.JournalExport:
		r = journal.NewExport(count, in.src)
	case ingest.JournalJSON:
		r = journal.NewJSON(count, in.src)
	case ingest.JournalText:
		r = journal.NewText(count, in.src)
	case ingest.SyslogText:
		r = syslog.New(count, in.src)
	default:
		log := newAuditLog(count, in.src, in.chunk)
		r, open = log, closers{log.blocks, rc}
	}
	taken := count.N.Load
	if s, ok := rc.(interface{ Stored() int64 }); ok {
		taken = s.Stored
	}
	return r, count, append(open, in.progress.opens(in.src, taken)), nil
}

// stoppable is a reader that fails when the run is interrupted: whatever reads an
// input, and in which pass, ends then.
type stoppable struct {
	io.Reader
	interrupted func() bool
}

func (s stoppable) Read(p []byte) (int, error) {
	if s.interrupted != nil && s.interrupted() {
		return 0, ErrInterrupted
	}
	return s.Reader.Read(p)
}

type stoppableAt struct {
	io.ReaderAt
	interrupted func() bool
}

func (s stoppableAt) ReadAt(p []byte, off int64) (int, error) {
	if s.interrupted != nil && s.interrupted() {
		return 0, ErrInterrupted
	}
	return s.ReaderAt.ReadAt(p, off)
}

// closers are closed together.
type closers []io.Closer

func (cs closers) Close() error {
	var errs []error
	for _, c := range cs {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// auditLog reads audit.log itself as a carrier: every line that is one becomes
// an AuditEntry. Whether it is a record shows when it is cut. Its lines are not
// copied: a chunk takes over the buffer that they were read into.
type auditLog struct {
	blocks *ingest.Blocks
	lines  *ingest.Lines
	entry  ingest.Entry
	given  []byte // the buffer that a chunk took last

	look bool   // lines are looked at whether they are torn
	torn bool   // one was
	open bool   // the last line has no newline
	rest []byte // of a torn line, what stands behind its first piece
	nuls int    // between the two
}

func newAuditLog(r io.Reader, src *ingest.Source, size int) *auditLog {
	b := ingest.NewBlocks(r, size)
	a := &auditLog{blocks: b, lines: ingest.KeptLines(b)}
	a.entry.Pos.Source = src
	return a
}

// take lets c, which must be empty, have the buffer that the last line is in.
func (a *auditLog) take(c *auditd.Chunk) {
	a.given = a.lines.Buffer()
	a.blocks.Reuse(c.Adopt(a.given))
}

// pass reads over an entry.
func (a *auditLog) pass() error {
	buf := a.lines.Buffer()
	_, err := a.Next()
	if now := a.lines.Buffer(); len(buf) > 0 && &now[0] != &buf[0] && (len(a.given) == 0 || &a.given[0] != &buf[0]) {
		a.blocks.Reuse(buf)
	}
	return err
}

func (a *auditLog) Next() (*ingest.Entry, error) {
	e := &a.entry
	line := a.rest
	if len(line) > 0 {
		e.NULs, a.rest = a.nuls, nil
	} else {
		var err error
		if line, e.Pos.Line, e.NULs, err = a.lines.Next(); err != nil {
			return nil, err
		}
		a.open = a.lines.Unterminated()
	}
	if a.look && a.lines.TooLong() == 0 {
		first, rest, nuls, why := auditd.Tear(line, a.lines.Clean())
		if why != "" {
			a.torn, a.rest, a.nuls = true, rest, nuls
			if len(rest) == 0 {
				e.NULs += nuls
			}
			e.Kind, e.What, e.Raw = ingest.Rejected, why, first
			return e, nil
		}
	}
	switch {
	case len(line) > 0 && (line[0] == 'n' || line[0] == 't' && !hasPrefix(line, "time->")):
		e.Kind, e.Audit = ingest.AuditEntry, line
	case blank(line):
		e.Kind, e.What, e.Raw = ingest.Irrelevant, "blank line", line
	case hasPrefix(line, "time->"):
		e.Kind, e.What, e.Raw = ingest.Irrelevant, "ausearch separator", line
		return e, nil
	case string(line) == "----":
		e.Kind, e.What, e.Raw = ingest.Irrelevant, "ausearch separator", line
	default:
		e.Kind, e.Audit = ingest.AuditEntry, line
	}
	if a.lines.TooLong() > 0 {
		e.Kind, e.What, e.Raw = ingest.Rejected, fmt.Sprintf("line of %d bytes", a.lines.TooLong()), line
	}
	return e, nil
}

func blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' && c != 0 {
			return false
		}
	}
	return true
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

// records reads the audit records of an input, chunk by chunk. The chunks of
// one input are the same every time it is read.
type records struct {
	in    *input
	r     reader
	log   *auditLog // r, where it is that
	count *ingest.CountingReader
	close io.Closer
	left  *ingest.Entry // read, but behind the chunk before
	err   error
	units int  // entries read so far
	flush bool // the chunk is to end with its buffer though no record is in it

	// other is called for every entry that is no audit record, and for audit
	// entries that are none after all (Rejected then).
	other func(*ingest.Entry)
	// audit is called for every record, when it has just been added.
	audit func(*ingest.Entry, *auditd.Record)
	// detail, where there is one, is called for records of an audit log that are
	// left out because Chunk.Detail says so of them, with their number.
	detail func(int)
}

func newRecords(in *input) (*records, error) {
	r, count, closer, err := in.open()
	if err != nil {
		return nil, err
	}
	log, _ := r.(*auditLog)
	if log != nil {
		log.look = !in.scanned || in.torn
	}
	return &records{in: in, r: r, log: log, count: count, close: closer, other: func(*ingest.Entry) {}, audit: func(*ingest.Entry, *auditd.Record) {}}, nil
}

// next fills c with the input's next chunk. io.EOF comes with an empty chunk.
func (rs *records) next(c *auditd.Chunk) error {
	c.Reset()
	c.Size = rs.in.chunk
	rs.flush = false
	if rs.log != nil {
		rs.log.blocks.Reuse(c.Adopt(nil))
	}
	for {
		e := rs.left
		switch {
		case e != nil:
			rs.left = nil
		case rs.err != nil:
			return rs.err
		default:
			var err error
			if e, err = rs.r.Next(); err != nil {
				rs.units++
				rs.err = err
				if len(c.Records) > 0 && errors.Is(err, io.EOF) {
					return nil
				}
				return err
			}
		}
		rs.units++
		if e.Kind != ingest.AuditEntry {
			rs.other(e)
			continue
		}
		if !rs.fits(c, e) {
			rs.left = e
			rs.units--
			return nil
		}
		if rs.detail != nil && e.NULs == 0 && c.Detail(e.Audit) {
			rs.detail(1)
			continue
		}
		if err := rs.add(c, e); err != nil {
			e.Kind, e.What = ingest.Rejected, err.Error()
			if rs.log != nil || len(e.Raw) == 0 {
				e.Raw = e.Audit
			}
			rs.other(e)
			continue
		}
		rs.audit(e, &c.Records[len(c.Records)-1])
	}
}

// fits reports whether a chunk takes an entry's record.
func (rs *records) fits(c *auditd.Chunk, e *ingest.Entry) bool {
	if rs.log == nil {
		return c.Fits(len(e.Audit))
	}
	if c.Holds(rs.log.lines.Buffer()) {
		return true
	}
	if len(c.Records) > 0 || rs.flush {
		return false
	}
	rs.log.take(c)
	return true
}

func (rs *records) add(c *auditd.Chunk, e *ingest.Entry) error {
	if rs.log != nil {
		return c.Cut(e.Audit, e.Pos)
	}
	return c.Add(e.Audit, e.Pos)
}

// skip reads over a stretch of that many entries.
func (rs *records) skip(units int) error {
	for range units {
		if rs.left != nil {
			rs.left = nil
			continue
		}
		if rs.log != nil {
			rs.err = rs.log.pass()
		} else {
			_, rs.err = rs.r.Next()
		}
		if rs.err != nil {
			return rs.err
		}
	}
	return nil
}

func (rs *records) Close() error {
	if rs.close == nil {
		return nil
	}
	return rs.close.Close()
}
