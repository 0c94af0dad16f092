package ingest

// String names the kind as reports and summaries do.
func (k Kind) String() string {
	switch k {
	case EmptyKind:
		return "empty"
	case AuditLog:
		return "audit log"
	case JournalExport:
		return "journal export"
	case JournalJSON:
		return "journal json"
	case JournalBinary:
		return "journal file"
	case JournalText:
		return "journal verbose text"
	case SyslogText:
		return "syslog"
	case UnusableKind:
		return "unusable"
	}
	return "unknown"
}
