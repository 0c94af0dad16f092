package live

import (
	"fmt"
	"math"
	"slices"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/tracker"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// boot is one run of the host's kernel.
type boot struct {
	ID      string // journal _BOOT_ID, or "@SEC.mmm"; set when the first event is written
	Journal string // _BOOT_ID, where the journal named it
	Start   int64  // its first moment: of the first record, or by the journal
	Since   int64  // how far record time was when it was found: later where the clock was set back
	Last    int64  // of its latest record
	Audited bool   // records of it were seen
	Booted  bool   // its SYSTEM_BOOT was seen

	recent  []uint32 // serials of its latest events
	stamp   unitKey
	tracker *tracker.SessionTracker
	conns   *sshd.Connections

	sessions  map[string]*session
	unsettled []*session
	loose     []*unit // events of no session, until the tracker is there

	logins []*login // accepted: those that wait, and those whose session is open
	failed []*login
	stops  []stop

	Listening time.Time // the last time that a listener of sshd's started
	Heard     time.Time // latest time of sshd's messages and of the audit log's facts
}

// What a fall of the serials must be like to be a reboot. On the recorded
// hosts, serials in the order of the file fell by up to 20 within a boot, and
// by thousands at each reboot.
const (
	serialsKept = 9
	serialFall  = 40
	probeSize   = 3 // events that must show it
)

// pairWithin is how far apart the audit log's and the journal's view of one
// reboot may lie.
const pairWithin = 15 * time.Minute

// probe holds records back while it is open whether a new boot has begun.
type probe struct {
	on      bool
	records []*auditd.Record
	low     map[unitKey]bool // events with serials below all of late
	high    map[unitKey]bool
	since   time.Time
}

func (p *Pipeline) current() *boot {
	if len(p.boots) == 0 {
		return nil
	}
	return p.boots[len(p.boots)-1]
}

// newBoot makes a boot that began then. It comes after those that began before,
// which stay as they are: a boot whose clock was behind came later all the same.
func (p *Pipeline) newBoot(start int64, journal string) *boot {
	b := &boot{Start: start, Since: max(start, p.auditAt, p.said), Journal: journal, conns: sshd.NewConnections(), sessions: make(map[string]*session)}
	i := len(p.boots)
	for i > 0 && p.boots[i-1].Start > start {
		i--
	}
	p.boots = slices.Insert(p.boots, i, b)
	return b
}

// record takes a record to its boot.
func (p *Pipeline) record(rec *auditd.Record) error {
	if p.probe.on {
		return p.probed(rec)
	}
	b := p.bootOf(rec)
	if p.falls(b, rec) {
		p.startProbe()
		return p.probed(rec)
	}
	return p.take(rec, b)
}

func (p *Pipeline) startProbe() {
	p.probe = probe{on: true, low: make(map[unitKey]bool), high: make(map[unitKey]bool), since: p.clock.Wall}
}

// bootOf finds the boot that a record belongs to: the current one, or the one
// before where the record is not younger than that one's latest. It may be none
// of that one's all the same, because the clock was set back, or was behind when
// the machine started: the kernel's serials tell.
func (p *Pipeline) bootOf(rec *auditd.Record) *boot {
	b := p.audited()
	if b == nil {
		if n := len(p.boots); n > 0 && (n == 1 || p.boots[n-1].Start <= rec.Millis+eventWait.Milliseconds()) {
			return p.boots[n-1]
		} else if n > 0 {
			return p.boots[p.indexAt(rec.Millis)]
		}
		return p.newBoot(rec.Millis, "")
	}
	// The journal has told of a later boot.
	if n := len(p.boots); p.boots[n-1] != b && p.boots[n-1].Start <= rec.Millis {
		return p.boots[n-1]
	}
	if i := slices.Index(p.boots, b); i > 0 && rec.Millis < b.Start && rec.Millis <= p.boots[i-1].Last && !rec.Daemon() &&
		p.boots[i-1].apart(rec.Serial) < b.apart(rec.Serial) {
		return p.boots[i-1]
	}
	return b
}

// apart is how far a serial is from the boot's latest.
func (b *boot) apart(serial uint32) int64 {
	least := int64(math.MaxInt64)
	for _, s := range b.recent {
		d := int64(serial) - int64(s)
		least = min(least, max(d, -d))
	}
	return least
}

// audited is the latest boot that records were seen of.
func (p *Pipeline) audited() *boot {
	for i := len(p.boots) - 1; i >= 0; i-- {
		if p.boots[i].Audited {
			return p.boots[i]
		}
	}
	return nil
}

func (p *Pipeline) indexAt(millis int64) int {
	for i := len(p.boots) - 1; i > 0; i-- {
		if p.boots[i].Start <= millis {
			return i
		}
	}
	return 0
}

// falls reports whether the record may be the first of a new boot.
func (p *Pipeline) falls(b *boot, rec *auditd.Record) bool {
	if !b.Audited || len(b.recent) < 2 || rec.Daemon() && rec.Type != auparse.AUDIT_DAEMON_START {
		return false
	}
	switch rec.Type {
	case auparse.AUDIT_DAEMON_START:
		return true // auditd starts once a boot, seldom twice
	case auparse.AUDIT_LOGIN:
		var f auditd.Fact
		p.facts.Read(rec, &f)
		if s := b.sessions[fmt.Sprint(f.Ses)]; f.OK && f.HasSes && s != nil && s.leader != 0 && s.byLogin &&
			(s.leader != f.PID || rec.Millis-s.opened > p.opt.LoginWindow.Milliseconds()) {
			return true
		}
	case auparse.AUDIT_SYSTEM_BOOT:
		if b.Booted {
			return true
		}
	}
	return int64(rec.Serial)+serialFall < int64(slices.Min(b.recent))
}

// probed takes a record while it is open whether a new boot has begun.
func (p *Pipeline) probed(rec *auditd.Record) error {
	p.addProbe(rec)
	pr := &p.probe
	return p.endProbe(len(pr.low) >= probeSize || len(pr.high) >= 2*probeSize || len(pr.records) >= 4096)
}

func (p *Pipeline) addProbe(rec *auditd.Record) {
	pr := &p.probe
	pr.records = append(pr.records, rec)
	switch b := p.audited(); {
	case rec.Daemon():
	case int64(rec.Serial)+serialFall/2 < int64(slices.Min(b.recent)):
		pr.low[keyOf(rec)] = true
	default:
		pr.high[keyOf(rec)] = true
	}
}

// endProbe decides whether a new boot has begun: now, or where nothing comes
// to decide it by.
func (p *Pipeline) endProbe(now bool) error {
	pr := p.probe
	if !pr.on || !now && !(p.clock.Audit && p.quiet(pr.since, settleWall)) {
		return nil
	}
	p.probe = probe{}
	old := p.audited()
	first := pr.records[0]
	if len(pr.low) > len(pr.high) && len(pr.low) > 1 || first.Type == auparse.AUDIT_SYSTEM_BOOT || first.Type == auparse.AUDIT_LOGIN {
		start := int64(0)
		for _, rec := range pr.records {
			if (pr.low[keyOf(rec)] || len(pr.low) == 0) && (start == 0 || rec.Millis < start) {
				start = rec.Millis
			}
		}
		b := p.current()
		if b == old || b.Audited || b.Start > start+pairWithin.Milliseconds() {
			b = p.newBoot(max(start, old.Start+1), "")
		}
		for _, rec := range pr.records {
			to := b
			if len(pr.low) > 0 && pr.high[keyOf(rec)] && rec.Millis <= old.Last || rec.Daemon() && rec.Millis < start {
				to = old
			}
			if err := p.take(rec, to); err != nil {
				return err
			}
		}
		return nil
	}
	for _, rec := range pr.records {
		if err := p.take(rec, old); err != nil {
			return err
		}
	}
	return nil
}

// take gives a record to its boot: its facts at once, its event when that is
// complete.
func (p *Pipeline) take(rec *auditd.Record, b *boot) error {
	p.auditAt = max(p.auditAt, rec.Millis)
	if rec.Daemon() {
		p.daemon(rec, b)
	} else {
		if !b.Audited || rec.Millis < b.Start && b.tracker == nil {
			if b.Journal == "" || rec.Millis < b.Start {
				b.Start = rec.Millis
			}
		}
		b.Audited = true
		b.Last = max(b.Last, rec.Millis)
		b.Booted = b.Booted || rec.Type == auparse.AUDIT_SYSTEM_BOOT
		if key := keyOf(rec); key != b.stamp {
			b.stamp = key
			if b.recent = append(b.recent, rec.Serial); len(b.recent) > serialsKept {
				b.recent = b.recent[1:]
			}
		}
	}
	if u := p.add(rec, b); u != nil {
		p.fact(rec, b)
		b.trace(rec)
		if p.units.crowded() {
			return p.closeUnits()
		}
	}
	return nil
}

// bootNamed finds the boot of a message by the id that the journal gives it.
func (p *Pipeline) bootNamed(m *ingest.Message) *boot {
	for _, b := range p.boots {
		if b.Journal == m.Boot {
			return b
		}
	}
	start := m.Received
	if m.Mono > 0 {
		start = start.Add(-time.Duration(m.Mono) * time.Microsecond)
	}
	at := start.UnixMilli()
	for _, b := range p.boots {
		// A boot of the audit log that began about then, and not before.
		if b.Journal == "" && at <= b.Start+time.Minute.Milliseconds() && b.Start-at <= pairWithin.Milliseconds() {
			b.Journal = m.Boot
			return b
		}
	}
	if len(p.boots) == 1 && p.boots[0].Journal == "" && at <= p.boots[0].Start {
		p.boots[0].Journal = m.Boot // the log begins within this boot
		return p.boots[0]
	}
	return p.newBoot(at, m.Boot)
}

// ready makes a boot's tracker, when the names that every event carries are
// known, or have been waited for long enough.
func (p *Pipeline) ready(b *boot) bool {
	if b.tracker != nil {
		return true
	}
	since := b.Start
	if !b.Audited {
		since = max(since, p.sshdAt)
	}
	long := p.now()-since >= p.opt.LoginWindow.Milliseconds()
	// The beginnings of both logs were read, wherever they are: sshd's may begin
	// weeks before the audit log.
	begun := b.Audited && p.auditAt-b.Start >= settleWait.Milliseconds() && p.heard != 0 && p.sshdAt-p.heard >= settleWait.Milliseconds()
	stable := begun || p.now()-since >= settleWait.Milliseconds() || p.quiet(p.active, settleWall)
	named := p.named && (b.Journal != "" || !p.opt.Journal && stable)
	if !named && !long {
		return false
	}
	b.ID = b.Journal
	if b.ID == "" {
		b.ID = fmt.Sprintf("@%d.%03d", b.Start/1000, b.Start%1000)
		if !b.Audited {
			b.ID = "@unknown"
		}
	}
	b.tracker = p.newTracker(b)
	return true
}

func (p *Pipeline) newTracker(b *boot) *tracker.SessionTracker {
	return tracker.New(p.w, p.opt.Log, p.trackerOptions(b))
}

func (p *Pipeline) trackerOptions(b *boot) tracker.Options {
	return tracker.Options{Host: p.name, MachineID: p.machine, Boot: b.ID,
		KeepUnjoined: true, Raw: p.opt.Raw, Paths: p.opt.Paths, Names: p.opt.Names, UserNames: p.opt.UserNames}
}

// endBoots ends the boots that a later one has followed: nothing of them can
// come any more.
func (p *Pipeline) endBoots() error {
	for len(p.boots) > 1 {
		b, next := p.boots[0], p.boots[1]
		if p.now()-max(next.Start, next.Since) < endWait.Milliseconds() {
			return nil
		}
		if !p.ready(b) && b.Audited {
			return nil
		}
		if err := p.endBoot(b); err != nil {
			return err
		}
		p.boots = p.boots[1:]
	}
	return nil
}
