package replay_test

import (
	"fmt"
	"testing"
)

const twoBoots = "conflict: two boots at once"

// behind tells of a host that starts again with its clock behind: for a while
// the events of two boots stand between each other, and both have a session 3.
// after is how often the first boot's last events come, in seconds.
func behind(s *story, reach int) *story {
	s.whole(0, 3, 700, "alice", "core", home, 4000).run(2, 3, 710, 700, "hers")
	for i := range 600 {
		s.rec(float64(3+i), "SERVICE_START", "pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=a res=success'")
		if i == 541 {
			s.run(float64(3+i)+.5, 3, 710, 700, "herlast")
		}
	}
	s.serial = 4
	for i := range reach {
		s.rec(500+float64(i)*200/float64(reach), "SERVICE_START", "pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=b res=success'")
		if i == reach/20 {
			s.whole(510.01, 3, 900, "bob", "core", home, 4001)
			s.run(511.01, 3, 910, 900, "his")
		}
	}
	return s.run(700.5, 3, 910, 900, "hislast")
}

// The second boot's serials stay below the first one's as long as that goes
// on: every event has its boot. auth.log names none, so that bob's login may be
// of either.
func TestTwoBootsAtOnce(t *testing.T) {
	t.Parallel()
	s := behind(newStory(), 300)
	wantWhose(t, s.files("auth"), is{"hers": "alice", "herlast": "alice", "his": "audit core " + home, "hislast": "audit core " + home})
}

// They meet them: from there on nothing tells the two apart.
func TestTwoBootsThatMeet(t *testing.T) {
	t.Parallel()
	s := behind(newStory(), 2000)
	wantWhose(t, s.files("auth"), is{"hers": "alice", "herlast": "alice", "his": "audit core " + home, "hislast": "none: " + twoBoots})
}

// Each boot goes on where nobody else does; the journal says whose the logins
// are.
func TestTwoBootsAtOnceByTheJournal(t *testing.T) {
	t.Parallel()
	s := newStory().whole(0, 3, 700, "alice", "core", home, 4000).run(2, 3, 710, 700, "hers")
	for i := range 600 {
		s.rec(float64(3+i), "SERVICE_START", "pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=a res=success'")
	}
	s.run(602.5, 3, 710, 700, "herlast").bye(603, 700, "core")
	s.serial, s.boot, s.up = 4, fmt.Sprintf("%032d", 2), 490
	for i := range 20 {
		s.rec(500+float64(i)/2, "SERVICE_START", "pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=b res=success'")
	}
	s.whole(511, 3, 900, "bob", "core", home, 4001).run(512, 3, 910, 900, "his")
	for i := range 200 {
		s.rec(513+float64(i), "SERVICE_START", "pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=b res=success'")
	}
	s.run(715, 3, 910, 900, "hislast")
	wantWhose(t, s.files("export"), is{"hers": "alice", "herlast": "alice", "his": "bob", "hislast": "bob"})
}

// A clock that is set back is one boot all the same, whichever events are
// missing.
func TestClockSetBackIsOneBoot(t *testing.T) {
	t.Parallel()
	s := newStory().whole(0, 3, 700, "alice", "core", home, 4000)
	at := 1.0
	for i := range 900 {
		if i == 600 {
			at -= 400
		}
		at++
		s.rec(at, "SERVICE_START", "pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=a res=success'")
		if i%100 == 50 {
			s.run(at+.1, 3, 710+i, 700, fmt.Sprint("c", i))
		}
	}
	want := is{}
	for i := 50; i < 900; i += 100 {
		want[fmt.Sprint("c", i)] = "alice"
	}
	s.inBoth(t, want)
}
