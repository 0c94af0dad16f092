package replay_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// file is one file of a host's evidence, in memory.
type file struct {
	name string
	kind ingest.Kind
	data []byte
}

// evidence is the files of one host.
type evidence []file

// sources gives the files as Run takes them, all of one root.
func (e evidence) sources() []*ingest.Source {
	var out []*ingest.Source
	for _, f := range e {
		out = append(out, f.source("host"))
	}
	return out
}

func (f file) source(root string) *ingest.Source {
	return &ingest.Source{Name: f.name, Path: root + "/" + f.name, Root: root, Kind: f.kind, Size: int64(len(f.data)),
		OpenRaw: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(f.data)), nil },
		OpenAt:  func() (io.ReaderAt, int64, error) { return bytes.NewReader(f.data), int64(len(f.data)), nil }}
}

// recorded is a recorded host: its evidence, and what its clients did.
type recorded struct {
	name  string
	audit evidence
	sshd  map[string]file // by name: sshd.export, sshd.json, auth.log
	truth *truth
}

// truth is what the clients did, written down by them.
type truth struct {
	Boots []struct {
		N      int
		End    float64
		Offset float64 `json:"guest_clock_minus_host"`
	}
	Logins []*truthLogin
	Failed []struct {
		ID, Kind string
		Addr     string `json:"src_ip"`
	}
	Markers map[string]string

	owner map[string]*truthLogin // by boot and session
}

type truthLogin struct {
	ID          string
	Boot        int
	Person      string
	Account     string `json:"unix_user"`
	Method      string
	Fingerprint string `json:"key_fingerprint"`
	KeyID       string `json:"cert_key_id"`
	Addr        string `json:"src_ip"`
	Port        int    `json:"src_port"`
	Session     *int   `json:"sessionid"`
	Lost        bool   `json:"accepted_line_lost_from_journal"`
	Commands    []struct {
		Marker string
		Execs  []struct {
			Argv     []string
			Outside  bool `json:"outside_session"`
			Optional bool
		}
	}
}

var hostNames = []string{"bookworm-0", "bookworm-A", "trixie-A"}

// someHosts are those that a test looks at: in a short run, which the race
// detector makes, one; what it does there is the same.
func someHosts() []string {
	if testing.Short() {
		return hostNames[:1]
	}
	return hostNames
}

// hosts reads the recorded hosts once for all tests.
var hosts = sync.OnceValues(func() (map[string]*recorded, error) {
	all := make(map[string]*recorded)
	for _, name := range hostNames {
		h, err := readHost(name)
		if err != nil {
			return nil, err
		}
		all[name] = h
	}
	return all, nil
})

func host(t testing.TB, name string) *recorded {
	t.Helper()
	all, err := hosts()
	if err != nil {
		t.Fatal(err)
	}
	return all[name]
}

func unzipped(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

func readHost(name string) (*recorded, error) {
	dir := filepath.Join("..", "..", "testdata", "host", name)
	h := &recorded{name: name, sshd: make(map[string]file), truth: new(truth)}
	logs, err := filepath.Glob(filepath.Join(dir, "var/log/audit/*.gz"))
	if err != nil || len(logs) == 0 {
		return nil, fmt.Errorf("no audit logs of %s: %v", name, err)
	}
	for _, path := range logs {
		data, err := unzipped(path)
		if err != nil {
			return nil, err
		}
		h.audit = append(h.audit, file{strings.TrimSuffix(filepath.Base(path), ".gz"), ingest.AuditLog, data})
	}
	for log, kind := range map[string]ingest.Kind{"sshd.export": ingest.JournalExport, "sshd.json": ingest.JournalJSON, "auth.log": ingest.SyslogText} {
		data, err := unzipped(filepath.Join(dir, log+".gz"))
		if err != nil {
			return nil, err
		}
		h.sshd[log] = file{log, kind, data}
	}
	data, err := unzipped(filepath.Join(dir, "truth.json.gz"))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, h.truth); err != nil {
		return nil, err
	}
	h.truth.owner = make(map[string]*truthLogin)
	for _, l := range h.truth.Logins {
		if l.Session != nil {
			h.truth.owner[fmt.Sprint(l.Boot, "/", *l.Session)] = l
		}
	}
	return h, nil
}

// with gives the audit log and some of sshd's logs.
func (h *recorded) with(names ...string) evidence {
	e := slices.Clone(h.audit)
	for _, n := range names {
		e = append(e, h.sshd[n])
	}
	return e
}

// boot gives the number of the boot that a moment belongs to.
func (tr *truth) boot(at time.Time) int {
	for _, b := range tr.Boots {
		if float64(at.UnixNano())/1e9 <= b.End+b.Offset+5 {
			return b.N
		}
	}
	return tr.Boots[len(tr.Boots)-1].N
}

// event is what the tests look at of an event that was written.
type event struct {
	typ, id, boot, ses, attribution, reason    string
	outcome, account, userID, addr, port, host string
	fingerprint, keyID, ca, pos, pid           string
	at                                         time.Time
	exec                                       bool
	args                                       []string
	text                                       string // all of it but pos, where it was asked for
}

// identity is whose an event is said to be.
func (e *event) identity() string {
	if e.attribution != schema.BySSHD && e.attribution != schema.ByAudit {
		return ""
	}
	return strings.Join([]string{e.attribution, e.boot, e.ses, e.account, e.userID, e.addr, e.port, e.fingerprint, e.keyID, e.pid}, "|")
}

// recorder is an encoder that keeps what is written.
type recorder struct {
	events []event
	text   bool
	buf    bytes.Buffer
	enc    *schema.Encoder
}

func (r *recorder) Encode(v any) error {
	a := v.(*auditevent.AuditEvent)
	x := schema.Of(a)
	e := event{typ: a.Type, outcome: a.Outcome, at: a.LoggedAt, account: a.Subjects["loggedAs"], userID: a.Subjects["userID"],
		pid: a.Subjects["pid"], addr: a.Source.Value, host: a.Target["host"], args: slices.Clone(x.ProcessArgs)}
	if a.Source.Type != "IP" {
		e.addr = ""
	}
	e.port, _ = a.Source.Extra["port"].(string)
	if s := x.Session; s != nil {
		e.ses, e.boot, e.attribution, e.reason = s.ID, s.Boot, s.Attribution, s.Reason
	}
	if c := x.Credential; c != nil {
		e.fingerprint, e.keyID = c.Fingerprint, c.KeyID
		if c.CA != nil {
			e.ca = c.CA.Fingerprint
		}
	}
	if ev := x.Event; ev != nil {
		e.id, e.pos, e.exec = ev.ID, ev.Pos, strings.HasPrefix(ev.Syscall, "execve")
		if r.text {
			ev.Pos = ""
			if r.enc == nil {
				r.enc = schema.NewEncoder(&r.buf)
			}
			r.buf.Reset()
			if err := errors.Join(r.enc.Encode(v), r.enc.Flush()); err != nil {
				return err
			}
			e.text, ev.Pos = r.buf.String(), e.pos
		}
	}
	r.events = append(r.events, e)
	return nil
}

// run replays evidence.
func run(t testing.TB, sources []*ingest.Source, text bool) ([]event, *replay.Summary) {
	t.Helper()
	rec := &recorder{text: text}
	sum, err := replay.Run(sources, rec, replay.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i := range sum.Sources {
		if c := &sum.Sources[i].Counts; !c.Balanced() {
			t.Errorf("%s: not balanced: %+v", sum.Sources[i].Name, *c)
		}
	}
	return rec.events, sum
}
