package live

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/ingest/syslog"
	"auditreplay/pkg/schema"
	"auditreplay/pkg/tracker"

	"github.com/metal-toolbox/auditevent"
	"go.uber.org/zap"
)

// Options are what a Pipeline needs to know. The zero value works, for an
// audit log alone.
type Options struct {
	Host      string // name of the host; "" is what the logs name
	MachineID string
	SSHD      bool // there is a log of sshd: sessions wait for their login
	Journal   bool // it is a journal: boots have names of their own

	LoginWindow time.Duration // record time that a session waits for its login; 0 is a minute
	NoWall      bool          // the wall clock ends no wait

	Raw       bool
	Paths     bool // schema.Event.Paths, for selections by path
	Log       *zap.SugaredLogger
	Names     func(fingerprint string, ca bool) []schema.Name
	UserNames func(uid string) string
	Zone      *time.Location // of sshd's log lines without one; nil is UTC

	// Reject is called for every line that could not be read.
	Reject func(pos ingest.Pos, what string)
}

// The waits of the pipeline.
const (
	eventWait  = 2 * time.Second  // of record time for an event whose end is not known
	eventQuiet = 5 * time.Second  // or of wall time
	settleWait = 2 * time.Second  // of record time for what the beginning of a log says of its host
	settleWall = time.Second      // or of wall time
	failWait   = 5 * time.Second  // for the reason of a refused login, which may come after it
	endWait    = 30 * time.Second // for a better word on how a session ended
	keep       = 24 * time.Hour   // what is over is forgotten after this

	// Of record time, or of wall time, after a session's start: all of its
	// opening was read then, also what was still on its way when the time came.
	openingWait     = tracker.Opening + time.Second
	lateOpeningWait = tracker.LateOpening + time.Second
)

// Clock is the time and how far the inputs were read when a round began.
type Clock struct {
	Wall  time.Time
	Audit bool // the audit log was read to its end, before:
	SSHD  bool // sshd's log was read to its end
}

// Pipeline makes events of lines. It is not safe for concurrent use.
type Pipeline struct {
	opt Options
	enc *rewriter
	w   *auditevent.EventWriter

	name    string         // of the host
	names   map[string]int // how often each was said, until it is settled
	machine string
	named   bool
	sources map[string]*ingest.Source

	units   units
	facts   *auditd.Facts
	builder *auditd.Builder
	ev      auditd.Event
	line    sshd.Line
	login   unitKey // the last LOGIN record's event: its SYSCALL is a fact too

	boots []*boot // oldest first; the last is the current one
	probe probe

	fresh, ripe []message // sshd's messages: read in this round, in an earlier one

	auditAt, sshdAt, sshdBefore int64     // latest record times (of the audit log: of records that their boot is known of), the last one of the round before
	said                        int64     // latest time of the messages that went to their connections
	first, heard                int64     // of the first record, of sshd's first message
	active, begun               time.Time // wall time of the last line, of the first round
	clock                       Clock
	swept                       int64
	failure                     error // of a write, where none can be returned
	Counts                      Counts
}

// Counts is the account of a pipeline.
type Counts struct {
	Records    int64 `json:"records"`
	Messages   int64 `json:"messages"`
	Irrelevant int64 `json:"irrelevant"`
	Duplicate  int64 `json:"duplicate"`
	Rejected   int64 `json:"rejected"`
	NULs       int64 `json:"nuls"`
	Events     int64 `json:"events"`
	Late       int64 `json:"late"`
}

// New returns a pipeline that writes to w.
func New(w auditevent.EventEncoder, opt Options) *Pipeline {
	if opt.LoginWindow <= 0 {
		opt.LoginWindow = time.Minute
	}
	if opt.Log == nil {
		opt.Log = zap.NewNop().Sugar()
	}
	if opt.Reject == nil {
		opt.Reject = func(ingest.Pos, string) {}
	}
	p := &Pipeline{opt: opt, enc: newRewriter(w, opt.LoginWindow), name: opt.Host, machine: opt.MachineID, named: opt.Host != "",
		sources: make(map[string]*ingest.Source), facts: auditd.NewFacts(), builder: auditd.NewBuilder()}
	p.w = auditevent.NewAuditEventWriter(p.enc)
	p.units.init()
	return p
}

