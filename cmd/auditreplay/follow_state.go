package main

import (
	"fmt"
	"strings"
	"time"

	"auditreplay/pkg/ingest/follow"
	"auditreplay/pkg/live"
)

// state is where a follower was, and all that it had read and not written.
type state struct {
	Saved   time.Time       `json:"saved"` // for people: nothing depends on it
	Host    string          `json:"host"`
	Machine string          `json:"machine,omitempty"`
	Since   time.Time       `json:"since,omitzero"` // of the first start
	Audit   follow.Position `json:"audit"`
	SSHD    sshdPlace       `json:"sshd"`
	Output  follow.Written  `json:"output"`
	Live    *live.State     `json:"live"`
}

// fits refuses a state of another host or of other logs.
func (s *state) fits(o *followOptions) error {
	other := func(what, is, was string) error {
		return &follow.Misfit{Why: follow.Other, What: fmt.Sprintf("%s: the state is of %s %q, not of %q", o.state, what, was, is)}
	}
	switch {
	case s.Audit.Path != o.audit:
		return other("the audit log", o.audit, s.Audit.Path)
	case s.SSHD.Name != o.sshd:
		return other("sshd's log", o.sshd, s.SSHD.Name)
	case o.host != "" && s.Host != "" && !sameHost(o.host, s.Host):
		return other("host", o.host, s.Host)
	case o.machineID != "" && s.Machine != "" && o.machineID != s.Machine:
		return other("machine", o.machineID, s.Machine)
	}
	rec, ok := firstRecord(o.audit)
	if node := string(rec.Node); ok && node != "" && s.Host != "" && !sameHost(node, s.Host) && o.host == "" {
		return other("host", node, s.Host)
	}
	return nil
}

// sameHost compares two names by their first label.
func sameHost(a, b string) bool {
	a, _, _ = strings.Cut(strings.ToLower(a), ".")
	b, _, _ = strings.Cut(strings.ToLower(b), ".")
	return a == b
}

// journalStart is from when on the journal is read where no cursor says: a
// little before the audit log begins.
func (f *follower) journalStart() time.Time {
	if !f.since.IsZero() {
		return time.Time{} // all of it: the sessions that were open then may be old
	}
	rec, ok := firstRecord(f.opt.audit)
	if !ok {
		return follow.Now().Add(-time.Minute)
	}
	return time.UnixMilli(rec.Millis).Add(-time.Minute)
}

// saver writes states, one at a time, beside the following.
type saver struct {
	last    time.Time
	took    time.Duration // to put the state together
	dirty   bool
	running chan error
}

// saveIfDue saves when there is something new and it is time to.
func (f *follower) saveIfDue(now time.Time, changed, urgent bool) error {
	if f.opt.state == "" {
		return nil
	}
	s := &f.saver
	s.dirty = s.dirty || changed
	wait := f.opt.saveWait
	if wait == 0 {
		wait = max(saveEvery, saveShare*s.took)
	}
	switch {
	case urgent:
		return f.save(true)
	case !s.dirty || now.Sub(s.last) < wait:
		return nil
	}
	return f.save(false)
}

// save saves the state; what it says is written is made lasting before. With
// wait it returns when that is done, else the next save waits for it.
func (f *follower) save(wait bool) error {
	if f.opt.state == "" {
		return nil
	}
	s := &f.saver
	if err := s.wait(); err != nil {
		return err
	}
	began := follow.Now()
	name, machine := f.pipe.Name()
	kept, err := f.pipe.Save()
	if err != nil {
		return err
	}
	st := &state{Saved: follow.Now().UTC(), Host: name, Machine: machine, Since: f.since, Audit: f.audit.Position(), SSHD: f.sshd.Place(),
		Output: f.out.Written(), Live: kept}
	write, err := follow.PrepareState(f.opt.state, st)
	if err != nil {
		return err
	}
	s.last, s.dirty = follow.Now(), false
	s.took = s.last.Sub(began)
	if wait {
		if err := f.out.Sync(); err != nil {
			return err
		}
		return write()
	}
	running := make(chan error, 1)
	s.running = running
	go func() {
		err := f.out.Sync()
		if err == nil {
			err = write()
		}
		running <- err
	}()
	return nil
}

// wait waits for the save that is under way.
func (s *saver) wait() error {
	if s.running == nil {
		return nil
	}
	err := <-s.running
	s.running = nil
	return err
}
