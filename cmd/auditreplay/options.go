package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	_ "time/tzdata" // --tz means the same on every machine

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/journal"
	"auditreplay/pkg/ingest/syslog"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/safe"

	"github.com/metal-toolbox/auditevent"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// options are the flags that all commands which read evidence share.
type options struct {
	host, machineID string
	scope           string
	roots, keys     []string
	passwd, group   string
	year            int
	tz              string
	logZone         *time.Location // by check
	selection       selection
	raw             bool
	transient       bool // the view keeps no string of an event
	output          string
	force           bool
	strict          bool
	golden          string
	update          bool
	summaryJSON     string
	rejects         string
	quiet           bool
	workers         int
	logLevel        string

	named    []string                                    // files that name keys, accounts and hosts, once they are known
	saved    bool                                        // the inputs are saved outputs, once they are known
	summed   func(*ingest.Inputs, *replay.Summary) error // called before the view is closed; may be nil
	looks    *inspection                                 // who else looks on; may be nil
	observer replay.Observer                             // may be nil
}

func (o *options) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.host, "host", "", "the host's `name`, where the evidence is silent or says it in two ways")
	f.StringVar(&o.machineID, "machine-id", "", "the host's machine `id`, where no journal gives it")
	f.StringArrayVar(&o.roots, "root", nil, "`dir` or archive of a host as it lay on its disk: evidence, names, keys and zone at their places (repeatable)")
	f.StringArrayVar(&o.keys, "keys", nil, "`file` that names keys: authorized_keys, allowed_signers or a list fingerprint,name (repeatable)")
	f.StringVar(&o.passwd, "passwd", "", "passwd `file` that names user ids")
	f.StringVar(&o.group, "group", "", "group `file` that names group ids: explain shows them")
	f.IntVar(&o.year, "year", 0, "`year` of the last line of logs that write none; otherwise found from the evidence")
	f.StringVar(&o.tz, "tz", "", "`zone` of logs that write none and of --since and --until: +02:00, Europe/Berlin; otherwise found from the evidence")
	f.StringVar(&o.scope, "scope", "sessions", "which events: ssh, sessions or all (events of no session too)")
	f.StringVarP(&o.output, "output", "o", "-", "write to `file`, complete or not at all")
	f.BoolVar(&o.force, "force", false, "overwrite the output file")
	f.BoolVar(&o.strict, "strict", false, "stop at the first rejected line")
	f.StringVar(&o.golden, "golden", "", "compare the output with `file` instead of writing it")
	f.BoolVar(&o.update, "update", false, "rewrite the --golden file")
	f.StringVar(&o.summaryJSON, "summary-json", "", "write the closing summary to `file` as JSON")
	f.StringVar(&o.rejects, "rejects", "", "write every rejected line with its position to `file`")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no progress and no closing summary")
	f.IntVarP(&o.workers, "jobs", "j", 0, "`workers`; 0 is one for each core. The output is the same for any number")
	o.selection.register(cmd)
	f.StringVar(&o.logLevel, "log-level", "error", "what to log to stderr: debug, info, warn or error")
}

// logger logs to stderr, without a clock.
func (o *options) logger(stderr io.Writer) (*zap.SugaredLogger, error) {
	level, err := zapcore.ParseLevel(o.logLevel)
	if err != nil {
		return nil, fmt.Errorf("--log-level: %w", err)
	}
	cfg := zap.NewProductionEncoderConfig()
	cfg.TimeKey = ""
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(cfg), zapcore.AddSync(safeLog{stderr}), level)).Sugar(), nil
}

// safeLog makes what is logged, a line a Write, safe for a terminal.
type safeLog struct{ w io.Writer }

func (l safeLog) Write(p []byte) (int, error) {
	parts := strings.Split(strings.TrimSuffix(string(p), "\n"), "\t") // of which zap makes the line
	for i := range parts {
		parts[i] = safe.Terminal(parts[i])
	}
	_, err := io.WriteString(l.w, strings.Join(parts, "\t")+"\n")
	return len(p), err
}

// evidence finds and opens the evidence and refuses what is none.
func (o *options) evidence(cmd *cobra.Command, paths []string) (*replay.Evidence, error) {
	return replay.OpenEvidence(replay.EvidenceOptions{Paths: paths, Roots: o.roots, KeyFiles: o.keys, Passwd: o.passwd, Group: o.group, Own: allSaved,
		Ingest: ingest.Options{Stdin: cmd.InOrStdin(), Detect: detectors()}})
}

