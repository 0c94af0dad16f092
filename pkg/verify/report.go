package verify

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/manifest"
	"auditreplay/pkg/replay"
)

// Report is what was found, and the figures of what there is.
type Report struct {
	Findings []Finding // in the order of host, boot, time, kind
	Hosts    []HostReport

	Sources   int
	Units     int64 // lines and entries
	Events    int64 // audit events
	Duplicate int64 // lines and entries that say again what another one said
	Accepted  int64 // logins
	Joined    int64
	Manifest  string // what of a manifest was checked, in words; "" where none was
	Printed   int64  // lines that tell of a limit on printing, and of no loss
}

// CheckManifest adds what differs from the manifest read from path: a file
// that is gone, and one that is not what it was.
func (r *Report) CheckManifest(path string, m *manifest.Manifest) error {
	differ, checked, err := m.Check()
	if err != nil {
		return err
	}
	for _, d := range differ {
		f := Finding{Kind: Contradiction, Where: d.Path, Detail: d.What, host: -1, boot: -1}
		if d.Missing {
			f.Kind = FileMissing
		}
		r.Findings = append(r.Findings, f)
	}
	same := checked - len(differ)
	for _, d := range differ {
		if d.Missing {
			same++
		}
	}
	r.Manifest = fmt.Sprintf("Manifest %s: %d of %s as it says", path, same, plural(int64(len(m.Files)+m.Outputs()), "file"))
	for _, what := range m.Unchecked() {
		r.Manifest += "; not checked, because no file holds it: " + what
	}
	return nil
}

// AddUnlisted adds the files in a manifest's folders that it does not name: the
// same command would read them now, and its output would not be the same.
// naming are files that names come from, in a root.
func (r *Report) AddUnlisted(m *manifest.Manifest, now []*ingest.Source, naming []string) {
	for _, path := range m.Unlisted(now, naming) {
		r.Findings = append(r.Findings, Finding{Kind: Contradiction, Where: path, host: -1, boot: -1,
			Detail: "a file in a folder that the manifest names: the manifest does not have it, it came later"})
	}
}

// HostReport is the evidence of one host.
type HostReport struct {
	Name  string
	Boots []BootReport
}

// BootReport is the evidence of one boot.
type BootReport struct {
	ID       string
	Coverage []Coverage
	Events   int64
	Serials  [2]uint32 // first and last
	Missing  int64     // serials between them
	Daemon   int64     // records of auditd itself
	Sessions int64     // of sshd, with a login
	Others   int64     // of other programs
	Recorded string    // of sessions: commands, connections, changes of files
	Rules    []string  // of the host's files, that record something of them
}

// Coverage is when one source has evidence of a boot.
type Coverage struct {
	Source   string
	Kind     string
	From, To time.Time
	What     string // "audit records", "sshd messages", "other entries"
}

// Report says what was found, when the run is over. sum is the run's.
func (v *Verifier) Report(sum *replay.Summary) *Report {
	r := &Report{Sources: len(sum.Sources), Units: sum.Read(), Events: sum.Events, Accepted: sum.Accepted, Joined: sum.Joined}
	for i := range sum.Sources {
		r.Duplicate += sum.Sources[i].Duplicate
	}
	if v.c == nil { // the run ended before anything was concluded
		return r
	}
	add := func(fs []Finding) { r.Findings = append(r.Findings, fs...) }
	add(v.rejectFindings(sum))
	add(v.fileFindings())
	add(v.overlapFindings(sum))
	for _, b := range v.all {
		add(b.gapFindings(v))
		add(v.daemonFindings(b))
		add(v.ruleFindings(b))
		add(v.abilityFindings(b))
		add(v.joinFindings(b))
		add(b.contradictionFindings())
	}
	for h := range v.c.Hosts {
		add(v.rebootFindings(h))
	}
	add(v.noteFindings())
	add(v.clockFindings())
	add(v.loginuidFindings())
	add(v.claimFindings())
	sortFindings(r.Findings)
	r.Printed = v.printed
	v.figures(r)
	return r
}

// figures says what there is.
func (v *Verifier) figures(r *Report) {
	for h := range v.c.Hosts {
		r.Hosts = append(r.Hosts, HostReport{Name: v.c.Hosts[h].Name})
	}
	for _, b := range v.all {
		br := BootReport{ID: b.id, Events: b.events, Daemon: int64(len(b.daemons)), Sessions: b.sshN, Others: b.other, Recorded: b.recordedText()}
		if n := len(b.serials.runs); n > 0 {
			br.Serials = [2]uint32{b.serials.runs[0].lo.serial, b.serials.runs[n-1].hi.serial}
			br.Missing = b.serials.merged
			for i := 1; i < n; i++ {
				br.Missing += max(0, int64(b.serials.runs[i].lo.serial)-int64(b.serials.runs[i-1].hi.serial)-1)
			}
		}
		br.Coverage = v.coverageOf(b)
		r.Hosts[b.host].Boots = append(r.Hosts[b.host].Boots, br)
	}
}

// coverageOf lists when each source has evidence of a boot.
func (v *Verifier) coverageOf(b *boot) []Coverage {
	type key struct {
		src  *ingest.Source
		what string
	}
	at := make(map[key]*Coverage)
	for _, c := range v.order {
		for _, kind := range []struct {
			what string
			s    *spans
		}{{"audit records", &c.records}, {"sshd messages", &c.messages}, {"other entries", &c.entries}} {
			first, last, ok := v.covers(c, kind.s, b)
			if !ok || kind.what == "other entries" && (c.messages.n > 0 || c.records.n > 0) {
				continue
			}
			k := key{c.src, kind.what}
			if at[k] == nil {
				at[k] = &Coverage{Source: c.src.Name, Kind: c.src.Kind.String(), What: kind.what, From: atMillis(first), To: atMillis(last)}
				continue
			}
			if from := atMillis(first); from.Before(at[k].From) {
				at[k].From = from
			}
			if to := atMillis(last); to.After(at[k].To) {
				at[k].To = to
			}
		}
	}
	var out []Coverage
	for k, c := range at {
		if k.what == "other entries" && (at[key{k.src, "sshd messages"}] != nil || at[key{k.src, "audit records"}] != nil) {
			continue
		}
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b Coverage) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Source, b.Source), cmp.Compare(a.What, b.What))
	})
	return out
}
