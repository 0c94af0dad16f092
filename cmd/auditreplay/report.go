package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/report/html"
	"auditreplay/pkg/verify"

	"github.com/metal-toolbox/auditevent"
	"github.com/spf13/cobra"
)

func newReport() *cobra.Command {
	var o options
	var title string
	cmd := &cobra.Command{
		Use:   "report PATH... -o case.html",
		Short: "One self-contained HTML file: sessions over time, commands, files, connections",
		Long: `report writes a case report: one HTML file that opens from disk, without a
network. It holds the sessions over time, a table to search and sort, the
commands and the timeline of each session, refused logins, privilege use, files
and connections, what of the evidence is missing or damaged, the hashes of the
inputs, and the exact command.` + inputHelp,
		Example: `  auditreplay report /var/log/audit sshd.export -o case.html
  auditreplay report events.jsonl -o case.html`,
		Args: o.args,
		RunE: func(cmd *cobra.Command, args []string) error {
			var r *html.Report
			rules, err := rulesOf(o.roots)
			if err != nil {
				return err
			}
			v := verify.New(verify.Options{Rules: rules})
			o.looks = &inspection{observer: v, events: v, scope: replay.ScopeAll, rejects: v.Reject}
			o.summed = func(in *ingest.Inputs, sum *replay.Summary) error {
				c, err := caseOf(in, sum)
				if err != nil {
					return err
				}
				if !o.saved {
					addFindings(&c, v.Report(sum))
				}
				r.SetCase(c)
				return nil
			}
			err = o.run(cmd, args, func(w io.Writer) (auditevent.EventEncoder, func() error) {
				r = html.New(w, html.Options{Title: title})
				return r, r.Close
			})
			if err != nil && r != nil {
				r.Close() // lets go of its temporary files
			}
			return err
		},
	}
	o.register(cmd)
	cmd.Flags().StringVar(&title, "title", "", "the page's `title`")
	return cmd
}

// caseOf is what a report says of how it was made.
func caseOf(in *ingest.Inputs, sum *replay.Summary) (html.Case, error) {
	c := html.Case{Version: version(), Command: append([]string{"auditreplay"}, os.Args[1:]...), Damage: sum.Damage, Skipped: sum.Skipped,
		Accepted: sum.Accepted, Refused: sum.Refused, Joined: sum.Joined, Unjoined: sum.Unjoined,
		AuditEvents: sum.Events, Written: sum.Written, LeftOut: sum.LeftOut, Late: sum.Late}
	for _, h := range sum.Hosts {
		c.Hosts = append(c.Hosts, html.Host{Name: h.Name, MachineID: h.MachineID, Boots: h.Boots})
	}
	hashes := make(map[string]string)
	for i := range sum.Sources {
		s := &sum.Sources[i]
		input := html.Input{Name: s.Name, Path: s.Path, Kind: s.Kind, Bytes: s.Counts.Bytes, Read: s.Counts.Read,
			Evidence: s.Counts.Evidence, Duplicate: s.Counts.Duplicate, Rejected: s.Counts.Rejected, NULs: s.Counts.NULs,
			ClockSkew: time.Duration(s.ClockSkew * float64(time.Second))}
		for _, n := range s.Counts.Irrelevant {
			input.Irrelevant += n
		}
		file, _, _ := strings.Cut(s.Path, "!")
		if _, done := hashes[file]; !done && file != "-" {
			sum, err := hashFile(file)
			if err != nil {
				return c, err
			}
			hashes[file] = sum
		}
		input.SHA256 = hashes[file]
		c.Inputs = append(c.Inputs, input)
	}
	return c, nil
}

// addFindings adds what the evidence lacks, and what time each input covers.
func addFindings(c *html.Case, r *verify.Report) {
	for _, f := range r.Findings {
		c.Findings = append(c.Findings, html.Finding{Kind: f.Kind, Host: f.Host, Boot: f.Boot, From: f.From, To: f.To,
			Count: f.Count, Where: f.Where, Detail: f.Detail})
	}
	inputs := make(map[string]*html.Input)
	for i := range c.Inputs {
		inputs[c.Inputs[i].Name] = &c.Inputs[i]
	}
	for _, h := range r.Hosts {
		for _, b := range h.Boots {
			for _, covered := range b.Coverage {
				in := inputs[covered.Source]
				if in == nil {
					continue
				}
				if in.First.IsZero() || covered.From.Before(in.First) {
					in.First = covered.From
				}
				if covered.To.After(in.Last) {
					in.Last = covered.To
				}
			}
		}
	}
}

// hashFile gives the SHA-256 of a file as it lies there.
func hashFile(path string) (string, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// on has the onlooker see all events, whatever the view is given.
func (l *inspection) on(view auditevent.EventEncoder, opt *replay.Options) auditevent.EventEncoder {
	opt.Scope, opt.Observer = l.scope, l.observer
	reject := opt.Reject
	opt.Reject = func(pos ingest.Pos, what string, raw []byte) error {
		if err := l.rejects(pos, what, raw); err != nil {
			return err
		}
		return reject(pos, what, raw)
	}
	return both{l.events, view}
}

// both gives each event to two encoders.
type both struct{ first, second auditevent.EventEncoder }

func (b both) Encode(v any) error {
	if err := b.first.Encode(v); err != nil {
		return err
	}
	return b.second.Encode(v)
}
