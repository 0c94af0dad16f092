// Package tracker is the join: it says by which SSH credential an audit
// session was opened.
//
// # The words
//
// The kernel gives every session that pam_loginuid opens a number, its audit
// session id (ses=), and writes a LOGIN record with the pid of the process
// that opened it: the session's leader. sshd logs "Accepted publickey for ..."
// with its own pid a moment before. Within one boot of one host, and within
// one life of that pid, the two are the same process: that is the join.
//
// # SessionTracker
//
// A SessionTracker is one boot of one host. RemoteLogin tells it of a login,
// AuditdEvent of an audit event; whichever comes first waits for the other,
// and the session's events are written in order, each once. Login, Learn,
// Resolve and Event are the same with richer input: Learn tells what a first
// pass over the evidence found out about a session, and Resolve then decides
// every session at once, with all the evidence on the table, so that no event
// has to wait.
//
// # What decides
//
// A wrong name is worse than none. A session is given to a login when a proof
// holds and nothing contradicts it; proofs and contradictions are in match.go,
// one table for both ways of use. Of several logins that would fit equally
// well none is chosen.
package tracker
