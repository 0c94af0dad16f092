package tracker

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/spool"
	"auditreplay/pkg/spool/spooltest"
)

// Whatever the audit log comes to say of a session is kept.
func TestClaimsCode(t *testing.T) {
	var whole claims
	spooltest.Fill(&whole, new(ingest.Source))
	for _, s := range []*claims{&whole, {}} {
		var c spool.Code
		b := c.Append(nil, s.code)
		got := new(claims)
		if err := c.Read(b, got.code); err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%+v\nbecame %+v, %v", s, got, err)
		}
	}
}

// Whatever is known of a login is kept.
func TestLoginClaimsCode(t *testing.T) {
	var whole loginClaims
	spooltest.Fill(&whole, new(ingest.Source))
	for _, l := range []*loginClaims{&whole, {}} {
		var c spool.Code
		b := c.Append(nil, l.code)
		got := new(loginClaims)
		if err := c.Read(b, got.code); err != nil || !reflect.DeepEqual(got, l) {
			t.Errorf("%+v\nbecame %+v, %v", l, got, err)
		}
	}
}

// A login is as it was when it was put away, and is found by its number.
func TestStoreOfLogins(t *testing.T) {
	var all []*sshd.Login
	broken := errors.New("broken")
	st := NewStore(4, func(number int) (*sshd.Login, error) {
		if number == 31 {
			return nil, broken
		}
		again := *all[number/10-1]
		return &again, nil
	})
	defer st.Close()
	tr := New(nil, nil, Options{Terse: true, Store: st})
	at := time.Unix(1e9, 0).UTC()
	for i := range 100 {
		at = at.Add(time.Hour)
		all = append(all, &sshd.Login{Accepted: true, Number: 10 * (i + 1), PID: 100 + i, Time: at, Account: "user" + itoa(i)})
		if i == 7 {
			tr.LoginInDoubt(all[i])
			continue
		}
		if err := tr.Login(all[i], time.Second); err != nil {
			t.Fatal(err)
		}
		tr.LifeOf(all[i], at.Add(time.Minute))
	}
	for _, i := range []int{0, 99, 50, 7, 1, 98, 0} {
		tr.rest()
		l := tr.known(&sshd.Login{Number: 10 * (i + 1)})
		switch {
		case l == nil:
			t.Errorf("no login %d", i)
		case l.detail.Number != 10*(i+1) || l.Account != "user"+itoa(i) || i != 7 && !l.LifeEnd.Equal(all[i].Time.Add(time.Minute)) ||
			i != 7 && !tr.timeOf(l).Equal(all[i].Time.Add(-time.Second)):
			t.Errorf("login %d became %+v", i, l.loginClaims)
		}
	}
	if n := len(st.logins.held); n > 8 {
		t.Errorf("%d logins are held", n)
	}
	if tr.known(&sshd.Login{Number: 15}) != nil {
		t.Error("a login that nobody told of")
	}
	far := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	if l := tr.newLogin(&sshd.Login{Time: far}, 0); !tr.timeOf(l).Equal(far) {
		t.Errorf("%v became %v", far, tr.timeOf(l))
	}
	tr.logins[3].number = 31
	if tr.useLogin(tr.logins[3]); !errors.Is(tr.lost(), broken) {
		t.Errorf("%v", tr.lost())
	}
}

// A session is as it was when it was put away, and one that cannot be read
// again is an error of everything that follows.
func TestStore(t *testing.T) {
	st := NewStore(4, nil)
	defer st.Close()
	tr := New(nil, nil, Options{Terse: true, Store: st})
	var all []*session
	for i := range 100 {
		tr.rest()
		s := tr.open(itoa(i))
		s.Acct = "account of " + s.ID
		all = append(all, s)
	}
	for _, i := range []int{0, 99, 50, 1, 98, 0} {
		tr.rest()
		if s := tr.use(all[i]); s.ID != itoa(i) || s.Acct != "account of "+itoa(i) {
			t.Errorf("session %d became %+v", i, s.claims)
		}
	}
	if n := len(st.sessions.held); n > 8 {
		t.Errorf("%d sessions are held", n)
	}
	held := func(s *session) bool { return s.body != nil }
	pinned := tr.use(all[7])
	pinned.nest(1, pinned.First)
	for _, s := range all {
		tr.rest()
		tr.use(s)
	}
	if tr.rest(); !held(pinned) || len(pinned.nested) != 1 {
		t.Error("what is not written was put away")
	}
	gone := all[slices.IndexFunc(all, func(s *session) bool { return !held(s) })]
	gone.spooled = 1 << 40
	if tr.use(gone); tr.lost() == nil {
		t.Error("no error of a session that is lost")
	}
}

func TestLists(t *testing.T) {
	var ls lists[string]
	of := func(n int) []string { return slices.Collect(ls.of(n)) }
	for _, v := range []string{"b", "a", "c", "a"} {
		ls.add(1, v)
	}
	ls.add(2, "x")
	if got := of(1); !slices.Equal(got, []string{"b", "a", "c", "a"}) {
		t.Errorf("%q", got)
	}
	ls.remove(1, "a")
	ls.remove(2, "x")
	if got := of(1); !slices.Equal(got, []string{"b", "c"}) || ls.has(2) || of(2) != nil || !ls.has(1) {
		t.Errorf("%q, %q", got, of(2))
	}
	ls.set(1, []string{"z", "y", "x"})
	ls.sort(func(a, b string) int { return int(a[0]) - int(b[0]) })
	if got := of(1); !slices.Equal(got, []string{"x", "y", "z"}) {
		t.Errorf("%q", got)
	}
}

func TestSessionIDs(t *testing.T) {
	x := newSessionIDs()
	ids := []string{"0", "7", "07", "+7", "4294967295", "4294967296", "-1", "", "1x", " 7"}
	for _, id := range ids {
		x.set(id, newSession(id, true))
	}
	for _, id := range ids {
		if s := x.get(id); s == nil || s.ID != id {
			t.Errorf("%q gave %v", id, s)
		}
	}
	if x.len() != len(ids) || len(slices.Collect(x.all())) != len(ids) {
		t.Errorf("%d sessions", x.len())
	}
	if x.delete("07"); x.get("07") != nil || x.get("7") == nil {
		t.Error("07 is 7")
	}
}
