package replay_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/replay"
)

// faults is how many times each reader is given damaged bytes in each way.
func faults(t *testing.T) int {
	if testing.Short() {
		return 3
	}
	return 30
}

// flip changes some bytes.
func flip(rng *rand.Rand, data []byte) []byte {
	out := slices.Clone(data)
	for range 1 + rng.IntN(20) {
		out[rng.IntN(len(out))] ^= byte(1 + rng.IntN(255))
	}
	return out
}

// TestDamagedCarriers cuts every form at random places, and changes bytes of
// it: nothing panics, all that was read is accounted for, and every login
// before the cut is delivered.
func TestDamagedCarriers(t *testing.T) {
	t.Parallel()
	h := host(t, "bookworm-A")
	all := forms(t, h.sshd["sshd.export"].data, time.UTC)
	all["auth.log"] = h.sshd["auth.log"].data
	for form, data := range all {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, uint64(len(form))))
			kind := detect(data)
			replayed := func(data []byte) *replay.Summary {
				sum, err := replay.Run(evidence{{"sshd." + form, kind, data}}.sources(), &recorder{}, replay.Options{Year: 2026, Workers: 1})
				if err != nil && !bytes.Contains([]byte(err.Error()), []byte("February 29")) { // a flipped date
					t.Fatal(err)
				}
				if c := &sum.Sources[0].Counts; err == nil && !c.Balanced() {
					t.Fatalf("not balanced: %+v", c)
				}
				return sum
			}
			for range faults(t) {
				cut := rng.IntN(len(data))
				sum := replayed(data[:cut])
				accepted := bytes.Count(data[:cut], []byte("Accepted password for")) + bytes.Count(data[:cut], []byte("Accepted publickey for")) +
					bytes.Count(data[:cut], []byte("Accepted keyboard"))
				if form != "with-unit" && sum.Accepted < int64(accepted-1) {
					t.Errorf("cut at %d: %d logins, %d lines say so", cut, sum.Accepted, accepted)
				}
				replayed(flip(rng, data))
			}
		})
	}
}

// contents reads a source whole.
func contents(t testing.TB, s *ingest.Source) []byte {
	t.Helper()
	r, err := s.OpenRaw()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestDamagedBinaryJournals does the same to .journal files.
func TestDamagedBinaryJournals(t *testing.T) {
	t.Parallel()
	in := open(t, replay.EvidenceOptions{Paths: []string{"../../testdata/host/bookworm-A/journal.tar.xz"}})
	data := contents(t, in.Sources[0])
	rng := rand.New(rand.NewPCG(2, 2))
	for i := range faults(t) {
		damaged := data[:rng.IntN(len(data))]
		if i%2 == 1 {
			damaged = flip(rng, data)
		}
		src := file{"system.journal", ingest.JournalBinary, damaged}.source("host")
		src.Offsets = true
		sum, err := replay.Run([]*ingest.Source{src}, &recorder{}, replay.Options{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		if c := &sum.Sources[0].Counts; !c.Balanced() {
			t.Errorf("not balanced: %+v", c)
		}
	}
}

// TestDamagedContainers does the same to archives: what is whole in them is
// replayed, and the damage is said.
func TestDamagedContainers(t *testing.T) {
	t.Parallel()
	_, packed := archives(t, host(t, "trixie-A"))
	for _, path := range packed {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(3, uint64(len(data))))
			last := int64(-1)
			cuts := []int{len(data) / 4, len(data) / 2, len(data) * 3 / 4}
			for range faults(t) / 4 {
				cuts = append(cuts, rng.IntN(len(data)))
			}
			slices.Sort(cuts)
			for _, cut := range cuts {
				sum := replayDamaged(t, path, data[:cut])
				if sum == nil {
					continue
				}
				if !sum.Damaged() {
					t.Errorf("cut at %d of %d: no damage is told", cut, len(data))
				}
				if n := sum.Read(); n < last {
					t.Errorf("cut at %d: %d lines, an earlier cut gave %d", cut, n, last)
				} else {
					last = n
				}
			}
			for range faults(t) / 4 {
				replayDamaged(t, path, flip(rng, data))
			}
		})
	}
}

// replayDamaged replays an archive; nil where nothing in it can be found.
func replayDamaged(t *testing.T, path string, data []byte) *replay.Summary {
	t.Helper()
	name := filepath.Join(t.TempDir(), filepath.Base(path))
	write(t, name, data)
	in, err := replay.OpenEvidence(replay.EvidenceOptions{Paths: []string{name}, Ingest: detection(t)})
	if err != nil {
		if in != nil || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v", err)
		}
		return nil
	}
	defer in.Close()
	sum, err := replay.Run(in.Sources, &recorder{}, replay.Options{})
	if err != nil {
		t.Errorf("%v", err)
	}
	sum.AddDamage(in.Inputs)
	return sum
}