// source gives the one Source of a path: positions of one file are compared by
// it.
func (p *Pipeline) source(s *ingest.Source) *ingest.Source {
	if s == nil {
		return nil
	}
	if known := p.sources[s.Path]; known != nil {
		return known
	}
	p.sources[s.Path] = s
	return s
}

// Audit takes one line of the audit log. The line may be reused afterwards.
func (p *Pipeline) Audit(line []byte, nuls int, pos ingest.Pos) error {
	p.active = p.clock.Wall
	p.Counts.NULs += int64(nuls)
	if len(strings.TrimSpace(string(line[:min(len(line), 64)]))) == 0 {
		p.Counts.Irrelevant++
		return nil
	}
	pos.Source = p.source(pos.Source)
	for {
		first, rest, nuls, why := auditd.Tear(line, false)
		if why == "" {
			line = first
			break
		}
		p.Counts.NULs += int64(nuls)
		p.reject(pos, why)
		if line = rest; len(line) == 0 {
			return nil
		}
	}
	rec := new(auditd.Record)
	if err := auditd.ParseLine(slices.Clone(line), rec); err != nil {
		p.reject(pos, err.Error())
		return nil
	}
	p.Counts.Records++
	rec.Pos = pos
	if len(rec.Node) > 0 {
		p.nameHost(string(rec.Node), "")
	}
	if p.first == 0 {
		p.first = rec.Millis
	}
	return p.record(rec)
}

// Reject counts a unit of input that is none.
func (p *Pipeline) reject(pos ingest.Pos, what string) {
	p.Counts.Rejected++
	p.opt.Reject(pos, what)
}

// Message takes one entry of sshd's log.
func (p *Pipeline) Message(e *ingest.Entry) {
	p.active = p.clock.Wall
	m := e.Message
	p.Counts.NULs += int64(e.NULs)
	if m.Host != "" && e.Kind != ingest.Rejected {
		p.nameHost(m.Host, m.MachineID)
	}
	switch e.Kind {
	case ingest.MessageEntry:
	case ingest.Rejected:
		p.reject(ingest.Pos{Source: p.source(e.Pos.Source), Line: e.Pos.Line}, e.What)
		return
	default:
		p.Counts.Irrelevant++
		return
	}
	p.instant(&m)
	p.sshdAt = max(p.sshdAt, m.Received.UnixMilli())
	if p.heard == 0 {
		p.heard = m.Received.UnixMilli()
	}
	if m.LogindLeader == 0 {
		if !sshd.IsProgram(m.Ident) {
			p.Counts.Irrelevant++
			return
		}
		sshd.Parse(m.Text, &p.line)
		if ok, _ := sshd.Believable(&m, &p.line); !ok {
			p.Counts.Irrelevant++
			return
		}
	}
	p.Counts.Messages++
	p.fresh = append(p.fresh, message{Message: m, Src: pathOf(e.Pos.Source), Line: e.Pos.Line})
	p.source(e.Pos.Source)
}

// instant makes an instant of a line's civil time.
func (p *Pipeline) instant(m *ingest.Message) {
	zone := p.opt.Zone
	if zone == nil {
		zone = time.UTC
	}
	if m.Clock == ingest.NoYear {
		newest := time.UnixMilli(max(p.auditAt, p.sshdAt)).UTC()
		if p.auditAt == 0 && p.sshdAt == 0 {
			newest = p.clock.Wall
		}
		m.Time = m.Time.AddDate(syslog.Year(m.Time, newest)-m.Time.Year(), 0, 0)
	}
	if m.Clock == ingest.NoYear || m.Clock == ingest.Local {
		m.Time = syslog.Instant(m.Time, zone, time.Time{})
		m.Received, m.Clock = m.Time, ingest.UTC
	}
}

