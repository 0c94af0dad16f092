// Package auditd reads the Linux audit log: lines to records, records to
// events, events to what they say.
package auditd
