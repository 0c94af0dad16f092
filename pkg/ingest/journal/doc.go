// Package journal reads systemd's journal in every form in which it is handed
// over, and makes ingest entries of it.
//
// # Words
//
// A journal is a list of entries. An entry is a set of fields, NAME=value. The
// name tells who speaks: MESSAGE and SYSLOG_IDENTIFIER are the program's claim,
// _PID, _UID, _COMM and _EXE (one underline) are what journald learnt from the
// kernel about the sender, __REALTIME_TIMESTAMP (two) is where the entry
// stands. Only the last two kinds are evidence of identity: any process can
// say it is "sshd".
//
// # Time
//
// An entry has two times. __REALTIME_TIMESTAMP is when journald stored it;
// _SOURCE_REALTIME_TIMESTAMP is when it was sent, and what journalctl's text
// forms display. They differ by seconds on a busy host. __MONOTONIC_TIMESTAMP
// and _BOOT_ID order entries whatever the clock did.
//
// # Forms
//
//	Export  journalctl -o export          nothing is lost; the form to ask for
//	JSON    journalctl -o json and kin    values of 4096 bytes and more are null unless --all was given
//	Text    journalctl -o verbose         values with control characters are lost
//	Binary  the .journal files            nothing is lost
//
// What an entry becomes does not depend on the form: an audit record where the
// kernel sent it (_TRANSPORT=audit, or the kernel log's "audit: type=1006
// audit(...)"), a message where sshd, its helpers or logind sent it, and
// otherwise irrelevant, but still with its host, boot and times, because every
// entry tells that a host was up.
//
// Facts are from systemd 252 to 257: systemd.journal-fields(7), docs/
// JOURNAL_EXPORT_FORMATS.md, docs/JOURNAL_FILE_FORMAT.md, src/shared/
// logs-show.c, src/journal/journald-audit.c.
package journal
