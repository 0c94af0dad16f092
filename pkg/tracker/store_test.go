package tracker

import (
	"reflect"
	"slices"
	"testing"

	"auditreplay/pkg/ingest"
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

// A session is as it was when it was put away, and one that cannot be read
// again is an error of everything that follows.
func TestStore(t *testing.T) {
	st := NewStore(4)
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
	ls := newLists[string]()
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
