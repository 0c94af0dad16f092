package live

import (
	"fmt"
	"testing"
)

// This file sets the host's clock while somebody logs in.

// bob logs in: the session is 8, its opener's pid 70.
func (h *host) bob(at float64) {
	h.Helper()
	h.record(at, "LOGIN", "pid=70 uid=0 old-auid=4294967295 auid=1001 old-ses=4294967295 ses=8 res=1")
	h.record(at+0.1, "USER_START", `pid=70 uid=0 auid=1001 ses=8 msg='op=PAM:session_open acct="bob" exe="/usr/sbin/sshd" hostname=? addr=192.0.2.8 terminal=ssh res=success'`)
}

func (h *host) bobAccepted(at float64) {
	h.say(at, 70, "Accepted publickey for bob from 192.0.2.8 port 4712 ssh2: ED25519 SHA256:def")
}

// service lets systemd do something.
func (h *host) service(at float64) {
	h.Helper()
	h.record(at, "SERVICE_START", `pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=x comm="systemd" exe="/usr/lib/systemd/systemd" res=success'`)
}

// TestClockSet sets the clock, back or forward, while ann is logged in, and lets bob log in:
// neither is lost, whichever log is read first, and it is no new boot.
func TestClockSet(t *testing.T) {
	t.Parallel()
	for _, step := range []float64{-3600, -180, -30, 30, 3600} {
		for _, sshdFirst := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v,%v", step, sshdFirst), func(t *testing.T) {
				t.Parallel()
				h := newHost(t, Options{SSHD: true, NoWall: true})
				h.accepted(t0)
				h.login(t0)
				h.command(t0 + 20)
				h.round()
				h.want("UserLogin", "UserAction LOGIN sshd", "UserAction USER_START sshd", "UserAction USER_CMD sshd")
				now := t0 + 21 + step
				h.command(now)
				if sshdFirst {
					h.bobAccepted(now + 1)
					h.round()
					h.round()
					h.restart()
				}
				h.bob(now + 1)
				h.round()
				h.restart()
				h.round()
				if !sshdFirst {
					h.bobAccepted(now + 1)
				}
				h.round()
				h.round()
				h.want("UserAction USER_CMD sshd")
				h.service(max(t0+31, now+10)) // record time goes on where it was
				h.round()
				h.want("SystemAction SERVICE_START", "UserLogin", "UserAction LOGIN sshd", "UserAction USER_START sshd")
				if len(h.p.boots) != 1 {
					t.Errorf("%d boots", len(h.p.boots))
				}
			})
		}
	}
}

// TestClockSetBackAfterBoot sets the clock back, just after a reboot, to a time
// before it: what follows belongs to the new boot, by its serials, and its
// session 7 is not ann's.
func TestClockSetBackAfterBoot(t *testing.T) {
	t.Parallel()
	for _, back := range []float64{30, 3600} { // to when ann was there, and to before she came
		t.Run(fmt.Sprint(back), func(t *testing.T) {
			t.Parallel()
			h := newHost(t, Options{SSHD: true, NoWall: true})
			h.accepted(t0)
			h.login(t0)
			h.serial = 9000
			h.command(t0 + 50)
			h.round()
			h.want("UserLogin", "UserAction LOGIN sshd", "UserAction USER_START sshd", "UserAction USER_CMD sshd")
			h.serial = 0
			for i := range 4 {
				h.service(t0 + 60 + float64(i))
			}
			h.round()
			h.restart()
			h.record(t0+64-back, "LOGIN", "pid=50 uid=0 old-auid=4294967295 auid=1001 old-ses=4294967295 ses=7 res=1")
			h.record(t0+65-back, "USER_CMD", `pid=60 uid=1001 auid=1001 ses=7 msg='cwd="/" cmd="id" exe="/usr/bin/sudo" terminal=? res=success'`)
			h.round()
			h.service(t0 + 200)
			h.round()
			none := "none: login not seen within 60 s"
			h.want("SystemAction SERVICE_START", "SystemAction SERVICE_START", "SystemAction SERVICE_START", "SystemAction SERVICE_START",
				"SystemAction SERVICE_START", "UserAction LOGIN "+none, "UserAction USER_CMD "+none, "UserLogout")
		})
	}
}

// TestClockBehindAtBoot starts a machine twice whose clock is then far behind,
// until it is set: each boot is one, and follows the one before.
func TestClockBehindAtBoot(t *testing.T) {
	t.Parallel()
	h := newHost(t, Options{SSHD: true, NoWall: true})
	h.accepted(t0)
	h.login(t0)
	h.serial = 9000
	h.command(t0 + 50)
	h.round()
	for range 2 {
		h.serial = 0
		for i := range 4 {
			h.service(t0 - 5000 + float64(i))
		}
		h.round()
		h.restart()
		h.serial += 200
		for i := range 4 {
			h.service(t0 - 4990 + float64(i))
		}
		h.round()
		h.serial = 5000
		for i := range serialsKept {
			h.service(t0 - 4980 + float64(i))
		}
	}
	if n := len(h.p.boots); n != 3 {
		t.Fatalf("%d boots", n)
	}
	for i, b := range h.p.boots {
		if last := b.recent[len(b.recent)-1]; i == 0 && last != 9001 || i > 0 && last != 5000+serialsKept {
			t.Errorf("boot %d ends with serial %d", i, last)
		}
	}
}
