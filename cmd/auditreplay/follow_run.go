package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/follow"
	"auditreplay/pkg/live"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/schema"

	"go.uber.org/zap"
)

// follower is one run of follow.
type follower struct {
	opt    *followOptions
	log    *zap.SugaredLogger
	stderr io.Writer
	since  time.Time
	names  *replay.Evidence // what people and keys are called

	audit  *follow.Tail
	sshd   sshdLog
	pipe   *live.Pipeline
	out    *follow.Output
	enc    *schema.Encoder
	filter *replay.Filter

	saver       saver
	behind      bool // there is more of sshd's log up to what was read of the audit log
	moves       int
	wrote       int64
	rejected    rejectedLines
	warning     sync.Mutex // journalctl ends in its own time
	warned      map[string]time.Time
	interrupted bool // ended by SIGINT
}

// The follower's own times, by the wall clock.
const (
	lookEvery   = 250 * time.Millisecond // for what no watcher tells
	saveEvery   = 2 * time.Second
	saveShare   = 50          // a state takes so small a part of the time
	reportEvery = time.Minute // of broken lines
)

// roundMessages is how many messages a round reads, about: a log of sshd that
// begins weeks before the audit log is no reason to hold weeks of it.
const roundMessages = 1 << 12

func (f *follower) openOutput(stdout io.Writer, filter *replay.Filter, st *state) error {
	var written *follow.Written
	if st != nil {
		written = &st.Output
	}
	var err error
	if f.out, err = follow.OpenOutput(f.opt.output, stdout, written); err != nil {
		return err
	}
	f.enc = schema.NewEncoder(f.out)
	f.filter, filter.Next = filter, f.enc
	opt := live.Options{Host: f.opt.host, MachineID: f.opt.machineID, SSHD: true, Journal: f.opt.sshd == "journal" || f.opt.sshd == "-",
		LoginWindow: f.opt.window, NoWall: f.opt.noWall, Log: f.log, Reject: f.rejected.add,
		Zone: f.opt.logZone, Paths: filter.Select.WantsPaths(), Names: replay.KeyNames(f.names.Keys),
		UserNames: func(uid string) string { return f.names.Users[uid].Name }}
	if st == nil {
		f.pipe = live.New(f.filter, opt)
		return nil
	}
	f.pipe, err = live.Restore(st.Live, f.filter, opt)
	return err
}

// run follows until a signal ends it, which is no error, or a failure.
func (f *follower) run() error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	if err := f.save(true); err != nil { // the start, too, is what a restart goes on from
		return err
	}
	f.warnOf(follow.Notify("READY=1"))
	for {
		more, err := f.round()
		if err != nil {
			return err
		}
		if more { // a signal comes first all the same
			select {
			case sig := <-signals:
				err = f.signal(sig)
			default:
			}
		} else {
			select {
			case sig := <-signals:
				err = f.signal(sig)
			case <-f.audit.Wake():
			case <-f.sshd.Wake():
			case <-look.C:
			}
		}
		if errors.Is(err, errEnd) {
			f.warnOf(follow.Notify("STOPPING=1"))
			return f.finish()
		}
		if err != nil {
			return err
		}
	}
}

// signal does what a signal asks for.
func (f *follower) signal(sig os.Signal) error {
	if sig != syscall.SIGHUP {
		f.interrupted = sig == os.Interrupt
		return errEnd
	}
	if err := f.out.Reopen(); err != nil {
		return err
	}
	return f.save(true)
}

// round reads what is new in both logs and writes what is complete. more says
// that there is more to read at once.
func (f *follower) round() (more bool, err error) {
	now := follow.Now()
	f.pipe.At(now)
	var lines []follow.Line
	auditEnd := false
	if !f.behind {
		var err error
		if lines, auditEnd, err = f.audit.Read(); err != nil {
			return false, fmt.Errorf("%s: %w", f.opt.audit, err)
		}
	}
	for i := range lines {
		if err := f.auditLine(&lines[i]); err != nil {
			return false, err
		}
	}
	read, sshdEnd := 0, false
	for {
		n, eof, err := f.sshd.Read(func(e *ingest.Entry) { f.pipe.Message(e) })
		if err != nil {
			return false, fmt.Errorf("%s: %w", f.opt.sshd, err)
		}
		read, sshdEnd = read+n, eof
		f.behind = !eof && n > 0 && f.pipe.Lag() >= 0
		if !f.behind || read >= roundMessages {
			break
		}
	}
	auditEnd = auditEnd && !f.behind // what follows in sshd's log is no news
	if err := f.pipe.Round(live.Clock{Wall: now, Audit: auditEnd, SSHD: sshdEnd}); err != nil {
		return false, err
	}
	if err := f.enc.Flush(); err != nil {
		return false, fmt.Errorf("%s: %w", f.opt.output, err)
	}
	f.rejected.report(now, f.log)
	moved := f.audit.Moves() != f.moves
	f.moves = f.audit.Moves()
	wrote := f.filter.Written != f.wrote
	f.wrote = f.filter.Written
	if err := f.saveIfDue(now, len(lines)+read > 0 || wrote, moved || f.audit.Deleted() && len(lines) > 0); err != nil {
		return false, err
	}
	return len(lines)+read > 0, nil
}

func (f *follower) auditLine(l *follow.Line) error {
	if l.TooLong() {
		f.rejected.add(l.Pos, fmt.Sprintf("line of more than %d bytes", len(l.Text)))
		return nil
	}
	return f.pipe.Audit(l.Text, l.NULs, l.Pos)
}

// finish ends after a signal: what is complete is written already.
func (f *follower) finish() error {
	if err := f.save(true); err != nil {
		return err
	}
	if !f.opt.quiet {
		c := f.pipe.Counts
		fmt.Fprintf(f.stderr, "read      %d records, %d messages of sshd, %d irrelevant, %d rejected\n", c.Records, c.Messages, c.Irrelevant, c.Rejected)
		fmt.Fprintf(f.stderr, "events    %d, %d of them late records\n", c.Events, c.Late)
		fmt.Fprintf(f.stderr, "written   %d, left out %d by scope and %d by the filters\n", f.filter.Written, f.filter.LeftOut-f.filter.Unselected, f.filter.Unselected)
	}
	return nil
}

func (f *follower) close() error {
	err := f.saver.wait()
	return errors.Join(err, f.closeInputs(), f.out.Close())
}

// warn logs what is wrong but no end, each thing once a minute at most.
func (f *follower) warn(what string) {
	f.warning.Lock()
	defer f.warning.Unlock()
	now := follow.Now()
	if f.warned == nil {
		f.warned = make(map[string]time.Time)
	}
	if now.Sub(f.warned[what]) < reportEvery {
		return
	}
	f.warned[what] = now
	f.log.Warn(what)
}

func (f *follower) warnOf(err error) {
	if err != nil {
		f.warn(err.Error())
	}
}

// rejectedLines counts lines that could not be read and reports them once a
// minute.
type rejectedLines struct {
	count    int64
	last     string
	reported time.Time
}

func (r *rejectedLines) add(pos ingest.Pos, what string) {
	r.count++
	r.last = fmt.Sprintf("%s: %s", pos, what)
}

func (r *rejectedLines) report(now time.Time, log *zap.SugaredLogger) {
	if r.count == 0 || now.Sub(r.reported) < reportEvery {
		return
	}
	log.Warnf("%d lines could not be read, the last: %s", r.count, r.last)
	r.count, r.reported = 0, now
}
