package synth_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"auditreplay/pkg/synth"
)

// write makes evidence in a folder of its own.
func write(t *testing.T, o synth.Options) (string, synth.Totals) {
	t.Helper()
	dir := t.TempDir()
	totals, err := synth.Write(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return dir, totals
}

// digests of all files below dir.
func digests(t *testing.T, dir string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		sums[name] = fmt.Sprintf("%d %x", len(data), sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

func TestSameOptionsSameBytes(t *testing.T) {
	t.Parallel()
	o := synth.Options{Seed: 7, Bytes: 3_000_000, Hosts: 2, Rotate: 1 << 20}
	one, _ := write(t, o)
	two, _ := write(t, o)
	if diff := cmp.Diff(digests(t, one), digests(t, two)); diff != "" {
		t.Errorf("two runs differ:\n%s", diff)
	}
	o.Seed++
	other, _ := write(t, o)
	if cmp.Equal(digests(t, one), digests(t, other)) {
		t.Error("another seed made the same bytes")
	}
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	near := func(got, want int64) bool { return got > want*85/100 && got < want*115/100 }
	if _, got := write(t, synth.Options{Bytes: 5_000_000, Hosts: 2}); !near(got.Bytes, 5_000_000) {
		t.Errorf("%d bytes instead of five million", got.Bytes)
	}
	_, got := write(t, synth.Options{Logins: 301, Hosts: 2, Boots: 3})
	if got.Logins < 301 || got.Logins > 301+6*12 { // who was at the door when it closed still came in
		t.Errorf("%d logins instead of 301", got.Logins)
	}
	if _, got := write(t, synth.Options{Logins: 300, Bytes: 6_000_000}); !near(got.Bytes, 6_000_000) || got.Logins > 330 {
		t.Errorf("%d bytes, %d logins instead of six million and 300", got.Bytes, got.Logins)
	}
}

// truth is as much of truth.json as the tests need.
type truth struct {
	Boots  []struct{ N int }
	Logins []struct {
		ID          string
		Boot        int
		UnixUser    string  `json:"unix_user"`
		Method      string  `json:"method"`
		Fingerprint string  `json:"key_fingerprint"`
		KeyID       string  `json:"cert_key_id"`
		IP          string  `json:"src_ip"`
		Port        int     `json:"src_port"`
		Session     *int    `json:"sessionid"`
		SSHD        int     `json:"sshd_pid"`
		Ended       string  `json:"ended"`
		Start       float64 `json:"client_start"`
		Commands    []struct{ Marker string }
	}
	Markers map[string]string
}

func readTruth(t *testing.T, dir string) truth {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got truth
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// auditLines returns the records of the whole rotated set, oldest first.
func auditLines(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "var/log/audit/*"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no audit log", err)
	}
	age := func(path string) int {
		n, _ := strconv.Atoi(strings.TrimPrefix(filepath.Ext(path), "."))
		return n
	}
	slices.SortFunc(paths, func(a, b string) int { return age(b) - age(a) })
	var all []string
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.SplitAfter(strings.TrimSuffix(string(data), "\n"), "\n")...)
		if !bytes.HasSuffix(data, []byte("\n")) {
			t.Errorf("%s ends within a record", path)
		}
	}
	return all
}

var (
	record     = regexp.MustCompile(`^(?:node=\w+ )?type=(\w+) msg=audit\((\d+\.\d{3}):(\d+)\): `)
	loginRec   = regexp.MustCompile(`pid=(\d+) .* ses=(\d+) res=1`)
	accepted   = regexp.MustCompile(`^Accepted (\w+) for (\S+) from (\S+) port (\d+) ssh2(.*)`)
	credential = regexp.MustCompile(`: [\w-]+ (SHA256:\S+)(?: ID (.*) \(serial \d+\) CA)?`)
)

// Logs and truth tell the same story: each login of the truth has its
// Accepted line, with its credential, and its LOGIN record, with its PID.
func TestConsistency(t *testing.T) {
	t.Parallel()
	for _, format := range []synth.Format{synth.Raw, synth.Enriched} {
		t.Run(fmt.Sprint(format), func(t *testing.T) {
			t.Parallel()
			dir, totals := write(t, synth.Options{Seed: 3, Logins: 700, Boots: 3, Format: format, Rotate: 1 << 20})
			story := readTruth(t, dir)
			if len(story.Logins) != totals.Logins || len(story.Boots) != 3 {
				t.Errorf("%d logins in the truth, %d were made; %d boots", len(story.Logins), totals.Logins, len(story.Boots))
			}
			leaders := checkAudit(t, auditLines(t, dir))
			lines := acceptedLines(t, dir)
			for _, l := range story.Logins {
				what := l.Method
				if l.Fingerprint != "" {
					what += " " + l.Fingerprint
				}
				if l.KeyID != "" {
					what += " " + l.KeyID
				}
				line := fmt.Sprintf("%d %d %s %s %d %s", l.Boot, l.SSHD, l.UnixUser, l.IP, l.Port, what)
				if !lines[line] {
					t.Errorf("%s: no line %s", l.ID, line)
				}
				if l.Session != nil && leaders[[2]int{l.Boot, *l.Session}] != l.SSHD {
					t.Errorf("%s: session %d of boot %d belongs to %d", l.ID, *l.Session, l.Boot, leaders[[2]int{l.Boot, *l.Session}])
				}
			}
			if len(lines) != len(story.Logins) {
				t.Errorf("%d accepted lines for %d logins", len(lines), len(story.Logins))
			}
		})
	}
}

// checkAudit returns the pid that each (boot, session) was given to.
func checkAudit(t *testing.T, lines []string) map[[2]int]int {
	t.Helper()
	leaders := map[[2]int]int{}
	boot, last := 0, 0.0
	serials := map[int]string{}
	for i, line := range lines {
		m := record.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("record %d: %s", i+1, line)
		}
		at, _ := strconv.ParseFloat(m[2], 64)
		if at < last-0.201 { // as far as events are mixed
			t.Errorf("record %d: time steps back from %.3f to %s", i+1, last, m[2])
		}
		last = max(last, at)
		if m[1] == "DAEMON_START" {
			boot++
			clear(serials)
		}
		if strings.HasPrefix(m[1], "DAEMON_") {
			continue
		}
		serial, _ := strconv.Atoi(m[3])
		if at, known := serials[serial]; known && at != m[2] {
			t.Errorf("record %d: serial %d at %s and %s", i+1, serial, at, m[2])
		}
		serials[serial] = m[2]
		if m[1] == "LOGIN" {
			l := loginRec.FindStringSubmatch(line)
			pid, _ := strconv.Atoi(l[1])
			ses, _ := strconv.Atoi(l[2])
			if leaders[[2]int{boot, ses}] != 0 {
				t.Errorf("record %d: session %d is given twice", i+1, ses)
			}
			leaders[[2]int{boot, ses}] = pid
		}
	}
	return leaders
}

