package replay

import (
	"encoding/binary"
	"errors"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/sshd"
)

// loginCode writes logins as bytes, or reads them: one list of fields for both
// ways, so that what is written is what is read.
type loginCode struct {
	sources []*ingest.Source
	reading bool
	bad     bool
	b       []byte
	text    string // where reading: the same as b, for strings to be parts of
}

var errLogin = errors.New("temporary file: no login where one was written")

// append appends g to b.
func (c *loginCode) append(b []byte, g *sshd.Login) []byte {
	c.reading, c.b = false, b
	c.login(g)
	return c.b
}

// read gives the login that b is.
func (c *loginCode) read(b []byte) (*sshd.Login, error) {
	g := new(sshd.Login)
	c.reading, c.bad, c.b, c.text = true, false, b, string(b)
	c.login(g)
	if c.bad || len(c.b) > 0 {
		return nil, errLogin
	}
	return g, nil
}

func (c *loginCode) login(g *sshd.Login) {
	c.pos(&g.Pos)
	c.places(&g.Also)
	c.time(&g.Time)
	c.time(&g.Received)
	for _, n := range [...]*int{&g.PID, &g.Life, &g.Port, &g.LPort, &g.N, &g.ChildPID} {
		c.int(n)
	}
	for _, f := range [...]*bool{&g.Accepted, &g.InvalidUser, &g.Truncated, &g.SesConflict, &g.ChildLate, &g.PAM} {
		c.bool(f)
	}
	for _, s := range [...]*string{&g.Account, &g.Addr, &g.LAddr, &g.Method, &g.Algorithm, &g.Fingerprint, &g.KeyID, &g.Serial,
		&g.CAAlgorithm, &g.CAFingerprint, &g.Principal, &g.Error, &g.Reason, &g.Text, &g.AuditSes, &g.AuditUID, &g.LogindSession} {
		c.string(s)
	}
	c.time(&g.ConnTime)
	for _, n := range [...]*int64{&g.ChildAt, &g.AuditSesAt, &g.SesConflictAt} {
		c.int64(n)
	}
	list(c, &g.Sessions, func(s *sshd.Started) {
		c.string(&s.Kind)
		c.string(&s.TTY)
		c.time(&s.Time)
		c.time(&s.Received)
		c.pos(&s.Pos)
	})
	ended := g.End != nil
	if c.bool(&ended); ended {
		if g.End == nil {
			g.End = new(sshd.End)
		}
		c.string(&g.End.How)
		c.bool(&g.End.Silent)
		c.time(&g.End.Time)
		c.pos(&g.End.Pos)
	}
	c.places(&g.Conflict)
}

func (c *loginCode) uint(v *uint64) {
	if !c.reading {
		c.b = binary.AppendUvarint(c.b, *v)
		return
	}
	n, size := binary.Uvarint(c.b)
	if size <= 0 {
		c.bad = true
		return
	}
	*v, c.b = n, c.b[size:]
}

func (c *loginCode) int64(v *int64) {
	n := uint64(*v)<<1 ^ uint64(*v>>63)
	c.uint(&n)
	*v = int64(n>>1) ^ -int64(n&1)
}

func (c *loginCode) int(v *int) {
	n := int64(*v)
	c.int64(&n)
	*v = int(n)
}

func (c *loginCode) bool(v *bool) {
	n := uint64(flag(*v))
	c.uint(&n)
	*v = n != 0
}

func (c *loginCode) string(v *string) {
	n := uint64(len(*v))
	c.uint(&n)
	if !c.reading {
		c.b = append(c.b, *v...)
		return
	}
	if n > uint64(len(c.b)) {
		c.bad = true
		return
	}
	from := len(c.text) - len(c.b)
	*v, c.b = c.text[from:from+int(n)], c.b[n:]
}

// time keeps an instant: all logins' times are UTC.
func (c *loginCode) time(v *time.Time) {
	known := !v.IsZero()
	if c.bool(&known); !known {
		return
	}
	sec, nsec := v.Unix(), int64(v.Nanosecond())
	c.int64(&sec)
	if c.int64(&nsec); c.reading {
		*v = time.Unix(sec, nsec).UTC()
	}
}

func (c *loginCode) pos(v *ingest.Pos) {
	var n uint64 // of the source, from 1
	if !c.reading && v.Source != nil {
		n = c.number(v.Source)
	}
	c.uint(&n)
	c.int64(&v.Line)
	if c.reading && n > 0 {
		if n > uint64(len(c.sources)) {
			c.bad = true
			return
		}
		v.Source = c.sources[n-1]
	}
}

// number gives the number of a source: nearly always that of the last.
func (c *loginCode) number(src *ingest.Source) uint64 {
	for i := len(c.sources) - 1; i >= 0; i-- {
		if c.sources[i] == src {
			return uint64(i + 1)
		}
	}
	c.sources = append(c.sources, src)
	return uint64(len(c.sources))
}

func (c *loginCode) places(v *[]ingest.Pos) { list(c, v, c.pos) }

// list keeps the elements of a slice.
func list[T any](c *loginCode, v *[]T, one func(*T)) {
	n := uint64(len(*v))
	if c.uint(&n); c.reading && n > 0 {
		if n > uint64(len(c.b)) { // each takes a byte at least
			c.bad = true
			return
		}
		*v = make([]T, n)
	}
	for i := range *v {
		one(&(*v)[i])
	}
}
