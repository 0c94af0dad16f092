package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"auditreplay/pkg/ingest"

	"github.com/spf13/cobra"
)

// The files that a run writes must be none of those it reads, and each its
// own: evidence that a slip of the hand overwrites is gone.

// written are the flags that name a file to write, with the file.
func (o *options) written(cmd *cobra.Command) [][2]string {
	var out [][2]string
	add := func(flag, path string) {
		if path != "" && path != "-" {
			out = append(out, [2]string{flag, path})
		}
	}
	add("--output", o.output)
	if o.update {
		add("--golden", o.golden)
	}
	add("--rejects", o.rejects)
	add("--summary-json", o.summaryJSON)
	if f := cmd.Flags().Lookup("manifest"); f != nil && cmd.Name() != "verify" {
		add("--manifest", f.Value.String())
	}
	return out
}

// checkOutputs refuses an output that is an input or another output, and one
// that exists where that needs --force.
func (o *options) checkOutputs(cmd *cobra.Command, in *ingest.Inputs) error {
	if o.golden != "" && o.output != "" && o.output != "-" {
		return errors.New("--output: not with --golden, which compares the output instead of writing it")
	}
	outputs := o.written(cmd)
	for i, out := range outputs {
		info, err := os.Stat(out[1])
		for _, before := range outputs[:i] {
			other, otherErr := os.Stat(before[1])
			if sameName(out[1], before[1]) || err == nil && otherErr == nil && info.Mode().IsRegular() && os.SameFile(info, other) {
				return fmt.Errorf("%s: the same file as %s", out[0], before[0])
			}
		}
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		for _, s := range in.Sources {
			name, _, _ := strings.Cut(s.Path, "!")
			if input, err := os.Stat(name); err == nil && os.SameFile(info, input) {
				return fmt.Errorf("%s: %s is evidence that is read", out[0], out[1])
			}
		}
		if (out[0] == "--rejects" || out[0] == "--summary-json") && !o.force {
			return fmt.Errorf("%s: %s exists (--force overwrites it)", out[0], out[1])
		}
	}
	return nil
}

func sameName(a, b string) bool {
	x, errX := filepath.Abs(a)
	y, errY := filepath.Abs(b)
	return errX == nil && errY == nil && x == y
}

// without takes flags off a command to which they mean nothing.
func without(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		if f := cmd.Flags().Lookup(name); f != nil {
			f.Hidden = true
		}
	}
	args := cmd.Args
	cmd.Args = func(cmd *cobra.Command, given []string) error {
		for _, name := range names {
			if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
				return fmt.Errorf("--%s: means nothing to %s, which looks at all of the evidence", name, cmd.Name())
			}
		}
		return args(cmd, given)
	}
}

// selecting are the flags that select events.
var selecting = [...]string{"scope", "since", "until", "user", "key-id", "fingerprint", "ip", "exe", "path", "key", "action", "outcome", "type", "pid", "session"}
