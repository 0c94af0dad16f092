package follow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/journal"
)

// Entry is an entry of the journal and where it stands in it.
type Entry struct {
	ingest.Entry
	Cursor string
}

// identifiers are the names under which sshd logs.
var identifiers = [...]string{"sshd", "sshd-session", "sshd-auth"}

// JournalOptions say what of the journal is read.
type JournalOptions struct {
	Cursor  string    // after this entry
	Since   time.Time // without Cursor: from then on; zero: from the beginning
	Program string    // "" is journalctl
	Warn    func(string)
}

// Journal reads entries of sshd from an export stream as they come: from
// journalctl, which is started again whenever it ends, or from standard input.
type Journal struct {
	entries chan Entry
	wake    chan struct{}
	cancel  context.CancelFunc
	done    sync.WaitGroup
	src     *ingest.Source
	cursor  string
	quiet   time.Time // since when nothing came
	ended   chan struct{}
	end     error        // why it ended, once it did
	last    func(string) // told of the end when all is read; may be nil
}

// ErrNoJournal says that there is no journalctl.
var ErrNoJournal = errors.New("journalctl is not installed: give sshd's log file with --sshd FILE")

func newJournal(name string) (*Journal, context.Context) {
	ctx, cancel := context.WithCancel(context.Background())
	return &Journal{entries: make(chan Entry, 1024), wake: make(chan struct{}, 1), cancel: cancel, ended: make(chan struct{}),
		src: &ingest.Source{Name: name, Path: name, Kind: ingest.JournalExport, Size: -1}, quiet: Now()}, ctx
}

// FollowJournal starts journalctl.
func FollowJournal(opt JournalOptions) (*Journal, error) {
	if opt.Program == "" {
		opt.Program = "journalctl"
	}
	path, err := exec.LookPath(opt.Program)
	if err != nil {
		return nil, ErrNoJournal
	}
	if opt.Warn == nil {
		opt.Warn = func(string) {}
	}
	opt.Program = path
	j, ctx := newJournal("journal")
	j.cursor = opt.Cursor
	j.done.Go(func() { j.run(ctx, opt) })
	return j, nil
}

// ReadJournal reads an export stream. Nothing starts that again: warn is told
// once why there is no more, when all of it was read. It may be nil.
func ReadJournal(r io.Reader, warn func(string)) *Journal {
	j, ctx := newJournal("-")
	j.last = warn
	// Not waited for: a read of standard input cannot be interrupted.
	go func() {
		defer close(j.ended)
		_, j.end = j.stream(ctx, r, "")
	}()
	return j
}

// tellEnd says once that the stream is at its end.
func (j *Journal) tellEnd() {
	if j.last == nil {
		return
	}
	text := "standard input is at its end, and with it sshd's log"
	switch {
	case errors.Is(j.end, errNoExport):
		text = "standard input is " + j.end.Error() + ", and is not read"
	case !errors.Is(j.end, io.EOF) && !errors.Is(j.end, io.ErrUnexpectedEOF):
		text = fmt.Sprintf("standard input cannot be read on (%v), and sshd's log ends there", j.end)
	}
	j.last("--sshd: " + text + ": sessions from now on stay without a login")
	j.last = nil
}

// allBoots is the first version of journalctl in which --follow shows the
// entries of the running boot alone, unless it is told otherwise
// (systemd pull request 21711). What sshd said before a reboot would be lost
// to a start after it, and --since would see no earlier boot. Versions before
// 240 do not know the word "all".
const allBoots = 250

// version gives the version of a journalctl, by the first line of what it says
// of itself: "systemd 252 (252.39-1~deb12u2)". One that says something else is
// taken for a new one.
func version(ctx context.Context, program string) int {
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if words := strings.Fields(string(out)); err == nil && len(words) > 1 {
		if n, err := strconv.Atoi(words[1]); err == nil {
			return n
		}
	}
	return allBoots
}

