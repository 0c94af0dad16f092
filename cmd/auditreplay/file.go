package main

import (
	"io"

	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
	"github.com/spf13/cobra"
)

func newFile() *cobra.Command {
	var o options
	var m manifestFlag
	cmd := &cobra.Command{
		Use:   "file PATH...",
		Short: "Replay files or directories and write the enriched events",
		Long: `file replays evidence and writes one enriched audit event a line, as JSON.

PATH is an audit log (rotated sets too), a journal export, a syslog file, or a
directory or archive of such; - is standard input. What an input is its content
says. All inputs of one run are joined.`,
		Example: `  auditreplay file audit.log
  auditreplay file /var/log/audit sshd.export -o events.jsonl
  journalctl -o export -t sshd | auditreplay file audit.log -
  auditreplay file --root /mnt/image --since yesterday --user alice
  auditreplay file --root web01.tar.gz --keys team.csv --path /etc/shadow`,
		Args: o.args,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.transient = true
			return m.run(cmd, &o, args, jsonLines)
		},
	}
	o.register(cmd)
	m.register(cmd)
	cmd.Flags().BoolVar(&o.raw, "raw", false, "put the records' own lines into every event")
	return cmd
}

// jsonLines is the view of the events themselves.
func jsonLines(w io.Writer) (auditevent.EventEncoder, func() error) {
	enc := schema.NewEncoder(w)
	return enc, enc.Flush
}
