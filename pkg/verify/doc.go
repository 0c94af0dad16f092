// Package verify says what the evidence holds and what it lacks.
//
// An attribution is worth what the log that it rests on is worth. A session
// with no command in it may be one in which none was given, or one that ran
// while auditd was down, before a rule recorded commands, or after somebody
// had switched the audit off. Verify tells these apart: it replays the
// evidence like every other command, watches it being read, and reports every
// hole with its time and its place.
//
// # The words
//
// A Finding is one thing that the evidence lacks, or that is wrong in it. Its
// Kind is one of the Kind constants. What is no finding stands in the Report's
// figures: a host on which nothing is wrong is reported with them, so that
// "nothing found" can be told from "nothing looked at".
//
// # What is known of gaps
//
// The kernel numbers the events of a boot one by one, so that a number which
// is not there is an event which is not there. Numbers come late (a syscall
// that blocks gets its number when it returns), so that a gap is one only when
// all of a boot was read. The DAEMON_* records have numbers of auditd's own,
// which say nothing. Before auditd runs the kernel may use a few numbers for
// itself; these never reach audit.log on any host.
//
// # What is not done
//
// journald can seal its files (Forward Secure Sealing): `journalctl --verify`
// with the sealing key, which does not belong on the host, shows whether an
// entry was changed after it was sealed. That check needs the key and the
// journal's own hash tables; it is journalctl's, and is not imitated here.
// Nothing in audit.log or in a syslog file is sealed: who was root could have
// changed any line. What verify finds is what such a change usually leaves
// behind, not proof that there was none.
package verify
