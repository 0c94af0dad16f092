package main

import (
	"errors"
	"fmt"
	"io"

	"auditreplay/pkg/explain"
	"auditreplay/pkg/replay"

	"github.com/spf13/cobra"
)

func newExplain() *cobra.Command {
	var o options
	var format, boot string
	var width int
	cmd := &cobra.Command{
		Use:   "explain ID PATH...",
		Short: "Why an event, session or login was given to that credential, with the lines that say so",
		Long: `explain says why an event, a session or a login was given to a credential, or to
nobody: each step from the line in which sshd accepted the credential to the
record of the event, with its place and the line itself; which other logins came
into question and why they were rejected; and what would overturn the conclusion.

ID is an audit event (1679060258.126:30361, as event.id has it), an audit session
(67), or the auditId of a UserLogin. Where it occurs on several hosts or boots,
--host and --boot narrow it.`,
		Example: `  auditreplay explain 1679060258.126:30361 /var/log/audit sshd.export
  auditreplay explain 67 --boot 071731ad audit.log sshd.export`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("no ID named")
			}
			return o.args(cmd, args[1:])
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := explain.ParseTarget(args[0])
			if err != nil {
				return err
			}
			if format != "text" && format != "json" {
				return fmt.Errorf("--format: %q is none of text, json", format)
			}
			columns, err := o.proseColumns(cmd, width)
			if err != nil {
				return err
			}
			return runExplain(cmd, &o, target, boot, args[1:], func(w io.Writer, e *explain.Explanation) error {
				if format == "json" {
					return e.WriteJSON(w)
				}
				return e.WriteText(w, columns)
			})
		},
	}
	o.register(cmd)
	without(cmd, selecting[:]...)
	cmd.Flags().StringVar(&format, "format", "text", "`form`: text or json")
	widthFlag(cmd, &width, "80")
	cmd.Flags().StringVar(&boot, "boot", "", "the boot of the session or event: its `id`, or the start of it")
	return cmd
}

// runExplain replays the evidence and explains. --host names the host that is
// meant; where there is one host alone it gives that its name, as everywhere.
func runExplain(cmd *cobra.Command, o *options, target explain.Target, boot string, args []string, write func(io.Writer, *explain.Explanation) error) error {
	in, err := o.evidence(cmd, args)
	if err != nil {
		return err
	}
	defer in.Close()
	if allSaved(in.Inputs) {
		return errors.New("a saved output does not say why: explain needs the evidence it was made of")
	}
	host := o.host
	o.host = ""
	for {
		x := explain.New(target, explain.Options{Host: host, Boot: replay.BootID(boot), Users: in.Users, Groups: in.Groups})
		_, err = o.inspect(cmd, in, inspection{observer: x, events: x, scope: replay.ScopeAll}, func(w io.Writer, _ *replay.Summary) error {
			if hosts := x.Hosts(); o.host == "" && host != "" && len(hosts) == 1 && hosts[0] != host {
				o.host = host
				return errAgain
			}
			e, err := x.Explain()
			if err != nil {
				return err
			}
			return write(w, e)
		})
		switch {
		case errors.Is(err, errAgain):
			continue
		case errors.Is(err, explain.ErrNotFound):
			return &status{exitNothing, fmt.Errorf("%s %s: %w", target.Sort, target.ID, err)}
		}
		return err
	}
}

// errAgain says that the host has another name than was thought.
var errAgain = errors.New("once more, with the host's name")
