package synth

import (
	"encoding/json"
	"fmt"
)

// truth writes truth.json: what people and strangers really did, whatever the
// logs say. Times are seconds since the epoch, by the host's own clock. A
// login's commands are those that carry a marker, an argument that occurs
// nowhere else.
type truth struct {
	out     *output
	first   bool
	markers int
	boots   []bootTruth
	failed  []json.RawMessage
	others  []json.RawMessage
	marks   map[string]string
}

// maxMarkers is how many markers of four digits there are.
const maxMarkers = 9999

// loginTruth is what a session remembers for its truth.
type loginTruth struct {
	id                   int
	start, accepted, end int64 // µs
	ses                  int
	ended                string // exit, disconnect, shutdown
	marker               int    // 0: none
	marked               int64
}

type bootTruth struct {
	N      int     `json:"n"`
	BootID string  `json:"boot_id"`
	Ready  float64 `json:"ready"`
	Offset float64 `json:"guest_clock_minus_host"`
	Ended  string  `json:"ended"`
	End    float64 `json:"end"`
}

type execTruth struct {
	Argv []string `json:"argv"`
	User string   `json:"user"`
}

type commandTruth struct {
	Marker string      `json:"marker"`
	Kind   string      `json:"kind"`
	Line   string      `json:"line"`
	Execs  []execTruth `json:"execs"`
	T      float64     `json:"t"`
}

type loginJSON struct {
	ID          string         `json:"id"`
	Boot        int            `json:"boot"`
	Kind        string         `json:"kind"`
	UnixUser    string         `json:"unix_user"`
	Method      string         `json:"method"`
	Fingerprint string         `json:"key_fingerprint,omitempty"`
	KeyType     string         `json:"key_type,omitempty"`
	CertID      string         `json:"cert_key_id,omitempty"`
	CertSerial  string         `json:"cert_serial,omitempty"`
	CertCA      string         `json:"cert_ca_fingerprint,omitempty"`
	Person      string         `json:"person"`
	IP          string         `json:"src_ip"`
	Port        json.Number    `json:"src_port"`
	Start       float64        `json:"client_start"`
	End         float64        `json:"client_end"`
	Ended       string         `json:"ended"`
	Session     *int           `json:"sessionid"`
	LoginUID    int            `json:"loginuid"`
	BootID      string         `json:"boot_id"`
	SSHD        int            `json:"sshd_pid"`
	Shell       int            `json:"shell_pid,omitempty"`
	Commands    []commandTruth `json:"commands"`
}

type refusedJSON struct {
	ID       string      `json:"id"`
	Boot     int         `json:"boot"`
	Kind     string      `json:"kind"`
	UnixUser string      `json:"unix_user"`
	IP       string      `json:"src_ip"`
	Port     json.Number `json:"src_port"`
	T        float64     `json:"t"`
	End      float64     `json:"client_end"`
}

type localJSON struct {
	ID       string  `json:"id"`
	Boot     int     `json:"boot"`
	Kind     string  `json:"kind"`
	UnixUser string  `json:"unix_user"`
	T        float64 `json:"t"`
	Session  int     `json:"sessionid"`
	LoginUID int     `json:"loginuid"`
}

func seconds(us int64) float64 { return float64(us) / 1e6 }

// dashed is a boot id as the kernel shows it.
func dashed(id string) string {
	return id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
}

func newTruth(out *output, h *host) *truth {
	t := &truth{out: out, first: true, marks: map[string]string{}}
	level, format, name := "VERBOSE", "RAW", "NONE"
	if h.audit.enriched {
		level, format, name = "INFO", "ENRICHED", "HOSTNAME"
	}
	people := map[string][]string{}
	for i := range h.pop.people {
		who := &h.pop.people[i]
		for _, k := range who.keys {
			people[who.name] = append(people[who.name], k.fingerprint)
		}
	}
	t.write("{")
	for _, member := range []struct {
		key   string
		value any
	}{
		{"run", "synthetic"}, {"seed", h.o.Seed}, {"hostname", h.name}, {"sshd_loglevel", level},
		{"log_format", format}, {"name_format", name}, {"timezone", "Etc/UTC"}, {"people", people},
	} {
		t.member(member.key, member.value)
	}
	t.write("\"logins\": [\n")
	return t
}

