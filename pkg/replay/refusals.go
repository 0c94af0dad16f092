package replay

import (
	"time"

	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/spool"
)

// refusals are the logins that were refused. A host that the whole world tries
// its passwords on has millions of them, and nothing is joined to them: each is
// written once, at its time. So they are kept, encoded, in a spool as soon as
// nothing more can be learnt of them; in memory each has 48 bytes of its own.
type refusals struct {
	blocks [][]refusal
	spool  spool.Spool
	code   spool.Code
	buf    []byte

	open  []openRefusal // that may still change
	limit int           // for how many of these to look which can
}

// refusal is what is needed of a refused login to find it, and its place in
// the order of the output.
type refusal struct {
	sec, pid   int64
	spooled    int64
	nsec       int32
	host, boot int32
}

type openRefusal struct {
	*sshd.Login
	key bootKey
}

// refusalBlock is how many refusals a block has, which never moves.
const refusalBlock = 1 << 12

func (f *refusal) time() time.Time { return time.Unix(f.sec, int64(f.nsec)).UTC() }

func (f *refusal) key() bootKey { return bootKey{int(f.host), int(f.boot)} }

func (fs *refusals) add(g *sshd.Login, key bootKey) { fs.open = append(fs.open, openRefusal{g, key}) }

// crowded reports whether it is worth while to settle.
func (fs *refusals) crowded() bool { return len(fs.open) > max(fs.limit, refusalBlock) }

// unsettled gives the logins of which more may be learnt.
func unsettled(conns map[bootKey]*sshd.Connections) map[*sshd.Login]bool {
	may := make(map[*sshd.Login]bool)
	for _, c := range conns {
		c.Unsettled(func(g *sshd.Login) { may[g] = true })
	}
	return may
}

// settle puts those in the spool that no connection will learn more of.
func (fs *refusals) settle(may map[*sshd.Login]bool) {
	kept := fs.open[:0]
	for _, o := range fs.open {
		if may[o.Login] {
			kept = append(kept, o)
			continue
		}
		fs.buf = fs.code.Append(fs.buf[:0], func(c *spool.Code) { codeLogin(c, o.Login) })
		f := refusal{sec: o.Time.Unix(), nsec: int32(o.Time.Nanosecond()), pid: int64(o.PID),
			host: int32(o.key.host), boot: int32(o.key.boot), spooled: fs.spool.Add(fs.buf)}
		if n := len(fs.blocks); n == 0 || len(fs.blocks[n-1]) == refusalBlock {
			fs.blocks = append(fs.blocks, make([]refusal, 0, refusalBlock))
		}
		last := &fs.blocks[len(fs.blocks)-1]
		*last = append(*last, f)
	}
	clear(fs.open[len(kept):])
	fs.open, fs.limit = kept, 2*len(kept)
}

// count is how many there are.
func (fs *refusals) count() int {
	n := len(fs.blocks)
	if n == 0 {
		return 0
	}
	return (n-1)*refusalBlock + len(fs.blocks[n-1])
}

func (fs *refusals) at(i int) *refusal { return &fs.blocks[i/refusalBlock][i%refusalBlock] }

// get gives the whole of one.
func (fs *refusals) get(i int) (*sshd.Login, error) {
	b, err := fs.spool.Get(fs.at(i).spooled)
	if err != nil {
		return nil, err
	}
	g := new(sshd.Login)
	return g, fs.code.Read(b, func(c *spool.Code) { codeLogin(c, g) })
}

func (fs *refusals) close() { fs.spool.Close() }
