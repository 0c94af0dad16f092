package replay_test

import (
	"errors"
	"path/filepath"
	"runtime"
	"testing"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/journal"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/schema"
	"auditreplay/pkg/synth"
)

// made makes evidence and gives its audit log alone, and with its journal.
func made(b *testing.B, o synth.Options) (audit, both []*ingest.Source, bytes int64, events int64) {
	b.Helper()
	dir := b.TempDir()
	o.Format = synth.Enriched
	totals, err := synth.Write(dir, o)
	if err != nil {
		b.Fatal(err)
	}
	detect := ingest.Options{Detect: []func([]byte) (ingest.Kind, string){func(head []byte) (ingest.Kind, string) { return journal.Detect(head), "" }}}
	in, err := ingest.Discover([]string{filepath.Join(dir, "var/log/audit"), filepath.Join(dir, "sshd.export")}, detect)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close() })
	for _, src := range in.Sources {
		if src.Kind == ingest.AuditLog {
			audit = append(audit, src)
			bytes += src.Size
		}
		both = append(both, src)
	}
	return audit, both, bytes, int64(totals.Events)
}

// nowhere takes what is written to it.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

var errEnough = errors.New("enough")

// BenchmarkStages replays 20 MB of made evidence: the first pass alone, then
// all of it to JSON, on one processor and on two, and with sshd's journal.
//
//	go test ./pkg/replay -run '^$' -bench Stages
func BenchmarkStages(b *testing.B) {
	audit, both, bytes, events := made(b, synth.Options{Bytes: 20 << 20})
	for _, stage := range []struct {
		name    string
		sources []*ingest.Source
		workers int
		first   bool
	}{{"first pass", audit, 1, true}, {"whole j1", audit, 1, false}, {"whole j2", audit, 2, false}, {"with journal j1", both, 1, false}} {
		b.Run(stage.name, func(b *testing.B) {
			b.SetBytes(bytes)
			b.ReportAllocs()
			for b.Loop() {
				opt := replay.Options{Workers: stage.workers, Transient: true}
				if stage.first {
					opt.Known = func(replay.Log) error { return errEnough }
				}
				enc := schema.NewEncoder(nowhere{})
				if _, err := replay.Run(stage.sources, enc, opt); err != nil && !errors.Is(err, errEnough) {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(events), "ns/event")
		})
	}
}

// atFirst tells how much memory is in use when the first event is written.
type atFirst struct{ held uint64 }

func (a *atFirst) Encode(any) error {
	if a.held == 0 {
		a.held = heapNow()
	}
	return nil
}

func heapNow() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkHeld tells how much is held in memory, while events are written, for
// each session beyond those that are held whole, for each such session with
// its login, and for each refused login.
//
//	go test ./pkg/replay -run '^$' -bench Held
func BenchmarkHeld(b *testing.B) {
	held := func(n int, journal bool) uint64 {
		audit, both, _, _ := made(b, synth.Options{Bytes: 1 << 20, Logins: n})
		sources := audit
		if journal {
			sources = both
		}
		before := heapNow()
		var a atFirst
		if _, err := replay.Run(sources, &a, replay.Options{Workers: 1, Transient: true, Hold: 1000}); err != nil {
			b.Fatal(err)
		}
		return a.held - before
	}
	refused := func(n int) uint64 {
		sources := oneAuthLog(bruteForce(n))
		before := heapNow()
		var a atFirst
		if _, err := replay.Run(sources, &a, replay.Options{Workers: 1, Transient: true}); err != nil {
			b.Fatal(err)
		}
		return a.held - before
	}
	for b.Loop() {
		const few, many = 10_000, 30_000
		b.ReportMetric(float64(refused(4*many)-refused(4*few))/(4*(many-few)), "B/refused")
		b.ReportMetric(float64(held(many, false)-held(few, false))/(many-few), "B/session")
		b.ReportMetric(float64(held(many, true)-held(few, true))/(many-few), "B/login")
	}
}
