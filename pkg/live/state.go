package live

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/tracker"

	"github.com/metal-toolbox/auditevent"
)

// State is all of a pipeline, for encoding/json: the events that are not
// complete, the sessions that wait for their login with all their records, the
// connections, and what each boot's tracker knows. Its fields are of no use to
// others. It shares memory with the pipeline, so it has to be encoded before
// the pipeline is used again.
type State struct {
	Name    string         `json:"name,omitempty"`
	Names   map[string]int `json:"names,omitempty"`
	Machine string         `json:"machine,omitempty"`
	Named   bool           `json:"named,omitempty"`
	Sources []savedSource  `json:"sources"`
	Boots   []savedBoot    `json:"boots"`
	Open    []savedUnit    `json:"open,omitempty"`
	Closed  []savedKey     `json:"closed,omitempty"` // ids written past the position, the oldest first
	Probe   []savedRecord  `json:"probe,omitempty"`
	Waiting []savedMessage `json:"waiting,omitempty"`
	Expired []sessionKey   `json:"expired,omitempty"`
	AuditAt int64          `json:"audit_at"`
	SSHDAt  int64          `json:"sshd_at"`
	Said    int64          `json:"said"`
	First   int64          `json:"first"`
	Swept   int64          `json:"swept"`
	Counts  Counts         `json:"counts"`
}

type savedSource struct {
	Path string `json:"path"`
	Name string `json:"name"`
}

type savedPos struct {
	Src  string `json:"src,omitempty"`
	Line int64  `json:"line,omitempty"`
}

type savedRecord struct {
	Text []byte   `json:"text"`
	Pos  savedPos `json:"pos"`
}

type savedUnit struct {
	Boot    int           `json:"boot"`
	Late    bool          `json:"late,omitempty"`
	Seen    int64         `json:"seen"`
	Records []savedRecord `json:"records"`
}

type savedKey struct {
	Node   string `json:"n,omitempty"`
	Millis int64  `json:"m"`
	Serial uint32 `json:"s"`
	Daemon bool   `json:"d,omitempty"`
}

type savedMessage struct {
	Message ingest.Message `json:"message"`
	Pos     savedPos       `json:"pos"`
}

type savedBoot struct {
	ID       string          `json:"id,omitempty"`
	Journal  string          `json:"journal,omitempty"`
	Start    int64           `json:"start"`
	Since    int64           `json:"since"`
	Last     int64           `json:"last"`
	Audited  bool            `json:"audited"`
	Booted   bool            `json:"booted"`
	Recent   []uint32        `json:"recent,omitempty"`
	Stamp    savedKey        `json:"stamp"`
	Tracker  json.RawMessage `json:"tracker,omitempty"`
	Conns    *sshd.State     `json:"connections"`
	Sessions []savedSession  `json:"sessions,omitempty"`
	Loose    []savedUnit     `json:"loose,omitempty"`
	Logins   []savedLogin    `json:"logins,omitempty"`
	Failed   []savedLogin    `json:"failed,omitempty"`
	Stops    []stop          `json:"stops,omitempty"`
	Listens  time.Time       `json:"listens,omitzero"`
	Heard    time.Time       `json:"heard,omitzero"`
}

type savedSession struct {
	ID      string      `json:"id"`
	Leader  int         `json:"leader,omitempty"`
	Opened  int64       `json:"opened"`
	Since   int64       `json:"since"`
	ByLogin bool        `json:"by_login,omitempty"`
	Started bool        `json:"started,omitempty"`
	Start   int64       `json:"start,omitempty"`
	Exe     string      `json:"exe,omitempty"`
	Settled bool        `json:"settled,omitempty"`
	Ended   bool        `json:"ended,omitempty"`
	Last    int64       `json:"last"`
	Told    int64       `json:"told,omitempty"`
	Closed  stop        `json:"closed,omitzero"`
	Closer  string      `json:"closer,omitempty"`
	Any     stop        `json:"any,omitzero"`
	TTY     stop        `json:"tty,omitzero"`
	Held    []savedUnit `json:"held,omitempty"`
}

type savedLogin struct {
	Login    *sshd.Login `json:"login"`
	Pos      savedPos    `json:"pos"`
	Conflict []savedPos  `json:"conflict,omitempty"`
	EndPos   savedPos    `json:"end_pos"`
	Told     bool        `json:"told,omitempty"`
	Written  bool        `json:"written,omitempty"`
	Since    int64       `json:"since"`
	Heard    int64       `json:"heard,omitempty"`
	Ses      string      `json:"ses,omitempty"`
	Gone     time.Time   `json:"gone,omitzero"`
	End      time.Time   `json:"end"`
}

