package synth

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// host is one machine: things happen on it in the order of their time.
type host struct {
	o       Options
	rng     *rand.Rand
	pop     *population
	name    string
	machine string
	audit   auditLog
	journal journal
	truth   *truth
	totals  Totals

	queue    happenings
	turn     uint64
	now      int64 // µs since the epoch
	boot     int   // from 1
	daemon   int64 // serials of DAEMON_ records, auditd's own
	pids     pids
	ses      int // the last one given
	sshd     int // pid of the listener
	ptys     []bool
	open     int  // ssh sessions
	closing  bool // the machine goes down: nobody new comes
	quota    quota
	commands []command // what people run
	mean     float64   // commands of a session
}

// quota is what a host has to make in all.
type quota struct {
	bytes  int64
	logins int
}

// actor does one thing at a time and says how many µs later it will do the
// next one; a negative wait is the end of it.
type actor interface {
	step(h *host) (wait int64)
}

type happening struct {
	at   int64
	turn uint64 // makes the order total
	who  actor
}

type happenings []happening

func (q happenings) Len() int { return len(q) }
func (q happenings) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].turn < q[j].turn
}
func (q happenings) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *happenings) Push(x any)   { *q = append(*q, x.(happening)) }
func (q *happenings) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	*q = (*q)[:last]
	return x
}

const (
	millisecond = 1000
	second      = 1000 * millisecond

	usualCommands = 8 // of a session
	// How much raw log comes of a login and a command, and how much more it is
	// enriched: they turn a size into a number of commands.
	bytesOfLogin   = 3700
	bytesOfCommand = 1640
	enrichment     = 1.25
)

func newHost(n int, o Options, audit *rotated, log, truth *output) *host {
	rng := rand.New(rand.NewPCG(o.Seed, uint64(n)+1))
	enriched := o.Format == Enriched || o.Format == Mixed && n%2 == 1
	h := &host{
		o: o, rng: rng, name: hostName(n), machine: randomID(rng), now: o.Start.UnixMicro(),
		// People are the same on all hosts.
		pop:      newPopulation(rand.New(rand.NewPCG(o.Seed, 0)), o.Logins/o.Hosts),
		audit:    auditLog{out: audit, enriched: enriched},
		daemon:   1000 + int64(rng.IntN(8000)),
		quota:    quota{bytes: share(o.Bytes, n, o.Hosts), logins: share(o.Logins, n, o.Hosts)},
		commands: commandTable(),
		mean:     usualCommands,
	}
	h.journal = journal{out: log, host: h.name, machine: h.machine, sequence: randomID(rng), comm: "sshd", exe: "/usr/sbin/sshd"}
	if enriched {
		h.audit.node = "node=" + h.name + " "
		h.journal.comm, h.journal.exe = "sshd-session", "/usr/lib/openssh/sshd-session"
	}
	if h.quota.logins > 0 && h.quota.bytes > 0 {
		each := float64(h.quota.bytes) / float64(h.quota.logins)
		if enriched {
			each /= enrichment
		}
		h.mean = max(1, (each-bytesOfLogin)/bytesOfCommand)
	}
	h.truth = newTruth(truth, h)
	return h
}

// verbose tells whether sshd logs at LogLevel VERBOSE rather than INFO.
func (h *host) verbose() bool { return !h.audit.enriched }

func (h *host) run() {
	for h.boot = 1; h.boot <= h.o.Boots; h.boot++ {
		h.start()
		h.live()
		h.stop()
		h.now += 20*second + h.rng.Int64N(60*second)
	}
	h.totals.Records, h.totals.Events = h.audit.records, h.audit.events
	h.totals.Entries = h.journal.entries
	h.truth.finish()
}

// done tells whether this boot has brought its part of all that is to come.
func (h *host) done() bool {
	if h.quota.logins > 0 {
		return h.totals.Logins >= h.quota.logins*h.boot/h.o.Boots
	}
	return h.audit.out.total >= h.quota.bytes*int64(h.boot)/int64(h.o.Boots)
}

func (h *host) after(wait int64, who actor) {
	h.turn++
	heap.Push(&h.queue, happening{h.now + wait, h.turn, who})
}

// live lets things happen until the boot's part is done, and everybody has
// had some time to leave.
func (h *host) live() {
	h.closing, h.open, h.queue = false, 0, h.queue[:0]
	h.after(2*second, arrivals{})
	h.after(9*second, strangers{})
	h.after(20*second, units{})
	h.after(31*second, cron{})
	var deadline int64
	for len(h.queue) > 0 {
		if !h.closing && h.done() {
			h.closing, deadline = true, h.now+5*second
		}
		if h.closing && (h.open == 0 || h.queue[0].at > deadline) {
			break
		}
		next := heap.Pop(&h.queue).(happening)
		h.now = max(h.now, next.at)
		if wait := next.who.step(h); wait >= 0 {
			h.after(wait, next.who)
		}
	}
}

