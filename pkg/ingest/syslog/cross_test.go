package syslog_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/journal"
	"auditreplay/pkg/ingest/syslog"

	"github.com/google/go-cmp/cmp"
)

type reader interface {
	Next() (*ingest.Entry, error)
}

// A journal's export and its text form give the same messages at the same
// times.
func TestSameAsJournal(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"bookworm-0", "bookworm-A", "trixie-A"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			text := syslog.New(open(t, host, "sshd.short-iso.gz"), &ingest.Source{})
			export := journal.NewExport(open(t, host, "sshd.export.gz"), &ingest.Source{})
			if diff := cmp.Diff(messages(t, export), messages(t, text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func open(t *testing.T, host, name string) io.Reader {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "testdata", "host", host, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func messages(t *testing.T, r reader) []string {
	t.Helper()
	var list []string
	for {
		e, err := r.Next()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		if m := &e.Message; e.Kind == ingest.MessageEntry {
			list = append(list, fmt.Sprintf("%s %s %s[%d]: %s", m.Time.Format("2006-01-02T15:04:05.000000Z07:00"), m.Host, m.Ident, m.PID, m.Text))
		}
	}
}

func Example() {
	const log = `Nov 22 23:31:57 web01 sshd[341]: Server listening on :: port 22.
Nov 22 23:32:01 web01 CRON[350]: (root) CMD (true)
Nov 22 23:32:09 web01 audispd: type=LOGIN msg=audit(1795390329.100:42): pid=352
`
	r := syslog.New(strings.NewReader(log), &ingest.Source{Name: "auth.log"})
	for {
		e, err := r.Next()
		if err != nil {
			break
		}
		switch e.Kind {
		case ingest.MessageEntry:
			fmt.Println(e.Pos, e.Message.Ident, e.Message.PID, e.Message.Text)
		case ingest.AuditEntry:
			fmt.Println(e.Pos, string(e.Audit))
		default:
			fmt.Println(e.Pos, e.What)
		}
	}
	// Output:
	// auth.log:1 sshd 341 Server listening on :: port 22.
	// auth.log:2 syslog: other programs
	// auth.log:3 type=LOGIN msg=audit(1795390329.100:42): pid=352
}
