package replay

import (
	"slices"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/spool"
)

// logins are those that were accepted, by their numbers from 0 on. As long as
// they are no more than hold all are in memory. Of more, those that nothing can
// be learnt of any longer are kept, encoded, in a spool; in memory each has a
// keptLogin.
type logins struct {
	blocks [][]keptLogin
	held   map[int]*sshd.Login // those that are not in the spool
	hold   int                 // as many of these as there may be
	limit  int                 // for how many of them to look which can be
	spool  spool.Spool
	code   spool.Code
	buf    []byte
	last   *sshd.Login // that was read of the spool
}

// keptLogin is what is needed of a login to find it and to put it, and its
// end, in the order of the output. Times are seconds and nanoseconds since the
// epoch.
type keptLogin struct {
	sec, overSec, nextSec    int64
	nsec, overNsec, nextNsec int32
	how                      uint8 // which of endedHow
	ends                     bool  // sshd's log says how it ended
	doubtful                 bool
	overPos                  ingest.Pos
	spooled                  int64
	ahead                    time.Duration
	pid                      int
	host, boot               int32
}

// endedHow are the words for how a session ended.
var endedHow = []string{"", sshd.Logout, sshd.Disconnect, sshd.Kill, endedShutdown, endedCrash}

// loginBlock is how many logins a block has, which never moves.
const loginBlock = 1 << 12

func (ls *logins) count() int {
	n := len(ls.blocks)
	if n == 0 {
		return 0
	}
	return (n-1)*loginBlock + len(ls.blocks[n-1])
}

func (ls *logins) at(i int) *keptLogin { return &ls.blocks[i/loginBlock][i%loginBlock] }

// add takes a login that was just accepted.
func (ls *logins) add(g *sshd.Login, key bootKey, ahead time.Duration, doubtful bool) {
	i := ls.count()
	g.Number = i + 1
	k := keptLogin{host: int32(key.host), boot: int32(key.boot), ahead: ahead, doubtful: doubtful, pid: g.PID}
	k.sec, k.nsec = split(g.Time)
	k.nextSec, k.nextNsec = split(time.Time{})
	if i%loginBlock == 0 {
		ls.blocks = append(ls.blocks, make([]keptLogin, 0, loginBlock))
	}
	last := &ls.blocks[len(ls.blocks)-1]
	*last = append(*last, k)
	ls.held[i] = g
}

func split(at time.Time) (sec int64, nsec int32) { return at.Unix(), int32(at.Nanosecond()) }

func joined(sec int64, nsec int32) time.Time { return time.Unix(sec, int64(nsec)).UTC() }

func (k *keptLogin) time() time.Time { return joined(k.sec, k.nsec) }

// over is when the login ended, on the clock of its log.
func (k *keptLogin) over() time.Time { return joined(k.overSec, k.overNsec) }

func (k *keptLogin) key() bootKey { return bootKey{int(k.host), int(k.boot)} }

// crowded reports whether it is worth while to settle.
func (ls *logins) crowded() bool { return len(ls.held) > max(ls.limit, ls.hold) }

// settle puts those in the spool that no connection will learn more of.
func (ls *logins) settle(may map[*sshd.Login]bool) {
	var settled []int
	for i, g := range ls.held {
		if !may[g] {
			settled = append(settled, i)
		}
	}
	slices.Sort(settled)
	for _, i := range settled {
		g := ls.held[i]
		ls.buf = ls.code.Append(ls.buf[:0], func(c *spool.Code) { codeLogin(c, g) })
		ls.at(i).spooled = ls.spool.Add(ls.buf)
		ls.at(i).ends = g.End != nil
		delete(ls.held, i)
	}
	ls.limit = 2 * len(ls.held)
}

// get gives the whole of a login.
func (ls *logins) get(i int) (*sshd.Login, error) {
	if g := ls.held[i]; g != nil {
		return g, nil
	}
	if ls.last != nil && ls.last.Number == i+1 {
		return ls.last, nil
	}
	b, err := ls.spool.Get(ls.at(i).spooled)
	if err != nil {
		return nil, err
	}
	g := new(sshd.Login)
	if err := ls.code.Read(b, func(c *spool.Code) { codeLogin(c, g) }); err != nil {
		return nil, err
	}
	ls.last = g
	return g, nil
}

// login gives a login with where and when it belongs.
func (ls *logins) login(i int) (*loginOf, error) {
	g, err := ls.get(i)
	if err != nil {
		return nil, err
	}
	k := ls.at(i)
	l := &loginOf{Login: g, host: int(k.host), boot: int(k.boot), ahead: k.ahead, doubtful: k.doubtful, next: joined(k.nextSec, k.nextNsec)}
	l.over = over{how: endedHow[k.how], sign: sign{k.over(), k.overPos}}
	return l, nil
}

// each calls do for every login.
func (ls *logins) each(do func(i int, l *loginOf) error) error {
	for i := range ls.count() {
		l, err := ls.login(i)
		if err != nil {
			return err
		}
		if err := do(i, l); err != nil {
			return err
		}
	}
	return nil
}

// sayNext notes when the PID of a login was another connection's.
func (ls *logins) sayNext(i int, next time.Time) {
	k := ls.at(i)
	k.nextSec, k.nextNsec = split(next)
}

// sayOver notes how a login's session ended.
func (ls *logins) sayOver(i int, o *over) {
	k := ls.at(i)
	k.how = uint8(slices.Index(endedHow, o.how))
	k.overSec, k.overNsec = split(o.at)
	k.overPos = o.pos
}

// endUnknown reports whether sshd's log does not say how a login ended.
func (ls *logins) endUnknown(i int) bool {
	if g := ls.held[i]; g != nil {
		return g.End == nil
	}
	return !ls.at(i).ends
}

func (ls *logins) close() { ls.spool.Close() }
