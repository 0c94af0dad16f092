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
	window      time.Duration

	noWall     bool          // for tests: the wall clock ends no wait
	saveWait   time.Duration // for tests: between two states; 0 is saveEvery
	journalctl string        // for tests: what to start instead of journalctl
}

// The logs of a host, where nothing else is said.
const (
	defaultAudit = "/var/log/audit/audit.log"
	machineFile  = "/etc/machine-id"
	hostFile     = "/etc/hostname"
)

func newFollow() *cobra.Command { return followCommand(new(followOptions)) }

func followCommand(o *followOptions) *cobra.Command {
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

SIGHUP reopens -o, for logrotate. SIGTERM and SIGINT save the state and end, with
exit code 0 and 130.`,
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
	f.StringVar(&o.selection.Since, "since", "", "read rotated files first, and write events from this `time` on: 2026-11-22 [15:04[:05]], RFC 3339, @seconds, -2h before now, today ...")
	o.selection.registerFields(cmd)
	f.DurationVar(&o.window, "login-window", time.Minute, "how long, in record time, a session waits for its login")
	f.StringVar(&o.scope, "scope", "sessions", "which events: ssh, sessions or all (events of no session too)")
	f.StringVar(&o.host, "host", "", "the host's `name`, where the logs are silent or say it in two ways")
	f.StringVar(&o.machineID, "machine-id", "", "the host's machine `id`, where no journal gives it")
	f.StringVar(&o.tz, "tz", "", "`zone` of lines and of --since where they name none: +02:00, Europe/Berlin; otherwise this host's for its own logs, else UTC")
	f.StringArrayVar(&o.keys, "keys", nil, "`file` that names keys: authorized_keys, allowed_signers or a list fingerprint,name (repeatable)")
	f.StringVar(&o.passwd, "passwd", "", "passwd `file` that names user ids")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no closing summary")
	f.StringVar(&o.logLevel, "log-level", "warn", "what to log to stderr: debug, info, warn or error")
	return cmd
}

// follow follows until a signal or a failure ends it. SIGTERM is how a service
// is stopped, and no failure; SIGINT breaks off, as with every command.
func (o *followOptions) follow(cmd *cobra.Command) error {
	f, err := o.open(cmd)
	if err != nil {
		return err
	}
	if err := errors.Join(f.run(), f.close()); err != nil {
		return err
	}
	if f.interrupted {
		return &status{exitInterrupted, nil}
	}
	return nil
}

// open makes a follower of the flags and the state.
func (o *followOptions) open(cmd *cobra.Command) (_ *follower, err error) {
	log, err := o.logger(cmd.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	f := &follower{opt: o, log: log, stderr: cmd.ErrOrStderr()}
	local := o.audit == ""
	if err := o.checkMachine(); err != nil { // a flag: what the host's own file says is taken as it is
		return nil, err
	}
	o.defaults()
	if err := o.apart(); err != nil {
		return nil, err
	}
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
	filter, err := f.selected(st, local)
	if err != nil {
		return nil, err
	}
	if f.names, err = replay.ReadNames(o.keys, o.passwd); err != nil {
		return nil, err
	}
	if err := f.openInputs(cmd.InOrStdin(), st); err != nil {
		return nil, err
	}
	return f, f.openOutput(cmd.OutOrStdout(), filter, st)
}

// selected gives the filter that the flags ask for. A time before now is one
// before the first start: a follower that was down for long would else leave
// out what was written meanwhile.
func (f *follower) selected(st *state, local bool) (*replay.Filter, error) {
	o := f.opt
	if o.window <= 0 {
		return nil, fmt.Errorf("--login-window: %s is no time to wait", o.window)
	}
	if o.selection.Since == "boot" {
		return nil, errors.New("--since: boot: the logs that grow do not say when this one began; give a time")
	}
	if st != nil {
		o.selection.Since = ""
		if !st.Since.IsZero() {
			o.selection.Since = fmt.Sprintf("@%d.%09d", st.Since.Unix(), st.Since.Nanosecond())
		}
	}
	scope, err := replay.ParseScope(o.scope)
	if err != nil {
		return nil, fmt.Errorf("--scope: %w", err)
	}
	if o.logZone, err = replay.ParseZone(o.tz); err != nil {
		return nil, fmt.Errorf("--tz: %w", err)
	}
	if o.logZone == nil && local {
		o.logZone = time.Local
	}
	sel, err := o.selection.read(&o.options)
	if err != nil {
		return nil, err
	}
	now := follow.Now()
	if err := sel.Settle(replay.Log{Start: now, End: now, Boot: now}); err != nil {
		return nil, err
	}
	f.since, _ = sel.Interval()
	return &replay.Filter{Scope: scope, Select: sel}, nil
}

// apart refuses to write to what is read: a follower would read what it wrote,
// without end, in the place of evidence.
func (o *followOptions) apart() error {
	files := [][2]string{{"--audit", o.audit}, {"--sshd", o.sshd}, {"--output", o.output}, {"--state", o.state}}
	for i, f := range files {
		if f[1] == "" || f[1] == "-" || f[0] == "--sshd" && f[1] == "journal" {
			continue
		}
		info, err := os.Stat(f[1])
		for _, before := range files[:i] {
			other, otherErr := os.Stat(before[1])
			same := err == nil && otherErr == nil && info.Mode().IsRegular() && os.SameFile(info, other)
			if before[1] != "" && before[1] != "-" && (same || sameName(f[1], before[1])) {
				return fmt.Errorf("%s: the same file as %s", f[0], before[0])
			}
		}
	}
	return nil
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
