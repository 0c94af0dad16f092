package report

import (
	"cmp"
	"time"
)

// sessionColumns are all columns of the session table; writeTable leaves out
// those that do not fit, by rank.
func sessionColumns(rows []Row, opt SessionsOptions) []*column {
	start := &column{title: "START", rank: 2}
	end := &column{title: "END", rank: 16}
	who := &column{title: "PERSON", rank: 1, min: 12, max: 30}
	acct := &column{title: "ACCOUNT", short: "ACCT", rank: 3, min: 6}
	from := &column{title: "FROM", rank: 4, min: 13, briefDoes: true}
	took := &column{title: "TIME", rank: 5, right: true}
	use := &column{title: "KIND", rank: 6}
	ended := &column{title: "ENDED", rank: 7}
	cmds := &column{title: "CMDS", rank: 8, right: true}
	root := &column{title: "ROOT", rank: 9, right: true}
	refused := &column{title: "DENY", rank: 10, right: true}
	method := &column{title: "METHOD", rank: 13, max: 20}
	key := &column{title: "KEY", rank: 11}
	alg := &column{title: "KEY TYPE", rank: 15}
	ca := &column{title: "CA", rank: 17}
	serial := &column{title: "SERIAL", rank: 18, right: true}
	tty := &column{title: "TTY", rank: 14}
	by := &column{title: "JOINED BY", short: "BY", rank: 12, max: 40, briefDoes: true}
	id := &column{title: "SESSION", rank: 19, right: true}
	host := &column{title: "HOST", rank: 20, min: 6}
	if severalHosts(rows) {
		host.rank = essential - 1
	}
	for i := range rows {
		r := &rows[i]
		start.add(noInk, clock(r.Start, opt.Zone))
		end.add(noInk, clock(r.End, opt.Zone))
		who.add(personInk(r), r.who())
		acct.add(noInk, r.Account)
		from.addBrief(noInk, r.from(), r.fromBrief())
		took.add(noInk, duration(r.Duration))
		use.addBrief(noInk, r.use(), r.useBrief())
		ended.addBrief(endedInk(r), r.Ended, endedBrief(r.Ended))
		commandCell(cmds, r)
		root.add(inkAbove(r.RootCommands, yellow), number(r.RootCommands))
		refused.add(inkAbove(r.Denied, red), number(r.Denied))
		method.add(noInk, r.Method)
		if opt.Wide {
			key.add(cyan, r.Fingerprint)
			ca.add(noInk, r.CA)
		} else {
			key.add(cyan, fingerprintBrief(r.Fingerprint))
			ca.add(noInk, fingerprintBrief(r.CA))
		}
		alg.add(noInk, r.Algorithm)
		serial.add(noInk, r.Serial)
		tty.add(noInk, r.TTY)
		by.addBrief(noInk, joinedBy(r), r.Attribution)
		id.add(noInk, r.Session)
		host.add(noInk, r.Host)
	}
	briefStarts(start, rows, opt.Zone)
	return []*column{start, end, who, acct, from, tty, method, alg, key, serial, ca,
		took, ended, use, cmds, root, refused, by, id, host}
}

func (c *column) add(paint ink, cell string) {
	c.cells = append(c.cells, cell)
	c.paint = append(c.paint, paint)
}

func (c *column) addBrief(paint ink, cell, brief string) {
	c.add(paint, cell)
	c.brief = append(c.brief, brief)
}

// commandCell says in so many words that nothing could have recorded
// commands.
func commandCell(c *column, r *Row) {
	if r.NotRecorded {
		c.addBrief(dim, "not recorded", "n/r")
		return
	}
	c.addBrief(noInk, number(r.Commands), number(r.Commands))
}

// joinedBy is how the session got its name and what agreed.
func joinedBy(r *Row) string {
	s := r.Attribution
	if r.Reason != "" {
		s += " (" + r.Reason + ")"
	}
	for i, w := range r.Evidence {
		if i == 0 {
			s += ":"
		}
		s += " " + w
	}
	return s
}

// who is the person or, unnamed, the key.
func (r *Row) who() string { return cmp.Or(r.Person, fingerprintBrief(r.Fingerprint)) }

func personInk(r *Row) ink {
	if r.Attribution == "none" || r.Person == "" {
		return dim
	}
	return bold
}

func endedInk(r *Row) ink {
	switch r.Ended {
	case "killed", "crash":
		return red
	case "open":
		return green
	}
	return noInk
}

func endedBrief(ended string) string {
	switch ended {
	case "disconnect":
		return "discon"
	case "shutdown":
		return "shutdn"
	}
	return ended
}

func inkAbove(n *int, c ink) ink {
	if n != nil && *n > 0 {
		return c
	}
	return noInk
}

func severalHosts(rows []Row) bool {
	for i := range rows {
		if rows[i].Host != rows[0].Host {
			return true
		}
	}
	return false
}

func clock(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return in(t, zone).Format("2006-01-02 15:04:05")
}

// briefStarts gives the start column its short form: without seconds and,
// where all rows are of one year, with the year in the title alone.
func briefStarts(c *column, rows []Row, zone *time.Location) {
	form, year := "01-02 15:04", 0
	for _, r := range rows {
		y := in(r.Start, zone).Year()
		if year != 0 && y != year {
			form = "2006-01-02 15:04"
		}
		year = y
	}
	if len(form) == len("01-02 15:04") && len(rows) > 0 {
		c.short = in(rows[0].Start, zone).Format("2006")
	}
	for _, r := range rows {
		c.brief = append(c.brief, in(r.Start, zone).Format(form))
	}
}
