package report_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/journal"
	"auditreplay/pkg/ingest/syslog"
	pipeline "auditreplay/pkg/replay"
	"auditreplay/pkg/report"

	"github.com/google/go-cmp/cmp"
)

// recordedTruth is what the clients of a recorded host did, by their clocks.
type recordedTruth struct {
	Boots []struct {
		N     int
		Ahead float64 `json:"guest_clock_minus_host"`
	}
	Logins []recordedLogin
}

type recordedLogin struct {
	ID, Method, Ended string
	Boot              int
	Account           string  `json:"unix_user"`
	Fingerprint       string  `json:"key_fingerprint"`
	KeyID             string  `json:"cert_key_id"`
	Addr              string  `json:"src_ip"`
	Port              int     `json:"src_port"`
	Start             float64 `json:"client_start"`
	End               float64 `json:"client_end"`
}

// ends says what a session's end is called that ended that way.
var ends = map[string]string{
	"exit": "logout", "ctrl-d": "logout", "client killed": "disconnect", "sshd killed by root": "killed",
	"host reboot": "shutdown", "host poweroff": "shutdown", "host reset": "crash",
}

// saidOtherwise are the sessions of which sshd's own log says something else
// than their client: ssh -N said goodbye when it was told to end, and the
// goodbye of some clients was overtaken by the end of their connection.
var saidOtherwise = map[string]string{
	"bookworm-0 L029": "logout", "bookworm-A L032": "logout",
	"bookworm-0 L031": "disconnect", "bookworm-0 L078": "disconnect", "bookworm-A L033": "disconnect", "trixie-A L053": "disconnect",
}

// shown is a session as the row and the truth both have it.
type shown struct {
	Account, Method, Fingerprint, KeyID, From, Ended string
}

// TestSessionsAreTrue holds the session table of each recorded host against
// what its clients did, login for login: credential, account, address, port,
// when, and how it ended.
func TestSessionsAreTrue(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"bookworm-0", "bookworm-A", "trixie-A"} {
		for _, logs := range [][]string{{"sshd.export.gz", "auth.log.gz"}, {"auth.log.gz"}} {
			t.Run(host+"/"+strings.Join(logs, "+"), func(t *testing.T) {
				t.Parallel()
				dir := filepath.Join("..", "..", "testdata", "host", host)
				var truth recordedTruth
				if err := json.Unmarshal(unpacked(t, filepath.Join(dir, "truth.json.gz")), &truth); err != nil {
					t.Fatal(err)
				}
				rows := sessionRows(t, dir, logs)
				accepted := acceptedTimes(t, filepath.Join(dir, "auth.log.gz"))
				for _, want := range truth.Logins {
					ahead := truth.Boots[want.Boot-1].Ahead
					row := find(rows, want, ahead)
					if row == nil {
						t.Errorf("%s: no session from %s:%d", want.ID, want.Addr, want.Port)
						continue
					}
					compare(t, host, want, row, ahead)
					if got := accepted[row.from()]; !nearAny(got, row.Start, 12*time.Second) { // auth.log is up to that late
						t.Errorf("%s: started %v, accepted %v", want.ID, row.Start, got)
					}
				}
				ssh := 0
				for _, r := range rows {
					if r.Method != "" {
						ssh++
					}
				}
				if ssh != len(truth.Logins) {
					t.Errorf("%d sessions of sshd, want %d", ssh, len(truth.Logins))
				}
			})
		}
	}
}

// row is a row of "sessions --format json".
type row struct {
	Account, Method, Fingerprint, Ended string
	KeyID                               string `json:"key_id"`
	SourceIP                            string `json:"source_ip"`
	SourcePort                          string `json:"source_port"`
	Start                               time.Time
	End                                 *time.Time
}

func (r *row) from() string { return r.SourceIP + ":" + r.SourcePort }

func sessionRows(t *testing.T, dir string, logs []string) []row {
	t.Helper()
	paths := []string{filepath.Join(dir, "var/log/audit")}
	for _, log := range logs {
		paths = append(paths, filepath.Join(dir, log))
	}
	in, err := ingest.Discover(paths, ingest.Options{Detect: []func([]byte) (ingest.Kind, string){
		func(head []byte) (ingest.Kind, string) { return journal.Detect(head), "" }, syslog.Detect}})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var b bytes.Buffer
	view := report.NewSessions(&b, report.SessionsOptions{Format: report.JSON})
	if _, err := pipeline.Run(in.Sources, view, pipeline.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := view.Close(); err != nil {
		t.Fatal(err)
	}
	var rows []row
	for dec := json.NewDecoder(&b); dec.More(); {
		var r row
		if err := dec.Decode(&r); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	return rows
}

// find gives the session from that address and port that began while the
// client ran; by the time of reception, up to 12 s later.
func find(rows []row, want recordedLogin, ahead float64) *row {
	for i := range rows {
		r := &rows[i]
		at := unix(r.Start) - ahead
		if r.Method != "" && r.from() == fmt.Sprintf("%s:%d", want.Addr, want.Port) && at > want.Start-2 && at < want.End+12 {
			return r
		}
	}
	return nil
}

func compare(t *testing.T, host string, want recordedLogin, got *row, ahead float64) {
	t.Helper()
	ended := ends[want.Ended]
	if other, ok := saidOtherwise[host+" "+want.ID]; ok {
		ended = other
	}
	method := want.Method
	switch method {
	case "cert":
		method = "publickey"
	case "keyboard-interactive":
		method = "keyboard-interactive/pam"
	}
	from := want.Addr + ":" + strconv.Itoa(want.Port)
	if diff := cmp.Diff(shown{want.Account, method, want.Fingerprint, want.KeyID, from, ended},
		shown{got.Account, got.Method, got.Fingerprint, got.KeyID, got.from(), got.Ended}); diff != "" {
		t.Errorf("%s: -truth +shown:\n%s", want.ID, diff)
	}
	if got.End == nil {
		t.Errorf("%s: no end", want.ID)
		return
	}
	// A host that goes down ends its sessions before their clients notice.
	// A client may take a while to end, and auth.log has the time of reception.
	early := -5.0
	if ended == "shutdown" || ended == "crash" {
		early = -15
	}
	if late := unix(*got.End) - ahead - want.End; late < early || late > 5 {
		t.Errorf("%s (%s): ended %+.1f s off its client's time", want.ID, want.Ended, late)
	}
}

var acceptedLine = regexp.MustCompile(`^(\S+) .*: Accepted \S+ for \S+ from (\S+) port (\d+) `)

// acceptedTimes gives when sshd's log has logins from each address and port.
func acceptedTimes(t *testing.T, path string) map[string][]time.Time {
	t.Helper()
	out := make(map[string][]time.Time)
	for line := range strings.Lines(string(unpacked(t, path))) {
		m := acceptedLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, m[1])
		if err != nil {
			t.Fatal(err)
		}
		out[m[2]+":"+m[3]] = append(out[m[2]+":"+m[3]], at)
	}
	return out
}

func nearAny(times []time.Time, at time.Time, within time.Duration) bool {
	for _, x := range times {
		if x.Sub(at).Abs() <= within {
			return true
		}
	}
	return false
}

func unix(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

func unpacked(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(z); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
