package replay

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"auditreplay/pkg/schema"

	"github.com/elastic/go-libaudit/v2/auparse"
	"github.com/metal-toolbox/auditevent"
)

// Selection says which events are wanted. What is given for one field is
// joined by OR, the fields by AND; a field without values asks nothing. An
// event that has no such field (a login has no exe) is not selected by it.
// The zero value selects everything. A selection looks at finished events: it
// never changes whose they are.
type Selection struct {
	Since, Until string         // see ParseMoment; both ends are selected
	Zone         *time.Location // of times without; nil is UTC

	Users        []string // person, account, or name or number of one of the process's user ids
	KeyIDs       []string // of certificates; * stands for any characters, here and below
	Fingerprints []string // of keys and of CAs
	IPs          []string // addresses or CIDR prefixes
	Sessions     []string // ID, or BOOT/ID with the start of a boot's id; "unset"
	Exes         []string // whole path, or the last part of it
	Paths        []string // object or one of the PATH records; with a slash at the end all below
	Keys         []string // of audit rules
	Actions      []string
	Outcomes     []string
	Types        []string // UserLogin ..., or an audit record type
	PIDs         []int    // of the process; of sshd for logins

	since, until Moment
	from, to     time.Time // zero: open
	prefixes     []netip.Prefix
	texts        map[*[]string][]pattern
}

// pattern is a text with * for any characters.
type pattern struct {
	text string
	re   *regexp.Regexp // nil: the text itself
}

func newPattern(s string) pattern {
	if !strings.Contains(s, "*") {
		return pattern{text: s}
	}
	return pattern{s, regexp.MustCompile(`(?s)^` + strings.ReplaceAll(regexp.QuoteMeta(s), `\*`, `.*`) + `$`)}
}

func (p pattern) is(s string) bool {
	if p.re != nil {
		return p.re.MatchString(s)
	}
	return p.text == s
}

// Check reads all values. An error is "--flag: what".
func (s *Selection) Check() error {
	var err error
	if s.Since != "" {
		if s.since, err = ParseMoment(s.Since, s.Zone); err != nil {
			return fmt.Errorf("--since: %w", err)
		}
	}
	if s.Until != "" {
		if s.until, err = ParseMoment(s.Until, s.Zone); err != nil {
			return fmt.Errorf("--until: %w", err)
		}
	}
	for _, v := range s.IPs {
		p, err := parsePrefix(v)
		if err != nil {
			return fmt.Errorf("--ip: %w", err)
		}
		s.prefixes = append(s.prefixes, p)
	}
	for _, c := range []struct {
		flag   string
		values []string
		check  func(string) error
	}{
		{"--user", s.Users, checkText},
		{"--key-id", s.KeyIDs, checkText},
		{"--exe", s.Exes, checkText},
		{"--path", s.Paths, checkText},
		{"--key", s.Keys, checkText},
		{"--action", s.Actions, checkText},
		{"--fingerprint", s.Fingerprints, checkFingerprint},
		{"--session", s.Sessions, checkSession},
		{"--outcome", s.Outcomes, checkOutcome},
		{"--type", s.Types, checkType},
	} {
		for _, v := range c.values {
			if err := c.check(v); err != nil {
				return fmt.Errorf("%s: %w", c.flag, err)
			}
		}
	}
	for _, pid := range s.PIDs {
		if pid <= 0 {
			return fmt.Errorf("--pid: %d: no process id", pid)
		}
	}
	s.compile()
	return nil
}

func (s *Selection) compile() {
	s.texts = make(map[*[]string][]pattern)
	for _, list := range []*[]string{&s.Users, &s.KeyIDs, &s.Exes, &s.Paths, &s.Keys, &s.Actions} {
		for _, v := range *list {
			if list == &s.Paths && strings.HasSuffix(v, "/") {
				v += "*"
			}
			s.texts[list] = append(s.texts[list], newPattern(v))
		}
	}
}

