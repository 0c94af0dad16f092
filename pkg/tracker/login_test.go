package tracker

import "testing"

func TestAddresses(t *testing.T) {
	for _, test := range []struct {
		a, b        string
		same, known bool
	}{
		{"192.0.2.7", "192.0.2.7", true, true},
		{"192.0.2.7", "::ffff:192.0.2.7", true, true},
		{"2001:db8::1", "2001:DB8:0::1", true, true},
		{"fe80::1%eth0", "fe80::1%eth1", false, true},
		{"192.0.2.7", "192.0.2.8", false, true},
		{"host.example", "host.example", true, false},
		{"host.example", "192.0.2.7", false, false},
		{"", "192.0.2.7", false, false},
		{"192.0.2.7", "", false, false},
	} {
		if same, known := sameAddress(test.a, test.b); same != test.same || known != test.known {
			t.Errorf("sameAddress(%q, %q) is %v, %v", test.a, test.b, same, known)
		}
		if got := likeAddress(test.a, test.b); got != test.same {
			t.Errorf("likeAddress(%q, %q) is %v", test.a, test.b, got)
		}
	}
	if same, known := sameAddress("", ""); same || known {
		t.Error("no address is the same as none")
	}
}
