// Package synth makes evidence: the audit.log and the sshd journal of hosts
// that never ran, with the truth about who did what on them. It serves tests
// and benchmarks that need more evidence than anybody can record, or a
// property that no recorded host has.
//
// # What is made
//
// Each host is simulated as one machine on which things happen: people log in
// over ssh with keys, certificates and passwords, on accounts of their own and
// on shared ones, from addresses of their own and from behind one NAT; they
// run commands, use sudo, open connections, and leave. Meanwhile cron runs,
// strangers guess passwords, units start and stop, PIDs wrap around, and the
// machine reboots with sessions open, upon which session ids, serials and PIDs
// begin again. All of it interleaves, within the audit log even at the level
// of records, as on a machine with several processors.
//
// Shapes of records and of sshd's messages are those of Debian 12 (RAW) and
// Debian 13 (ENRICHED, node=, sshd-session) hosts that were recorded.
//
//	DIR/var/log/audit/audit.log*   the audit log, one file or a rotated set
//	DIR/sshd.export                sshd's journal, as journalctl -o export
//	DIR/etc/                       hostname, machine-id, passwd, group
//	DIR/truth.json                 what really happened, and to whom each session belonged
//
// With several hosts each has a folder of its own below DIR. The same Options
// make the same bytes, on any machine.
package synth

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Format is the log_format of auditd.
type Format int

// A mixed set has hosts of both formats in turn, beginning with raw.
const (
	Mixed Format = iota
	Raw
	Enriched
)

// Options say how much to make of what. The zero value makes one megabyte of
// one host with two boots.
type Options struct {
	Seed   uint64
	Bytes  int64     // of all audit logs together; 0: as many as Logins need, 1 MB without these
	Logins int       // accepted ssh logins on all hosts together; 0: as many as Bytes need
	Hosts  int       // 0: 1
	Boots  int       // of each host; 0: 2
	Open   int       // ssh sessions open at once, on average; 0: 12
	PIDs   int       // pid_max: lower, PIDs come back sooner; 0: 32768
	Rotate int64     // a file of the audit log is full at so many bytes; 0: one file
	Format Format    // of the audit logs
	Start  time.Time // of the first boot; zero: 2025-03-03 06:00 UTC
}

// Totals is what was made.
type Totals struct {
	Bytes   int64 // of the audit logs
	Records int64 // in them
	Events  int64
	Entries int64 // of the journals
	Logins  int   // that sshd accepted
	Refused int   // attempts that it refused
	Local   int   // sessions of cron
}

func (t *Totals) add(o Totals) {
	t.Bytes += o.Bytes
	t.Records += o.Records
	t.Events += o.Events
	t.Entries += o.Entries
	t.Logins += o.Logins
	t.Refused += o.Refused
	t.Local += o.Local
}

func (o Options) withDefaults() Options {
	if o.Bytes == 0 && o.Logins == 0 {
		o.Bytes = 1_000_000
	}
	o.Hosts = max(o.Hosts, 1)
	if o.Boots == 0 {
		o.Boots = 2
	}
	if o.Open == 0 {
		o.Open = 12
	}
	if o.PIDs == 0 {
		o.PIDs = 32768
	}
	o.PIDs = max(o.PIDs, firstPID+100+o.Open*40)
	if o.Start.IsZero() {
		o.Start = time.Date(2025, 3, 3, 6, 0, 0, 0, time.UTC)
	}
	return o
}

// Write makes the evidence below dir, which it creates. It never overwrites:
// an audit log that is there already is an error.
func Write(dir string, o Options) (Totals, error) {
	o = o.withDefaults()
	if o.Logins > 0 && o.Logins < o.Hosts*o.Boots {
		return Totals{}, errors.New("fewer logins than boots")
	}
	var all Totals
	for n := range o.Hosts {
		at := dir
		if o.Hosts > 1 {
			at = filepath.Join(dir, hostName(n))
		}
		one, err := writeHost(at, n, o)
		all.add(one)
		if err != nil {
			return all, fmt.Errorf("host %s: %w", hostName(n), err)
		}
	}
	return all, nil
}

// hostName gives the hosts names as a data centre has them.
func hostName(n int) string {
	roles := [...]string{"web", "db", "app", "mail", "build", "bastion"}
	return fmt.Sprintf("%s%02d", roles[n%len(roles)], n/len(roles)+1)
}

// share is the n-th host's part of a total.
func share[T int | int64](total T, n, of int) T {
	part := total / T(of)
	if T(n) < total%T(of) {
		part++
	}
	return part
}

// writeHost makes one host.
func writeHost(dir string, n int, o Options) (t Totals, err error) {
	logs := filepath.Join(dir, "var", "log", "audit")
	for _, d := range []string{logs, filepath.Join(dir, "etc")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return t, err
		}
	}
	audit, err := newRotated(logs, o.Rotate)
	if err != nil {
		return t, err
	}
	journal, err := newOutput(filepath.Join(dir, "sshd.export"))
	if err != nil {
		return t, errors.Join(err, audit.Close())
	}
	truth, err := newOutput(filepath.Join(dir, "truth.json"))
	if err != nil {
		return t, errors.Join(err, audit.Close(), journal.Close())
	}
	h := newHost(n, o, audit, journal, truth)
	h.run()
	t = h.totals
	t.Bytes = audit.total
	return t, errors.Join(audit.Close(), journal.Close(), truth.Close(), h.writeEtc(filepath.Join(dir, "etc")))
}