// acceptedLines returns the logins that the journal tells of.
func acceptedLines(t *testing.T, dir string) map[string]bool {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "sshd.export"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	boots := map[string]int{}
	fields := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			fields[name] = value
		}
		if line != "\n" {
			continue
		}
		if id := fields["_BOOT_ID"]; boots[id] == 0 {
			boots[id] = len(boots) + 1
		}
		if m := accepted.FindStringSubmatch(fields["MESSAGE"]); m != nil {
			what := m[1]
			if c := credential.FindStringSubmatch(m[5]); c != nil {
				what = strings.TrimSpace(what + " " + c[1] + " " + c[2])
			}
			found[fmt.Sprintf("%d %s %s %s %s %s", boots[fields["_BOOT_ID"]], fields["SYSLOG_PID"], m[2], m[3], m[4], what)] = true
		}
		delete(fields, "MESSAGE")
	}
	return found
}

// What makes evidence hard is there: interleaved events and records, PIDs and
// session ids that come back, accounts that several people use, sessions that
// a reboot ended, events cut by a rotation.
func TestHardships(t *testing.T) {
	t.Parallel()
	dir, _ := write(t, synth.Options{Seed: 5, Logins: 1500, PIDs: 2000, Rotate: 4 << 20})
	story := readTruth(t, dir)
	pids, ended := map[[2]int]int{}, map[string]int{}
	for _, l := range story.Logins {
		pids[[2]int{l.Boot, l.SSHD}]++
		ended[l.Ended]++
	}
	reused := 0
	for _, n := range pids {
		if n > 1 {
			reused++
		}
	}
	if reused == 0 || ended["shutdown"] == 0 || ended["disconnect"] == 0 {
		t.Errorf("%d reused pids, ended %v", reused, ended)
	}
	mixed, seen, previous := 0, map[string]bool{}, ""
	for _, line := range auditLines(t, dir) {
		m := record.FindStringSubmatch(line)
		key := m[2] + ":" + m[3]
		if key != previous && seen[key] {
			mixed++
		}
		seen[key], previous = true, key
	}
	if mixed == 0 {
		t.Error("no event's records are mixed with another's")
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "var/log/audit/audit.log*")); len(names) < 6 {
		t.Errorf("files: %v", names)
	}
}

func TestNeverOverwrites(t *testing.T) {
	t.Parallel()
	dir, _ := write(t, synth.Options{})
	if _, err := synth.Write(dir, synth.Options{}); err == nil {
		t.Error("a second run wrote over the first")
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "evidence")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	totals, err := synth.Write(dir, synth.Options{Logins: 20, Boots: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(totals.Logins >= 20, totals.Records > totals.Events)
	// Output: true true
}

// go test -run '^$' -bench Write ./pkg/synth
func BenchmarkWrite(b *testing.B) {
	const amount = 20_000_000
	b.SetBytes(amount)
	for b.Loop() {
		dir := b.TempDir()
		if _, err := synth.Write(filepath.Join(dir, "x"), synth.Options{Bytes: amount}); err != nil {
			b.Fatal(err)
		}
	}
}
