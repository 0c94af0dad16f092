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
//
//   - A pid proves nothing by itself: pids come back, on a recorded host after
//     37 s. LOGIN has to stand where it does for the other logins of the boot,
//     and by the journal's clock behind its Accepted line; the pid must not
//     have been another connection's in between, nor the login over; and a
//     record has to name sshd as the session's program, since cron gets pids
//     that an sshd had. Where none does, only a login within three seconds
//     counts: sshd itself held the pid then.
//   - A session whose start is lost (auditd was down, the log is rotated) is
//     joined where its end and the login's agree, or by the journal's word
//     (_AUDIT_SESSION). Session ids rise within a boot, so that it was opened
//     between its neighbours; a login outside of that did not open it. journald
//     may stamp a pid's new owner with the old one's session: time, login uid
//     and the session's end are held against its word.
//   - A second sshd in a session runs logins that have no session of their own.
//     From then on an event is whose ancestors say it is, and nobody's where
//     they say nothing.
//   - Two different Accepted lines of one life of a pid: one is forged, and
//     which one cannot be told.
//   - An event with another login uid than its session's, or older than the
//     session, is not the session's.
//
// # Live use
//
// Without Resolve nothing is known of what comes. A session then waits for the
// record that names its program, and DeleteUsersWithoutLoginsBefore says when
// it has waited enough: the audit log's own identity is what remains. What a
// later record contradicts loses its name from there on. What the events of a
// session list as evidence is what agreed in its opening (opening.go), so that
// it is the same with Resolve and without.
//
// Snapshot and Restore carry a tracker over a restart; Decisions says why each
// session and login was decided as it was.
package tracker
