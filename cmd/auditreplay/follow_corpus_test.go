package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/journal"
	"auditreplay/pkg/ingest/syslog"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/schema"
)

// remote is where distributions put the program that writes journal files from
// an export: not in PATH.
const remote = "/lib/systemd/systemd-journal-remote"

// said is a line of a log, or an entry of a journal, and when it was written:
// by its own time, but never before what stands in front of it.
type said struct {
	at   time.Time
	text []byte
	boot string // of a journal's entry
}

// corpus is a recorded host as its logs grew.
type corpus struct {
	name    string
	audit   [][]said // by file, the oldest first
	authLog []said
	journal []said
}

func unzip(t testing.TB, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func hostPath(name, file string) string {
	return filepath.Join("..", "..", "testdata", "host", name, file)
}

// readCorpus reads a recorded host. An hour after its last word both logs say
// something again, so that nothing is waited for any more.
func readCorpus(t testing.TB, name string) *corpus {
	t.Helper()
	c := &corpus{name: name}
	var now time.Time
	for n := 99; n >= 0; n-- {
		file := "var/log/audit/audit.log." + strconv.Itoa(n) + ".gz"
		if n == 0 {
			file = "var/log/audit/audit.log.gz"
		}
		if _, err := os.Stat(hostPath(name, file)); err != nil {
			continue
		}
		var lines []said
		for line := range bytes.Lines(unzip(t, hostPath(name, file))) {
			if bytes.Contains(line, []byte("msg=audit(")) {
				if at := auditTime(line); at.After(now) {
					now = at
				}
			}
			lines = append(lines, said{at: now, text: slices.Clone(line)})
		}
		c.audit = append(c.audit, lines)
	}
	c.readAuthLog(t)
	c.readJournal(t)
	c.pad()
	return c
}

func (c *corpus) readAuthLog(t testing.TB) {
	t.Helper()
	var now time.Time
	for line := range bytes.Lines(unzip(t, hostPath(c.name, "auth.log.gz"))) {
		if at := sshdTime(line); at.After(now) {
			now = at
		}
		c.authLog = append(c.authLog, said{at: now, text: slices.Clone(line)})
	}
}

var (
	realtime = regexp.MustCompile(`(?m)^__REALTIME_TIMESTAMP=(\d+)$`)
	bootID   = regexp.MustCompile(`(?m)^_BOOT_ID=(.*)$`)
)

// readJournal cuts the export into entries. Its binary fields hold no empty
// line and nothing that looks like a field, which the number of entries shows.
func (c *corpus) readJournal(t testing.TB) {
	t.Helper()
	export := unzip(t, hostPath(c.name, "sshd.export.gz"))
	for i, e := range bytes.SplitAfter(export, []byte("\n\n__CURSOR=")) {
		e = bytes.TrimSuffix(e, []byte("__CURSOR="))
		if i > 0 {
			e = append([]byte("__CURSOR="), e...)
		}
		m := realtime.FindSubmatch(e)
		if m == nil {
			t.Fatalf("entry %d has no time", i)
		}
		micros, _ := strconv.ParseInt(string(m[1]), 10, 64)
		c.journal = append(c.journal, said{time.UnixMicro(micros), append(bytes.TrimRight(e, "\n"), "\n\n"...), string(bootID.FindSubmatch(e)[1])})
	}
}

var (
	cursorLine = regexp.MustCompile(`(?m)^__CURSOR=.*\n`)
	sourceTime = regexp.MustCompile(`(?m)^_SOURCE_REALTIME_TIMESTAMP=.*\n`)
	monotonic  = regexp.MustCompile(`(?m)^__MONOTONIC_TIMESTAMP=(\d+)$`)
	messageIs  = regexp.MustCompile(`(?m)^MESSAGE=.*$`)
	identifier = regexp.MustCompile(`(?m)^SYSLOG_IDENTIFIER=.*$`)
	pidIs      = regexp.MustCompile(`(?m)^(_PID|SYSLOG_PID)=.*$`)
)

// pad adds to each log what is said an hour and more after its end.
func (c *corpus) pad() {
	files := c.audit
	last := files[len(files)-1]
	line := last[len(last)-1].text
	sec, serial := int64(0), int64(0)
	for _, s := range last[max(0, len(last)-400):] {
		var a, b, ms int64
		i := bytes.Index(s.text, []byte("audit("))
		if n, _ := fmt.Sscanf(string(s.text[i:]), "audit(%d.%d:%d)", &a, &ms, &b); n == 3 && !bytes.HasPrefix(s.text, []byte("type=DAEMON")) {
			sec, serial = max(sec, a), max(serial, b)
		}
	}
	if !bytes.HasSuffix(line, []byte("\n")) {
		last[len(last)-1].text = append(line, '\n')
	}
	end := time.Unix(sec, 0)
	for _, log := range [][]said{c.authLog, c.journal} {
		if at := log[len(log)-1].at; at.After(end) {
			end = at
		}
	}
	words := strings.Fields(string(c.authLog[0].text))
	entry := c.journal[len(c.journal)-1]
	for k := range 4 {
		at := end.Add(time.Hour + time.Duration(k)*time.Minute).Truncate(time.Second)
		last = append(last, said{at: at, text: fmt.Appendf(nil, "type=SERVICE_START msg=audit(%d.000:%d): pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=x comm=\"systemd\" exe=\"/usr/lib/systemd/systemd\" hostname=? addr=? terminal=? res=success'\n", at.Unix(), serial+1+int64(k))})
		c.authLog = append(c.authLog, said{at: at, text: fmt.Appendf(nil, "%s %s sshd[1]: Server listening on :: port 22.\n", at.UTC().Format("2006-01-02T15:04:05.000000-07:00"), words[1])})
		mono, _ := strconv.ParseInt(string(monotonic.FindSubmatch(entry.text)[1]), 10, 64)
		b := cursorLine.ReplaceAll(entry.text, nil)
		b = sourceTime.ReplaceAll(b, nil)
		b = monotonic.ReplaceAll(b, fmt.Appendf(nil, "__MONOTONIC_TIMESTAMP=%d", mono+at.Sub(entry.at).Microseconds()))
		b = realtime.ReplaceAll(b, fmt.Appendf(nil, "__REALTIME_TIMESTAMP=%d", at.UnixMicro()))
		b = messageIs.ReplaceAll(b, []byte("MESSAGE=Server listening on :: port 22."))
		b = pidIs.ReplaceAll(b, []byte("$1=1"))
		c.journal = append(c.journal, said{at, b, entry.boot})
	}
	files[len(files)-1] = last
}

// replayed gives the events that file makes of the whole logs.
func (c *corpus) replayed(t testing.TB, sshd string, scope replay.Scope) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	put := func(name string, lines []said) {
		var b []byte
		for _, l := range lines {
			b = append(b, l.text...)
		}
		paths = append(paths, filepath.Join(dir, name))
		writeFile(t, paths[len(paths)-1], b)
	}
	for i, lines := range c.audit {
		name := "audit.log." + strconv.Itoa(len(c.audit)-1-i)
		put(strings.TrimSuffix(name, ".0"), lines)
	}
	if sshd == "journal" {
		put("sshd.export", c.journal)
	} else {
		put("auth.log", c.authLog)
	}
	in, err := ingest.Discover(paths, ingest.Options{Detect: []func([]byte) (ingest.Kind, string){
		func(head []byte) (ingest.Kind, string) { return journal.Detect(head), "" }, syslog.Detect}})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var out bytes.Buffer
	enc := schema.NewEncoder(&out)
	if _, err := replay.Run(in.Sources, &replay.Filter{Scope: scope, Next: enc}, replay.Options{Scope: scope}); err != nil {
		t.Fatal(err)
	}
	if err := enc.Flush(); err != nil {
		t.Fatal(err)
	}
	return eventLines(out.Bytes())
}

