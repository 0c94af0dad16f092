package auditd

import (
	"bytes"
	"compress/gzip"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"auditreplay/pkg/ingest"
)

// hostLogs reads the audit logs of the recorded hosts, by host and file.
func hostLogs(tb testing.TB) map[string][]byte {
	tb.Helper()
	names, err := filepath.Glob("../../../testdata/host/*/var/log/audit/*.gz")
	if err != nil || len(names) == 0 {
		tb.Fatalf("no audit logs of recorded hosts: %v", err)
	}
	logs := make(map[string][]byte)
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			tb.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			tb.Fatal(err)
		}
		data, err := io.ReadAll(z)
		if err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		f.Close()
		logs[name] = data
	}
	return logs
}

// groups parses logs and puts together the records of each event, in the
// order of the first record of each; every line must be a record.
func groups(tb testing.TB, data []byte) (events [][]*Record) {
	tb.Helper()
	at := make(map[string]int)
	for line := range bytes.Lines(data) {
		var rec Record
		if err := ParseLine(line, &rec); err != nil {
			tb.Fatalf("%v: %q", err, line)
		}
		head := rec.Line[:bytes.Index(rec.Line, []byte("):"))]
		key := string(rec.Node) + string(head[bytes.Index(head, []byte("audit(")):])
		if rec.Daemon() {
			key += "daemon"
		}
		i, ok := at[key]
		if !ok {
			i = len(events)
			at[key] = i
			events = append(events, nil)
		}
		events[i] = append(events[i], &rec)
	}
	return events
}

// The benchmarks run on the bytes of the recorded hosts:
//
//	go test ./pkg/ingest/auditd -run '^$' -bench . -benchmem

func BenchmarkParseLine(b *testing.B) {
	var data []byte
	for _, log := range hostLogs(b) {
		data = append(data, log...)
	}
	b.SetBytes(int64(len(data)))
	lines := bytes.Count(data, []byte("\n"))
	var rec Record
	for b.Loop() {
		for rest := data; len(rest) > 0; {
			end := bytes.IndexByte(rest, '\n')
			if err := ParseLine(rest[:end], &rec); err != nil {
				b.Fatal(err)
			}
			rest = rest[end+1:]
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(lines), "ns/record")
}

func BenchmarkBuild(b *testing.B) {
	var events [][]*Record
	size := 0
	for _, log := range hostLogs(b) {
		events = append(events, groups(b, log)...)
		size += len(log)
	}
	b.SetBytes(int64(size))
	builder := NewBuilder()
	var ev Event
	for _, recs := range events {
		builder.Build(recs, &ev)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, recs := range events {
			builder.Build(recs, &ev)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(events)), "ns/event")
}

// BenchmarkReassemble cuts chunks into records and puts these together, as a
// replay does.
func BenchmarkReassemble(b *testing.B) {
	var data []byte
	for _, log := range hostLogs(b) {
		data = append(data, log...)
	}
	b.SetBytes(int64(len(data)))
	lines := bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
	src := &ingest.Source{Name: "audit.log"}
	b.ReportAllocs()
	events := 0
	for b.Loop() {
		r := NewReassembler()
		var free []*Chunk
		r.Recycle = func(c *Chunk) { free = append(free, c) }
		c := new(Chunk)
		events = 0
		take := func(before int64) {
			for u := r.Next(before); u != nil; u = r.Next(before) {
				events++
				r.Release(u)
			}
		}
		for i, line := range lines {
			if !c.Fits(len(line)) {
				for k := range c.Records {
					r.Add(0, &c.Records[k])
				}
				r.Read(c)
				take(c.Min)
				if c = new(Chunk); len(free) > 0 {
					c, free = free[len(free)-1], free[:len(free)-1]
					c.Reset()
				}
			}
			if err := c.Add(line, ingest.Pos{Source: src, Line: int64(i + 1)}); err != nil {
				b.Fatal(err)
			}
		}
		for k := range c.Records {
			r.Add(0, &c.Records[k])
		}
		r.Read(c)
		take(math.MaxInt64)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(events), "ns/event")
}
