package main

import (
	"errors"
	"io"
	"slices"
	"strings"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/manifest"
	"auditreplay/pkg/replay"

	"github.com/metal-toolbox/auditevent"
	"github.com/spf13/cobra"
)

// manifestFlag is --manifest of a command that writes events.
type manifestFlag struct{ path string }

func (m *manifestFlag) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&m.path, "manifest", "", "write to `file` what the output was made of: inputs and output with their SHA-256, counts, times, options, the tool; verify --manifest checks it")
}

// run runs the command, and writes the manifest when its output is complete.
func (m *manifestFlag) run(cmd *cobra.Command, o *options, args []string, v view) error {
	if m.path == "" {
		return o.run(cmd, args, v)
	}
	if err := manifest.Free(m.path, o.force); err != nil {
		return err
	}
	times := manifest.NewTimes()
	o.observer = times
	made := &manifest.Manifest{Version: manifest.Version, Tool: manifest.ThisTool(version()), Command: cmd.Name(),
		Options: given(cmd), Paths: append([]string{}, args...), Roots: slices.Clone(o.roots)}
	before := o.summed
	o.summed = func(in *ingest.Inputs, sum *replay.Summary) error {
		if before != nil {
			if err := before(in, sum); err != nil {
				return err
			}
		}
		return errors.Join(made.AddInputs(in.Sources, sum, times), made.AddFiles(o.named))
	}
	var hash *manifest.Hash
	err := o.run(cmd, args, func(w io.Writer) (auditevent.EventEncoder, func() error) {
		hash = manifest.NewHash(w)
		return v(hash)
	})
	var s *status
	if err != nil && (!errors.As(err, &s) || s.code == exitInterrupted || s.err != nil) {
		return err
	}
	path := o.output
	if path == "" {
		path = "-"
	}
	made.Output = manifest.File{Path: path, Size: hash.Size(), SHA256: hash.Sum()}
	return errors.Join(made.Write(m.path, o.force), err)
}

// given lists the flags that were given, but for the manifest's own.
func given(cmd *cobra.Command) map[string]string {
	out := make(map[string]string)
	for line := range strings.Lines(cmd.Flags().FlagUsages()) { // a flag a line: "  -o, --output file   write to ..."
		_, rest, _ := strings.Cut(line, "--")
		name := strings.FieldsFunc(rest, func(r rune) bool { return r == ' ' || r == '\n' || r == '[' })
		if len(name) == 0 {
			continue
		}
		if f := cmd.Flags().Lookup(name[0]); f != nil && f.Changed && f.Name != "manifest" {
			out[f.Name] = f.Value.String()
		}
	}
	return out
}
