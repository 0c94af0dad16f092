package journal_test

import (
	"fmt"
	"strings"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/journal"
)

func Example() {
	const export = `__REALTIME_TIMESTAMP=1795388824336524
_BOOT_ID=49d1cdbd6e6a47b48ec61aad0fcf90d5
_TRANSPORT=syslog
_PID=368
_UID=0
_COMM=sshd
SYSLOG_IDENTIFIER=sshd
MESSAGE=Server listening on :: port 22.

__REALTIME_TIMESTAMP=1795388825755293
_BOOT_ID=49d1cdbd6e6a47b48ec61aad0fcf90d5
_TRANSPORT=audit
_AUDIT_ID=3
_SOURCE_REALTIME_TIMESTAMP=1795388825736000
MESSAGE=SERVICE_START pid=1 uid=0

`
	x := journal.NewExport(strings.NewReader(export), &ingest.Source{Name: "host.export"})
	for {
		e, err := x.Next()
		if err != nil {
			break
		}
		switch e.Kind {
		case ingest.MessageEntry:
			fmt.Println(e.Pos, e.Message.Comm, e.Message.PID, e.Message.Text)
		case ingest.AuditEntry:
			fmt.Println(e.Pos, string(e.Audit))
		}
	}
	// Output:
	// host.export:1 sshd 368 Server listening on :: port 22.
	// host.export:10 type=SERVICE_START msg=audit(1795388825.736:3): pid=1 uid=0
}
