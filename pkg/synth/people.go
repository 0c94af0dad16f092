package synth

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
)

// account is an entry of passwd.
type account struct {
	name string
	uid  int
}

// key is what somebody logs in with.
type key struct {
	kind        string // "ED25519"
	fingerprint string
	id, serial  string // of its certificate, if it has one
}

// person is somebody with keys, an account and a place to come from.
type person struct {
	name     string
	own      *account
	keys     []key
	password bool // uses one, rather than a key
	ips      []string
}

// population is who and what there is on a host.
type population struct {
	people   []person
	accounts []*account
	root     *account
	shared   []*account
	ca       key
}

// newPopulation makes as many people as a host with so many logins may have.
func newPopulation(rng *rand.Rand, logins int) *population {
	p := &population{root: &account{"root", 0}}
	p.ca = key{kind: "ED25519", fingerprint: fingerprint(rng)}
	p.accounts = []*account{p.root}
	for i, name := range []string{"deploy", "admin", "backup"} {
		u := &account{name, 2000 + i}
		p.shared = append(p.shared, u)
		p.accounts = append(p.accounts, u)
	}
	first := [...]string{
		"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "kim", "leo",
		"mia", "nina", "oscar", "peggy", "quinn", "rob", "sybil", "trent", "uma", "victor", "wendy", "xena",
	}
	for i := range 12 + min(logins/200, 500) {
		name := first[i%len(first)]
		if i >= len(first) {
			name += strconv.Itoa(i / len(first))
		}
		own := &account{name, 1000 + i}
		p.accounts = append(p.accounts, own)
		who := person{name: name, own: own, password: i%11 == 10}
		for k := range 1 + rng.IntN(2) {
			who.keys = append(who.keys, newKey(rng, name, i, k))
		}
		who.ips = []string{fmt.Sprintf("10.20.%d.%d", i/200, i%200+10), "203.0.113.10"} // the second is the office's
		if i%3 == 0 {
			who.ips = append(who.ips, fmt.Sprintf("198.51.100.%d", 1+i%250))
		}
		p.people = append(p.people, who)
	}
	return p
}

func newKey(rng *rand.Rand, name string, person, n int) key {
	kinds := [...]string{"ED25519", "RSA", "ECDSA"}
	k := key{kind: kinds[rng.IntN(len(kinds))], fingerprint: fingerprint(rng)}
	switch person % 5 {
	case 3:
		k.id, k.serial = name+"@example.com", strconv.Itoa(1000+person*10+n)
	case 4: // an ID that says more than it should
		k.id, k.serial = fmt.Sprintf("%s laptop #%d (serial %d) CA", name, n, person), strconv.Itoa(500000+person*10+n)
	}
	return k
}

func fingerprint(rng *rand.Rand) string {
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(randomBytes(rng, 32))
}

func randomID(rng *rand.Rand) string { return hex.EncodeToString(randomBytes(rng, 16)) }

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}
