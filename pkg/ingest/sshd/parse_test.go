package sshd

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const (
	fpA = "SHA256:X7PjgjdUaP+tgI3wM/qpqPZM+tGRP66iAlD/ez1nwMo"
	fpB = "SHA256:R6I8PP4uivLXwafsI13jeplxsXi1iXfDj3R9rJ1webY"
	md5 = "12:34:56:78:9a:bc:de:f0:12:34:56:78:9a:bc:de:f0"
)

// Every line stands as sshd writes it; Text is only compared where it is given.
var lines = []struct {
	text string
	want Line
}{
	// auth_log
	{
		"Accepted publickey for deploy from 203.0.113.9 port 55 ssh2: ED25519 " + fpA,
		Line{Kind: Accepted, Method: "publickey", Account: "deploy", Addr: "203.0.113.9", Port: 55, Algorithm: "ED25519", Fingerprint: fpA},
	},
	{
		"Accepted publickey for deploy from 2001:db8::1 port 55 ssh2: ED25519-CERT " + fpA + " ID hugo@example.com (serial 1001) CA RSA " + fpB,
		Line{
			Kind: Accepted, Method: "publickey", Account: "deploy", Addr: "2001:db8::1", Port: 55, Algorithm: "ED25519-CERT",
			Fingerprint: fpA, KeyID: "hugo@example.com", Serial: "1001", CAAlgorithm: "RSA", CAFingerprint: fpB,
		},
	},
	{ // a key ID that looks like the end of the line, and like another address
		"Accepted publickey for deploy from 203.0.113.9 port 55 ssh2: ED25519-CERT " + fpA + " ID bob (serial 9) CA ED25519 " + fpA +
			" from 9.9.9.9 port 1 ssh2 (serial 18446744073709551615) CA RSA " + fpB,
		Line{
			Kind: Accepted, Method: "publickey", Account: "deploy", Addr: "203.0.113.9", Port: 55, Algorithm: "ED25519-CERT",
			Fingerprint: fpA, KeyID: "bob (serial 9) CA ED25519 " + fpA + " from 9.9.9.9 port 1 ssh2", Serial: "18446744073709551615",
			CAAlgorithm: "RSA", CAFingerprint: fpB,
		},
	},
	{ // an empty key ID
		"Accepted publickey for a from 203.0.113.9 port 55 ssh2: RSA-CERT " + fpA + " ID  (serial 0) CA RSA " + fpB,
		Line{
			Kind: Accepted, Method: "publickey", Account: "a", Addr: "203.0.113.9", Port: 55, Algorithm: "RSA-CERT",
			Fingerprint: fpA, Serial: "0", CAAlgorithm: "RSA", CAFingerprint: fpB,
		},
	},
	{ // 6.3 to 6.7 wrote MD5 without a word
		"Accepted publickey for a from 203.0.113.9 port 55 ssh2: RSA " + md5,
		Line{Kind: Accepted, Method: "publickey", Account: "a", Addr: "203.0.113.9", Port: 55, Algorithm: "RSA", Fingerprint: "MD5:" + md5},
	},
	{
		"Accepted publickey for a from 203.0.113.9 port 55 ssh2: RSA MD5:" + md5,
		Line{Kind: Accepted, Method: "publickey", Account: "a", Addr: "203.0.113.9", Port: 55, Algorithm: "RSA", Fingerprint: "MD5:" + md5},
	},
	{ // to 6.2
		"Accepted publickey for a from 203.0.113.9 port 55 ssh2",
		Line{Kind: Accepted, Method: "publickey", Account: "a", Addr: "203.0.113.9", Port: 55},
	},
	{
		"Accepted keyboard-interactive/pam for erin from 203.0.113.9 port 55 ssh2",
		Line{Kind: Accepted, Method: "keyboard-interactive/pam", Account: "erin", Addr: "203.0.113.9", Port: 55},
	},
	{
		"Accepted gssapi-with-mic for erin from 203.0.113.9 port 55 ssh2: erin@EXAMPLE.COM",
		Line{Kind: Accepted, Method: "gssapi-with-mic", Account: "erin", Addr: "203.0.113.9", Port: 55, Principal: "erin@EXAMPLE.COM"},
	},
	{
		"Accepted hostbased for erin from 203.0.113.9 port 55 ssh2: ED25519 " + fpA + `, client user "eve", client host "c.example"`,
		Line{
			Kind: Accepted, Method: "hostbased", Account: "erin", Addr: "203.0.113.9", Port: 55, Algorithm: "ED25519", Fingerprint: fpA,
			ClientUser: "eve", ClientHost: "c.example",
		},
	},
	{
		"Accepted publickey for a from UNKNOWN port 65535 ssh2: ED25519-SK " + fpA,
		Line{Kind: Accepted, Method: "publickey", Account: "a", Addr: "UNKNOWN", Port: 65535, Algorithm: "ED25519-SK", Fingerprint: fpA},
	},
	{ // log.c 8.7 LogVerbose
		"auth.c:auth_log():334 (bin=sshd-session, pid=7): Failed password for root from 1.2.3.4 port 5 ssh2",
		Line{Kind: Failed, Method: "password", Account: "root", Addr: "1.2.3.4", Port: 5, Text: "Failed password for root from 1.2.3.4 port 5 ssh2"},
	},
	{
		"Failed password for invalid user x from 203.0.113.10 port 4242 ssh2 from 198.51.100.67 port 40195 ssh2",
		Line{
			Kind: Failed, Method: "password", Account: "x from 203.0.113.10 port 4242 ssh2", InvalidUser: true,
			Addr: "198.51.100.67", Port: 40195,
		},
	},
	{
		"Failed password for invalid user  from 1.2.3.4 port 5 ssh2",
		Line{Kind: Failed, Method: "password", InvalidUser: true, Addr: "1.2.3.4", Port: 5},
	},
	{
		"Failed none for invalid user  from  from 1.2.3.4 port 5 ssh2",
		Line{Kind: Failed, Method: "none", Account: " from ", InvalidUser: true, Addr: "1.2.3.4", Port: 5},
	},
	{
		"Partial publickey for kate from 1.2.3.4 port 5 ssh2: ED25519 " + fpA,
		Line{Kind: Partial, Method: "publickey", Account: "kate", Addr: "1.2.3.4", Port: 5, Algorithm: "ED25519", Fingerprint: fpA},
	},
	{
		"Postponed publickey for alice from 1.2.3.4 port 5 ssh2 [preauth]",
		Line{Kind: Postponed, Method: "publickey", Account: "alice", Addr: "1.2.3.4", Port: 5, Preauth: true},
	},
	{ // before 10.3 encoded twice
		`Postponed publickey for j\\303\\274rgen from 1.2.3.4 port 5 ssh2 [preauth]`,
		Line{Kind: Postponed, Method: "publickey", Account: "jürgen", Addr: "1.2.3.4", Port: 5, Preauth: true},
	},
	{ // since 10.3 once
		`Connection closed by invalid user j\303\274rgen 1.2.3.4 port 5 [preauth]`,
		Line{Kind: Closed, Account: "jürgen", InvalidUser: true, Addr: "1.2.3.4", Port: 5, Preauth: true},
	},
	{
		`Invalid user a\\b\nc from 1.2.3.4 port 5`,
		Line{Kind: Invalid, Account: "a\\b\nc", InvalidUser: true, Addr: "1.2.3.4", Port: 5},
	},
	{
		"error: maximum authentication attempts exceeded for invalid user a from 1.1.1.1 port 2 ssh2 from 1.2.3.4 port 5 ssh2 [preauth]",
		Line{Kind: MaxTries, Level: "error", Account: "a from 1.1.1.1 port 2 ssh2", InvalidUser: true, Addr: "1.2.3.4", Port: 5, Preauth: true},
	},
	{
		"fatal: Access denied for user bob by PAM account configuration [preauth]",
		Line{Kind: Denied, Level: "fatal", Account: "bob", Reason: "denied by PAM account configuration", Preauth: true},
	},
	{
		"administratively prohibited connection for bob from 1.2.3.4 port 5",
		Line{Kind: Denied, Account: "bob", Reason: "RefuseConnection", Addr: "1.2.3.4", Port: 5},
	},

	// account screening
	{
		"Invalid user root from 9.9.9.9 port 1 ssh2 from 127.0.0.1 port 49702",
		Line{Kind: Invalid, Account: "root from 9.9.9.9 port 1 ssh2", InvalidUser: true, Addr: "127.0.0.1", Port: 49702},
	},
	{"Invalid user  from 127.0.0.1 port 49702", Line{Kind: Invalid, InvalidUser: true, Addr: "127.0.0.1", Port: 49702}},
	{"Invalid user oracle from 127.0.0.1", Line{Kind: Invalid, Account: "oracle", InvalidUser: true, Addr: "127.0.0.1"}},
	{"input_userauth_request: invalid user a b [preauth]", Line{Kind: Invalid, Account: "a b", InvalidUser: true, Preauth: true}},
	{
		"User frank from 198.51.100.69 not allowed because listed in DenyUsers",
		Line{Kind: Refused, Account: "frank", InvalidUser: true, Addr: "198.51.100.69", Reason: "listed in DenyUsers"},
	},
	{
		"User frank from host.example not allowed because not listed in AllowUsers",
		Line{Kind: Refused, Account: "frank", InvalidUser: true, Reason: "not in AllowUsers"},
	},
	{
		"User frank from 1.2.3.4 not allowed because none of user's groups are listed in AllowGroups",
		Line{Kind: Refused, Account: "frank", InvalidUser: true, Addr: "1.2.3.4", Reason: "not in AllowGroups"},
	},
	{
		"User frank not allowed because account is locked",
		Line{Kind: Refused, Account: "frank", InvalidUser: true, Reason: "account is locked"},
	},
	{"User frank password has expired (password aged)", Line{Kind: Refused, Account: "frank", Reason: "password has expired"}},
	{"Account frank has expired", Line{Kind: Refused, Account: "frank", InvalidUser: true, Reason: "account has expired"}},
	{
		"ROOT LOGIN REFUSED FROM 1.2.3.4 port 5 [preauth]",
		Line{Kind: Refused, Account: "root", Addr: "1.2.3.4", Port: 5, Reason: "root login refused", Preauth: true},
	},
	{"ROOT LOGIN REFUSED FROM 1.2.3.4", Line{Kind: Refused, Account: "root", Addr: "1.2.3.4", Reason: "root login refused"}},
	{
		"error: PAM: Authentication failure for illegal user bob from 1.2.3.4",
		Line{
			Kind: KeyRefused, Level: "error", Account: "bob", InvalidUser: true, Addr: "1.2.3.4",
			Method: "keyboard-interactive/pam", Reason: "authentication failure",
		},
	},

	// keys and certificates
	{"Accepted key ED25519 " + fpA + " found at /home/a/.ssh/authorized_keys:2", Line{Kind: KeyListed, Algorithm: "ED25519", Fingerprint: fpA}},
	{
		`Accepted certificate ID "a" (serial 1) signed by b" (serial 7) signed by ED25519 CA ` + fpB + " via /etc/ssh/user_ca.pub",
		Line{Kind: KeyListed, KeyID: `a" (serial 1) signed by b`, Serial: "7"},
	},
	{"Accepted ssh-ed25519 public key " + fpA + " from eve@c.example", Line{Kind: KeyListed}},
	{"error: Certificate invalid: expired", Line{Kind: KeyRefused, Level: "error", Error: certError, Reason: "expired"}},
	{"error: Certificate lacks principal list", Line{Kind: KeyRefused, Level: "error", Error: certError, Reason: "lacks principal list"}},
	{
		"error: Certificate contains unsupported critical options",
		Line{Kind: KeyRefused, Level: "error", Error: certError, Reason: "certificate contains unsupported critical options"},
	},
	{"error: Refused by certificate options", Line{Kind: KeyRefused, Level: "error", Error: certError, Reason: "refused by certificate options"}},
	{
		"error: Refused by key options at /home/a/.ssh/authorized_keys:2",
		Line{Kind: KeyRefused, Level: "error", Reason: "refused by key options"},
	},
	{
		`error: Refusing certificate ID "hugo: x" serial=900 signed by ED25519 CA ` + fpB + " via /etc/ssh/ca.pub: Certificate invalid: expired",
		Line{
			Kind: KeyRefused, Level: "error", KeyID: "hugo: x", Serial: "900", CAAlgorithm: "ED25519", CAFingerprint: fpB,
			Error: certError, Reason: "expired",
		},
	},
	{
		"error: Authentication key ED25519-CERT " + fpA + " revoked by file /etc/ssh/revoked_keys",
		Line{Kind: KeyRefused, Level: "error", Algorithm: "ED25519-CERT", Fingerprint: fpA, Reason: "key revoked"},
	},
	{
		"WARNING: authentication attempt with a revoked RSA key " + md5 + " ",
		Line{Kind: KeyRefused, Algorithm: "RSA", Fingerprint: "MD5:" + md5, Reason: "key revoked"},
	},
	{
		"userauth_pubkey: signature algorithm ssh-rsa not in PubkeyAcceptedAlgorithms [preauth]",
		Line{Kind: KeyRefused, Reason: "algorithm not in PubkeyAcceptedAlgorithms", Preauth: true},
	},
	{
		"error: public key ED25519-SK " + fpA + " signature for a from 1.2.3.4 port 5 rejected: user presence (authenticator touch) requirement not met ",
		Line{
			Kind: KeyRefused, Level: "error", Account: "a", Addr: "1.2.3.4", Port: 5, Algorithm: "ED25519-SK", Fingerprint: fpA,
			Reason: "user presence (authenticator touch) requirement not met",
		},
	},
	{
		"cert: Authentication tried for deploy with valid certificate but not from a permitted source address (192.0.2.77).",
		Line{Kind: KeyRefused, Account: "deploy", Error: certError, Reason: "not from a permitted source address"},
	},
	{
		"/home/a/.ssh/authorized_keys:2: Authentication tried for a with correct key but not from a permitted host (host=x, ip=1.2.3.4, required=y).",
		Line{Kind: KeyRefused, Account: "a", Reason: "not from a permitted host"},
	},

	{"error: WARNING: revoked key for bob attempted authentication", Line{Kind: KeyRefused, Level: "error", Reason: "key revoked"}},
	{"refusing previously-used RSA key", Line{Kind: KeyRefused, Reason: "previously used key"}},
	{"refusing RSA key: Invalid key length [preauth]", Line{Kind: KeyRefused, Reason: "invalid key length", Preauth: true}},
	{
		"error: Error checking authentication key RSA " + fpA + " in revoked keys file /etc/ssh/r",
		Line{Kind: KeyRefused, Level: "error", Algorithm: "RSA", Fingerprint: fpA, Reason: "key could not be checked for revocation"},
	},

	// connections
	{
		`Connection from 1.2.3.4 port 5 on 10.0.0.1 port 22 rdomain ""`,
		Line{Kind: Connect, Addr: "1.2.3.4", Port: 5, LAddr: "10.0.0.1", LPort: 22},
	},
	{"Connection from 1.2.3.4 port 5", Line{Kind: Connect, Addr: "1.2.3.4", Port: 5}},
	{"Connection from fe80::1%eth0 port 5", Line{Kind: Connect, Addr: "fe80::1%eth0", Port: 5}},
	{
		"Connection from authenticating user bob 1.2.3.4 port 5 timed out [preauth]",
		Line{Kind: Closed, Account: "bob", Addr: "1.2.3.4", Port: 5, Reason: "timed out", Preauth: true},
	},
	{"User child is on pid 408", Line{Kind: Child, ChildPID: 408}},
	{
		"Starting session: shell on pts/0 for carol from 1.2.3.4 port 5 id 3",
		Line{Kind: Starting, Account: "carol", Addr: "1.2.3.4", Port: 5, What: "shell", TTY: "pts/0", ChannelID: 3},
	},
	{
		"Starting session: subsystem 'sftp' for bob from 1.2.3.4 port 5",
		Line{Kind: Starting, Account: "bob", Addr: "1.2.3.4", Port: 5, What: "subsystem sftp"},
	},
	{
		"Starting session: forced-command (key-option) 'x on pts/9 for y' for bob from 1.2.3.4 port 5 id 0",
		Line{Kind: Starting, Account: "bob", Addr: "1.2.3.4", Port: 5, What: "forced-command", Reason: "x on pts/9 for y"},
	},
	{"Close session: user bob from 1.2.3.4 port 5 id 1", Line{Kind: SessionClosed, Account: "bob", Addr: "1.2.3.4", Port: 5, ChannelID: 1}},
	{"pam_unix(sshd:session): session opened for user bob(uid=1005) by (uid=0)", Line{Kind: PAMOpened, Account: "bob"}},
	{"pam_unix(sshd:session): session opened for user bob by (uid=0)", Line{Kind: PAMOpened, Account: "bob"}},
	{"pam_unix(sshd:session): session closed for user bob", Line{Kind: PAMClosed, Account: "bob"}},
	{
		"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=1.2.3.4  user=dave",
		Line{Kind: PAMFailed, Addr: "1.2.3.4", Account: "dave"},
	},

	// ends
	{
		"Received disconnect from 1.2.3.4 port 5:11: disconnected by user",
		Line{Kind: Goodbye, Addr: "1.2.3.4", Port: 5, Code: 11, Reason: "disconnected by user"},
	},
	{"Received disconnect from 2001:db8::1: 11: Bye", Line{Kind: Goodbye, Addr: "2001:db8::1", Code: 11, Reason: "Bye"}},
	{
		"error: Received disconnect from 1.2.3.4 port 5:14: No from 9.9.9.9 port 1 [preauth]",
		Line{Kind: Goodbye, Level: "error", Addr: "1.2.3.4", Port: 5, Code: 14, Reason: "No from 9.9.9.9 port 1", Preauth: true},
	},
	{"Disconnected from user bob 1.2.3.4 port 5", Line{Kind: Goodbye, Account: "bob", Addr: "1.2.3.4", Port: 5}},
	{
		"Disconnected from authenticatinguser bob 1.2.3.4 port 5",
		Line{Kind: Goodbye, Account: "bob", Addr: "1.2.3.4", Port: 5, Preauth: true},
	},
	{
		"Connection closed by invalid user x from 203.0.113.10 port 4242 ssh2 198.51.100.67 port 40195 [preauth]",
		Line{
			Kind: Closed, Account: "x from 203.0.113.10 port 4242 ssh2", InvalidUser: true, Addr: "198.51.100.67", Port: 40195, Preauth: true,
		},
	},
	{"Connection closed by invalid user  1.2.3.4 port 5 [preauth]", Line{Kind: Closed, InvalidUser: true, Addr: "1.2.3.4", Port: 5, Preauth: true}},
	{"Connection closed by 1.2.3.4", Line{Kind: Closed, Addr: "1.2.3.4"}},
	{"Connection reset by 1.2.3.4 port 5", Line{Kind: Closed, Addr: "1.2.3.4", Port: 5}},
	{
		"Disconnecting authenticating user bob 1.2.3.4 port 5: Too many authentication failures [preauth]",
		Line{Kind: Kicked, Account: "bob", Addr: "1.2.3.4", Port: 5, Reason: "Too many authentication failures", Preauth: true},
	},
	{
		"Disconnecting invalid user a 1.1.1.1 port 2: b 1.2.3.4 port 5: Too many authentication failures [preauth]",
		Line{
			Kind: Kicked, Account: "a 1.1.1.1 port 2: b", InvalidUser: true, Addr: "1.2.3.4", Port: 5,
			Reason: "Too many authentication failures", Preauth: true,
		},
	},
	{"Disconnecting: Too many authentication failures for root [preauth]", Line{Kind: Kicked, Reason: "Too many authentication failures for root", Preauth: true}},
	{"Timeout, client not responding from user bob 1.2.3.4 port 5", Line{Kind: Closed, Account: "bob", Addr: "1.2.3.4", Port: 5, Reason: "client not responding"}},
	{"Timeout, client not responding.", Line{Kind: Closed, Reason: "client not responding"}},
	{"Read error from remote host 1.2.3.4 port 5: Connection reset by peer", Line{Kind: Closed, Addr: "1.2.3.4", Port: 5, Reason: "Connection reset by peer"}},
	{"Connection from 1.2.3.4: refusing non-sftp session", Line{Kind: Closed, Addr: "1.2.3.4", Reason: "refusing non-sftp session"}},
	{"User bob not allowed because /etc/nologin exists", Line{Kind: Info, Account: "bob", InvalidUser: true, Reason: "/etc/nologin exists"}},
	{"error: mm_reap: preauth child terminated by signal 15", Line{Kind: Killed, Level: "error", Reason: "signal 15"}},
	{
		"error: session process 77 for connection from 1.2.3.4 to 10.0.0.1 killed by signal 9",
		Line{Kind: Killed, Level: "error", PID: 77, Reason: "signal 9"},
	},
	{
		"Unable to negotiate with 1.2.3.4 port 5: no matching key exchange method found. Their offer: x [preauth]",
		Line{Kind: Closed, Addr: "1.2.3.4", Port: 5, Reason: "no matching key exchange method found. Their offer: x", Preauth: true},
	},
	{"banner exchange: Connection from 1.2.3.4 port 5: invalid format", Line{Kind: Closed, Addr: "1.2.3.4", Port: 5, Reason: "invalid format"}},

	// the listener
	{"Server listening on :: port 22.", Line{Kind: Listening, LAddr: "::", LPort: 22}},
	{"Received signal 15; terminating.", Line{Kind: Stopping, Code: 15}},
	{
		"Timeout before authentication for connection from 1.2.3.4 to 10.0.0.1, pid = 77",
		Line{Kind: Expired, Addr: "1.2.3.4", LAddr: "10.0.0.1", PID: 77},
	},
	{"fatal: Timeout before authentication for 1.2.3.4 port 5", Line{Kind: Expired, Level: "fatal", Addr: "1.2.3.4", Port: 5, Preauth: true}},
	{"drop connection #10 from [1.2.3.4]:5 on [10.0.0.1]:22 past MaxStartups", Line{Kind: Info}},
	{"error: kex_exchange_identification: Connection closed by remote host", Line{Kind: Info, Level: "error"}},

	// nobody's
	{"pam_unix(sudo:session): session opened for user root by (uid=0)", Line{}},
	{"Accepted nothing", Line{}},
	{"Accepted publickey for deploy from here port 55 ssh2", Line{}},
	{"", Line{}},
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range lines {
		var got Line
		if ok := Parse(tt.text, &got); ok != (tt.want.Kind != Other) {
			t.Errorf("%q: %v", tt.text, ok)
		}
		if tt.want.Text == "" {
			got.Text = ""
		}
		if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(Line{})); diff != "" {
			t.Errorf("%q:\n%s", tt.text, diff)
		}
	}
}