// player writes a recorded host's logs again, as they grew, and lets a
// follower read them.
type player struct {
	testing.TB
	c         *corpus
	opt       *followOptions
	f         *follower
	dir       string
	audit     *os.File
	sshd      io.WriteCloser
	count     *counted   // the follower's sshd log
	boot      string     // of the last entry that was written
	last      []byte     // that entry
	inJournal func() int // how many entries journalctl finds
	told      int        // lines or entries that were written to sshd's log
	talk      bytes.Buffer
}

// counted counts the entries that a follower reads of sshd's log.
type counted struct {
	sshdLog
	n int
}

func (c *counted) Read(emit func(*ingest.Entry)) (int, bool, error) {
	n, eof, err := c.sshdLog.Read(emit)
	c.n += n
	return n, eof, err
}

// newPlayer makes the logs' places. sshd is "journal" or "auth.log".
func newPlayer(t testing.TB, c *corpus, sshd string) *player {
	t.Helper()
	dir := t.TempDir()
	p := &player{TB: t, c: c, dir: dir, opt: &followOptions{audit: filepath.Join(dir, "audit.log"), window: time.Minute, noWall: true}}
	p.opt.scope, p.opt.output, p.opt.logLevel, p.opt.quiet = "all", filepath.Join(dir, "events.jsonl"), "warn", true
	p.opt.state = filepath.Join(dir, "state")
	p.createAudit()
	if sshd == "journal" {
		p.opt.sshd, p.opt.journalctl = "journal", p.journald()
		p.opt.selection.Since = "@0" // else a journal is read from a minute before the audit log begins
	} else {
		p.opt.sshd = filepath.Join(dir, "auth.log")
		f, err := os.Create(p.opt.sshd)
		if err != nil {
			t.Fatal(err)
		}
		p.sshd = f
	}
	return p
}

