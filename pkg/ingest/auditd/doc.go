// Package auditd reads the Linux audit log: lines to records, records to
// events, events to what they say.
//
// # Records
//
// A line of audit.log is a record, cut into its parts by ParseLine:
//
//	node=web1 type=SYSCALL msg=audit(1679060258.126:30361): arch=c000003e ... key="exec"␝ARCH=x86_64 ...
//	          type             seconds.millis:serial        body                        enrichment
//
// The kernel makes type, stamp and body (kernel/audit.c, audit_log_start);
// auditd adds node= (name_format in auditd.conf) and, with log_format=ENRICHED,
// after a byte 0x1D what it looked up: names of ids, the syscall, the address
// (auditd-event.c, format_enrich). Types have numbers (linux/audit.h); an
// auditd older than its kernel writes UNKNOWN[1334]. DAEMON_ records
// (1200 to 1299) are auditd's own, with serials of its own.
//
// # Fields
//
// A body is words and name=value pairs. A value that is plain text stands in
// quotes; if it holds a quote, a blank, a control byte or one above 0x7e, its
// bytes stand in hex instead (audit_log_untrustedstring in the kernel,
// audit_encode_value in libaudit). Since numbers look like hex too, only the
// fields that are written this way are decoded. "?" and "(null)" without
// quotes mean that there is none. (uint32)-1 is an id that was never set.
//
// User records (1100 to 1199 and 2000 up) carry a program's own text inside
// msg='...'. Outside of it speaks the kernel, which cannot be lied to; inside,
// any program that may write audit records, and it may write ses=1 or pid=1
// too. The two are never mixed: Record.Field and Record.InnerField.
//
// # Events
//
// Records with one node, time and serial are one event: a SYSCALL record with
// the paths, arguments and addresses that belong to it, or a single record. A
// Builder makes an Event of them, in whatever order they come. The event's
// type is that of the record that characterises it (LOGIN, AVC, USER_CMD),
// else EXECVE, else SYSCALL.
//
// An argument vector is exact. EXECVE records hold a0="ls" a1=2D6C, an
// argument that is too long as a1_len=N a1[0]=... a1[1]=..., and a long
// command line is continued in further EXECVE records (kernel/auditsc.c,
// audit_log_execve_info).
//
// What an event means in short (Action, How, Object...) is go-libaudit's
// normalisation. Its table is not exported, so it is asked once for each
// shape of event which field feeds which slot; see ask. Where Events differ
// from go-libaudit's, a test lists the difference with its reason.
package auditd
