package main

import (
	"errors"
	"fmt"
	"io"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/replay"

	"github.com/metal-toolbox/auditevent"
	"github.com/spf13/cobra"
)

// inspection is who looks on while evidence is replayed.
type inspection struct {
	observer replay.Observer
	events   auditevent.EventEncoder
	scope    replay.Scope
	rejects  func(pos ingest.Pos, what string, raw []byte) error // may be nil
}

// inspect replays the evidence for who looks on, and then writes what is to be
// said of it.
func (o *options) inspect(cmd *cobra.Command, in *replay.Evidence, what inspection, write func(io.Writer, *replay.Summary) error) (*replay.Summary, error) {
	if _, _, err := o.check(); err != nil {
		return nil, err
	}
	log, err := o.logger(cmd.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	if err := o.checkOutputs(cmd, in.Inputs); err != nil {
		return nil, err
	}
	out, err := replay.CreateOutput(o.output, cmd.OutOrStdout(), replay.OutputOptions{Force: o.force, Golden: o.golden, Update: o.update})
	if err != nil {
		return nil, err
	}
	defer out.Abort()
	rejects, err := newRejects(o)
	if err != nil {
		return nil, err
	}
	defer rejects.Close()
	interrupted, stop := onInterrupt()
	defer stop()
	reject := func(pos ingest.Pos, text string, raw []byte) error {
		if what.rejects != nil {
			if err := what.rejects(pos, text, raw); err != nil {
				return err
			}
		}
		return rejects.add(pos, text, raw)
	}
	opt := o.replayOptions(in)
	opt.Scope, opt.Observer = what.scope, what.observer
	opt.Log, opt.Reject, opt.Interrupted = log, reject, interrupted
	sum, err := replay.Run(in.Sources, what.events, opt)
	if err == nil {
		sum.AddDamage(in.Inputs)
		err = write(out, sum)
	}
	if err == nil {
		err = rejects.Close()
	}
	if err == nil && (o.output == "" || o.output == "-") && o.golden == "" {
		err = checkOpen(cmd.OutOrStdout())
	}
	if err == nil {
		var diff string
		if diff, err = out.Commit(); diff != "" {
			fmt.Fprint(cmd.ErrOrStderr(), diff)
			return sum, &status{exitNothing, nil}
		}
	}
	switch {
	case errors.Is(err, replay.ErrInterrupted):
		return nil, &status{exitInterrupted, err}
	case errors.Is(err, errStrict):
		return nil, &status{exitDamaged, err}
	}
	return sum, err
}
