package replay

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/keys"
	"auditreplay/pkg/ingest/root"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/tracker"

	"github.com/metal-toolbox/auditevent"
	"go.uber.org/zap"
)

// ErrInterrupted is returned by Run when Options.Interrupted says so.
var ErrInterrupted = errors.New("interrupted")

// Options are what Run needs to know beside the evidence. The zero value
// works.
type Options struct {
	Host      string // name of the host, where the evidence is silent or says it in two ways
	MachineID string
	Raw       bool // the records' own lines in every event
	Scope     Scope
	Year      int            // of the last line of logs whose lines have none; 0: found from the evidence
	Zone      *time.Location // of logs whose lines have none; nil: found from the evidence
	Transient bool           // the view keeps no string of an event after Encode
	Workers   int            // 1 does one thing at a time; the output is the same for any number
	Hold      int            // sessions, and logins, in memory with all that is known of them, and eight facts for each, others in a file; 0 is 16,384
	Log       *zap.SugaredLogger

	Paths bool                 // schema.Event.Paths, for selections by path
	Roots []*root.Root         // hosts whose sources have their path as Root
	Keys  []keys.Key           // whose keys are, on every host
	Users map[string]root.Name // by uid, on every host: before those of its root

	// Reject is called for every rejected unit of the input; an error ends
	// the run.
	Reject      func(pos ingest.Pos, what string, raw []byte) error
	Interrupted func() bool // asked often, in several goroutines; may be nil
	Observer    Observer    // may be nil
	// Between gives the time of the events that are wanted, once Known was
	// called; zero is open. Others may be left out unread.
	Between func() (from, to time.Time)
	// Progress is told how far the run is; nil: nobody asks.
	Progress *Progress
	// Known is called once, when the evidence has been read for the first
	// time; an error ends the run.
	Known func(Log) error
}

// usualHold is what a Hold of 0 is.
const usualHold = 1 << 14

// run is one replay.
type run struct {
	opt      Options
	w        *auditevent.EventWriter
	inputs   []*input
	scan     *scan
	roots    map[int]*root.Root // by group of sources
	hosts    []host
	logins   logins
	refused  refusals
	ends     map[bootKey]*endings
	trackers map[bootKey]*tracker.SessionTracker
	store    *tracker.Store // of all of them; nil: they keep all in memory
	joined   bool
	items    []item
	nextItem int64 // when the first of them is, in milliseconds since the epoch
	sum      Summary
	counted  counted

	processes map[bootKey]bool // boots where events of no session may be a login's
}

// Run reads all sources and writes their events to w, in the order of
// docs/design.md, whatever order the sources are in.
func Run(sources []*ingest.Source, w auditevent.EventEncoder, opt Options) (*Summary, error) {
	r := &run{opt: opt, logins: logins{held: make(map[int]*sshd.Login), hold: math.MaxInt}, roots: make(map[int]*root.Root), scan: newScan(), ends: make(map[bootKey]*endings),
		trackers: make(map[bootKey]*tracker.SessionTracker)}
	r.counted.next, r.counted.chooser = w, narrow(w)
	r.w = auditevent.NewAuditEventWriter(&r.counted)
	r.scan.rejects = func(pos ingest.Pos, what string, raw []byte) error {
		r.sum.Rejected++
		if len(r.sum.FirstRejects) < maxShown {
			r.sum.FirstRejects = append(r.sum.FirstRejects, pos.String()+": "+what)
		}
		if opt.Log != nil {
			opt.Log.Warnf("%s: %s", pos, what)
		}
		if opt.Reject != nil {
			return opt.Reject(pos, what, raw)
		}
		return nil
	}
	r.scan.observer = opt.Observer
	r.scan.ahead, r.scan.facts.ahead = opt.Workers != 1, opt.Workers != 1
	defer r.scan.facts.close()
	defer r.refused.close()
	hold := cmp.Or(opt.Hold, usualHold)
	r.scan.facts.most = max(factsHeld*hold, leastFacts)
	if opt.Observer == nil {
		r.store = tracker.NewStore(hold, func(number int) (*sshd.Login, error) { return r.logins.get(number - 1) })
		defer r.store.Close()
		r.logins.hold = hold
	}
	defer r.logins.close()
	r.addInputs(sources)
	for _, step := range []func() error{r.readAll, r.conclude, r.readLogins, r.join, r.conclusions, r.emit} {
		if err := step(); err != nil {
			return r.summary(), err
		}
	}
	return r.summary(), nil
}

