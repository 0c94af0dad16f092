package sshd

import (
	"encoding/binary"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"auditreplay/pkg/ingest"
)

// counter counts things by a number that stands for them, and forgets those
// that did not come for long: of two generations the older one goes when the
// younger one is full, so that what it keeps is bounded and still depends on
// the messages alone.
type counter struct {
	young, old map[uint64]uint32
}

// generation is how many things a counter tells apart at least, and half of how
// many it knows at most.
const generation = 1 << 16

// next counts key once more.
func (s *counter) next(key uint64) int {
	n := max(s.young[key], s.old[key]) + 1
	if len(s.young) >= generation {
		s.young, s.old = nil, s.young
	}
	if s.young == nil {
		s.young = make(map[uint64]uint32)
	}
	s.young[key] = n
	return int(n)
}

// decisionKey stands for a decision of pid with that text.
func decisionKey(pid int, text string) uint64 {
	h := fnv.New64a()
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(pid))
	h.Write(b[:])
	h.Write([]byte(text))
	return h.Sum64()
}

// State is the whole state of a Connections, for encoding/json. Its fields
// are of no use to others.
type State struct {
	Seq         int
	Now, Swept  time.Time
	Lives, Past []byte // of PIDs: the younger and the older generation
	Young, Old  []byte // of decisions, likewise
	Connections []savedConnection
}

type savedConnection struct {
	connection
	Children []int
	Peer     bool
	Places   [][]savedPos
}

type savedPos struct {
	Path string
	Line int64
}

// Snapshot gives the state. It shares memory with c, so it has to be encoded
// before c is used again.
func (c *Connections) Snapshot() *State {
	s := &State{
		Seq: c.seq, Now: c.now, Swept: c.swept, Lives: pack(c.lives.young), Past: pack(c.lives.old),
		Young: pack(c.seen.young), Old: pack(c.seen.old),
	}
	for _, k := range c.all() {
		saved := savedConnection{connection: *k, Peer: c.byPeer[peer{k.Addr, k.Port}] == k}
		for pid, of := range c.child {
			if of == k {
				saved.Children = append(saved.Children, pid)
			}
		}
		slices.Sort(saved.Children)
		k.places(func(list *[]ingest.Pos) {
			row := make([]savedPos, 0, len(*list))
			for _, p := range *list {
				one := savedPos{Line: p.Line}
				if p.Source != nil {
					one.Path = p.Source.Path
				}
				row = append(row, one)
			}
			saved.Places = append(saved.Places, row)
		})
		s.Connections = append(s.Connections, saved)
	}
	return s
}

// Restore makes a Connections of a state. source gives the source of a path,
// for the positions; nil where it is gone. The logins of open connections are
// new values: PID, Life, Text and N say which is which.
func Restore(s *State, source func(path string) *ingest.Source) *Connections {
	c := NewConnections()
	c.seq, c.now, c.swept = s.Seq, s.Now, s.Swept
	c.lives.young, c.lives.old = unpack(s.Lives), unpack(s.Past)
	c.seen.young, c.seen.old = unpack(s.Young), unpack(s.Old)
	for i := range s.Connections {
		saved := &s.Connections[i]
		k := new(connection)
		*k = saved.connection
		rows := saved.Places
		k.places(func(list *[]ingest.Pos) {
			if len(rows) == 0 {
				return
			}
			*list = nil
			for _, p := range rows[0] {
				*list = append(*list, ingest.Pos{Source: source(p.Path), Line: p.Line})
			}
			rows = rows[1:]
		})
		if k.PID != 0 {
			c.byPID[k.PID] = k
		}
		if saved.Peer {
			c.byPeer[peer{k.Addr, k.Port}] = k
		}
		if len(k.Logins) > 1 {
			for _, g := range k.Logins {
				c.byPeer[peer{g.Addr, g.Port}] = k
			}
		}
		for _, pid := range saved.Children {
			c.child[pid] = k
		}
	}
	return c
}

// places visits every position of k in one fixed order.
func (k *connection) places(visit func(*[]ingest.Pos)) {
	one := func(p *ingest.Pos) {
		list := []ingest.Pos{*p}
		if visit(&list); len(list) == 1 {
			*p = list[0]
		}
	}
	for _, n := range slices.Concat([]*note{k.Named, k.Denied}, k.Refusals, k.Partials) {
		if n != nil {
			one(&n.Pos)
			visit(&n.Also)
		}
	}
	for _, g := range slices.Concat([]*Login{k.LastFail}, k.Logins) {
		if g == nil {
			continue
		}
		one(&g.Pos)
		visit(&g.Also)
		visit(&g.Conflict)
		for i := range g.Sessions {
			one(&g.Sessions[i].Pos)
		}
		if g.End != nil {
			one(&g.End.Pos)
		}
	}
}

// pack writes the counts as 12 bytes each, in order.
func pack(m map[uint64]uint32) []byte {
	b := make([]byte, 0, 12*len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		b = binary.LittleEndian.AppendUint64(b, key)
		b = binary.LittleEndian.AppendUint32(b, m[key])
	}
	return b
}

func unpack(b []byte) map[uint64]uint32 {
	m := make(map[uint64]uint32, len(b)/12)
	for ; len(b) >= 12; b = b[12:] {
		m[binary.LittleEndian.Uint64(b)] = binary.LittleEndian.Uint32(b[8:])
	}
	return m
}
