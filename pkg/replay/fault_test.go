package replay_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/schema"
)

// The fault campaign damages the evidence of the recorded hosts at random and
// holds that no event then carries a credential that is not its own, that
// nothing is lost but what was damaged, and that all of it is accounted for.
//
//	go test ./pkg/replay -run TestFaults -fault.n 10000 -timeout 4h
var (
	faultN    = flag.Int("fault.n", 36, "how many mutations the fault campaign makes")
	faultSeed = flag.Uint64("fault.seed", 1, "the first of them")
)

// wounded is evidence that was damaged, and what is known of that.
type wounded struct {
	evidence
	how     []string
	touched map[string]bool // lines that are not as they were, without their newline
	sshd    bool            // lines of sshd's log are among them
}

func TestFaults(t *testing.T) {
	t.Parallel()
	all, err := hosts()
	if err != nil {
		t.Fatal(err)
	}
	whole := make(map[string]*baseline)
	seeds := make(chan uint64)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range min(2, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for seed := range seeds {
				rng := rand.New(rand.NewPCG(seed, 0x5eed))
				h := all[hostNames[rng.IntN(len(hostNames))]]
				logs := [][]string{{"sshd.export"}, {"auth.log"}, {"sshd.json"}, {"sshd.export", "auth.log"}}[rng.IntN(4)]
				key := fmt.Sprint(h.name, logs)
				mu.Lock()
				base := whole[key]
				if base == nil {
					base = newBaseline(t, h, logs)
					whole[key] = base
				}
				mu.Unlock()
				w := damage(rng, all, h, h.with(logs...))
				base.hold(t, fmt.Sprintf("seed %d, %s %v, %v", seed, h.name, logs, w.how), w)
			}
		})
	}
	n := *faultN
	if testing.Short() {
		n = min(n, 2)
	}
	for i := range n {
		seeds <- *faultSeed + uint64(i)
	}
	close(seeds)
	wg.Wait()
}

// baseline is the replay of a host's whole evidence.
type baseline struct {
	h      *recorded
	events map[string]*event // by audit event's id
}

func newBaseline(t testing.TB, h *recorded, logs []string) *baseline {
	b := &baseline{h: h, events: make(map[string]*event)}
	events, _ := run(t, h.with(logs...).sources(), false)
	for i := range events {
		if e := &events[i]; e.typ == schema.TypeAction {
			b.events[e.id] = e
		}
	}
	return b
}

// hold replays damaged evidence and says what is wrong with what comes out.
func (b *baseline) hold(t *testing.T, what string, w *wounded) {
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s: panic: %v", what, p)
		}
	}()
	sources := w.sources()
	rec := new(recorder)
	sum, err := replay.Run(sources, rec, replay.Options{Workers: 1, Hold: 1 + len(what)%3})
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	for i := range sum.Sources {
		s := &sum.Sources[i]
		if !s.Counts.Balanced() {
			t.Errorf("%s: %s is not balanced: %+v", what, s.Name, s.Counts)
		}
		if s.Counts.Bytes != int64(len(w.evidence.named(s.Name).data)) {
			t.Errorf("%s: %s: %d bytes read of %d", what, s.Name, s.Counts.Bytes, len(w.evidence.named(s.Name).data))
		}
	}
	b.identities(t, what, w, rec.events)
	b.presence(t, what, w, rec.events)
}

func (e evidence) named(name string) file {
	return e[slices.IndexFunc(e, func(f file) bool { return f.name == name })]
}

// identities holds every named event against the truth. Where the line of the
// login itself was altered, what it now says cannot be known to be wrong: then
// the login has to be the right one, by its pid.
func (b *baseline) identities(t *testing.T, what string, w *wounded, events []event) {
	bad := 0
	for i := range events {
		e := &events[i]
		if e.typ != schema.TypeAction || e.identity() == "" || e.addr == "" {
			continue
		}
		if wrong := b.wrong(w, e); wrong != "" {
			if bad++; bad <= 3 {
				t.Errorf("%s: WRONG %s ses %s boot %s (%s): %s", what, e.id, e.ses, e.boot, e.attribution, wrong)
			}
		}
	}
	if bad > 3 {
		t.Errorf("%s: %d wrong in all", what, bad)
	}
}

func (b *baseline) wrong(w *wounded, e *event) string {
	was := b.events[e.id]
	if was == nil {
		return "" // of the other host, or a new one made by damage: presence holds it
	}
	ses := was.ses
	if e.ses != was.ses && w.altered(e.id) {
		ses = e.ses // a digit of it was: nothing else says whose it is
		if b.h.truth.owner[fmt.Sprint(b.h.truth.boot(was.at), "/", ses)] == nil {
			return ""
		}
	}
	l := b.h.truth.owner[fmt.Sprint(b.h.truth.boot(was.at), "/", ses)]
	if l != nil {
		if wrong, _ := e.differs(l); len(wrong) > 0 && !w.explains(e, was) {
			return fmt.Sprint("of ", l.ID, ": ", wrong)
		}
		return ""
	}
	if was.identity() == "" {
		for _, l := range b.h.truth.Logins {
			if wrong, _ := e.differs(l); l.Session == nil && len(wrong) == 0 {
				return ""
			}
		}
		return "was nobody's: " + was.attribution + " " + was.reason + " now " + e.identity()
	}
	if was.fingerprint != e.fingerprint && e.fingerprint != "" || was.addr != e.addr || was.account != e.account {
		if !w.explains(e, was) {
			return "was " + was.identity() + " now " + e.identity()
		}
	}
	return ""
}

// altered reports whether a line of an audit event was touched.
func (w *wounded) altered(id string) bool {
	sec, serial, _ := strings.Cut(id, ":")
	stamp := "audit(" + sec + ":" + serial + ")"
	for line := range w.touched {
		if strings.Contains(line, stamp) {
			return true
		}
	}
	return false
}

// explains reports whether an identity differs because the login's own line
// was altered in place: it is the same sshd's all the same.
func (w *wounded) explains(e, was *event) bool {
	return w.sshd && e.pid == was.pid && e.pid != ""
}

// presence holds that every audit event none of whose lines was touched is
// written still, with the identity that it had, or less.
func (b *baseline) presence(t *testing.T, what string, w *wounded, events []event) {
	if w.touched == nil {
		return
	}
	now := make(map[string]bool, len(events))
	for i := range events {
		now[events[i].id] = true
	}
	lost := 0
	for id := range w.untouched() {
		if b.events[id] != nil && !now[id] {
			if lost++; lost <= 3 {
				t.Errorf("%s: event %s is gone", what, id)
			}
		}
	}
}

// untouched gives the audit events that none of the damage touched.
func (w *wounded) untouched() map[string]bool {
	out := make(map[string]bool)
	for _, f := range w.evidence {
		if f.kind != ingest.AuditLog {
			continue
		}
		for line := range bytes.Lines(f.data) {
			if m := stampOf.FindSubmatch(line); m != nil {
				out[string(m[1])+"."+string(m[2])+":"+string(m[3])] = true
			}
		}
	}
	for line := range w.touched {
		if m := stampOf.FindStringSubmatch(line); m != nil {
			delete(out, m[1]+"."+m[2]+":"+m[3])
		}
	}
	return out
}