// Save gives the state.
func (p *Pipeline) Save() (*State, error) {
	s := &State{Name: p.name, Names: p.names, Machine: p.machine, Named: p.named, AuditAt: p.auditAt, SSHDAt: p.sshdAt, Said: p.said, First: p.first,
		Swept: p.swept, Counts: p.Counts}
	number := make(map[*boot]int)
	for i, b := range p.boots {
		number[b] = i
		saved, err := b.save()
		if err != nil {
			return nil, err
		}
		s.Boots = append(s.Boots, saved)
	}
	for _, u := range p.units.order {
		saved := u.save()
		saved.Boot = number[u.boot]
		s.Open = append(s.Open, saved)
	}
	for i := range p.units.ring {
		k := p.units.ring[(p.units.at+i)%len(p.units.ring)]
		s.Closed = append(s.Closed, savedKey{k.node, k.millis, k.serial, k.daemon})
	}
	for _, r := range p.probe.records {
		s.Probe = append(s.Probe, saveRecord(r))
	}
	for _, m := range slices.Concat(p.ripe, p.fresh) {
		s.Waiting = append(s.Waiting, savedMessage{m.Message, savedPos{m.Src, m.Line}})
	}
	for k := range p.enc.expired {
		s.Expired = append(s.Expired, k)
	}
	for path, src := range p.sources {
		s.Sources = append(s.Sources, savedSource{path, src.Name})
	}
	return s, nil
}

func saveRecord(r *auditd.Record) savedRecord {
	return savedRecord{r.Line, savedPos{pathOf(r.Pos.Source), r.Pos.Line}}
}

func savePos(p ingest.Pos) savedPos { return savedPos{pathOf(p.Source), p.Line} }

func (u *unit) save() savedUnit {
	s := savedUnit{Late: u.late, Seen: u.seen}
	for _, r := range u.records {
		s.Records = append(s.Records, saveRecord(r))
	}
	return s
}

func (b *boot) save() (savedBoot, error) {
	k := b.stamp
	s := savedBoot{ID: b.ID, Journal: b.Journal, Start: b.Start, Since: b.Since, Last: b.Last, Audited: b.Audited, Booted: b.Booted, Recent: b.recent,
		Stamp: savedKey{k.node, k.millis, k.serial, k.daemon}, Conns: b.conns.Snapshot(), Stops: b.stops, Listens: b.Listening, Heard: b.Heard}
	if b.tracker != nil {
		raw, err := b.tracker.Snapshot()
		if err != nil {
			return s, err
		}
		s.Tracker = raw
	}
	for _, x := range b.sessions {
		saved := savedSession{ID: x.id, Leader: x.leader, Opened: x.opened, Since: x.since, ByLogin: x.byLogin, Started: x.started, Start: x.start, Exe: x.exe,
			Settled: x.settled, Ended: x.ended, Last: x.last, Told: x.told, Closed: x.closed, Closer: x.closer, Any: x.any, TTY: x.terminal}
		for _, u := range x.held {
			saved.Held = append(saved.Held, u.save())
		}
		s.Sessions = append(s.Sessions, saved)
	}
	slices.SortFunc(s.Sessions, func(x, y savedSession) int { return int(x.Opened - y.Opened) })
	for _, u := range b.loose {
		s.Loose = append(s.Loose, u.save())
	}
	for _, l := range b.logins {
		s.Logins = append(s.Logins, l.save())
	}
	for _, l := range b.failed {
		s.Failed = append(s.Failed, l.save())
	}
	return s, nil
}

func (l *login) save() savedLogin {
	s := savedLogin{Login: l.d, Pos: savePos(l.d.Pos), Told: l.told, Written: l.written, Since: l.since, Heard: l.heard, Ses: l.ses, Gone: l.gone, End: l.end}
	for _, c := range l.d.Conflict {
		s.Conflict = append(s.Conflict, savePos(c))
	}
	if l.d.End != nil {
		s.EndPos = savePos(l.d.End.Pos)
	}
	return s
}

// Restore makes a pipeline of a state, that writes to w and goes on where the
// other one was.
func Restore(s *State, w auditevent.EventEncoder, opt Options) (*Pipeline, error) {
	if s == nil {
		return nil, fmt.Errorf("state: the pipeline is missing")
	}
	p := New(w, opt)
	if p.opt.Host == "" {
		p.name, p.names = s.Name, s.Names
	}
	if p.opt.MachineID == "" {
		p.machine = s.Machine
	}
	p.named = p.named || s.Named
	p.auditAt, p.sshdAt, p.sshdBefore, p.said, p.first, p.swept, p.Counts = s.AuditAt, s.SSHDAt, s.SSHDAt, s.Said, s.First, s.Swept, s.Counts
	for _, src := range s.Sources {
		p.sources[src.Path] = &ingest.Source{Name: src.Name, Path: src.Path, Size: -1}
	}
	for _, k := range s.Expired {
		p.enc.expired[k] = true
	}
	r := &restorer{p: p}
	for i := range s.Boots {
		if err := r.boot(&s.Boots[i]); err != nil {
			return nil, err
		}
	}
	for i := range s.Open {
		if err := r.open(&s.Open[i]); err != nil {
			return nil, err
		}
	}
	for _, k := range s.Closed {
		p.units.close(unitKey{k.Node, k.Millis, k.Serial, k.Daemon})
	}
	for i := range s.Probe {
		rec, err := r.record(&s.Probe[i])
		if err != nil {
			return nil, err
		}
		if !p.probe.on {
			p.startProbe()
		}
		p.addProbe(rec)
	}
	for _, m := range s.Waiting {
		p.ripe = append(p.ripe, message{m.Message, m.Pos.Src, m.Pos.Line})
	}
	return p, nil
}

