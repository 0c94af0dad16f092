package main

import (
	"cmp"
	"errors"
	"io"

	"auditreplay/pkg/report"

	"github.com/metal-toolbox/auditevent"
	"github.com/spf13/cobra"
)

// viewOptions are the flags of the commands that show events to people.
type viewOptions struct {
	options
	display
	format string
	by     string
	failed bool
}

// closer is a view of package report.
type closer interface {
	auditevent.EventEncoder
	Close() error
}

// show runs a command whose view is made by make, once the options have been
// checked by validate.
func (o *viewOptions) show(cmd *cobra.Command, args []string, validate func() error, make func(io.Writer) closer) error {
	if err := o.settle(cmd, cmp.Or(o.golden, o.output)); err != nil {
		return err
	}
	if err := validate(); err != nil {
		return err
	}
	return o.run(cmd, args, func(w io.Writer) (auditevent.EventEncoder, func() error) {
		enc := make(w)
		return enc, enc.Close
	})
}

const inputHelp = `

PATH is evidence, as for file, or a saved output of file.`

func newSessions() *cobra.Command {
	var o viewOptions
	cmd := &cobra.Command{
		Use:   "sessions PATH...",
		Short: "The session table: who, with which credential, from where, when, and how it ended",
		Long: `sessions writes one row for each session: the person and the credential, the
account, from where, start and end and how it ended, how many commands were run,
how many as root, and how many actions were denied. Where the audit rules could not
have recorded commands it says so, and never 0.` + inputHelp,
		Example: `  auditreplay sessions /var/log/audit sshd.export
  auditreplay sessions --failed audit.log auth.log
  auditreplay sessions --by person --format csv events.jsonl`,
		Args: o.args,
		RunE: func(cmd *cobra.Command, args []string) error {
			opt := func() report.SessionsOptions {
				return report.SessionsOptions{Format: o.format, Width: o.columns, Color: o.colored, Wide: o.wide,
					By: o.by, Failed: o.failed, Zone: o.in}
			}
			if o.failed && o.by != "" {
				return errors.New("--by: not with --failed, which groups by the source")
			}
			return o.show(cmd, args, func() error { return opt().Validate() },
				func(w io.Writer) closer { return report.NewSessions(w, opt()) })
		},
	}
	o.register(cmd)
	o.flags(cmd, "all columns, and fingerprints in full")
	f := cmd.Flags()
	f.StringVar(&o.format, "format", report.Table, "`form` of the rows: table, csv or json (one object a line)")
	f.StringVar(&o.by, "by", "", "summarise by person, key, ip, account or host instead")
	f.BoolVar(&o.failed, "failed", false, "show refused logins, grouped by their source, instead")
	return cmd
}

func newTimeline() *cobra.Command {
	var o viewOptions
	cmd := &cobra.Command{
		Use:   "timeline PATH...",
		Short: "One line for each event, in plain words",
		Long: `timeline writes one line for each event: when, the person, the account with the
user the process acted as where that is another one, the terminal, and what was
done. csv and the two forms for Timesketch are for tools.` + inputHelp,
		Example: `  auditreplay timeline /var/log/audit sshd.export
  auditreplay timeline --scope ssh audit.log sshd.export | grep shadow
  auditreplay timeline --format timesketch -o case.jsonl events.jsonl`,
		Args: o.args,
		RunE: func(cmd *cobra.Command, args []string) error {
			opt := func() report.TimelineOptions {
				return report.TimelineOptions{Format: o.format, Width: o.columns, Color: o.colored, Wide: o.wide, Zone: o.in}
			}
			return o.show(cmd, args, func() error { return opt().Validate() },
				func(w io.Writer) closer { return report.NewTimeline(w, opt()) })
		},
	}
	o.register(cmd)
	o.flags(cmd, "host, session and audit event id too, and nothing cut")
	cmd.Flags().StringVar(&o.format, "format", report.Text, "`form` of the lines: text, csv, json, timesketch or timesketch-csv")
	return cmd
}

func newTree() *cobra.Command {
	var o viewOptions
	cmd := &cobra.Command{
		Use:   "tree PATH...",
		Short: "The processes of each session as a tree: who ran what, under which parent, as whom",
		Long: `tree writes the processes of each session as a tree: what was executed with
which arguments and where, how it ended, and where the user changed (sudo, su,
setuid programs). A process whose parent is not in the evidence says so.` + inputHelp,
		Example: `  auditreplay tree --scope ssh /var/log/audit sshd.export
  auditreplay tree --format json events.jsonl`,
		Args: o.args,
		RunE: func(cmd *cobra.Command, args []string) error {
			opt := func() report.TreeOptions {
				return report.TreeOptions{Format: o.format, Width: o.columns, Color: o.colored, Wide: o.wide, Zone: o.in}
			}
			return o.show(cmd, args, func() error { return opt().Validate() },
				func(w io.Writer) closer { return report.NewTree(w, opt()) })
		},
	}
	o.register(cmd)
	o.flags(cmd, "nothing cut, nothing folded")
	cmd.Flags().StringVar(&o.format, "format", report.Text, "`form` of the tree: text or json (one object a process)")
	return cmd
}