// TestBombBesideEvidence: a file that grows without end when decompressed is
// no evidence, and what lies beside it is replayed.
func TestBombBesideEvidence(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	z, _ := gzip.NewWriterLevel(&bomb, gzip.BestSpeed)
	zeros := make([]byte, 1<<20)
	for range 256 {
		z.Write(zeros)
	}
	z.Close()
	dir := t.TempDir()
	h := host(t, "trixie-A")
	write(t, filepath.Join(dir, "audit.log"), h.audit[0].data)
	want, _ := run(t, open(t, replay.EvidenceOptions{Paths: []string{dir}}).Sources, true)
	write(t, filepath.Join(dir, "a.log.gz"), bomb.Bytes())
	write(t, filepath.Join(dir, "b.log.gz.gz"), gzipped(bomb.Bytes()))
	got, _ := run(t, open(t, replay.EvidenceOptions{Paths: []string{dir}}).Sources, true)
	sameEvents(t, "beside a bomb", want, got, false)
}

// TestUnusable: what cannot be used is named, with what to export instead.
func TestUnusable(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ data, hint string }{
		"cat":             {"Accepted publickey for bob from 10.0.0.1 port 5 ssh2: RSA SHA256:x\nServer listening on :: port 22.\n", "journalctl -o export"},
		"short-monotonic": {"[   46.441895] web01 sshd[341]: Server listening on :: port 22.\n[   46.5] web01 sshd[341]: x\n", "journalctl -o export"},
		"ausearch -i":     {"----\ntype=LOGIN msg=audit(11/22/2026 23:31:57.100:10) : pid=1 uid=root\n", "ausearch --raw"},
		"ausearch csv":    {"NODE,EVENT,DATE,TIME,SERIAL_NUM,EVENT_KIND\n,LOGIN,11/22/2026,23:31:57,10,user\n", "ausearch --raw"},
		"unknown":         {"hello\n", "no audit log"},
	} {
		path := filepath.Join(t.TempDir(), "x.txt")
		write(t, path, []byte(test.data))
		_, err := replay.OpenEvidence(replay.EvidenceOptions{Paths: []string{path}, Ingest: detection(t)})
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte(test.hint)) {
			t.Errorf("%s: %v, want %q", name, err, test.hint)
		}
	}
}

// TestAuditRecordsInOtherForms: records behind the prefixes of audispd, syslog
// and the kernel, and as ausearch writes them, are the same records.
func TestAuditRecordsInOtherForms(t *testing.T) {
	t.Parallel()
	h := host(t, "bookworm-A")
	log := h.audit[0].data[:bytes.LastIndexByte(h.audit[0].data[:400<<10], '\n')+1]
	want, _ := run(t, evidence{{"audit.log", ingest.AuditLog, log}}.sources(), true)
	for form, prefix := range map[string]string{
		"audispd":  "audispd: ",
		"syslog":   "Nov 22 23:32:05 web01 audispd: ",
		"audisp":   "2026-11-22T23:32:05.123456+00:00 web01 audisp-syslog[77]: ",
		"imfile":   "Nov 22 23:32:05 web01 auditd ",
		"rfc5424":  "<13>1 2026-11-22T23:32:05Z web01 audispd - - - ",
		"ausearch": "----\ntime->Sun Nov 22 23:32:05 2026\n",
		"crlf":     "",
	} {
		var b bytes.Buffer
		for line := range bytes.Lines(log) {
			b.WriteString(prefix)
			if form == "crlf" {
				line = append(bytes.TrimSuffix(slices.Clone(line), []byte("\n")), "\r\n"...)
			}
			b.Write(line)
		}
		got, sum := run(t, evidence{{"audit.log", detect(b.Bytes()), b.Bytes()}}.sources(), true)
		if sum.Rejected > 0 {
			t.Errorf("%s: %d rejected", form, sum.Rejected)
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d events, want %d", form, len(got), len(want))
			continue
		}
		for i := range want {
			want := fmt.Sprint(want[i].id, want[i].identity(), want[i].args)
			if got := fmt.Sprint(got[i].id, got[i].identity(), got[i].args); got != want {
				t.Errorf("%s: event %d: %s, want %s", form, i, got, want)
				break
			}
		}
	}
}