func parsePrefix(v string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(v); err == nil {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(v)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no address and no prefix (203.0.113.0/24)", v)
	}
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// printOf gives a fingerprint in sshd's form.
func printOf(v string) string {
	if rest, ok := strings.CutPrefix(v, "MD5:"); ok || strings.Count(v, ":") == 15 {
		if !ok {
			rest = v
		}
		return "MD5:" + strings.ToLower(rest)
	}
	return "SHA256:" + strings.TrimRight(strings.TrimPrefix(v, "SHA256:"), "=")
}

var sha256Print = regexp.MustCompile(`^SHA256:[A-Za-z0-9+/]{43}$`)

func checkFingerprint(v string) error {
	p := printOf(v)
	if octets, ok := strings.CutPrefix(p, "MD5:"); ok {
		if b, err := hex.DecodeString(strings.ReplaceAll(octets, ":", "")); err == nil && len(b) == 16 {
			return nil
		}
	}
	if sha256Print.MatchString(p) {
		return nil
	}
	return fmt.Errorf("%q is no fingerprint (SHA256:... or MD5:aa:bb:...)", v)
}

func checkText(v string) error {
	if v == "" {
		return errors.New("empty value")
	}
	return nil
}

func checkSession(v string) error {
	id := v[strings.LastIndexByte(v, '/')+1:]
	if id == "unset" || id != "" && len(id) <= 10 && strings.Trim(id, "0123456789") == "" {
		return nil
	}
	return fmt.Errorf("%q is no session (a number, or BOOT/number)", v)
}

func checkOutcome(v string) error {
	switch v {
	case schema.Succeeded, schema.Failed, schema.Unknown:
		return nil
	}
	return fmt.Errorf("%q is none of succeeded, failed, unknown", v)
}

var eventTypes = []string{schema.TypeLogin, schema.TypeAction, schema.TypeLogout, schema.TypeSystem}

func checkType(v string) error {
	if slices.ContainsFunc(eventTypes, func(t string) bool { return strings.EqualFold(t, v) }) || strings.HasPrefix(v, "UNKNOWN[") {
		return nil
	}
	if _, err := auparse.GetAuditMessageType(strings.ToUpper(v)); err != nil {
		return fmt.Errorf("%q is none of %s and no audit record type", v, strings.Join(eventTypes, ", "))
	}
	return nil
}

// Settle turns times that are relative to the log into instants.
func (s *Selection) Settle(log Log) error {
	if s.Since != "" {
		s.from = s.since.In(log, s.Zone)
	}
	if s.Until != "" {
		s.to = s.until.In(log, s.Zone)
	}
	if s.Since != "" && s.Until != "" && s.to.Before(s.from) {
		return errors.New("--until: lies before --since")
	}
	return nil
}

// Interval gives the time that is selected, once Settle has; zero is open.
func (s *Selection) Interval() (from, to time.Time) { return s.from, s.to }

// WantsPaths reports whether the PATH records are asked.
func (s *Selection) WantsPaths() bool { return len(s.Paths) > 0 }

// Has reports whether an event is selected. Check and Settle come first.
func (s *Selection) Has(e *auditevent.AuditEvent) bool { return s.has(e, schema.Of(e)) }

func (s *Selection) has(e *auditevent.AuditEvent, x *schema.Extra) bool {
	if len(s.Outcomes) > 0 && !slices.Contains(s.Outcomes, e.Outcome) || !s.may(e, x) {
		return false
	}
	return len(s.texts) == 0 || s.isWhat(x)
}

// may reports whether an event may be selected of which no more is known than
// Chooser says.
func (s *Selection) may(e *auditevent.AuditEvent, x *schema.Extra) bool {
	if !s.from.IsZero() && e.LoggedAt.Before(s.from) || !s.to.IsZero() && e.LoggedAt.After(s.to) {
		return false
	}
	if len(s.Types) > 0 && !s.isType(e, x) || len(s.prefixes) > 0 && !s.isFrom(e) {
		return false
	}
	return !s.asksWhose() || s.isWho(e, x) && s.isWhere(e, x)
}

// asksWhose reports whether a person, a session or a process is asked.
func (s *Selection) asksWhose() bool {
	return len(s.Users)+len(s.KeyIDs)+len(s.Fingerprints)+len(s.Sessions)+len(s.PIDs) > 0
}

// asksWho reports whether may leaves anything out.
func (s *Selection) asksWho() bool {
	return s.asksWhose() || len(s.Types)+len(s.prefixes) > 0 || s.Since != "" || s.Until != ""
}

func (s *Selection) isType(e *auditevent.AuditEvent, x *schema.Extra) bool {
	record := ""
	if x.Event != nil {
		record = x.Event.Type
	}
	return slices.ContainsFunc(s.Types, func(t string) bool {
		return strings.EqualFold(t, e.Type) || record != "" && strings.EqualFold(t, record)
	})
}

func (s *Selection) isFrom(e *auditevent.AuditEvent) bool {
	if e.Source.Type != "IP" {
		return false
	}
	a, err := netip.ParseAddr(e.Source.Value)
	if err != nil {
		return false
	}
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(s.prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}
