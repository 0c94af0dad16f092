package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"auditreplay/pkg/safe"

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
	onlyShells(root)
	err := root.Execute()
	if err == nil {
		return exitDone
	}
	var s *status
	if !errors.As(err, &s) {
		s = &status{exitError, err}
	}
	if s.err != nil {
		fmt.Fprintf(stderr, "auditreplay: %s\n", safe.Terminal(oneLine(s.err.Error())))
	}
	return s.code
}

// oneLine gives cobra's guess at a command that was meant, which is a list, a
// place in the line.
func oneLine(text string) string {
	text, guess, ok := strings.Cut(text, "\n\nDid you mean this?\n\t")
	if !ok {
		return text
	}
	return text + "; did you mean " + strings.ReplaceAll(strings.TrimSpace(guess), "\n\t", ", ") + "?"
}

// onlyShells makes the completion for a shell that is not known an error: of
// itself cobra writes help, and a script would take that for the completion.
func onlyShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	cmd, _, err := root.Find([]string{"completion"})
	if err != nil || cmd == root {
		return
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		var known []string
		for _, shell := range cmd.Commands() {
			known = append(known, shell.Name())
		}
		if len(args) > 0 {
			return fmt.Errorf("completion: %q is none of %s", args[0], strings.Join(known, ", "))
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
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
