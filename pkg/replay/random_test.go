package replay_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/replay"
)

// Random stories are hosts that reboot with clocks that are behind or ahead,
// whose clocks are set while they run, and whose logs have lost parts. Every
// login is another person's, and PIDs, session ids and serials come again as
// often as they can. No command may then carry another person's name.
//
//	go test ./pkg/replay -run TestRandomStories -story.n 10000 -timeout 4h
var (
	storyN    = flag.Int("story.n", 200, "how many random stories are told")
	storySeed = flag.Uint64("story.seed", 1, "the first of them")
)

// teller tells one random story.
type teller struct {
	*story
	r     *rand.Rand
	acts  []act
	whose map[string]owner // by command
	how   []string         // what happened
	boots int

	lost       []span  // when auditd was down
	loseLogin  float64 // how often a LOGIN, an Accepted line is lost
	loseAccept float64
	journal    []bool   // whether the journal of a boot is there
	begins     [][3]int // where each boot begins in audit.log, auth.log and the journal
	people     int      // addresses that they come from
}

// owner is whose a command is: person is empty where no sshd opened its session.
type owner struct{ person, addr string }

// act happens at a time of the world, whatever the clock says.
type act struct {
	at float64
	do func(at float64)
}

// span is a stretch of the world's time.
type span struct{ from, to float64 }

// clock is what a boot's clock is ahead of the world, before and after it was
// set.
type clock struct {
	ahead, then float64
	set         float64
}

func (c clock) at(now float64) float64 {
	if now >= c.set {
		return now + c.then
	}
	return now + c.ahead
}

