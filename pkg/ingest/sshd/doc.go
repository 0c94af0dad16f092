// Package sshd turns the messages of OpenSSH's server into Login decisions:
// who was let in, or refused, from where, with which credential.
//
// # The format
//
// sshd writes English sentences to syslog. One sentence is made by the
// functions do_log and sshlogv of OpenSSH's log.c:
//
//	error: auth.c:auth_log():334 (pid=7): Failed password for ... [preauth]
//	level  LogVerbose tag, rarely there   the message             suffix
//
// The level is written for FATAL, ERROR and DEBUG only; the suffix says that
// the unprivileged child said it before authentication (monitor.c,
// monitor_read_log). Bytes outside printable ASCII are written as \ooo or \n
// and a backslash is doubled (strnvis); what has the suffix is written so
// twice before 10.3. More than 500 bytes are cut off without a sign. Parse
// undoes all that and finds the message in one table of patterns, each row of
// which names the OpenSSH function that writes it (patterns in table.go).
//
// # The rule
//
// A requested account is text of an attacker, spaces allowed:
//
//	Invalid user root from 9.9.9.9 port 1 ssh2 from 127.0.0.1 port 49702
//
// is what sshd 9.2 really wrote. So every message is read from its trusted
// side: where the account is not known to the host, the last "from ADDRESS
// port N" counts; where it is an account of the host, the first one, because
// then the free text (a certificate's key ID, a Kerberos name) comes after it.
// A message that journald vouches for has to be sshd's own (Believable).
//
// # The words
//
// A connection is one life of one PID: sshd forks a monitor for every
// connection, and everything up to authentication and PAM's session lines
// carry the monitor's PID. After the login a user child with the user's id
// writes the rest; before OpenSSH 9.8 root has none. Connections follows them
// for one boot of one host. A Login is one decision, whatever number of lines
// it took: "Certificate invalid: expired" and the "Failed publickey" after it
// are one; three "Failed password" are three.
//
// Sources: the openssh-portable releases 5.3 to 10.5 (log.c, auth.c, auth2.c,
// auth2-pubkey.c, auth-pam.c, monitor.c, session.c, serverloop.c, packet.c,
// sshd.c, sshd-session.c, srclimit.c), Linux-PAM (pam_unix), systemd
// (journald-context.c), and the logs of real hosts.
package sshd