// journald starts a program of systemd's that writes a journal file of what it
// is given, and makes a journalctl that reads that one.
func (p *player) journald() (journalctl string) {
	p.Helper()
	if _, err := os.Stat(remote); err != nil {
		p.Skip("no systemd-journal-remote here")
	}
	real, err := exec.LookPath("journalctl")
	if err != nil {
		p.Skip("no journalctl here")
	}
	dir := filepath.Join(p.dir, "journal")
	if err := os.Mkdir(dir, 0o755); err != nil {
		p.Fatal(err)
	}
	cmd := exec.Command(remote, "--output="+filepath.Join(dir, "remote.journal"), "-")
	in, err := cmd.StdinPipe()
	if err != nil {
		p.Fatal(err)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	p.sshd = in
	p.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			p.Errorf("%s: %v: %s", remote, err, &said)
		}
	})
	p.inJournal = func() int {
		out, err := exec.Command(real, "--directory="+dir, "--output=export", "--quiet", "--identifier=sshd", "--identifier=sshd-session").Output()
		if err != nil {
			return 0 // there is no file yet
		}
		return len(realtime.FindAll(out, -1))
	}
	wrapper := filepath.Join(p.dir, "journalctl")
	script := fmt.Sprintf("#!/bin/sh\nexec %s --directory=%s \"$@\"\n", real, dir)
	if err := os.WriteFile(wrapper, []byte(script), 0o755); err != nil {
		p.Fatal(err)
	}
	return wrapper
}

func (p *player) createAudit() {
	p.Helper()
	f, err := os.OpenFile(p.opt.audit, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		p.Fatal(err)
	}
	p.audit = f
}

// rotate does what auditd does with a full log.
func (p *player) rotate(n int) {
	p.Helper()
	for i := n; i > 0; i-- {
		from := p.opt.audit + "." + strconv.Itoa(i-1)
		if err := os.Rename(strings.TrimSuffix(from, ".0"), p.opt.audit+"."+strconv.Itoa(i)); err != nil {
			p.Fatal(err)
		}
	}
	p.audit.Close()
	p.createAudit()
}

// start starts the follower, or starts it again.
func (p *player) start() {
	p.Helper()
	cmd := newFollow()
	cmd.SetErr(&p.talk)
	f, err := p.opt.open(cmd)
	if err != nil {
		p.Fatal(err)
	}
	read := 0
	if p.count != nil {
		read = p.count.n
	}
	p.count = &counted{f.sshd, read}
	f.sshd, p.f = p.count, f
}

func (p *player) stop() {
	p.Helper()
	if err := errors.Join(p.f.save(true), p.f.close()); err != nil {
		p.Fatal(err)
	}
	p.f = nil
}

// caughtUp lets the follower read all that was written.
func (p *player) caughtUp() {
	p.Helper()
	late := time.After(2 * time.Minute) // only what hangs takes so long
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		more, err := p.f.round()
		if err != nil {
			p.Fatal(err)
		}
		at := p.f.audit.Position()
		switch {
		case more:
		case p.count.n > p.told:
			p.Fatalf("%d entries were read of %d", p.count.n, p.told)
		case p.count.n == p.told && atEnd(&at):
			return
		default:
			select {
			case <-p.f.sshd.Wake():
			case <-p.f.audit.Wake():
			case <-tick.C:
				p.tick()
			case <-late:
				p.Fatalf("the follower did not read everything: %d entries of %d, audit log %+v: %s", p.count.n, p.told, at, &p.talk)
			}
		}
	}
}

// tick lets another program say something, as one does on every host now and
// then. journalctl overlooks an entry that is being written while it looks,
// until the number of entries changes again.
func (p *player) tick() {
	p.Helper()
	if p.inJournal == nil || p.last == nil {
		return
	}
	b := cursorLine.ReplaceAll(p.last, nil)
	b = identifier.ReplaceAll(b, []byte("SYSLOG_IDENTIFIER=tick"))
	if _, err := p.sshd.Write(b); err != nil {
		p.Fatal(err)
	}
}