// detectors tell the kinds of inputs that package ingest does not know.
func detectors() []func([]byte) (ingest.Kind, string) {
	return []func([]byte) (ingest.Kind, string){detectSaved,
		func(head []byte) (ingest.Kind, string) { return journal.Detect(head), "" }, syslog.Detect}
}

// namingFiles lists the files that are read beside the evidence.
func (o *options) namingFiles(in *replay.Evidence) []string {
	out := slices.Clone(o.keys)
	for _, path := range []string{o.passwd, o.group} {
		if path != "" {
			out = append(out, path)
		}
	}
	for _, r := range in.Roots {
		out = append(out, r.Files...)
	}
	return out
}

// args asks for evidence: a path, or --root.
func (o *options) args(cmd *cobra.Command, args []string) error {
	if len(args) == 0 && len(o.roots) == 0 {
		return errors.New("no evidence named: give a file, a directory, - or --root")
	}
	return nil
}

// view makes the encoder that a command shows events with.
type view func(w io.Writer) (enc auditevent.EventEncoder, flush func() error)

// check reads the values of the flags.
func (o *options) check() (scope replay.Scope, sel *replay.Selection, err error) {
	if scope, err = replay.ParseScope(o.scope); err != nil {
		return scope, nil, fmt.Errorf("--scope: %w", err)
	}
	if o.logZone, err = replay.ParseZone(o.tz); err != nil {
		return scope, nil, fmt.Errorf("--tz: %w", err)
	}
	if o.workers < 0 {
		return scope, nil, fmt.Errorf("--jobs: %d is negative", o.workers)
	}
	if o.year != 0 && (o.year < 1970 || o.year > 9998) {
		return scope, nil, fmt.Errorf("--year: %d is no year of a log", o.year)
	}
	if err = o.checkMachine(); err != nil {
		return scope, nil, err
	}
	if o.update && o.golden == "" {
		return scope, nil, errors.New("--update: needs --golden")
	}
	sel, err = o.selection.read(o)
	return scope, sel, err
}

// checkMachine reads --machine-id as the evidence has it: 32 hex digits
// (machine-id(5)), in which people also write the dashes of a UUID.
func (o *options) checkMachine() error {
	if o.machineID == "" {
		return nil
	}
	id := strings.ToLower(strings.ReplaceAll(o.machineID, "-", ""))
	if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		return fmt.Errorf("--machine-id: %q is no machine id: give the 32 hex digits of etc/machine-id", o.machineID)
	}
	o.machineID = id
	return nil
}

// replayOptions are what the flags and the evidence say of a run.
func (o *options) replayOptions(in *replay.Evidence) replay.Options {
	return replay.Options{Host: o.host, MachineID: o.machineID, Raw: o.raw, Workers: o.workers,
		Year: o.year, Zone: o.logZone, Roots: in.Roots, Keys: in.Keys, Users: in.Users, Observer: o.observer}
}

