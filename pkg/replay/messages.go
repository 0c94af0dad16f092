package replay

import (
	"container/heap"
	"errors"
	"io"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/ingest/syslog"
)

// message is one of sshd's (or logind's) messages on its way to a login.
type message struct {
	ingest.Message
	pos  ingest.Pos
	in   *input
	host int
	at   time.Time // reception, on the audit log's clock: what messages are ordered by
	seq  int64     // order in its source
}

// sortWindow is how many messages of one source are held to put them in order.
const sortWindow = 512

// messageSource gives one source's messages in the order of their times.
type messageSource struct {
	in    *input
	scan  *scan
	r     reader
	close io.Closer
	held  messageHeap
	seq   int64
	done  bool
	line  sshd.Line
	civil syslog.Resolver // of this reading
	read  int             // messages of any program so far
}

func openMessages(s *scan, in *input) (*messageSource, error) {
	r, _, closer, err := in.open()
	if err != nil {
		return nil, err
	}
	return &messageSource{in: in, scan: s, r: r, close: closer, civil: in.civil.resolver}, nil
}

// next gives the next message, or nil at the end.
func (ms *messageSource) next() (*message, error) {
	for !ms.done && !ms.ripe() {
		m, err := ms.take()
		if err != nil {
			return nil, err
		}
		if m == nil {
			ms.done = true
			if ms.close != nil {
				ms.close.Close()
			}
			break
		}
		heap.Push(&ms.held, m)
	}
	if len(ms.held) == 0 {
		return nil, nil
	}
	return heap.Pop(&ms.held).(*message), nil
}

// ripe reports whether nothing that is still to be read comes before the first
// of the messages that are held.
func (ms *messageSource) ripe() bool {
	if !ms.in.unsorted {
		return len(ms.held) >= sortWindow
	}
	return len(ms.held) > 0 && ms.held[0].Received.UnixMicro() < ms.in.lows.from(ms.read)
}

// take reads up to the next message that matters.
func (ms *messageSource) take() (*message, error) {
	for {
		e, err := ms.r.Next()
		var damage *ingest.Damage
		if errors.Is(err, io.EOF) || errors.As(err, &damage) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		m := &e.Message
		if e.Kind == ingest.MessageEntry {
			ms.read++
		}
		if isCivil(e) {
			ms.civil.Resolve(m, ms.in.civil.loc)
			if ms.scan.observer != nil {
				ms.scan.observed(ms.in, e)
			}
		}
		if e.Kind != ingest.MessageEntry || m.LogindLeader == 0 && !fromSSHD(m) {
			continue
		}
		if m.LogindLeader == 0 {
			sshd.Parse(m.Text, &ms.line)
			if ok, _ := believable(m, &ms.line); !ok {
				continue
			}
		}
		host, at := ms.scan.nodes[ms.scan.node(ms.in.group, m.Host)].host, m.Received.Add(-ms.in.offset)
		if !m.Journal && ms.line.Kind == sshd.Accepted && m.LogindLeader == 0 && ms.scan.copyOfForgery(host, m, at) {
			ms.in.src.Counts.Evidence--
			ms.in.src.Counts.Skip(onlyClaims + "the journal names another sender")
			continue
		}
		ms.seq++
		return &message{Message: *m, pos: e.Pos, in: ms.in, host: host, at: at, seq: ms.seq}, nil
	}
}

// messageHeap orders messages by time, and one source's by their order in it.
type messageHeap []*message

func (h messageHeap) Len() int           { return len(h) }
func (h messageHeap) Less(i, j int) bool { return h[i].before(h[j]) }
func (h messageHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *messageHeap) Push(x any)        { *h = append(*h, x.(*message)) }
func (h *messageHeap) Pop() any {
	old := *h
	m := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return m
}

func (m *message) before(o *message) bool {
	if c := m.at.Compare(o.at); c != 0 {
		return c < 0
	}
	if m.in != o.in {
		return m.in.src.Name < o.in.src.Name
	}
	return m.seq < o.seq
}

// sameLine is how far the time of a syslog line may lie from the reception of
// the journal entry that is the same message.
const sameLine = 5 * time.Second

// messages merges the sources of all messages, drops what says again what
// another source said, and gives each message once: the journal's where there
// is one.
type messages struct {
	heads  messageHeap
	from   map[*input]*messageSource
	held   []*message // in order; released when no copy of them can come
	recent map[messageKey][]*told
	next   int
	dup    func(*message)
}

