package replay_test

import (
	"fmt"
	"testing"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/replay"

	"github.com/google/go-cmp/cmp"
)

// failed is a line of RFC 3164 that makes a UserLogin.
func failed(stamp, zone string, pid int) string {
	return fmt.Sprintf("%s%s web01 sshd[%d]: Failed password for bob from 10.0.0.9 port %d ssh2\n", stamp, zone, pid, 40000+pid)
}

// TestRotatedYears dates a rotated set: each file by the one that follows it,
// the newest by the audit log.
func TestRotatedYears(t *testing.T) {
	t.Parallel()
	s := newStory() // 2026-03-01
	s.login(0, 7, 500)
	set := evidence{
		{"audit.log", ingest.AuditLog, s.audit.Bytes()},
		{"auth.log", ingest.SyslogText, []byte(failed("Feb 27 10:00:00", "", 1))},
		{"auth.log.1", ingest.SyslogText, []byte(failed("Apr  2 10:00:00", "", 2) + failed("Dec 31 23:59:58", "", 3) + failed("Jan  1 00:00:02", "", 4))},
		{"auth.log.2.gz", ingest.SyslogText, []byte(failed("Feb 29 12:00:00", "", 5) + failed("May  3 10:00:00", "", 6))},
	}
	events, sum := run(t, set.sources(), false)
	var got []string
	for _, e := range events {
		if e.typ == "UserLogin" {
			got = append(got, e.at.Format(time.DateTime))
		}
	}
	want := []string{"2024-02-29 12:00:00", "2024-05-03 10:00:00", "2025-04-02 10:00:00", "2025-12-31 23:59:58", "2026-01-01 00:00:02", "2026-02-27 10:00:00"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if c := sum.Sources[2].Clock; c.Year != 2026 || c.YearFrom != "the next file of the rotation, 2026-02-27" {
		t.Errorf("%+v", c)
	}
}

// TestYearOfLogins: logins that the audit log has too tell the year, though
// other evidence is newer.
func TestYearOfLogins(t *testing.T) {
	t.Parallel()
	s := newStory() // 2026-03-01 09:00
	auth := ""
	for i := range 4 {
		at := float64(i * 60)
		s.login(at, 7+i, 500+i)
		auth += fmt.Sprintf("Mar  1 %s web01 sshd[%d]: Accepted password for bob from 10.0.0.9 port %d ssh2\n",
			s.base.Add(time.Duration(at)*time.Second-5*time.Hour).Format(time.TimeOnly), 500+i, 40000+i)
	}
	later := fmt.Sprintf("type=LOGIN msg=audit(%d.000:99): pid=9 uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=99 res=1\n",
		s.base.AddDate(2, 0, 0).Unix())
	_, sum := run(t, evidence{{"audit.log", ingest.AuditLog, append(s.audit.Bytes(), later...)}, {"auth.log", ingest.SyslogText, []byte(auth)}}.sources(), false)
	want := &replay.ClockSummary{Year: 2026, YearFrom: "4 logins agree with the audit log",
		Zones: []replay.ZoneSummary{{Zone: "-05:00", From: "4 of 4 logins and records that the audit log has too"}}}
	if diff := cmp.Diff(want, sum.Sources[1].Clock); diff != "" {
		t.Error(diff)
	}
}

// TestZoneOfAnotherFile: a file with too few logins has the zone of another
// file of its host; audit records among its lines tell it as well.
func TestZoneOfAnotherFile(t *testing.T) {
	t.Parallel()
	s := newStory()
	long, short := "", ""
	for i := range 5 {
		s.login(float64(i*60), 7+i, 500+i)
		line := fmt.Sprintf("Mar  1 %s web01 sshd[%d]: Accepted password for bob from 10.0.0.9 port %d ssh2\n",
			s.base.Add(time.Duration(i)*time.Minute+2*time.Hour).Format(time.TimeOnly), 500+i, 40000+i)
		if i < 4 {
			long += line
		} else {
			short += line
		}
	}
	_, sum := run(t, evidence{{"audit.log", ingest.AuditLog, s.audit.Bytes()}, {"auth.log", ingest.SyslogText, []byte(long)},
		{"secure", ingest.SyslogText, []byte(short)}}.sources(), false)
	if z := sum.Sources[2].Clock.Zones[0]; z.Zone != "+02:00" || z.From != "as auth.log" {
		t.Errorf("%+v", z)
	}

	mixed := short
	for i := range 4 {
		at := s.base.Add(time.Duration(i) * time.Minute)
		mixed += fmt.Sprintf("%s web01 audispd: type=USER_END msg=audit(%d.000:%d): pid=9 uid=0 auid=1000 ses=3 msg='op=x acct=\"bob\" res=success'\n",
			at.Add(-3*time.Hour-30*time.Minute).Format(time.Stamp), at.Unix(), 900+i)
	}
	_, sum = run(t, evidence{{"messages", ingest.SyslogText, []byte(mixed)}}.sources(), false)
	if z := sum.Sources[0].Clock.Zones[0]; z.Zone != "-03:30" {
		t.Errorf("%+v", z)
	}
}