// message is one of sshd's messages on its way.
type message struct {
	ingest.Message
	Src  string
	Line int64
}

func pathOf(s *ingest.Source) string {
	if s == nil {
		return ""
	}
	return s.Path
}

// nameHost takes a name of the host. Before the first event is written the
// name that says most is taken, of those that are as long the most frequent,
// of these the smaller one; afterwards it stays. One damaged letter is a
// spelling of its own.
func (p *Pipeline) nameHost(name, machine string) {
	p.named = true
	if p.anyReady() {
		p.names = nil
		return
	}
	if p.machine == "" {
		p.machine = machine
	}
	if p.opt.Host != "" {
		return
	}
	if p.names == nil {
		p.names = make(map[string]int)
	}
	p.names[name]++
	more := cmp.Or(cmp.Compare(len(name), len(p.name)), cmp.Compare(p.names[name], p.names[p.name]), cmp.Compare(p.name, name))
	if more > 0 {
		p.name = name
	}
}

func (p *Pipeline) anyReady() bool {
	return slices.ContainsFunc(p.boots, func(b *boot) bool { return b.tracker != nil })
}

// Name is the host's, as far as it is known.
func (p *Pipeline) Name() (name, machine string) { return p.name, p.machine }

// Lag says how far sshd's log stands behind the audit log in record time.
func (p *Pipeline) Lag() time.Duration {
	return time.Duration(p.auditAt-p.sshdAt) * time.Millisecond
}

// AuditTime is the latest time that a record states.
func (p *Pipeline) AuditTime() time.Time { return time.UnixMilli(p.auditAt).UTC() }

// now is up to when, in record time, both logs were read. Where both stand
// still it goes on with the wall clock.
func (p *Pipeline) now() int64 {
	audit, messages := p.auditAt, p.sshdAt
	if p.auditRead() {
		audit = max(audit, p.sshdBefore)
	}
	if p.clock.SSHD || !p.opt.SSHD {
		messages = max(messages, p.auditAt)
	}
	at := min(audit, messages)
	if p.auditRead() && (p.clock.SSHD || !p.opt.SSHD) && !p.opt.NoWall && !p.active.IsZero() {
		at += p.clock.Wall.Sub(p.active).Milliseconds()
	}
	return at
}

// auditRead reports whether all that the audit log holds went to its boot.
func (p *Pipeline) auditRead() bool { return p.clock.Audit && !p.probe.on }

// quiet reports whether that much wall time has passed since then, or, for
// what came with a state, since the pipeline was restored.
func (p *Pipeline) quiet(since time.Time, d time.Duration) bool {
	if since.IsZero() {
		since = p.begun
	}
	return !p.opt.NoWall && !since.IsZero() && p.clock.Wall.Sub(since) >= d
}

// Round writes what is complete. It comes after the lines that were read: of
// the audit log first, of sshd's log afterwards, so that what sshd logged
// before a record is there when the record is.
func (p *Pipeline) Round(c Clock) error {
	p.clock = c
	if p.active.IsZero() {
		p.active = c.Wall
	}
	if p.begun.IsZero() {
		p.begun = c.Wall
	}
	if err := p.endProbe(false); err != nil {
		return err
	}
	if err := p.messages(); err != nil {
		return err
	}
	if err := p.closeUnits(); err != nil {
		return err
	}
	for _, b := range p.boots {
		if err := p.settle(b); err != nil {
			return fmt.Errorf("boot %s: %w", b.ID, err)
		}
	}
	if err := p.endBoots(); err != nil {
		return err
	}
	p.sweep()
	p.sshdBefore = p.sshdAt
	return nil
}

// At says what the time is, for the lines that come next.
func (p *Pipeline) At(wall time.Time) { p.clock.Wall = wall }