// addInputs takes the sources in the order of their names, those of one
// folder, archive or root as one group.
func (r *run) addInputs(sources []*ingest.Source) {
	sorted := slices.Clone(sources)
	slices.SortStableFunc(sorted, func(a, b *ingest.Source) int { return strings.Compare(a.Name, b.Name) })
	groups := make(map[string]int)
	for _, src := range sorted {
		g, ok := groups[src.Root]
		if !ok {
			g = len(groups)
			groups[src.Root] = g
			for _, root := range r.opt.Roots {
				if root.Path == src.Root {
					r.roots[g] = root
				}
			}
		}
		r.inputs = append(r.inputs, &input{src: src, group: g, progress: r.opt.Progress, chunk: chunkSize(len(sources)), interrupted: r.opt.Interrupted})
	}
}

// chunkSize is how large the chunks of each of n inputs are, all of which may
// be open at once.
func chunkSize(n int) int {
	const all, least = 8 << 20, 16 << 10
	return max(least, min(auditd.ChunkSize, all/max(n, 1)))
}

func (r *run) readAll() error {
	r.opt.Progress.begin(Reading, r.inputs)
	for _, in := range r.inputs {
		if err := r.scan.source(in); err != nil {
			return err
		}
		if r.opt.Interrupted != nil && r.opt.Interrupted() {
			return ErrInterrupted
		}
	}
	return nil
}

// conclude draws what the whole of the evidence tells: hosts, clocks, boots.
func (r *run) conclude() error {
	hosts, err := resolveHosts(r.scan.nodes, r.opt.Host, r.roots)
	if err != nil {
		return err
	}
	r.hosts = hosts
	for _, sp := range r.scan.spans {
		sp.settle()
	}
	logins := r.scan.pidLogins()
	if err := r.resolveTimes(logins); err != nil {
		return err
	}
	r.scan.offsets(r.inputs, logins)
	audited := r.scan.auditedHosts(len(hosts))
	for i := range r.hosts {
		h := &r.hosts[i]
		if h.machine == "" || r.opt.MachineID != "" {
			h.machine = r.opt.MachineID
		}
		journals := r.scan.journalBoots(i)
		h.boots = resolveBoots(&audited[i], journals)
		h.findOverlaps(&audited[i], journals, r.scan.thin)
	}
	log := r.log()
	r.scan.stamps, r.scan.marks, r.scan.pairs = nil, nil, nil
	if r.opt.Known != nil {
		return r.opt.Known(log)
	}
	return nil
}

// join tells the trackers all that is known and lets them decide.
func (r *run) join() error {
	ends := r.factEnds()
	var of bootKey // t's
	var t *tracker.SessionTracker
	err := r.scan.facts.each(func(f *fact) {
		ends(f)
		host := r.scan.nodes[f.node].host
		if boot, sure := r.hosts[host].bootOf(f.Millis, f.Serial); sure && !r.hosts[host].openedTwice(boot, f.Ses) {
			if key := (bootKey{host, boot}); t == nil || key != of {
				of, t = key, r.tracker(key)
			}
			t.Learn(&f.Fact)
		}
	})
	if err != nil {
		return err
	}
	r.scan.facts.close()
	if err := r.tellLogins(); err != nil {
		return err
	}
	for _, t := range r.trackers {
		t.Resolve()
	}
	if r.store != nil && r.store.Err() != nil {
		return r.store.Err()
	}
	r.joined = true
	if err := r.makeItems(); err != nil {
		return err
	}
	r.aimItems()
	return nil
}

// tellLogins tells the trackers of the logins, and settles how these ended.
func (r *run) tellLogins() error {
	r.sortEnds()
	var unseen []*loginOf
	err := r.logins.each(func(i int, l *loginOf) error {
		key := bootKey{l.host, l.boot}
		if l.over = r.howOver(l); l.over.before != 0 {
			unseen = append(unseen, l)
		} else {
			r.logins.sayOver(i, &l.over)
		}
		t := r.tracker(key)
		if l.doubtful {
			t.LoginInDoubt(l.Login)
			return nil
		}
		if err := t.Login(l.Login, l.ahead); err != nil {
			return err
		}
		if !l.next.IsZero() {
			t.LifeOf(l.Login, l.next)
		}
		return nil
	})
	r.settleUnseen(unseen)
	return err
}

// tracker gives the tracker of a boot.
func (r *run) tracker(key bootKey) *tracker.SessionTracker {
	t := r.trackers[key]
	if t == nil {
		h := &r.hosts[key.host]
		opt := tracker.Options{Host: h.name, MachineID: h.machine, Boot: h.boots[key.boot].id,
			KeepUnjoined: true, Raw: r.opt.Raw, Transient: r.opt.Transient, AllHaveSes: !r.scan.frags,
			Steady: h.boots[key.boot].steady, SetBack: !h.boots[key.boot].steady, Paths: r.opt.Paths, Terse: r.store != nil, Store: r.store,
			Names: r.keyNames(h), UserNames: r.userNames(h)}
		if r.counted.chooser != nil {
			opt.Wanted = r.counted.wanted
		}
		t = tracker.New(r.w, r.opt.Log, opt)
		if r.joined {
			t.Resolve()
		}
		r.trackers[key] = t
	}
	return t
}