// messageKey is what copies of one message have in common.
type messageKey struct {
	host, pid int
	text      string
}

// told is a message that was given or waits to be, and who told it.
type told struct {
	m       *message
	sources []*input
	given   bool
}

func newMessages(s *scan, inputs []*input, dup func(*message)) (*messages, error) {
	ms := &messages{from: make(map[*input]*messageSource), recent: make(map[messageKey][]*told), dup: dup}
	for _, in := range inputs {
		if !in.messages {
			continue
		}
		src, err := openMessages(s, in)
		if err != nil {
			return nil, err
		}
		ms.from[in] = src
		m, err := src.next()
		if err != nil {
			return nil, err
		}
		if m != nil {
			ms.heads = append(ms.heads, m)
		}
	}
	heap.Init(&ms.heads)
	return ms, nil
}

// Next gives the next message, nil at the end.
func (ms *messages) Next() (*message, error) {
	for {
		if len(ms.from) < 2 { // no other source can have told it
			return ms.first()
		}
		if len(ms.held) > 0 && (len(ms.heads) == 0 || ms.heads[0].at.Sub(ms.held[0].at) > 2*sameLine) {
			m := ms.held[0]
			ms.held[0] = nil
			ms.held = ms.held[1:]
			ms.release(m)
			return m, nil
		}
		m, err := ms.first()
		if m == nil || err != nil {
			return nil, err
		}
		ms.take(m)
	}
}

// first takes the first of the messages that the sources give next, nil at the
// end.
func (ms *messages) first() (*message, error) {
	if len(ms.heads) == 0 {
		return nil, nil
	}
	m := ms.heads[0]
	after, err := ms.from[m.in].next()
	if err != nil {
		return nil, err
	}
	if after == nil {
		heap.Pop(&ms.heads)
	} else {
		ms.heads[0] = after
		heap.Fix(&ms.heads, 0)
	}
	return m, nil
}

// take holds a message, unless another source has told it.
func (ms *messages) take(m *message) {
	key := m.key()
	var same *told
	for _, t := range ms.recent[key] {
		if t.sameAs(m) && (same == nil || t.m.at.Sub(m.at).Abs() < same.m.at.Sub(m.at).Abs()) {
			same = t
		}
	}
	if same == nil {
		t := &told{m: m, sources: []*input{m.in}}
		ms.recent[key] = append(ms.recent[key], t)
		ms.held = append(ms.held, m)
		return
	}
	same.sources = append(same.sources, m.in)
	if better(m, same.m) && !same.given {
		ms.replace(same.m, m)
		same.m, m = m, same.m
	}
	ms.dup(m)
}

// better decides which of two copies is kept: the journal's, else the one
// whose file's name sorts first.
func better(a, b *message) bool {
	if a.Journal != b.Journal {
		return a.Journal
	}
	return a.in.src.Name < b.in.src.Name
}

func (ms *messages) replace(old, m *message) {
	for i, h := range ms.held {
		if h == old {
			m.at = old.at // its place in the order stays
			ms.held[i] = m
			return
		}
	}
}

// release marks a message as given and forgets those that no copy of can come
// any more.
func (ms *messages) release(m *message) {
	key := m.key()
	all := ms.recent[key]
	kept := all[:0]
	for _, t := range all {
		if t.m == m {
			t.given = true
		}
		if m.at.Sub(t.m.at) <= 4*sameLine {
			kept = append(kept, t)
		}
	}
	ms.recent[key] = kept
	if ms.next++; ms.next%4096 == 0 {
		for key, all := range ms.recent {
			if len(all) == 0 || m.at.Sub(all[len(all)-1].m.at) > 4*sameLine {
				delete(ms.recent, key)
			}
		}
	}
}

func (m *message) key() messageKey { return messageKey{m.host, m.PID, m.Text} }

// sameAs reports whether m says again what was told: two entries of journals
// with one time of reception, two lines of syslog files with one time, or a
// line within sameLine of an entry; never twice from one source.
func (t *told) sameAs(m *message) bool {
	for _, in := range t.sources {
		if in == m.in {
			return false
		}
	}
	a, b := t.m, m
	switch {
	case a.Journal && b.Journal:
		return a.Received.Equal(b.Received) && a.Boot == b.Boot
	case a.Journal != b.Journal:
		return a.at.Sub(b.at).Abs() <= sameLine
	}
	precision := max(a.Precision, b.Precision)
	return a.Time.Truncate(precision).Equal(b.Time.Truncate(precision))
}