func tell(seed uint64) *teller {
	r := rand.New(rand.NewPCG(seed, 0x7a1e))
	t := &teller{story: newStory(), r: r, whose: make(map[string]owner), boots: 2 + r.IntN(3)/2, people: 1 + 20*r.IntN(2)}
	if r.IntN(8) == 0 {
		t.boots = 1
	}
	if r.IntN(3) == 0 {
		t.loseLogin = .2
	}
	if r.IntN(3) == 0 {
		t.loseAccept = .2
	}
	now := 0.0
	for b := range t.boots {
		now = t.tellBoot(b, now)
	}
	slices.SortStableFunc(t.acts, func(a, b act) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	for _, a := range t.acts {
		a.do(a.at)
	}
	return t
}

func (t *teller) note(format string, args ...any) {
	t.how = append(t.how, fmt.Sprintf(format, args...))
}

// do adds what happens at a time of the world.
func (t *teller) do(at float64, do func(at float64)) { t.acts = append(t.acts, act{at, do}) }

// tellBoot tells one boot that begins then, and gives when the next one does.
func (t *teller) tellBoot(b int, from float64) float64 {
	r := t.r
	length := 60 + r.Float64()*840
	to := from + length
	c := clock{set: to + 1}
	if b > 0 || r.IntN(4) == 0 {
		switch r.IntN(4) {
		case 0:
			c.ahead = -r.Float64() * 1.5 * length
		case 1:
			c.ahead = -r.Float64() * 200
		case 2:
			c.ahead = r.Float64() * length
		}
	}
	if c.then = c.ahead; r.IntN(4) == 0 {
		c.set = from + r.Float64()*length
		switch {
		case r.IntN(2) == 0:
			c.then = 0
		default:
			c.then = (r.Float64() - .5) * length
		}
	}
	t.note("boot %d from %.0f to %.0f, its clock %+.0f", b, from, to, c.ahead)
	if c.then != c.ahead {
		t.note("set to %+.0f at %.0f", c.then, c.set)
	}
	first := 1 + r.IntN(60)
	boot := strings.Repeat(string(rune('a'+b)), 32)
	up := from
	t.do(from, func(float64) {
		t.serial, t.boot = first, boot
		t.begins = append(t.begins, [3]int{t.audit.Len(), t.auth.Len(), t.export.Len()})
	})
	tick := length / float64(20+r.IntN(1500))
	for at := from; at < to; at += tick * r.Float64() * 2 {
		t.do(at, func(now float64) {
			t.up = c.at(now) - (now - up)
			t.audited(now, func() {
				t.rec(c.at(now), "SERVICE_START", "pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=a res=success'")
			})
		})
	}
	if r.IntN(2) == 0 {
		t.do(from+.5, func(now float64) {
			t.audited(now, func() {
				t.rec(c.at(now), "SYSTEM_BOOT", `pid=1 uid=0 auid=4294967295 ses=4294967295 msg=' comm="systemd" exe="/usr/lib/systemd/systemd" hostname=? addr=? terminal=? res=success'`)
			})
		})
	}
	if r.IntN(5) == 0 { // auditd is down for a while
		down := span{from + r.Float64()*length, 0}
		down.to = down.from + r.Float64()*120
		t.lost = append(t.lost, down)
		missed := r.IntN(3000) // beside what the story tells
		t.do(down.to, func(float64) { t.serial += missed })
		t.note("auditd down from %.0f to %.0f", down.from, down.to)
	}
	there := r.IntN(8) != 0
	if t.journal = append(t.journal, there); !there {
		t.note("no journal of boot %d", b)
	}
	ses := r.IntN(3)
	free := make(map[int]float64)
	var starts []float64
	for range 1 + r.IntN(7) {
		starts = append(starts, from+1+r.Float64()*(length-2))
	}
	slices.Sort(starts)
	for _, at := range starts {
		ses++
		pid := 700 + 10*r.IntN(6)
		for free[pid] > at {
			pid += 10
		}
		end := min(to, at+5+r.Float64()*length/2)
		free[pid] = end + 1
		t.tellSession(b, c, ses, pid, at, end, end == to)
	}
	return to + 3 + r.Float64()*60
}

// audited writes to the audit log, unless auditd is down.
func (t *teller) audited(now float64, write func()) {
	n := t.audit.Len()
	write()
	for _, l := range t.lost {
		if now >= l.from && now < l.to {
			t.audit.Truncate(n)
		}
	}
}

// logged writes to sshd's logs, but to the journal only where that is there.
func (t *teller) logged(b int, write func()) {
	n := t.export.Len()
	write()
	if !t.journal[b] {
		t.export.Truncate(n)
	}
}

func (t *teller) tellSession(b int, c clock, ses, pid int, at, end float64, cut bool) {
	r := t.r
	id := fmt.Sprintf("b%ds%d", b, ses)
	me := owner{"u" + id + "x", fmt.Sprint("10.0.0.", 1+r.IntN(t.people))}
	local := r.IntN(8) == 0
	if local {
		me = owner{}
	}
	port := 4000 + r.IntN(4)
	lostLogin, lostAccept := r.Float64() < t.loseLogin, r.Float64() < t.loseAccept
	late := r.Float64() * r.Float64() * 3
	if !local && !lostAccept {
		t.do(at, func(now float64) {
			t.logged(b, func() { t.accepted(c.at(now), pid, me.person, "core", me.addr, port) })
		})
	}
	t.do(at+late, func(now float64) {
		t.audited(now, func() {
			n := t.audit.Len()
			t.login(c.at(now), ses, pid)
			if lostLogin {
				t.audit.Truncate(n)
			}
		})
	})
	t.do(at+late+.05, func(now float64) {
		t.audited(now, func() {
			if local {
				t.pam(c.at(now), "USER_START", "session_open", ses, pid, "/usr/sbin/cron", "core", "")
			} else {
				t.start(c.at(now), ses, pid, "core", me.addr)
			}
		})
	})
	if !local {
		t.do(at+late+.1, func(now float64) {
			t.logged(b, func() {
				t.ses = ses * t.r.IntN(2)
				t.says(c.at(now), pid, "pam_unix(sshd:session): session opened for user core(uid=1000) by core(uid=0)")
				t.ses = 0
			})
		})
	}
	n := 1 + r.IntN(6)
	for i := range n {
		command := fmt.Sprintf("%sc%d", id, i)
		t.whose[command] = me
		when := at + late + .2 + r.Float64()*max(0, end-at-late-.3)
		t.do(when, func(now float64) {
			t.audited(now, func() { t.run(c.at(now), ses, pid+1, pid, command) })
		})
	}
	if cut {
		return
	}
	t.do(end, func(now float64) {
		if local {
			t.audited(now, func() {
				t.pam(c.at(now), "USER_END", "session_close", ses, pid, "/usr/sbin/cron", "core", "")
			})
			return
		}
		t.logged(b, func() { t.bye(c.at(now), pid, "core") })
		t.audited(now, func() { t.end(c.at(now), ses, pid, "core", me.addr) })
	})
}

// evidence is the story's logs, or what the loss of some of them left. ok is
// false where that holds the audit log of one boot and sshd's log of another:
// nothing in it says that there were two.
func (t *teller) evidence() (e evidence, ok bool) {
	r := t.r
	audit, auth, export := t.audit.Bytes(), t.auth.Bytes(), t.export.Bytes()
	var kept [3]span // in bytes
	for i, b := range [][]byte{audit, auth, export} {
		kept[i].to = float64(len(b))
	}
	cut := func(log int, b []byte, end string, early bool) {
		at := float64(r.IntN(len(b)/2 + 1))
		if early {
			at = float64(len(b)) - at
		}
		if n := bytes.Index(b[int(at):], []byte(end)); n >= 0 {
			at += float64(n + len(end))
		}
		if early {
			kept[log].to = at
		} else {
			kept[log].from = at
		}
	}
	if r.IntN(4) == 0 {
		cut(0, audit, "\n", false)
		t.note("the start of audit.log rotated away")
	}
	if r.IntN(6) == 0 {
		cut(0, audit, "\n", true)
		t.note("audit.log ends early")
	}
	if r.IntN(6) == 0 {
		cut(1, auth, "\n", false)
		cut(2, export, "\n\n", false)
		t.note("the start of sshd's logs rotated away")
	}
	if r.IntN(6) == 0 {
		cut(1, auth, "\n", true)
		cut(2, export, "\n\n", true)
		t.note("sshd's logs end early")
	}
	part := func(log int, b []byte) []byte { return b[int(kept[log].from):int(kept[log].to)] }
	e = t.files2("audit.log", ingest.AuditLog, linesOf(part(0, audit)))
	logs := 1 + r.IntN(4)
	withAuth, withExport := logs > 2, logs != 3
	if withAuth {
		lines := linesOf(part(1, auth))
		if r.IntN(3) == 0 {
			lines = civil(lines)
			t.note("auth.log without year and zone")
		}
		e = append(e, t.files2("auth.log", ingest.SyslogText, lines)...)
	}
	if withExport {
		e = append(e, t.files2("sshd.export", ingest.JournalExport, bytes.SplitAfter(part(2, export), []byte("\n\n")))...)
	}
	has := func(log, b int) bool {
		from, to := float64(t.begins[b][log]), float64([]int{len(audit), len(auth), len(export)}[log])
		if b+1 < len(t.begins) {
			to = float64(t.begins[b+1][log])
		}
		return max(from, kept[log].from) < min(to, kept[log].to)
	}
	both := false
	for b := range t.begins {
		sshd := withAuth && has(1, b) || withExport && has(2, b)
		both = both || sshd && has(0, b)
	}
	return e, both
}

func linesOf(b []byte) [][]byte { return slices.Collect(bytes.Lines(b)) }

// civil gives the lines the times of old syslog daemons.
func civil(in [][]byte) [][]byte {
	var out [][]byte
	for _, l := range in {
		stamp, rest, _ := strings.Cut(string(l), " ")
		at, err := time.Parse("2006-01-02T15:04:05.000000-07:00", stamp)
		if err != nil {
			panic(err)
		}
		out = append(out, []byte(at.Format(time.Stamp)+" "+rest))
	}
	return out
}

// files2 gives a log as one file, or as two, which may have each other's name.
func (t *teller) files2(name string, kind ingest.Kind, units [][]byte) evidence {
	if t.r.IntN(3) > 0 {
		return evidence{{name, kind, slicesJoin(units...)}}
	}
	n := t.r.IntN(len(units) + 1)
	a, b := name+".1", name
	if t.r.IntN(3) == 0 {
		a, b = b, a
		t.note("the parts of %s have each other's name", name)
	}
	return evidence{{a, kind, slicesJoin(units[:n]...)}, {b, kind, slicesJoin(units[n:]...)}}
}

// onceWrong are stories that once held wrong names: the start of a boot was given to a journal that had
// ended long before it; a login of a clock that was set back was taken for that
// of another owner of its pid; a login was over before anything was seen of the
// session that the journal named for it; two boots at once were taken for one whose clock was
// set, since one came upon the other's serials soon (51406); a silence, or where the clock was set back, was taken for the
// reboot (50529, 51795); what began while two boots were shown was taken for the later one's (50401).
var onceWrong = []uint64{1300291, 305681, 7001433, 51406, 50529, 51795, 50401}

func TestRandomStories(t *testing.T) {
	t.Parallel()
	n := *storyN
	if testing.Short() {
		n = min(n, 60)
	}
	seeds := slices.Clone(onceWrong)
	for i := range n {
		seeds = append(seeds, *storySeed+uint64(i))
	}
	commands, named, bad := 0, 0, 0
	for _, seed := range seeds {
		s := tell(seed)
		e, ok := s.evidence()
		if !ok {
			continue
		}
		rec := new(recorder)
		if _, err := replay.Run(e.sources(), rec, replay.Options{Workers: 1, Scope: replay.ScopeAll, Hold: int(seed % 3)}); err != nil {
			t.Fatalf("story %d: %v", seed, err)
		}
		told := false
		for k := range rec.events {
			ev := &rec.events[k]
			if len(ev.args) == 0 {
				continue
			}
			is, who := s.whose[ev.args[0]], ev.who()
			sshd, audit := who == is.person, who == "audit core "+is.addr
			if is.person != "" {
				commands++
			}
			switch {
			case is.person != "" && (sshd || audit):
				named++
			case strings.HasPrefix(who, "u") || strings.HasPrefix(who, "audit "):
				bad++
				if !told {
					t.Errorf("story %d: %s of %v carries %s\n\t%s", seed, ev.args[0], is, who, strings.Join(s.how, "\n\t"))
					told = true
				}
			}
		}
	}
	t.Logf("%d stories, %d commands, %d of them named, %d wrong", len(seeds), commands, named, bad)
	if named*2 < commands {
		t.Errorf("of %d commands only %d are named", commands, named)
	}
}