func (t *truth) write(text string) {
	t.out.WriteString(text) //nolint:errcheck // kept by the buffer until Close
}

func (t *truth) member(key string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // our own types: impossible
	}
	t.write(fmt.Sprintf("%q: %s,\n", key, text))
}

func marshal(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // our own types: impossible
	}
	return text
}

func (t *truth) boot(h *host) {
	t.boots = append(t.boots, bootTruth{N: h.boot, BootID: dashed(h.journal.boot), Ready: seconds(h.now)})
}

func (t *truth) bootEnd(h *host) {
	last := &t.boots[len(t.boots)-1]
	last.End, last.Ended = seconds(h.now), "reboot"
	if h.boot == h.o.Boots {
		last.Ended = "poweroff"
	}
}

func (t *truth) session(h *host, s *session) {
	l := loginJSON{
		ID: fmt.Sprintf("L%06d", s.login.id), Boot: h.boot, Kind: "exec", UnixUser: s.acct.name, Method: "password",
		Person: s.who.name, IP: s.ip, Port: json.Number(s.port), Start: seconds(s.login.start), End: seconds(s.login.end),
		Ended: s.login.ended, LoginUID: s.acct.uid, BootID: dashed(h.journal.boot), SSHD: s.leader.pid, Shell: s.shell.pid,
		Commands: []commandTruth{},
	}
	if s.pty >= 0 {
		l.Kind = "shell"
	}
	if s.login.ses > 0 {
		l.Session = &s.login.ses
	}
	if k := s.key; k != nil {
		l.Method, l.Fingerprint, l.KeyType, l.CertID, l.CertSerial = "publickey", k.fingerprint, k.kind, k.id, k.serial
		if k.id != "" {
			l.CertCA = h.pop.ca.fingerprint
		}
	}
	if s.login.marker > 0 {
		c := marked(s.login.marker)
		mark := c.argv[1]
		t.marks[mark] = l.ID
		l.Commands = append(l.Commands, commandTruth{
			Marker: mark, Kind: "echo", Line: c.argv[0] + " " + mark, T: seconds(s.login.marked),
			Execs: []execTruth{{c.argv, s.acct.name}},
		})
	}
	if !t.first {
		t.write(",\n")
	}
	t.first = false
	t.write(string(marshal(&l)))
}

func (t *truth) refused(h *host, a *attempt) {
	kind := "key not known"
	switch {
	case !a.known:
		kind = "invalid user"
	case a.password:
		kind = "wrong password"
	}
	t.failed = append(t.failed, marshal(&refusedJSON{
		ID: fmt.Sprintf("F%06d", h.totals.Refused), Boot: h.boot, Kind: kind, UnixUser: a.name,
		IP: a.ip, Port: json.Number(a.port), T: seconds(a.start), End: seconds(h.now),
	}))
}

func (t *truth) local(h *host, c *cronJob) {
	t.others = append(t.others, marshal(&localJSON{
		ID: fmt.Sprintf("N%06d", h.totals.Local), Boot: h.boot, Kind: "cron", UnixUser: c.acct.name,
		T: seconds(h.now), Session: c.leader.ses, LoginUID: c.acct.uid,
	}))
}

func (t *truth) finish() {
	t.write("\n],\n")
	t.member("failed", orEmpty(t.failed))
	t.member("non_ssh", orEmpty(t.others))
	t.member("boots", t.boots)
	t.member("markers", t.marks)
	t.write("\"events\": []}\n")
}

func orEmpty(list []json.RawMessage) []json.RawMessage {
	if list == nil {
		return []json.RawMessage{}
	}
	return list
}