// run replays the evidence into a view, and ends with the status that the
// outcome calls for.
func (o *options) run(cmd *cobra.Command, paths []string, v view) error {
	scope, sel, err := o.check()
	if err != nil {
		return err
	}
	log, err := o.logger(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	in, err := o.evidence(cmd, paths)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := o.found(cmd, in); err != nil {
		return err
	}
	out, err := replay.CreateOutput(o.output, cmd.OutOrStdout(), replay.OutputOptions{Force: o.force, Golden: o.golden, Update: o.update})
	if err != nil {
		return err
	}
	defer out.Abort()
	rejects, err := newRejects(o)
	if err != nil {
		return err
	}
	defer rejects.Close()
	interrupted, stop := onInterrupt()
	defer stop()

	opt := o.replayOptions(in)
	opt.Scope, opt.Transient, opt.Paths, opt.Known = scope, o.transient, sel.WantsPaths(), sel.Settle
	opt.Between = sel.Interval
	if o.transient && !o.saved {
		limitMemory() // views that hold much themselves are not bound
	}
	opt.Log, opt.Reject, opt.Interrupted = log, rejects.add, interrupted
	progress, shown := o.showProgress(cmd.OutOrStdout(), cmd.ErrOrStderr())
	defer shown()
	opt.Progress = progress
	sum, err := o.fill(in.Inputs, v, out, sel, opt)
	shown()
	if err == nil {
		err = rejects.Close()
	}
	switch {
	case errors.Is(err, replay.ErrInterrupted):
		return &status{exitInterrupted, err}
	case errors.Is(err, errStrict):
		return &status{exitDamaged, err}
	case err != nil:
		return err
	}
	return o.finish(cmd, out, sum)
}

// found takes note of what the inputs are, and refuses what does not go with
// them.
func (o *options) found(cmd *cobra.Command, in *replay.Evidence) error {
	o.named = o.namingFiles(in)
	if o.saved = allSaved(in.Inputs); o.saved {
		if err := notWithSaved(cmd); err != nil {
			return err
		}
	}
	return o.checkOutputs(cmd, in.Inputs)
}

// fill gives the events of the inputs to a view, and closes it.
func (o *options) fill(in *ingest.Inputs, v view, w io.Writer, sel *replay.Selection, opt replay.Options) (*replay.Summary, error) {
	enc, flush := v(w)
	filter := &replay.Filter{Scope: opt.Scope, Select: sel, Next: enc}
	var events auditevent.EventEncoder = filter
	replayed := replay.Run
	switch {
	case o.saved:
		replayed = o.readSaved
	case o.looks != nil:
		events = o.looks.on(filter, &opt)
	}
	sum, err := replayed(in.Sources, events, opt)
	sum.AddDamage(in)
	sum.AddFilter(filter)
	if err == nil && o.summed != nil {
		err = o.summed(in, sum)
	}
	if err == nil {
		err = flush()
	}
	return sum, err
}

// finish puts the output in its place and says how it went.
func (o *options) finish(cmd *cobra.Command, out *replay.Output, sum *replay.Summary) error {
	if o.golden+o.summaryJSON+o.rejects == "" && (o.output == "" || o.output == "-") { // else the output may not be what is wanted
		if err := checkOpen(cmd.OutOrStdout()); err != nil {
			return err
		}
	}
	diff, err := out.Commit()
	if err != nil {
		return err
	}
	switch {
	case o.quiet:
	case o.saved:
		savedText(cmd.ErrOrStderr(), sum)
	default:
		sum.WriteText(cmd.ErrOrStderr())
	}
	if o.summaryJSON != "" {
		data, err := json.MarshalIndent(sum, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.summaryJSON, append(data, '\n'), 0o644); err != nil {
			return err
		}
	}
	if diff != "" {
		fmt.Fprint(cmd.ErrOrStderr(), diff)
	}
	switch {
	case sum.Damaged():
		return &status{exitDamaged, nil}
	case diff != "" || sum.Written == 0:
		return &status{exitNothing, nil}
	}
	return nil
}

// errStrict ends a --strict run.
var errStrict = errors.New("stopped at the first rejected line (--strict)")

// rejects reports rejected lines.
type rejects struct {
	strict bool
	file   *os.File
	err    error
}

func newRejects(o *options) (*rejects, error) {
	r := &rejects{strict: o.strict}
	if o.rejects != "" {
		f, err := os.Create(o.rejects)
		if err != nil {
			return nil, err
		}
		r.file = f
	}
	return r, nil
}

func (r *rejects) add(pos ingest.Pos, what string, raw []byte) error {
	if r.file != nil && r.err == nil {
		_, r.err = fmt.Fprintf(r.file, "%s: %s\n%s\n", pos, what, raw)
	}
	if r.strict {
		return fmt.Errorf("%s: %s: %w", pos, what, errStrict)
	}
	return r.err
}

func (r *rejects) Close() error {
	if r.file == nil {
		return r.err
	}
	err := r.file.Close()
	r.file = nil
	return errors.Join(r.err, err)
}

// onInterrupt tells whether the user has asked the run to end.
func onInterrupt() (interrupted func() bool, stop func()) {
	c := make(chan os.Signal, 1)
	var hit atomic.Bool
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(c, syscall.SIGHUP)
	}
	go func() {
		if _, ok := <-c; ok {
			hit.Store(true)
		}
	}()
	return hit.Load, func() { signal.Stop(c); close(c) }
}