// command is the command line of a journalctl of that version. With "after" it
// begins with that entry, which the stream leaves out: --after-cursor, while
// it follows, leaves out the first entry of a later boot as well (systemd
// issue 38912), and what comes while it starts.
func command(opt *JournalOptions, after string, version int) []string {
	args := []string{"--follow", "--no-tail", "--output=export", "--quiet"}
	if version >= allBoots {
		args = append(args, "--boot=all")
	}
	switch {
	case after != "":
		args = append(args, "--cursor="+after)
	case !opt.Since.IsZero():
		args = append(args, fmt.Sprintf("--since=@%d", opt.Since.Unix()))
	}
	for _, id := range identifiers {
		args = append(args, "--identifier="+id)
	}
	return args
}

// restartAfter is the pause before journalctl is started again.
const restartAfter = time.Second

func (j *Journal) run(ctx context.Context, opt JournalOptions) {
	defer close(j.ended)
	after, of := opt.Cursor, version(ctx, opt.Program)
	for {
		cmd := exec.CommandContext(ctx, opt.Program, command(&opt, after, of)...)
		cmd.WaitDelay = restartAfter
		var said bytes.Buffer
		cmd.Stderr = &limited{b: &said}
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err == nil {
			var last string
			if last, err = j.stream(ctx, out, after); last != "" {
				after = last
			}
			_ = cmd.Process.Kill()
			if ended := cmd.Wait(); err == nil || errors.Is(err, io.EOF) {
				err = ended
			}
		}
		if ctx.Err() != nil {
			return
		}
		opt.Warn(strings.TrimSpace(fmt.Sprintf("journalctl ended (%v), starting it again: %s", err, said.String())))
		select {
		case <-ctx.Done():
			return
		case <-time.After(restartAfter):
		}
	}
}

// limited keeps the beginning of what is written to it.
type limited struct{ b *bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if room := 1000 - l.b.Len(); room > 0 {
		l.b.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// feed gives one entry to a journal.Export at a time.
type feed struct{ b []byte }

func (f *feed) Read(p []byte) (int, error) {
	if len(f.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, f.b)
	f.b = f.b[n:]
	return n, nil
}

// stream reads a stream to its end and gives the last entry's cursor. An entry
// with the cursor "after" was read before.
func (j *Journal) stream(ctx context.Context, r io.Reader, after string) (last string, err error) {
	in := newFrames(r)
	var f feed
	var export *journal.Export
	for {
		b, cursor, err := in.next()
		if err != nil {
			return last, err // an entry that was cut off comes again after the last cursor
		}
		if cursor != "" && cursor == after {
			continue
		}
		if export == nil {
			export = journal.NewExport(&f, j.src)
		}
		f.b = b
		e, err := export.Next()
		if err != nil || len(f.b) > 0 {
			export, f.b = nil, nil
			if err != nil {
				continue
			}
		}
		out := Entry{*e, cursor}
		out.Raw, out.Audit = bytes.Clone(e.Raw), bytes.Clone(e.Audit)
		select {
		case j.entries <- out:
			last = cursor
		case <-ctx.Done():
			return last, ctx.Err()
		}
		select {
		case j.wake <- struct{}{}:
		default:
		}
	}
}

// Wake has an element when there may be something new to read.
func (j *Journal) Wake() <-chan struct{} { return j.wake }

// settled is how long the journal has to be quiet to be taken for read to its
// end: journald and journalctl together are that late at most.
const settled = 2 * time.Second

// Read gives the next entries. eof says that there have been none for so long
// that all that was written before is read.
func (j *Journal) Read() (entries []Entry, eof bool) {
	for len(entries) < 1024 {
		select {
		case e := <-j.entries:
			entries = append(entries, e)
			j.cursor = e.Cursor
			continue
		default:
		}
		break
	}
	now := Now()
	if len(entries) > 0 {
		j.quiet = now
		return entries, false
	}
	select {
	case <-j.ended:
		if len(j.entries) > 0 {
			return nil, false
		}
		j.tellEnd()
		return nil, true
	default:
	}
	return nil, now.Sub(j.quiet) >= settled
}

// Cursor is that of the last entry that Read gave.
func (j *Journal) Cursor() string { return j.cursor }

// Close ends journalctl.
func (j *Journal) Close() {
	j.cancel()
	j.done.Wait()
}
