package verify_test

import (
	"fmt"
	"strings"
	"testing"

	"auditreplay/pkg/verify"
)

// A clock that is set is one finding, whatever it does to the order of the
// logs, and costs no session its login: the boot is one, though times come
// again or an hour is missing.
func TestClockSteps(t *testing.T) {
	t.Parallel()
	for _, by := range []float64{-600, -45, -5, 40, 3600} {
		for _, every := range []float64{1, 50} {
			for _, logs := range []string{"sshd.export", "auth.log", "sshd.export auth.log"} {
				t.Run(fmt.Sprintf("by %v every %v %s", by, every, logs), func(t *testing.T) {
					t.Parallel()
					r := verified(t, verify.Options{}, files(t, steppedHost(by, every, logs)))
					if len(r.Hosts) != 1 || len(r.Hosts[0].Boots) != 1 || r.Joined != 26 || r.Accepted != 26 {
						t.Errorf("%d of %d logins joined", r.Joined, r.Accepted)
					}
					want := 1
					if logs == "auth.log" && by > -every {
						want = 0 // without a journal time only went on, or stood still
					}
					if len(r.Findings) != want || want > 0 && r.Findings[0].Kind != verify.ClockStep {
						t.Errorf("%s", strings.Join(rows(r), "\n"))
					}
				})
			}
		}
	}
}

// steppedHost is a host with a login every so many seconds, whose clock is set
// after fourteen of them.
func steppedHost(by, every float64, logsOf string) map[string]string {
	l, s, journal := new(logs), new(sshd), ""
	l.start(0)
	mono, clock := 10.0, 0.0
	for n := range 26 {
		switch n {
		case 12:
			mono += 700 // so that a step back does not reach the boot's start
		case 14:
			clock = by
		}
		pid := 500 + 10*n
		journal += sshdEntry(mono+clock, mono, pid, accepted(pid), "_UID=0", "_COMM=sshd", "_EXE=/usr/sbin/sshd")
		s.accept(mono+clock, pid)
		l.ssh(mono+clock+.2, pid, n+1)
		mono += every
	}
	out := map[string]string{"audit.log": l.String()}
	for name, text := range map[string]string{"sshd.export": journal, "auth.log": s.String()} {
		if strings.Contains(logsOf, name) {
			out[name] = text
		}
	}
	return out
}

// Each of several steps is found, though two logs show them: what one of them
// shows twice, is two.
func TestTwoClockSteps(t *testing.T) {
	t.Parallel()
	l, journal := new(logs), ""
	l.start(0)
	clock := 0.0
	for n := range 60 {
		if n == 20 || n == 40 {
			clock -= 5
		}
		at, pid := 10+float64(n), 500+10*n
		journal += sshdEntry(at+clock, at, pid, accepted(pid), "_UID=0", "_COMM=sshd", "_EXE=/usr/sbin/sshd")
		l.ssh(at+clock+.2, pid, n+1)
	}
	got := rows(verified(t, verify.Options{}, files(t, map[string]string{"audit.log": l.String(), "sshd.export": journal})))
	if len(got) != 2 || !strings.HasPrefix(got[0], "clock_step ") || !strings.HasPrefix(got[1], "clock_step ") {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

// A machine whose clock is two hours ahead when it starts, until the network
// sets it: the first events of the boot stand among later ones.
func TestClockAheadAtBoot(t *testing.T) {
	t.Parallel()
	l, s := new(logs), new(sshd)
	l.start(0)
	login := func(at float64, n, ses int) {
		l.ssh(at, 500+10*n, ses)
		s.accept(at+.2, 500+10*n)
	}
	for n := range 30 {
		login(10+float64(n), n, 1+n)
	}
	l.start(7200)
	for n := range 60 {
		at := 7201 + float64(n)
		if n >= 3 {
			at = 100 + 200*float64(n)
		}
		login(at, 40+n, 1+n)
	}
	r := verified(t, verify.Options{}, files(t, map[string]string{"audit.log": l.String(), "auth.log": s.String()}))
	if boots := len(r.Hosts[0].Boots); boots != 2 || r.Joined != 90 || r.Accepted != 90 {
		t.Errorf("%d boots, %d of %d logins joined", boots, r.Joined, r.Accepted)
	}
	if len(r.Findings) != 1 || r.Findings[0].Kind != verify.ClockStep {
		t.Errorf("%s", strings.Join(rows(r), "\n"))
	}
}
