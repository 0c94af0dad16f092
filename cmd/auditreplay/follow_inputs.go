package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/follow"
	"auditreplay/pkg/ingest/syslog"
)

// sshdLog is sshd's log, whatever carries it.
type sshdLog interface {
	// Read gives the next entries. eof: there were no more.
	Read(emit func(*ingest.Entry)) (n int, eof bool, err error)
	Wake() <-chan struct{}
	Place() sshdPlace
	Close()
}

// sshdPlace is a place in sshd's log, as the state holds it.
type sshdPlace struct {
	Name   string           `json:"name"` // as --sshd names it
	File   *follow.Position `json:"file,omitempty"`
	Cursor string           `json:"cursor,omitempty"`
}

// openInputs opens both logs, where the state left them.
func (f *follower) openInputs(stdin io.Reader, st *state) error {
	o := f.opt
	tail := follow.TailOptions{Old: !f.since.IsZero(), Warn: f.warn}
	var place *sshdPlace
	if st != nil {
		if err := st.fits(o); err != nil {
			return err
		}
		tail.Resume, place = &st.Audit, &st.SSHD
	}
	var err error
	if f.audit, err = follow.NewTail(o.audit, tail); err != nil {
		return fmt.Errorf("--audit: %w", err)
	}
	switch o.sshd {
	case "journal":
		opt := follow.JournalOptions{Warn: f.warn, Since: f.journalStart(), Program: o.journalctl}
		if place != nil {
			opt.Cursor = place.Cursor
		}
		j, err := follow.FollowJournal(opt)
		if err != nil {
			return fmt.Errorf("--sshd: %w", err)
		}
		f.sshd = &journalLog{j: j, name: o.sshd}
	case "-":
		f.sshd = &journalLog{j: follow.ReadJournal(stdin, f.warn), name: o.sshd}
	default:
		tail := follow.TailOptions{Old: !f.since.IsZero(), Warn: f.warn}
		if place != nil {
			tail.Resume = place.File
		}
		t, err := follow.NewTail(o.sshd, tail)
		if err != nil {
			return fmt.Errorf("--sshd: %w", err)
		}
		f.sshd = newSyslogLog(t, o.sshd)
	}
	return nil
}

// syslogLog is sshd's log in a file of lines.
type syslogLog struct {
	*follow.Tail
	name string
	feed lineFeed
	r    *syslog.Reader
}

func newSyslogLog(t *follow.Tail, name string) *syslogLog {
	s := &syslogLog{Tail: t, name: name}
	s.r = syslog.New(&s.feed, nil)
	return s
}

// lineFeed gives a reader one line at a time.
type lineFeed struct{ b []byte }

func (l *lineFeed) Read(p []byte) (int, error) {
	n := copy(p, l.b)
	l.b = l.b[n:]
	return n, nil
}

func (s *syslogLog) Read(emit func(*ingest.Entry)) (int, bool, error) {
	lines, eof, err := s.Tail.Read()
	if err != nil {
		return 0, eof, err
	}
	for i := range lines {
		s.feed.b = append(append(s.feed.b[:0:0], lines[i].Text...), '\n')
		e, err := s.r.Next()
		if err != nil {
			return i, eof, err
		}
		e.Pos, e.NULs = lines[i].Pos, e.NULs+lines[i].NULs
		emit(e)
	}
	return len(lines), eof, nil
}

func (s *syslogLog) Place() sshdPlace {
	p := s.Position()
	return sshdPlace{Name: s.name, File: &p}
}

// journalLog is sshd's log in the journal.
type journalLog struct {
	j    *follow.Journal
	name string
}

func (l *journalLog) Read(emit func(*ingest.Entry)) (int, bool, error) {
	entries, eof := l.j.Read()
	for i := range entries {
		emit(&entries[i].Entry)
	}
	return len(entries), eof, nil
}

func (l *journalLog) Wake() <-chan struct{} { return l.j.Wake() }
func (l *journalLog) Place() sshdPlace      { return sshdPlace{Name: l.name, Cursor: l.j.Cursor()} }
func (l *journalLog) Close()                { l.j.Close() }

// firstRecord reads the first record of an audit log file.
func firstRecord(path string) (auditd.Record, bool) {
	var rec auditd.Record
	file, err := os.Open(path)
	if err != nil {
		return rec, false
	}
	defer file.Close()
	lines := ingest.NewLines(io.LimitReader(file, 1<<20))
	for {
		line, _, _, err := lines.Next()
		if err != nil {
			return rec, false
		}
		if auditd.ParseLine(bytes.Clone(line), &rec) == nil {
			return rec, true
		}
	}
}

func firstWord(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	if words := strings.Fields(string(b)); len(words) > 0 {
		return words[0]
	}
	return ""
}

// closeInputs ends reading.
func (f *follower) closeInputs() error {
	if f.audit != nil {
		f.audit.Close()
	}
	if f.sshd != nil {
		f.sshd.Close()
	}
	return nil
}

var errEnd = errors.New("end") // of a follower, by a signal
