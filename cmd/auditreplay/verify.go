package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/root"
	"auditreplay/pkg/manifest"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/verify"

	"github.com/spf13/cobra"
)

func newVerify() *cobra.Command {
	var o options
	var format, made string
	var width int
	cmd := &cobra.Command{
		Use:   "verify PATH...",
		Short: "What the evidence holds and what it lacks",
		Long: `verify reads the evidence as file does and says, for each host and boot, when each
log has evidence, and what is missing or wrong in it: gaps in the kernel's serial
numbers, times in which auditd was down or the audit switched off, rules that were
changed, what of sessions no rule recorded, lost records, clocks that were set or
differ, missing and overlapping files, lines that could not be read, logins and
sessions that did not find each other, and contradictions.

It exits with 4 where it found something, and with 3 where the input was damaged.`,
		Example: `  auditreplay verify /var/log/audit sshd.export
  auditreplay verify --format json audit.log auth.log
  auditreplay verify --manifest case.manifest.json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if made != "" && len(args) == 0 {
				return nil
			}
			return o.args(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			columns, err := o.proseColumns(cmd, width)
			if err != nil {
				return err
			}
			if format != "text" && format != "json" {
				return fmt.Errorf("--format: %q is none of text, json", format)
			}
			return runVerify(cmd, &o, made, args, func(w io.Writer, r *verify.Report) error {
				if format == "json" {
					return r.WriteJSON(w)
				}
				return r.WriteText(w, columns)
			})
		},
	}
	o.register(cmd)
	without(cmd, selecting[:]...)
	cmd.Flags().StringVar(&format, "format", "text", "`form` of the findings: text or json (one object a line)")
	widthFlag(cmd, &width, "80")
	cmd.Flags().StringVar(&made, "manifest", "", "check the inputs and the output that this `file` names, as file --manifest wrote it, against their SHA-256")
	return cmd
}

func runVerify(cmd *cobra.Command, o *options, made string, args []string, write func(io.Writer, *verify.Report) error) error {
	report := new(verify.Report)
	if made != "" {
		if err := checkManifest(report, made); err != nil {
			return err
		}
		if len(args) == 0 && len(o.roots) == 0 {
			return finishVerify(o, cmd, report, write)
		}
	}
	in, err := o.evidence(cmd, args)
	if err != nil {
		return err
	}
	defer in.Close()
	if allSaved(in.Inputs) {
		return errors.New("a saved output says nothing of the evidence it was made of: verify needs that, or --manifest")
	}
	rules, err := rulesOf(o.roots)
	if err != nil {
		return err
	}
	v := verify.New(verify.Options{Rules: rules})
	var found int
	var units int64
	sum, err := o.inspect(cmd, in, inspection{observer: v, events: v, scope: replay.ScopeAll, rejects: v.Reject},
		func(w io.Writer, sum *replay.Summary) error {
			r := v.Report(sum)
			r.Manifest, r.Findings = report.Manifest, append(report.Findings, r.Findings...)
			found, units = len(r.Findings), r.Units
			return write(w, r)
		})
	switch {
	case err != nil:
		return err
	case sum.Damaged():
		return &status{exitDamaged, nil}
	case found > 0:
		return &status{exitFound, nil}
	case units == 0:
		return &status{exitNothing, nil} // there was nothing to find anything in
	}
	return nil
}

// checkManifest holds the files that a manifest names against it.
func checkManifest(r *verify.Report, path string) error {
	m, err := manifest.Read(path)
	if err != nil {
		return err
	}
	if m.Moved() {
		return fmt.Errorf("%s: none of its files is there: it names them as they were given, so read it in the folder in which it was written", path)
	}
	if err := r.CheckManifest(path, m); err != nil {
		return err
	}
	opt := ingest.Options{Detect: detectors()}
	now, err := ingest.Discover(slices.DeleteFunc(slices.Clone(m.Paths), notThere), opt)
	if err != nil {
		return err
	}
	defer now.Close()
	sources := now.Sources
	var naming []string
	for _, path := range slices.DeleteFunc(slices.Clone(m.Roots), notThere) {
		host, err := root.Open(path, opt)
		if errors.Is(err, root.ErrNone) { // what was in it is found missing
			continue
		}
		if err != nil {
			return err
		}
		defer host.Close()
		sources, naming = append(sources, host.Sources...), append(naming, host.Files...)
	}
	r.AddUnlisted(m, sources, naming)
	return nil
}

// notThere tells of a path that is no file or folder now: what came through
// standard input, and what is missing, of which the check says more.
func notThere(path string) bool {
	info, err := os.Stat(path)
	return path == "-" || err != nil || !info.IsDir() && !info.Mode().IsRegular()
}

// finishVerify writes what was found without replaying any evidence.
func finishVerify(o *options, cmd *cobra.Command, r *verify.Report, write func(io.Writer, *verify.Report) error) error {
	out, err := replay.CreateOutput(o.output, cmd.OutOrStdout(), replay.OutputOptions{Force: o.force})
	if err != nil {
		return err
	}
	defer out.Abort()
	if err := write(out, r); err != nil {
		return err
	}
	if _, err := out.Commit(); err != nil {
		return err
	}
	if len(r.Findings) > 0 {
		return &status{exitFound, nil}
	}
	return nil
}

// rulesOf reads the audit rules of each root.
func rulesOf(roots []string) ([]verify.HostRules, error) {
	var out []verify.HostRules
	for _, path := range roots {
		rules, err := rulesIn(path)
		if err != nil {
			return nil, err
		}
		out = append(out, verify.HostRules{Root: filepath.Clean(path), Rules: rules})
	}
	return out, nil
}

// rulesIn reads etc/audit/audit.rules, which auditctl loads, and the parts it
// is made of where it is not there.
func rulesIn(path string) ([]verify.Rule, error) {
	in, err := ingest.Discover([]string{path}, ingest.Options{Take: takeRules})
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var out []verify.Rule
	whole := slices.ContainsFunc(in.Sources, isWhole)
	for _, src := range in.Sources {
		if whole && !isWhole(src) {
			continue
		}
		r, err := src.OpenRaw()
		if err != nil {
			return nil, err
		}
		rules, err := verify.ParseRules(src.Path, r)
		if err := errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
		out = append(out, rules...)
	}
	return out, nil
}

func isWhole(src *ingest.Source) bool { return strings.HasSuffix(src.Path, "/audit/audit.rules") }

// takeRules looks at etc/audit and nothing else.
func takeRules(rel string, dir bool) ingest.Taking {
	at := strings.Index("/"+rel+"/", "/etc/")
	switch {
	case dir && (at < 0 && strings.Count(rel, "/") < 2 || strings.HasSuffix(rel, "etc") || strings.Contains("/"+rel+"/", "/etc/audit/")):
		return ingest.TakeEvidence
	case !dir && strings.Contains("/"+rel, "/etc/audit/") && strings.HasSuffix(rel, ".rules"):
		return ingest.TakeAnyway
	}
	return ingest.TakeNothing
}
