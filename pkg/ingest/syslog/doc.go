// Package syslog reads log files of lines, as syslog daemons write them
// (auth.log, secure, messages) and as journalctl prints them, and makes ingest
// entries of them.
//
// # A line
//
//	<86>Nov 22 23:31:57 web01 sshd[341]: Server listening on :: port 22.
//	PRI  time           host  tag  pid   text
//
// Only the time's shape differs from form to form; it tells the form.
//
//	Nov 22 23:31:57                     RFC 3164; journalctl -o short     no year, no zone
//	Nov 22 23:31:57.902673              journalctl -o short-precise       no year, no zone
//	2026-11-22T23:31:57.930167+00:00    rsyslog, syslog-ng                an instant
//	2026-11-22T23:31:57+0000            -o short-iso, short-iso-precise   an instant
//	Sun 2026-11-22 23:31:57 UTC         -o short-full, with-unit          zone by abbreviation
//	1795390317.902673                   -o short-unix                     an instant
//	<38>1 2026-11-22T23:31:57.9Z        RFC 5424                          an instant
//	[   12.834687]                      dmesg                             since boot: of use for audit records alone
//
// Times without year or zone are given as if they were UTC and in year 0; a
// Resolver makes instants of them, once it is known what to go by.
//
// # What a line is worth
//
// Nothing in a syslog line is the kernel's word: any local user can write
// "sshd[1]: Accepted ..." with logger(1). Messages are therefore never Trusted,
// and a line counts as an audit record only where its text begins with one and
// no network program can have chosen that text.
//
// # Repetition
//
// "message repeated 2 times: [ text]" (rsyslog) becomes the message text with
// Repeat 2: it was said twice more since the line that holds it plainly.
// "last message repeated 2 times" (sysklogd) becomes the message before it,
// likewise. An entry stands for max(1, Repeat) messages.
//
// Facts are from systemd's src/shared/logs-show.c (252 to 257), rsyslog's
// runtime/parser.c and runtime/ratelimit.c, RFC 3164 and RFC 5424, audit-userspace's
// audisp/plugins/syslog.
package syslog
