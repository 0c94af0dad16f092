package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"auditreplay/pkg/ingest/follow"
	"auditreplay/pkg/replay"

	"github.com/spf13/cobra"
)

// followOptions are the flags of follow.
type followOptions struct {
	options
	audit, sshd string
	state       string
	since       string
	window      time.Duration

	noWall   bool          // for tests: the wall clock ends no wait
	saveWait time.Duration // for tests: between two states; 0 is saveEvery
}

// The logs of a host, where nothing else is said.
const (
	defaultAudit = "/var/log/audit/audit.log"
	machineFile  = "/etc/machine-id"
	hostFile     = "/etc/hostname"
)

func newFollow() *cobra.Command {
	var o followOptions
	cmd := &cobra.Command{
		Use:   "follow",
		Short: "The same, live: read the logs as they grow, across rotation, resumable",
		Long: `follow reads this host's audit log and sshd's log as they grow and writes one
enriched audit event a line, as file does for logs that are complete.

Without flags it reads /var/log/audit/audit.log, and sshd's log from the journal
where there is one, else from /var/log/auth.log or /var/log/secure. It starts at
the first line of the current files; --since reads the rotated ones first.

With --state it can be stopped or killed at any time and goes on where it was:
in a regular -o file every event then stands exactly once. On standard output
an event may come again after a restart.

SIGHUP reopens -o, for logrotate. SIGINT and SIGTERM save the state and end.`,
		Example: `  auditreplay follow
  auditreplay follow -o /var/log/auditreplay/events.jsonl --state /var/lib/auditreplay/state
  auditreplay follow --audit audit.log --sshd auth.log --since -2h
  journalctl -f -o export -t sshd | auditreplay follow --sshd -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := o.follow(cmd)
			var misfit *follow.Misfit
			if errors.As(err, &misfit) {
				return &status{int(misfit.Why), fmt.Errorf("--state: %w; to start anew, remove %s (with --since the rotated files are read first)",
					err, o.state)}
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.audit, "audit", "", "the audit log `file` (default "+defaultAudit+")")
	f.StringVar(&o.sshd, "sshd", "", "sshd's log: a `file`, \"journal\", or - for a journal export on standard input (default the journal, else auth.log or secure)")
	f.StringVarP(&o.output, "output", "o", "-", "append to `file`")
	f.StringVar(&o.state, "state", "", "keep the position in `file` and go on from it")
	f.StringVar(&o.since, "since", "", "read rotated files first, and write events from this `time` on")
	f.DurationVar(&o.window, "login-window", time.Minute, "how long, in record time, a session waits for its login")
	f.StringVar(&o.scope, "scope", "sessions", "which events: ssh, sessions or all (events of no session too)")
	f.StringVar(&o.host, "host", "", "the host's `name`, where the logs are silent or say it in two ways")
	f.StringVar(&o.machineID, "machine-id", "", "the host's machine `id`, where no journal gives it")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no closing summary")
	f.StringVar(&o.logLevel, "log-level", "warn", "what to log to stderr: debug, info, warn or error")
	return cmd
}

// follow follows until a signal or a failure ends it.
func (o *followOptions) follow(cmd *cobra.Command) error {
	f, err := o.open(cmd)
	if err != nil {
		return err
	}
	return errors.Join(f.run(), f.close())
}

// open makes a follower of the flags and the state.
func (o *followOptions) open(cmd *cobra.Command) (_ *follower, err error) {
	scope, err := replay.ParseScope(o.scope)
	if err != nil {
		return nil, fmt.Errorf("--scope: %w", err)
	}
	log, err := o.logger(cmd.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	f := &follower{opt: o, log: log, stderr: cmd.ErrOrStderr()}
	if o.since != "" {
		if f.since, err = follow.ParseSince(o.since, follow.Now()); err != nil {
			return nil, fmt.Errorf("--since: %w", err)
		}
	}
	o.defaults()
	defer func() {
		if err != nil {
			err = errors.Join(err, f.closeInputs())
		}
	}()
	var st *state
	if o.state != "" {
		var read state
		ok, err := follow.ReadState(o.state, &read)
		if err != nil {
			return nil, err
		}
		if ok {
			st = &read
		}
	}
	if err := f.openInputs(cmd.InOrStdin(), st); err != nil {
		return nil, err
	}
	return f, f.openOutput(cmd.OutOrStdout(), scope, st)
}

// defaults fills in the logs of this host. Only then the host's own files
// name it: the logs of another host may be followed too.
func (o *followOptions) defaults() {
	local := o.audit == ""
	if local {
		o.audit = defaultAudit
	}
	if o.sshd == "" {
		o.sshd = "journal"
		if _, err := os.Stat("/run/systemd/journal"); errors.Is(err, fs.ErrNotExist) {
			o.sshd = "/var/log/auth.log"
			if _, err := os.Stat(o.sshd); errors.Is(err, fs.ErrNotExist) {
				if _, err := os.Stat("/var/log/secure"); err == nil {
					o.sshd = "/var/log/secure"
				}
			}
		}
	}
	if local && o.host == "" {
		o.host = firstWord(hostFile)
	}
	if local && o.machineID == "" {
		o.machineID = firstWord(machineFile)
	}
}
