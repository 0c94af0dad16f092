package report

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// SessionsOptions choose what the Sessions view shows. The zero value is a
// table of all sessions for 80 columns, in UTC.
type SessionsOptions struct {
	Format string         // Table (default), CSV or JSON
	Width  int            // columns of the terminal; 0 is 80, negative unlimited
	Color  bool           // colour the table
	Wide   bool           // all columns, and fingerprints in full, however wide
	By     string         // summarise by "person", "key", "ip", "account" or "host" instead
	Failed bool           // refused attempts, grouped by their source, instead
	Zone   *time.Location // of the times in a table; nil is UTC
}

// Validate reports the first option with a value that does not exist.
func (o SessionsOptions) Validate() error {
	if err := oneOf("format", o.Format, Table, CSV, JSON); err != nil {
		return err
	}
	return oneOf("by", o.By, byPerson, byKey, byIP, byAccount, byHost)
}

// Sessions is the session table: one row per session, like last(1), with the
// credential that opened it and what it was used for. It is an
// auditevent.EventEncoder; nothing is written before Close.
//
// A session with no command that lasted five minutes or more shows the kind
// "tunnel?": such sessions usually carry forwarded ports.
type Sessions struct {
	w       io.Writer
	opt     SessionsOptions
	err     error
	ledger  *Ledger
	refused *refusals // only with Failed
}

// NewSessions returns a Sessions that writes to w. An option that Validate
// refuses is the error of every call.
func NewSessions(w io.Writer, opt SessionsOptions) *Sessions {
	return &Sessions{w: w, opt: opt, err: opt.Validate(), ledger: NewLedger(), refused: newRefusals()}
}

// Encode takes the next event, an *auditevent.AuditEvent.
func (v *Sessions) Encode(a any) error {
	if v.err != nil {
		return v.err
	}
	e, x, err := event(a)
	if err != nil {
		return err
	}
	if v.opt.Failed {
		v.refused.add(e, x)
		return nil
	}
	v.ledger.add(e, x)
	return nil
}

// Close writes the table.
func (v *Sessions) Close() error {
	if v.err != nil {
		return v.err
	}
	switch {
	case v.opt.Failed:
		v.err = v.refused.write(v.w, v.opt)
	case v.opt.By != "":
		v.err = writeSummary(v.w, v.ledger.Rows(), v.opt)
	default:
		v.err = writeSessions(v.w, v.ledger.Rows(), v.opt)
	}
	return v.err
}

func writeSessions(w io.Writer, rows []Row, opt SessionsOptions) error {
	if opt.Format == Table || opt.Format == "" {
		return writeTable(w, sessionColumns(rows, opt), columns(opt.Width, opt.Wide), opt.Color)
	}
	records := make([][]field, len(rows))
	for i := range rows {
		records[i] = rows[i].fields()
	}
	return writeRecords(w, opt.Format, Row{}.fields(), records)
}

// writeRecords writes records as JSON or CSV. like has the keys, for the
// header of a CSV without rows.
func writeRecords(w io.Writer, format string, like []field, records [][]field) error {
	if format == JSON {
		for _, r := range records {
			if err := writeJSON(w, r); err != nil {
				return err
			}
		}
		return nil
	}
	c := newCSV(w)
	if err := c.header(like); err != nil {
		return err
	}
	for _, r := range records {
		if err := c.write(r); err != nil {
			return err
		}
	}
	return nil
}

// fields are the row as JSON and CSV have it.
func (r Row) fields() []field {
	return []field{
		{"person", r.Person}, {"account", r.Account},
		{"method", r.Method}, {"algorithm", r.Algorithm}, {"fingerprint", r.Fingerprint},
		{"key_id", r.KeyID}, {"serial", r.Serial}, {"ca", r.CA},
		{"source_ip", r.SourceIP}, {"source_port", r.SourcePort}, {"tty", r.TTY}, {"kind", r.Kind},
		{"start", r.Start}, {"end", r.End}, {"ended", r.Ended}, {"duration_s", r.Duration},
		{"commands", r.Commands}, {"not_recorded", r.NotRecorded}, {"root_commands", r.RootCommands},
		{"failures", r.Failures}, {"denied", r.Denied},
		{"session", r.Session}, {"boot", r.Boot}, {"host", r.Host},
		{"attribution", r.Attribution}, {"evidence", r.Evidence},
	}
}

// from is where a session came from: an address, or the local program that
// opened it.
func (r Row) from() string {
	switch {
	case r.SourceIP != "" && r.SourcePort != "":
		return net.JoinHostPort(r.SourceIP, r.SourcePort)
	case r.SourceIP != "":
		return r.SourceIP
	}
	return r.Opener
}

func (r Row) fromBrief() string {
	if r.SourceIP != "" {
		return r.SourceIP
	}
	return base(r.Opener)
}

const tunnelTime = 5 * time.Minute

// use is the kind as the table shows it.
func (r Row) use() string {
	switch {
	case r.Kind == "none_seen" && r.Duration != nil && *r.Duration >= tunnelTime.Seconds():
		return "tunnel?"
	case r.Kind == "none_seen":
		return "none seen"
	}
	return r.Kind
}

func (r Row) useBrief() string {
	switch u := r.use(); u {
	case "command":
		return "cmd"
	case "forward":
		return "fwd"
	case "none seen":
		return "none"
	case "tunnel?":
		return "tun?"
	default:
		return u
	}
}

// fingerprintBrief is as much of a fingerprint as tells keys apart at a
// glance.
func fingerprintBrief(fp string) string {
	if hash, sum, ok := strings.Cut(fp, ":"); ok && len(sum) > 10 {
		return hash + ":" + sum[:10] + "…"
	}
	return fp
}

// duration writes a duration in at most six columns: 4s, 1m05s, 2h10m, 3d04h.
func duration(seconds *float64) string {
	if seconds == nil {
		return ""
	}
	d := time.Duration(*seconds * float64(time.Second)).Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d/time.Second%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d/time.Minute%60)
	}
	return fmt.Sprintf("%dd%02dh", d/(24*time.Hour), d/time.Hour%24)
}

func number(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}