type restorer struct{ p *Pipeline }

func (r *restorer) pos(s savedPos) ingest.Pos {
	return ingest.Pos{Source: r.p.sources[s.Src], Line: s.Line}
}

func (r *restorer) record(s *savedRecord) (*auditd.Record, error) {
	rec := new(auditd.Record)
	if err := auditd.ParseLine(s.Text, rec); err != nil {
		return nil, fmt.Errorf("state: record: %w", err)
	}
	rec.Pos = r.pos(s.Pos)
	return rec, nil
}

func (r *restorer) unit(s *savedUnit, b *boot) (*unit, error) {
	u := &unit{boot: b, late: s.Late, seen: s.Seen}
	for i := range s.Records {
		rec, err := r.record(&s.Records[i])
		if err != nil {
			return nil, err
		}
		u.key = keyOf(rec)
		u.append(rec)
	}
	return u, nil
}

// open takes an event that was not complete.
func (r *restorer) open(s *savedUnit) error {
	if s.Boot < 0 || s.Boot >= len(r.p.boots) {
		return fmt.Errorf("state: no boot %d", s.Boot)
	}
	b := r.p.boots[s.Boot]
	u, err := r.unit(s, b)
	if err != nil {
		return err
	}
	r.p.units.begin(u)
	r.relearn(u, b)
	return nil
}

// relearn takes the facts of a session that waits from its records again.
func (r *restorer) relearn(u *unit, b *boot) {
	stops := b.stops
	for _, rec := range u.records {
		r.p.fact(rec, b)
	}
	b.stops = stops
}

func (r *restorer) boot(s *savedBoot) error {
	p := r.p
	b := &boot{ID: s.ID, Journal: s.Journal, Start: s.Start, Since: s.Since, Last: s.Last, Audited: s.Audited, Booted: s.Booted, recent: s.Recent,
		stamp: unitKey{s.Stamp.Node, s.Stamp.Millis, s.Stamp.Serial, s.Stamp.Daemon}, stops: s.Stops, Listening: s.Listens, Heard: s.Heard, sessions: make(map[string]*session)}
	p.boots = append(p.boots, b)
	source := func(path string) *ingest.Source { return p.sources[path] }
	if s.Conns == nil {
		return fmt.Errorf("state: boot %s has no connections", s.ID)
	}
	b.conns = sshd.Restore(s.Conns, source)
	if s.Tracker != nil {
		t, err := tracker.Restore(s.Tracker, p.w, p.opt.Log, p.trackerOptions(b), source)
		if err != nil {
			return err
		}
		b.tracker = t
	}
	for i := range s.Sessions {
		if err := r.session(&s.Sessions[i], b); err != nil {
			return err
		}
	}
	for i := range s.Loose {
		u, err := r.unit(&s.Loose[i], b)
		if err != nil {
			return err
		}
		b.loose = append(b.loose, u)
	}
	for i := range s.Logins {
		b.logins = append(b.logins, r.login(&s.Logins[i], b))
	}
	for i := range s.Failed {
		b.failed = append(b.failed, r.login(&s.Failed[i], b))
	}
	return nil
}

func (r *restorer) session(s *savedSession, b *boot) error {
	x := &session{id: s.ID, leader: s.Leader, opened: s.Opened, since: s.Since, byLogin: s.ByLogin, started: s.Started, exe: s.Exe,
		settled: s.Settled, ended: s.Ended, last: s.Last, closed: s.Closed, closer: s.Closer, any: s.Any, terminal: s.TTY}
	b.sessions[x.id] = x
	if x.settled {
		return nil
	}
	b.unsettled = append(b.unsettled, x)
	for i := range s.Held {
		u, err := r.unit(&s.Held[i], b)
		if err != nil {
			return err
		}
		x.held = append(x.held, u)
		r.relearn(u, b)
	}
	x.told, x.start, x.startWall = s.Told, s.Start, time.Time{}
	return nil
}

// login makes a login of what was saved. The connections have a copy of their
// own, which takes its place when they next speak of it.
func (r *restorer) login(s *savedLogin, b *boot) *login {
	l := &login{d: s.Login, told: s.Told, written: s.Written, since: s.Since, heard: s.Heard, ses: s.Ses, gone: s.Gone, end: s.End}
	l.d.Pos = r.pos(s.Pos)
	for _, c := range s.Conflict {
		l.d.Conflict = append(l.d.Conflict, r.pos(c))
	}
	if l.d.End != nil {
		l.d.End.Pos = r.pos(s.EndPos)
	}
	if l.told && b.tracker != nil {
		b.tracker.Adopt(l.d)
	}
	return l
}
