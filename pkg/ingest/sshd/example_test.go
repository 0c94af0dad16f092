package sshd_test

import (
	"fmt"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/sshd"
)

// The lines of one connection, from its log to a decision and an end.
func Example() {
	connections := sshd.NewConnections()
	emit := func(c sshd.Change) {
		g := c.Login
		switch {
		case c.Kind == sshd.Decided && g.Accepted:
			fmt.Printf("%s logged in from %s with %s of %s\n", g.Account, g.Addr, g.Method, g.KeyID)
		case c.Kind == sshd.Decided:
			fmt.Printf("%s was refused from %s: %s, %s\n", g.Account, g.Addr, g.Error, g.Reason)
		case c.Kind == sshd.Ended:
			fmt.Printf("%s ended: %s\n", g.Account, g.End.How)
		}
	}
	var l sshd.Line
	for i, text := range []string{
		"error: Certificate invalid: expired",
		"Failed publickey for deploy from 203.0.113.9 port 50122 ssh2: ED25519-CERT SHA256:aaa ID hugo@example.com (serial 7) CA RSA SHA256:ccc",
		"Accepted publickey for deploy from 203.0.113.9 port 50122 ssh2: ED25519-CERT SHA256:bbb ID iris@example.com (serial 8) CA RSA SHA256:ccc",
		"pam_unix(sshd:session): session closed for user deploy",
	} {
		m := ingest.Message{Ident: "sshd", PID: 4711, Text: text}
		sshd.Parse(m.Text, &l)
		if ok, _ := sshd.Believable(&m, &l); ok {
			connections.Add(&m, ingest.Pos{Line: int64(i + 1)}, &l, emit)
		}
	}
	connections.Close(emit)
	// Output:
	// deploy was refused from 203.0.113.9: certificate invalid, expired
	// deploy logged in from 203.0.113.9 with publickey of iris@example.com
	// deploy ended: logout
}