// burst is what is written before the follower has to have read it: the
// follower takes a log that stands still for one that has nothing more to say,
// so that none may be ahead by more than is usual on a host.
const burst = time.Second

// play writes both logs to their ends and gives the events.
func (p *player) play(sshd []said, restart func(i int) bool) []string {
	p.Helper()
	// The follower begins with the audit log's first record. What sshd had
	// said until then is there already.
	// One entry at least: journalctl does not follow an empty journal.
	first := p.c.audit[0][0].at
	if !sshd[0].at.Before(first) {
		first = sshd[0].at.Add(1)
	}
	sshd = p.say(sshd, first)
	bursts := 0
	for i, lines := range p.c.audit {
		for len(lines) > 0 || i == len(p.c.audit)-1 && len(sshd) > 0 {
			from := time.Time{}
			if len(lines) > 0 {
				from = lines[0].at
			}
			if len(sshd) > 0 && (from.IsZero() || sshd[0].at.Before(from)) {
				from = sshd[0].at
			}
			_, lines = p.write(p.audit, lines, from.Add(burst))
			sshd = p.say(sshd, from.Add(burst))
			if p.f == nil {
				p.start()
			}
			p.caughtUp()
			if bursts++; restart(bursts) {
				p.stop()
			}
		}
		if i < len(p.c.audit)-1 {
			p.rotate(i + 1)
		}
	}
	p.caughtUp()
	p.stop()
	if p.talk.Len() > 0 {
		p.Errorf("said: %s", &p.talk)
	}
	b, err := os.ReadFile(p.opt.output)
	if err != nil {
		p.Fatal(err)
	}
	return eventLines(b)
}

// say writes what sshd said before a moment. A follower does not outlive its
// host: before the entries of another boot it is stopped, and it is started
// when they are in the journal, as it is on a host that has come up again.
// (journalctl shows no entry of a boot that begins while it follows.)
func (p *player) say(log []said, before time.Time) (rest []said) {
	p.Helper()
	for len(log) > 0 && log[0].at.Before(before) {
		n := 1
		for n < len(log) && log[n].boot == log[0].boot {
			n++
		}
		if log[0].boot != p.boot && p.f != nil {
			p.stop()
		}
		p.boot = log[0].boot
		n, _ = p.write(p.sshd, log[:n], before)
		p.last, log = log[n-1].text, log[n:]
		p.told += n
	}
	if p.f == nil && p.inJournal != nil {
		late := time.Now().Add(2 * time.Minute)
		for p.inJournal() < p.told {
			if time.Now().After(late) {
				p.Fatalf("%d entries are in the journal of %d", p.inJournal(), p.told)
			}
			time.Sleep(time.Millisecond)
		}
	}
	return log
}

// write writes what was said before a moment.
func (p *player) write(w io.Writer, lines []said, before time.Time) (n int, rest []said) {
	var b []byte
	for n < len(lines) && lines[n].at.Before(before) {
		b = append(b, lines[n].text...)
		n++
	}
	if _, err := w.Write(b); err != nil {
		p.Fatal(err)
	}
	return n, lines[n:]
}

// TestFollowCorpus writes each recorded host's logs again as they grew, auditd's
// rotations with them, and holds what follow makes of them, started again now
// and then, against what file makes of them afterwards.
func TestFollowCorpus(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes long under the race detector; runs without -short")
	}
	for _, name := range []string{"bookworm-0", "bookworm-A", "trixie-A"} {
		for _, sshd := range []string{"journal", "auth.log"} {
			t.Run(name+"/"+sshd, func(t *testing.T) {
				t.Parallel()
				c := readCorpus(t, name)
				log := c.authLog
				if sshd == "journal" {
					log = c.journal
				}
				rng := rand.New(rand.NewPCG(7, 7))
				live := newPlayer(t, c, sshd).play(log, func(int) bool { return rng.IntN(40) == 0 })
				file := c.replayed(t, sshd, replay.ScopeAll)
				diff, used := differences(t, live, file)
				t.Logf("%d events, %d by file, %d differences, %v", len(live), len(file), len(diff), used)
				for _, d := range diff[:min(len(diff), 10)] {
					t.Error(d)
				}
				score(t, name, live, 1)
				if len(live) < 8000 || used["login not seen in time"] > 100 || used["late record"] > 0 {
					t.Errorf("%d events, excused %v", len(live), used)
				}
			})
		}
	}
}