// Every row of the table cites its source, and every kind has a line above.
func TestTable(t *testing.T) {
	t.Parallel()
	have := map[Kind]bool{}
	for _, tt := range lines {
		have[tt.want.Kind] = true
	}
	for _, p := range patterns {
		if p.source == "" || p.by == "" {
			t.Errorf("%q cites nothing", p.prefix)
		}
		if !have[p.kind] {
			t.Errorf("%q: no line has kind %d", p.prefix, p.kind)
		}
	}
}

// A message of 500 bytes was cut: what its end would have said is unknown, and
// of a certificate all that an attacker's key ID could have moved there.
func TestParseCut(t *testing.T) {
	t.Parallel()
	head := "Accepted publickey for deploy from 203.0.113.9 port 55 ssh2: ED25519-CERT " + fpA + " ID "
	end := " (serial 1) CA ED25519 " + fpB
	text := head + strings.Repeat("x", maxText-len(head)-len(end)) + end
	var got Line
	if !Parse(text, &got) || !got.Truncated || got.Fingerprint != fpA || got.KeyID != "" || got.CAFingerprint != "" {
		t.Errorf("cut certificate: %+v", got)
	}
	head = "Accepted publickey for " + strings.Repeat("x", 407) + " from 203.0.113.9 port 55 ssh2: ED25519 "
	if !Parse(head+fpA[:maxText-len(head)], &got) || !got.Truncated || got.Fingerprint != "" {
		t.Errorf("cut fingerprint: %+v", got)
	}
}

func TestIsProgram(t *testing.T) {
	t.Parallel()
	for ident, want := range map[string]bool{
		"sshd": true, "sshd-session": true, "sshd-auth": true, "ssh.service": true, "sshd@3-1.2.3.4:5.service": true,
		"sudo": false, "ssh": false, "session-3.scope": false, "": false,
	} {
		if got := IsProgram(ident); got != want {
			t.Errorf("%q: %v", ident, got)
		}
	}
}
