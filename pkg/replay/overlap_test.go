package replay_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"auditreplay/pkg/ingest"
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

// They meet them: from there on only the order of the file tells the two apart.
func TestTwoBootsThatMeet(t *testing.T) {
	t.Parallel()
	e := behind(newStory(), 2000).files("auth")
	wantWhose(t, e, is{"hers": "alice", "herlast": "alice", "his": "audit core " + home, "hislast": "audit core " + home})
	lines := linesOf(e[0].data)
	slices.SortStableFunc(lines, func(a, b []byte) int { return cmp.Compare(timeOf(a), timeOf(b)) })
	e[0].data = slicesJoin(lines...)
	wantWhose(t, e, is{"hers": "alice", "herlast": "alice", "his": "audit core " + home, "hislast": "none: " + twoBoots})
}

// timeOf gives the time of a record's line.
func timeOf(line []byte) string {
	_, rest, _ := strings.Cut(string(line), "audit(")
	at, _, _ := strings.Cut(rest, ":")
	return at
}

// ticks writes events of no session, one a second.
func (s *story) ticks(from, to int) *story {
	for at := from; at < to; at++ {
		s.rec(float64(at), "SERVICE_START", "pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=a res=success'")
	}
	return s
}

// The clock of the second boot is behind, and in the order of time its count
// goes through that of the first, which has few events then. The file is one,
// or two of a rotated set whose names say the wrong order.
func TestTwoBootsInTheOrderOfTheFile(t *testing.T) {
	t.Parallel()
	s := newStory().ticks(0, 20).whole(20, 2, 700, "alice", "core", home, 4000).ticks(21, 40)
	for at := 40; at < 400; at += 15 {
		s.ticks(at, at+1)
	}
	s.run(400, 2, 710, 700, "herlast")
	s.serial, s.boot, s.up = 9, strings.Repeat("c", 32), 240
	s.ticks(250, 270).whole(270, 2, 900, "bob", "core", home, 4001).ticks(271, 420).run(420, 2, 910, 900, "hislast")
	want := is{"herlast": "alice", "hislast": "bob"}
	e := s.files("export")
	wantWhose(t, e, want)
	lines := linesOf(e[0].data)
	n := len(lines) * 2 / 3
	wantWhose(t, evidence{{"audit.log", ingest.AuditLog, slicesJoin(lines[:n]...)}, {"audit.log.1", ingest.AuditLog, slicesJoin(lines[n:]...)}, e[1]}, want)
}

// The second boot's clock is ahead, and then set back to before the boot began.
// What comes after that stands by its time in the first boot, by the file in
// the second.
func TestClockSetBackBeforeTheBoot(t *testing.T) {
	t.Parallel()
	s := newStory().ticks(0, 20).whole(20, 2, 700, "alice", "core", home, 4000).run(21, 2, 710, 700, "hers").ticks(22, 180)
	s.serial, s.boot, s.up = 9, strings.Repeat("c", 32), 490
	s.ticks(500, 540).whole(540, 2, 900, "bob", "core", home, 4001).run(541, 2, 910, 900, "his").ticks(542, 620)
	s.ticks(200, 240).run(240, 2, 910, 900, "hislast")
	wantWhose(t, s.files("export"), is{"hers": "alice", "his": "bob", "hislast": "bob"})
}

// The clock of the first boot is set ahead, and the second boot lies in the
// time that was left out.
func TestBootWhileAnotherIsSilent(t *testing.T) {
	t.Parallel()
	s := newStory().ticks(0, 20).whole(20, 2, 700, "alice", "core", home, 4000).ticks(21, 120).ticks(600, 640)
	s.run(640, 2, 710, 700, "herlast")
	s.serial, s.boot, s.up = 9, strings.Repeat("c", 32), 190
	s.ticks(200, 220).whole(220, 2, 900, "bob", "core", home, 4001).ticks(221, 300).run(300, 2, 910, 900, "hislast")
	wantWhose(t, s.files("export"), is{"herlast": "alice", "hislast": "bob"})
}

// Files that were put together with the newest first are no two boots, nor are
// lines that were shuffled.
func TestFallsThatAreNoBoots(t *testing.T) {
	t.Parallel()
	s := newStory().ticks(0, 20).whole(20, 2, 700, "alice", "core", home, 4000)
	for at := 21; at < 2000; at += 20 {
		s.ticks(at, at+20).run(float64(at)+19.5, 2, 710, 700, fmt.Sprint("c", at))
	}
	e := s.files("auth")
	want := whose(t, e)
	lines := linesOf(e[0].data)
	var parts [][]byte
	for part := range slices.Chunk(lines, 300) {
		parts = append([][]byte{slicesJoin(part...)}, parts...)
	}
	e[0].data = slicesJoin(parts...)
	wantWhose(t, e, want)
	r := rand.New(rand.NewPCG(1, 2))
	for part := range slices.Chunk(lines, 300) {
		r.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
	}
	e[0].data = slicesJoin(lines...)
	wantWhose(t, e, want)
	if want["c21"] != "alice" {
		t.Error(want["c21"])
	}
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
