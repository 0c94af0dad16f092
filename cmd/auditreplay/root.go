package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// The exit codes: the highest reason wins in the order in which they stand.
const (
	exitInterrupted = 130
	exitError       = 2 // usage or I/O
	exitDamaged     = 3 // done, but the input was damaged
	exitFound       = 4 // verify found something
	exitNothing     = 1 // nothing matched, or the golden differs
	exitDone        = 0
)

// status is an error that sets the exit code. A nil err says nothing.
type status struct {
	code int
	err  error
}

func (s *status) Error() string {
	if s.err == nil {
		return fmt.Sprintf("exit %d", s.code)
	}
	return s.err.Error()
}

func (s *status) Unwrap() error { return s.err }

// execute runs one command line and gives its exit code.
func execute(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if err == nil {
		return exitDone
	}
	var s *status
	if !errors.As(err, &s) {
		s = &status{exitError, err}
	}
	if s.err != nil {
		fmt.Fprintf(stderr, "auditreplay: %v\n", s.err)
	}
	return s.code
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "auditreplay",
		Short: "Who, by which SSH credential, did what on this host",
		Long: `auditreplay replays Linux audit logs and sshd's log offline. It joins each sshd
login (key fingerprint, certificate key ID, address) to the kernel audit session
it opened, and writes every audit event of that session as enriched JSON.`,
		Example: `  auditreplay sessions /var/log/audit sshd.export
  auditreplay file /var/log/audit sshd.export -o events.jsonl
  auditreplay timeline events.jsonl`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newFile(), newFollow(), newVerify(), newExplain(), newSessions(), newTimeline(), newTree(), newReport(), newVersion(), newMan())
	return root
}
