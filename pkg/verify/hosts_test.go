package verify_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/synth"
	"auditreplay/pkg/verify"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite what is expected of the recorded hosts")

var hostNames = []string{"bookworm-A", "trixie-A", "bookworm-0"}

func hostPaths(host string) []string {
	dir := filepath.Join("..", "..", "testdata", "host", host)
	return []string{filepath.Join(dir, "var", "log", "audit"), filepath.Join(dir, "sshd.export.gz")}
}

// downtime is a time without auditd: the boot, and when the commands that
// stopped and started it had returned, as who gave them wrote it down.
type downtime struct {
	boot             int
	stopped, started string
}

// downtimes are all there were: each host's auditd was restarted once, and
// stopped and started once, in the boots that are listed.
var downtimes = map[string][]downtime{
	"bookworm-A": {
		{1, "23:34:43", "23:34:43"},
		{1, "23:34:48", "23:35:14"},
		{2, "23:43:38", "23:43:38"},
		{2, "23:43:41", "23:43:50"},
	},
	"trixie-A": {
		{1, "23:10:52", "23:10:52"},
		{1, "23:10:56", "23:11:24"},
		{2, "23:22:54", "23:22:54"},
		{2, "23:22:57", "23:23:09"},
	},
	"bookworm-0": {
		{1, "22:50:56", "22:50:56"},
		{1, "22:51:01", "22:51:16"},
		{2, "23:01:49", "23:01:49"},
		{2, "23:01:54", "23:02:16"},
	},
}

// checkDowntimes holds what was found against them.
func checkDowntimes(t *testing.T, host string, r *verify.Report) {
	t.Helper()
	const within = 10 * time.Second
	boots := bootsOf(r)
	var found []verify.Finding
	for _, f := range r.Findings {
		if f.Kind == verify.AuditdDown {
			found = append(found, f)
		}
	}
	if len(found) != len(downtimes[host]) {
		t.Fatalf("%d times without auditd, want %d", len(found), len(downtimes[host]))
	}
	for i, want := range downtimes[host] {
		near := func(at time.Time, text string) bool {
			noted, err := time.Parse(time.DateTime, at.Format("2006-01-02 ")+text)
			return err == nil && at.Sub(noted).Abs() < within
		}
		f := found[i]
		if boots[f.Boot] != want.boot || !near(f.From, want.stopped) || !near(f.To, want.started) {
			t.Errorf("%+v, want %+v", f, want)
		}
	}
}

// bootsOf numbers the boots of a report.
func bootsOf(r *verify.Report) map[string]int {
	boots := make(map[string]int)
	for _, b := range r.Hosts[0].Boots {
		boots[b.ID] = len(boots) + 1
	}
	return boots
}

// What is found on the recorded hosts, all of it. Every serial gap lies where
// auditd was down, or had ended with the boot; the numbers were counted by
// another program.
func TestRecordedHosts(t *testing.T) {
	t.Parallel()
	for _, host := range hostNames {
		for _, with := range []struct{ logs, golden string }{
			{"sshd.export.gz", host + ".txt"},
			{"host.export.*", host + ".journal.txt"}, // with the kernel's records that journald took
			{"auth.log.gz", host + ".syslog.txt"},
			{"", host + ".audit.txt"},
		} {
			t.Run(with.golden, func(t *testing.T) {
				t.Parallel()
				paths := hostPaths(host)[:1]
				if with.logs != "" {
					found, err := filepath.Glob(filepath.Join(filepath.Dir(hostPaths(host)[1]), with.logs))
					if err != nil || len(found) != 1 {
						t.Fatal(found, err)
					}
					paths = append(paths, found...)
				}
				r := verified(t, verify.Options{}, paths...)
				checkDowntimes(t, host, r)
				checkGaps(t, r)
				compareText(t, r, filepath.Join("testdata", with.golden))
			})
		}
	}
}

// checkGaps holds that no gap is there without its reason. Only the kernel's
// own printing, before auditd runs, loses some for another one.
func checkGaps(t *testing.T, r *verify.Report) {
	t.Helper()
	lost := make(map[string]bool) // boots
	for _, f := range r.Findings {
		lost[f.Boot] = lost[f.Boot] || f.Kind == verify.RecordsLost
	}
	for _, f := range r.Findings {
		if f.Kind == verify.SerialGap && !strings.Contains(f.Detail, "auditd ") && !lost[f.Boot] {
			t.Errorf("a gap of no known reason: %+v", f)
		}
	}
}

// compareText holds a report's text against a golden file.
func compareText(t *testing.T, r *verify.Report, name string) {
	t.Helper()
	var got bytes.Buffer
	if err := r.WriteText(&got, 0); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(name, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for line := range strings.Lines(got.String()) {
		if len([]rune(line)) > 81 {
			t.Errorf("more than 80 columns: %q", line)
		}
	}
}

// Synthetic hosts are healthy: nothing is found.
func TestHealthyHosts(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		dir := filepath.Join(t.TempDir(), "hosts")
		if _, err := synth.Write(dir, synth.Options{Seed: seed, Bytes: 1_500_000, Hosts: 2, Boots: 3, Rotate: 1 << 18}); err != nil {
			t.Fatal(err)
		}
		r := verified(t, verify.Options{}, dir)
		if len(r.Findings) > 0 {
			t.Errorf("seed %d: %v", seed, rows(r))
		}
		var text bytes.Buffer
		if err := r.WriteText(&text, 0); err != nil || !strings.Contains(text.String(), "\nNothing found: ") {
			t.Errorf("error %v: the text does not say that nothing was found, with figures:\n%s", err, text.String())
		}
	}
}
