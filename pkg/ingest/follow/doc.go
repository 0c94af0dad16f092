// Package follow reads logs while they are written: files across their
// rotation, the journal through journalctl, and the state that makes a
// restart lose nothing and repeat nothing. It is the only package that reads
// the wall clock or starts goroutines, and the command follow alone uses it.
//
// # A log is a chain of files
//
// A path like /var/log/audit/audit.log names one file after another. What
// happens to the one before is up to whoever rotates:
//
//	rename+create  audit.log -> audit.log.1, a new audit.log   (auditd, logrotate create)
//	copytruncate   audit.log is copied to audit.log.1 and emptied
//	delete+create  audit.log is gone, a new one is there
//	link           audit.log is a symbolic link that now leads elsewhere
//
// and what was rotated may be rotated on (.1 -> .2), compressed, or deleted.
// A file is therefore known by what it is, never by its name: device and inode,
// and a hash of the first bytes that were read of it (Ident). The second finds a
// copy and a compressed file, and tells a new file with an old inode apart. A
// Tail drains its file to the end before it goes on to the next of the chain,
// and goes on only when that one holds something: a daemon that was not told
// yet goes on writing to the old file.
//
// # One descriptor decides
//
// github.com/nxadm/tail watches and reads the open file (Follow, without
// ReOpen). What it misses when a file is renamed or truncated, measured at up to
// a third of the lines, is why every byte that is used comes from a descriptor
// of our own on the same file, at an offset of our own, and is believed only if
// the file's first bytes are still the same after it was read. tail is given
// the descriptor's name in /proc/self/fd, so that it has the very same file
// open, whatever the path names by then, and has nothing to stat that could be
// missing or forbidden, on which it would end the process. What tail tells is
// that there is more to read; a look four times a second covers what it does
// not tell.
//
// # Exactly once
//
// A state (State) is the position in every input, all that was read and not
// yet written, and the length of the output at that moment. On a start the
// output is cut back to that length and reading begins at those positions, so
// that whatever happened in between happens again, once. Nothing has to be
// written at the same moment as the state for that; it only has to be whole,
// which a rename of a synced file makes it.
package follow
