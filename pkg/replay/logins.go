package replay

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"auditreplay/pkg/ingest/sshd"
)

// loginOf is an accepted login of sshd's log and where and when it belongs.
type loginOf struct {
	*sshd.Login
	host, boot int
	ahead      time.Duration // of the clock of the log it stands in
	next       time.Time     // when its PID was known to be another connection's, on the audit log's clock
	over       over
	doubtful   bool // it may be another boot's
}

// bootKey is one boot of one host.
type bootKey struct{ host, boot int }

// readLogins makes logins of sshd's messages, and counts those that say again
// what another source said.
func (r *run) readLogins() error {
	r.opt.Progress.begin(Joining, slices.DeleteFunc(slices.Clone(r.inputs), func(in *input) bool { return !in.messages }))
	all, err := newMessages(r.scan, r.inputs, func(m *message) {
		m.in.src.Counts.Duplicate++
		m.in.src.Counts.Evidence--
	})
	if err != nil {
		return err
	}
	conns := make(map[bootKey]*sshd.Connections)
	lives := newLives()
	var line sshd.Line
	for {
		m, err := all.Next()
		if err != nil {
			return err
		}
		if m == nil {
			break
		}
		key, named := r.place(m)
		c := conns[key]
		if c == nil {
			c = sshd.NewConnections()
			conns[key] = c
		}
		sshd.Parse(m.Text, &line)
		r.endings(key).message(m, &line)
		lives.message(key, m, &line)
		c.Add(&m.Message, m.pos, &line, r.collector(key, m.in.offset, named))
		if r.refused.crowded() {
			r.refused.settle(unsettled(conns))
		}
		if r.logins.crowded() {
			r.logins.settle(unsettled(conns))
		}
	}
	keys := make([]bootKey, 0, len(conns))
	for key := range conns {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b bootKey) int { return cmp.Or(cmp.Compare(a.host, b.host), cmp.Compare(a.boot, b.boot)) })
	for _, key := range keys {
		conns[key].Close(r.collector(key, 0, true))
	}
	r.refused.settle(nil)
	if r.logins.count() > r.logins.hold {
		r.logins.settle(nil) // the trackers hold those that matter
	}
	err = r.logins.each(func(i int, l *loginOf) error {
		r.logins.sayNext(i, lives.end(bootKey{l.host, l.boot}, l))
		return nil
	})
	return errors.Join(err, r.refused.spool.Err())
}

// collector takes what Connections find out about one boot.
func (r *run) collector(key bootKey, ahead time.Duration, named bool) func(sshd.Change) {
	return func(c sshd.Change) {
		switch {
		case c.Kind != sshd.Decided:
		case !c.Login.Accepted:
			r.refused.add(c.Login, key)
		default:
			doubtful := !named && r.hosts[key.host].overlap.has(c.Login.Time.Add(-ahead).UnixMilli())
			r.logins.add(c.Login, key, ahead, doubtful)
		}
	}
}

// place says which boot a message belongs to: the one it names, else the one
// of its time.
func (r *run) place(m *message) (key bootKey, named bool) {
	h := &r.hosts[m.host]
	if m.Boot != "" {
		if b, ok := h.bootNamed(m.Boot); ok {
			return bootKey{m.host, b}, true
		}
	}
	return bootKey{m.host, h.bootAt(m.at.UnixMilli())}, false
}
