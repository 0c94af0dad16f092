// Gen writes synthetic evidence: audit logs, sshd journals and the truth about
// them. See package synth for what they hold.
//
//	go run ./testdata/gen -o /tmp/evidence -size 200MB
//	go run ./testdata/gen -o /tmp/evidence -logins 20000 -hosts 3 -rotate 8MiB
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"auditreplay/pkg/synth"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func run() error {
	var o synth.Options
	dir := flag.String("o", "", "folder to write to")
	flag.Var((*size)(&o.Bytes), "size", "bytes of all audit logs together: 200MB, 2GB, 64MiB")
	flag.IntVar(&o.Logins, "logins", 0, "accepted logins on all hosts together (0: as many as -size needs)")
	flag.Uint64Var(&o.Seed, "seed", 1, "the same seed gives the same bytes")
	flag.IntVar(&o.Hosts, "hosts", 1, "number of hosts")
	flag.IntVar(&o.Boots, "boots", 2, "boots of each host")
	flag.IntVar(&o.Open, "open", 12, "ssh sessions open at once, on average")
	flag.IntVar(&o.PIDs, "pids", 32768, "pid_max: lower, PIDs come back sooner")
	flag.Var((*size)(&o.Rotate), "rotate", "size of a full audit log file (0: one file)")
	format := flag.String("format", "mixed", "raw, enriched, or mixed: hosts of both in turn")
	flag.Parse()
	if *dir == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	switch *format {
	case "mixed":
	case "raw":
		o.Format = synth.Raw
	case "enriched":
		o.Format = synth.Enriched
	default:
		return fmt.Errorf("-format: %q is none of raw, enriched, mixed", *format)
	}
	t, err := synth.Write(*dir, o)
	fmt.Printf("%d bytes, %d records, %d events; %d journal entries; %d logins, %d refused, %d cron sessions\n",
		t.Bytes, t.Records, t.Events, t.Entries, t.Logins, t.Refused, t.Local)
	return err
}

// size is a number of bytes with a unit.
type size int64

func (s *size) String() string { return strconv.FormatInt(int64(*s), 10) }

func (s *size) Set(text string) error {
	factor := int64(1)
	for _, u := range []struct {
		name string
		is   int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}} {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			text, factor = rest, u.is
			break
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("not a size: %q", text)
	}
	*s = size(n * float64(factor))
	return nil
}