// start boots the machine.
func (h *host) start() {
	h.journal.boot, h.journal.booted = randomID(h.rng), h.now
	h.audit.serial, h.ses, h.ptys = 0, 0, nil
	h.pids = newPIDs(h.o.PIDs)
	h.sshd = h.pids.take()
	h.truth.boot(h)
	h.now += 3 * second
	format := "raw"
	if h.audit.enriched {
		format = "enriched"
	}
	h.daemonRecord("DAEMON_START", "op=start ver=4.0.2 format="+format+" kernel=6.12.0-amd64 auid="+unset+" pid=219 uid=0 ses="+unset+" subj=unconfined  res=success", nil)
	for _, key := range [...]string{"exec", "net", "access", "privchange"} {
		h.audit.begin(h.now)
		h.audit.rec("CONFIG_CHANGE")
		h.audit.text("auid=" + unset + " ses=" + unset + ` subj=unconfined op=add_rule key="`)
		h.audit.text(key)
		h.audit.text(`" list=4 res=1`)
		h.audit.auids(nil)
		h.audit.endRec()
		h.audit.done(false)
	}
	h.system("SYSTEM_BOOT", ` comm="systemd-update-utmp" exe="/usr/lib/systemd/systemd-update-utmp"`)
	h.journal.entry(h.now, &process{pid: h.sshd}, "listener", "Server listening on 0.0.0.0 port 22.")
}

// stop takes the machine down, whoever is still there.
func (h *host) stop() {
	for _, left := range h.queue {
		if s, ok := left.who.(*session); ok {
			s.cutOff(h)
		}
	}
	h.queue = h.queue[:0]
	h.now += second
	h.journal.entry(h.now, &process{pid: h.sshd}, "listener", "Received signal 15; terminating.")
	h.system("SYSTEM_SHUTDOWN", ` comm="systemd-update-utmp" exe="/usr/lib/systemd/systemd-update-utmp"`)
	h.audit.mix(nil)
	h.daemonRecord("DAEMON_END", "op=terminate auid=0 uid=0 ses="+unset+" pid=219 subj=unconfined res=success", h.pop.root)
	h.truth.bootEnd(h)
}

// daemonRecord writes a record of auditd itself, which counts by its own.
func (h *host) daemonRecord(kind, text string, by *account) {
	h.daemon++
	h.audit.header(h.now, h.daemon)
	h.audit.rec(kind)
	h.audit.text(text)
	h.audit.auids(by)
	h.audit.endRec()
	h.audit.done(false)
}

// system writes a record of init.
func (h *host) system(kind, message string) {
	h.audit.begin(h.now)
	h.audit.user(kind, &process{pid: 1, uid: h.pop.root}, message, " hostname=? addr=? terminal=? res=success")
	h.audit.done(false)
}

// mixed is true for one event in forty, whose records are to fall between
// those of another.
func (h *host) mixed() bool { return h.rng.IntN(40) == 0 }

// about returns a time that is usually near mean, and sometimes far from it.
func (h *host) about(mean int64) int64 {
	return max(int64(float64(mean)*min(h.rng.ExpFloat64(), 8)), 900)
}

// writeEtc writes what a collector takes along.
func (h *host) writeEtc(dir string) error {
	var passwd, group strings.Builder
	for _, u := range h.pop.accounts {
		home := "/home/" + u.name
		if u.uid == 0 {
			home = "/root"
		}
		fmt.Fprintf(&passwd, "%s:x:%d:%d::%s:/bin/bash\n", u.name, u.uid, u.uid, home)
		fmt.Fprintf(&group, "%s:x:%d:\n", u.name, u.uid)
	}
	for name, text := range map[string]string{
		"hostname": h.name + "\n", "machine-id": h.machine + "\n", "passwd": passwd.String(), "group": group.String(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// pids gives out process ids as the kernel does: ascending, and from the start
// again, leaving out those that live.
type pids struct {
	last int
	live []bool
}

const firstPID = 300 // those below belong to what runs always

func newPIDs(limit int) pids { return pids{last: firstPID, live: make([]bool, limit)} }

func (p *pids) take() int {
	for {
		if p.last++; p.last >= len(p.live) {
			p.last = firstPID
		}
		if !p.live[p.last] {
			p.live[p.last] = true
			return p.last
		}
	}
}

// pass counts processes that nobody sees.
func (p *pids) pass(n int) {
	for range n {
		p.free(p.take())
	}
}

func (p *pids) free(pid int) { p.live[pid] = false }
