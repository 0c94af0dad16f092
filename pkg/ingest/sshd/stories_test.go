package sshd

// Each story is what a log says, one "SECOND PID TEXT" a line, and the logins
// that come of it, as show prints them.
var stories = []struct{ name, log, want string }{
	{
		"a login at VERBOSE",
		`0 10 Connection from 1.2.3.4 port 5 on 10.0.0.1 port 22 rdomain ""
0 10 Accepted key ED25519 SHA256:k found at /home/bob/.ssh/authorized_keys:1
0 10 Postponed publickey for bob from 1.2.3.4 port 5 ssh2 [preauth]
1 10 Accepted publickey for bob from 1.2.3.4 port 5 ssh2: ED25519 SHA256:k
1 10 pam_unix(sshd:session): session opened for user bob(uid=1005) by (uid=0)
2 10 User child is on pid 11
2 11 Starting session: shell on pts/0 for bob from 1.2.3.4 port 5 id 0
9 11 Received disconnect from 1.2.3.4 port 5:11: disconnected by user
9 11 Disconnected from user bob 1.2.3.4 port 5
9 10 pam_unix(sshd:session): session closed for user bob`,
		`4 +accepted bob 1.2.3.4:5 publickey SHA256:k child 11 [shell pts/0] logout@8`,
	},
	{
		"a login at INFO: the child is found by its address",
		`1 10 Accepted password for bob from 1.2.3.4 port 5 ssh2
9 11 Received disconnect from 1.2.3.4 port 5:11: disconnected by user
9 11 Disconnected from user bob 1.2.3.4 port 5
9 10 pam_unix(sshd:session): session closed for user bob`,
		`1 +accepted bob 1.2.3.4:5 password child 11 logout@2`,
	},
	{
		"root has no child up to 9.7",
		`1 10 Accepted password for root from 1.2.3.4 port 5 ssh2
9 10 Connection closed by 1.2.3.4 port 5
9 10 pam_unix(sshd:session): session closed for user root`,
		`1 +accepted root 1.2.3.4:5 password disconnect@2`,
	},
	{
		"two methods",
		`0 10 Partial publickey for kate from 1.2.3.4 port 5 ssh2: ED25519 SHA256:k
1 10 Accepted password for kate from 1.2.3.4 port 5 ssh2`,
		`2,1 +accepted kate 1.2.3.4:5 publickey,password SHA256:k`,
	},
	{
		"a refused certificate, then a key that is accepted",
		`0 10 error: Certificate invalid: expired
1 10 Accepted publickey for bob from 1.2.3.4 port 5 ssh2: ED25519 SHA256:k`,
		`1 -failed bob 1.2.3.4:5 publickey certificate invalid: expired
2 +accepted bob 1.2.3.4:5 publickey SHA256:k`,
	},
	{
		"a certificate refused by one file and accepted by the next",
		`0 10 error: Certificate invalid: name is not a listed principal
1 10 Accepted publickey for bob from 1.2.3.4 port 5 ssh2: ED25519-CERT SHA256:k ID b (serial 1) CA RSA SHA256:c`,
		`2,1 +accepted bob 1.2.3.4:5 publickey SHA256:k`,
	},
	{
		"the reason belongs to the Failed line after it",
		`0 10 error: Certificate invalid: expired
0 10 Failed publickey for bob from 1.2.3.4 port 5 ssh2: ED25519-CERT SHA256:k ID b (serial 1) CA RSA SHA256:c
1 10 Connection closed by authenticating user bob 1.2.3.4 port 5 [preauth]`,
		`2,1 -failed bob 1.2.3.4:5 publickey SHA256:k certificate invalid: expired`,
	},
	{
		"a hidden failure's reason does not go to another key's",
		`0 10 error: Certificate invalid: expired
0 10 Failed publickey for bob from 1.2.3.4 port 5 ssh2: ED25519 SHA256:k
1 10 Connection closed by authenticating user bob 1.2.3.4 port 5 [preauth]`,
		`1 -failed bob 1.2.3.4:5 publickey certificate invalid: expired
2 -failed bob 1.2.3.4:5 publickey SHA256:k`,
	},
	{
		"an unknown account",
		`0 10 Invalid user eve from 1.2.3.4 port 5
1 10 Failed password for invalid user eve from 1.2.3.4 port 5 ssh2
2 10 Failed password for invalid user eve from 1.2.3.4 port 5 ssh2
3 10 Connection closed by invalid user eve 1.2.3.4 port 5 [preauth]`,
		`2,1 -failed eve? 1.2.3.4:5 password invalid user
3,1 -failed eve? 1.2.3.4:5 password invalid user n=2`,
	},
	{
		"an unknown account's key is only named at the end",
		`0 10 Invalid user eve from 1.2.3.4 port 5
3 10 Connection closed by invalid user eve 1.2.3.4 port 5 [preauth]`,
		`2,1 -failed eve? 1.2.3.4:5 closed before authentication succeeded`,
	},
	{
		"the client's goodbye, then the name",
		`3 10 Received disconnect from 1.2.3.4 port 5:11: Bye Bye [preauth]
3 10 Disconnected from authenticating user root 1.2.3.4 port 5 [preauth]`,
		`2 -failed root 1.2.3.4:5 closed before authentication succeeded`,
	},
	{
		"root refused, said twice, at VERBOSE and at INFO",
		`0 10 ROOT LOGIN REFUSED FROM 1.2.3.4 port 5
0 10 Failed publickey for root from 1.2.3.4 port 5 ssh2: ED25519 SHA256:k
0 10 ROOT LOGIN REFUSED FROM 1.2.3.4 port 5 [preauth]
1 10 Connection closed by authenticating user root 1.2.3.4 port 5 [preauth]
2 20 ROOT LOGIN REFUSED FROM 1.2.3.4 port 6
2 20 ROOT LOGIN REFUSED FROM 1.2.3.4 port 6 [preauth]
3 20 Connection closed by authenticating user root 1.2.3.4 port 6 [preauth]`,
		`2,1 -failed root 1.2.3.4:5 publickey SHA256:k root login refused
5,6,7 -failed root 1.2.3.4:6 root login refused`,
	},
	{
		"an account that is not allowed, with and without a Failed line",
		`0 10 User frank from 1.2.3.4 not allowed because not listed in AllowUsers
1 10 Failed password for invalid user frank from 1.2.3.4 port 5 ssh2
2 10 Connection closed by invalid user frank 1.2.3.4 port 5 [preauth]
3 20 User frank from 1.2.3.4 not allowed because not listed in AllowUsers
4 20 Connection closed by invalid user frank 1.2.3.4 port 6 [preauth]`,
		`2,1 -failed frank? 1.2.3.4:5 password not in AllowUsers
4,5 -failed frank? 1.2.3.4:6 not in AllowUsers`,
	},
	{
		"PAM denies after the Failed line, or alone",
		`1 10 Failed password for bob from 1.2.3.4 port 5 ssh2
1 10 fatal: Access denied for user bob by PAM account configuration [preauth]
2 20 fatal: Access denied for user bob by PAM account configuration [preauth]`,
		`1,2 -failed bob 1.2.3.4:5 password denied by PAM account configuration
3 -failed bob :0 denied by PAM account configuration`,
	},
	{
		"too many",
		`1 10 Failed password for bob from 1.2.3.4 port 5 ssh2
2 10 error: maximum authentication attempts exceeded for bob from 1.2.3.4 port 5 ssh2 [preauth]
2 10 Disconnecting authenticating user bob 1.2.3.4 port 5: Too many authentication failures [preauth]`,
		`1,2 -failed bob 1.2.3.4:5 password too many authentication failures`,
	},
	{
		"too many of which no Failed is logged, as of keys at INFO, or none of the last",
		`1 10 error: maximum authentication attempts exceeded for bob from 1.2.3.4 port 5 ssh2 [preauth]
1 10 Disconnecting authenticating user bob 1.2.3.4 port 5: Too many authentication failures [preauth]
2 20 Failed password for bob from 1.2.3.4 port 6 ssh2
9 20 error: maximum authentication attempts exceeded for bob from 1.2.3.4 port 6 ssh2 [preauth]
9 20 Disconnecting authenticating user bob 1.2.3.4 port 6: Too many authentication failures [preauth]`,
		`1 -failed bob 1.2.3.4:5 too many authentication failures
3 -failed bob 1.2.3.4:6 password
4 -failed bob 1.2.3.4:6 too many authentication failures`,
	},
	{
		"too many at VERBOSE, the last with a reason of its own",
		`0 10 Failed publickey for bob from 1.2.3.4 port 5 ssh2: ED25519 SHA256:k
0 10 error: Certificate invalid: expired
1 10 Failed publickey for bob from 1.2.3.4 port 5 ssh2: ED25519-CERT SHA256:k ID b (serial 1) CA RSA SHA256:c
1 10 error: maximum authentication attempts exceeded for bob from 1.2.3.4 port 5 ssh2 [preauth]
1 10 Disconnecting authenticating user bob 1.2.3.4 port 5: Too many authentication failures [preauth]`,
		`1 -failed bob 1.2.3.4:5 publickey SHA256:k
3,2,4 -failed bob 1.2.3.4:5 publickey SHA256:k certificate invalid: expired`,
	},
	{
		"too many for an unknown account",
		`0 10 Invalid user eve from 1.2.3.4 port 5
1 10 Failed password for invalid user eve from 1.2.3.4 port 5 ssh2
1 10 error: maximum authentication attempts exceeded for invalid user eve from 1.2.3.4 port 5 ssh2 [preauth]
1 10 Disconnecting invalid user eve 1.2.3.4 port 5: Too many authentication failures [preauth]`,
		`2,1,3 -failed eve? 1.2.3.4:5 password too many authentication failures`,
	},
	{
		"scans name nobody",
		`0 10 Connection from 1.2.3.4 port 5 on 10.0.0.1 port 22
0 10 error: kex_exchange_identification: Connection closed by remote host
0 10 Connection closed by 1.2.3.4 port 5
1 20 banner exchange: Connection from 1.2.3.4 port 6: invalid format
2 30 Unable to negotiate with 1.2.3.4 port 7: no matching cipher found. Their offer: x [preauth]`,
		``,
	},
	{
		"the listener knows whose time was up",
		`0 10 Invalid user eve from 1.2.3.4 port 5
120 1 Timeout before authentication for connection from 1.2.3.4 to 10.0.0.1, pid = 10`,
		`2,1 -failed eve? 1.2.3.4:5 timeout before authentication: closed before authentication succeeded`,
	},
	{
		"the log ends before the connection does",
		`0 10 Invalid user eve from 1.2.3.4 port 5
1 20 Postponed publickey for bob from 1.2.3.4 port 6 ssh2 [preauth]
2 30 Accepted password for bob from 1.2.3.4 port 7 ssh2`,
		`3 +accepted bob 1.2.3.4:7 password
1 -failed eve? 1.2.3.4:5 closed before authentication succeeded`,
	},
	{
		"a PID comes back",
		`0 10 Accepted password for bob from 1.2.3.4 port 5 ssh2
1 10 pam_unix(sshd:session): session closed for user bob
9 10 Accepted password for eve from 1.2.3.4 port 6 ssh2
99 10 pam_unix(sshd:session): session closed for user eve`,
		`1 +accepted bob 1.2.3.4:5 password logout@2
3 +accepted eve 1.2.3.4:6 password life=2 logout@4`,
	},
	{
		"a PID comes back and the first end is lost",
		`0 10 Accepted password for bob from 1.2.3.4 port 5 ssh2
300 10 Accepted password for eve from 1.2.3.4 port 6 ssh2`,
		`1 +accepted bob 1.2.3.4:5 password end not seen
2 +accepted eve 1.2.3.4:6 password life=2`,
	},
	{
		"the Accepted line of a PID's second life is lost",
		`0 10 Accepted password for bob from 1.2.3.4 port 5 ssh2
1 10 pam_unix(sshd:session): session closed for user bob
9 10 pam_unix(sshd:session): session opened for user eve(uid=1) by (uid=0)
20 10 pam_unix(sshd:session): session closed for user eve`,
		`1 +accepted bob 1.2.3.4:5 password logout@2`,
	},
	{
		"a forged Accepted line",
		`0 10 Accepted publickey for bob from 1.2.3.4 port 5 ssh2: RSA SHA256:k
9 10 Accepted publickey for bob from 9.9.9.9 port 6 ssh2: RSA SHA256:alice`,
		`1 +accepted bob 1.2.3.4:5 publickey SHA256:k conflict 1 2
2 +accepted bob 9.9.9.9:6 publickey SHA256:alice conflict 1 2`,
	},
	{
		"two logins of one life of a pid, as a clock that was set back shows them: each ends with the line that names it",
		`0 451 Accepted publickey for bob from 1.2.3.4 port 5 ssh2: RSA SHA256:k
1 451 Accepted publickey for bob from 9.9.9.9 port 6 ssh2: RSA SHA256:l
2 460 Received disconnect from 9.9.9.9 port 6:11: disconnected by user
20 502 Received disconnect from 1.2.3.4 port 5:11: disconnected by user`,
		`1 +accepted bob 1.2.3.4:5 publickey SHA256:k child 460 logout@4 conflict 1 2
2 +accepted bob 9.9.9.9:6 publickey SHA256:l child 460 logout@3 conflict 1 2`,
	},
	{
		"the same line twice is one login",
		`0 10 Accepted publickey for bob from 1.2.3.4 port 5 ssh2: RSA SHA256:k
0 10 Accepted publickey for bob from 1.2.3.4 port 5 ssh2: RSA SHA256:k`,
		`1,2 +accepted bob 1.2.3.4:5 publickey SHA256:k`,
	},
	{
		"the server kills the session",
		`0 10 Accepted password for bob from 1.2.3.4 port 5 ssh2
9 10 error: mm_reap: preauth child terminated by signal 15
9 10 pam_unix(sshd:session): session closed for user bob`,
		`1 +accepted bob 1.2.3.4:5 password killed@2`,
	},
	{
		"revoked: the reason belongs to the key it names",
		`0 10 error: Authentication key RSA SHA256:r revoked by file /etc/ssh/r
0 10 Failed publickey for bob from 1.2.3.4 port 5 ssh2: RSA SHA256:k
0 10 error: Authentication key RSA SHA256:r revoked by file /etc/ssh/r
0 10 Failed publickey for bob from 1.2.3.4 port 5 ssh2: RSA SHA256:r`,
		`1 -failed bob 1.2.3.4:5 publickey SHA256:r key revoked
2 -failed bob 1.2.3.4:5 publickey SHA256:k
4,3 -failed bob 1.2.3.4:5 publickey SHA256:r key revoked`,
	},
	{
		"one refusal in two lines",
		`0 10 cert: Authentication tried for bob with valid certificate but not from a permitted source address (1.2.3.4).
0 10 error: Refused by certificate options
1 10 Connection closed by authenticating user bob 1.2.3.4 port 5 [preauth]`,
		`1,2 -failed bob 1.2.3.4:5 publickey certificate invalid: not from a permitted source address`,
	},
	{
		"a PID comes back before its first connection is known to be over",
		`0 10 Accepted password for bob from 1.2.3.4 port 5 ssh2
60 10 Failed password for eve from 1.2.3.9 port 6 ssh2
61 10 Connection closed by authenticating user eve 1.2.3.9 port 6 [preauth]
62 10 error: Certificate invalid: expired
63 10 Connection closed by authenticating user eve 1.2.3.9 port 7 [preauth]`,
		`1 +accepted bob 1.2.3.4:5 password end not seen
2 -failed eve 1.2.3.9:6 password
3 -failed eve 1.2.3.9:6 closed before authentication succeeded
4 -failed eve 1.2.3.9:7 publickey certificate invalid: expired life=2`,
	},
	{
		"root's goodbye after a lost Accepted line is no failure",
		`0 10 Connection from 1.2.3.4 port 5 on 10.0.0.1 port 22
9 10 Received disconnect from 1.2.3.4 port 5:11: disconnected by user
9 10 Disconnected from user root 1.2.3.4 port 5`,
		``,
	},
	{
		"a child's PID becomes a monitor's, and a monitor's a child's",
		`0 10 Connection from 1.2.3.4 port 5 on 10.0.0.1 port 22
0 10 Accepted password for bob from 1.2.3.4 port 5 ssh2
0 10 User child is on pid 11
1 11 Connection closed by 1.2.3.4 port 5
1 10 pam_unix(sshd:session): session closed for user bob
2 11 Connection from 1.2.3.4 port 6 on 10.0.0.1 port 22
2 11 Accepted password for eve from 1.2.3.4 port 6 ssh2
3 11 User child is on pid 10
4 10 Received disconnect from 1.2.3.4 port 6:2: gone
4 11 pam_unix(sshd:session): session closed for user eve`,
		`2 +accepted bob 1.2.3.4:5 password child 11 disconnect@4
7 +accepted eve 1.2.3.4:6 password child 10 disconnect@9`,
	},
	{
		"no PIDs",
		`0 0 Invalid user eve from 1.2.3.4 port 5
1 0 Accepted password for bob from 1.2.3.4 port 6 ssh2
2 0 Connection closed by invalid user eve 1.2.3.4 port 5 [preauth]
3 0 Disconnected from user bob 1.2.3.4 port 6`,
		`2 +accepted bob 1.2.3.4:6 password life=2 logout@4
3,1 -failed eve? 1.2.3.4:5 closed before authentication succeeded`,
	},
	{
		"the PAM helper speaks with another PID",
		`0 12 pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=1.2.3.4  user=bob
0 10 error: PAM: Authentication failure for bob from 1.2.3.4
0 10 Failed keyboard-interactive/pam for bob from 1.2.3.4 port 5 ssh2`,
		`3,2 -failed bob 1.2.3.4:5 keyboard-interactive/pam authentication failure`,
	},
	{
		"repeated",
		`0 10 Failed password for root from 1.2.3.4 port 5 ssh2
9 10 message repeated 2 times: Failed password for root from 1.2.3.4 port 5 ssh2`,
		`1 -failed root 1.2.3.4:5 password
2 -failed root 1.2.3.4:5 password n=2
2 -failed root 1.2.3.4:5 password n=3`,
	},
}
