package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/journal"
	"auditreplay/pkg/ingest/syslog"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/schema"
	"auditreplay/pkg/synth"
)

// evidence is a host's logs as two streams of lines.
type evidence struct {
	audit, sshd [][]byte
}

// synthHost makes the logs of a host with so many bytes of audit log. What the
// journal says of sshd is put into lines as rsyslog writes them.
func synthHost(t testing.TB, seed uint64, size int64) *evidence {
	t.Helper()
	dir := t.TempDir()
	if _, err := synth.Write(dir, synth.Options{Seed: seed, Bytes: size}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "var/log/audit/audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	e := &evidence{audit: bytes.SplitAfter(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))}
	f, err := os.Open(filepath.Join(dir, "sshd.export"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := journal.NewExport(f, &ingest.Source{})
	for {
		entry, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		m := &entry.Message
		e.sshd = append(e.sshd, fmt.Appendf(nil, "%s %s %s[%d]: %s\n", m.Received.Format("2006-01-02T15:04:05.000000-07:00"), m.Host, m.Ident, m.PID, m.Text))
	}
	e.audit[len(e.audit)-1] = append(bytes.TrimSuffix(e.audit[len(e.audit)-1], []byte("\n")), '\n')
	return e
}

// replayed gives the events that file makes of the logs.
func (e *evidence) replayed(t testing.TB, scope replay.Scope) []string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "audit.log"), bytes.Join(e.audit, nil))
	writeFile(t, filepath.Join(dir, "auth.log"), bytes.Join(e.sshd, nil))
	in, err := ingest.Discover([]string{filepath.Join(dir, "audit.log"), filepath.Join(dir, "auth.log")},
		ingest.Options{Detect: []func([]byte) (ingest.Kind, string){syslog.Detect}})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var out bytes.Buffer
	enc := schema.NewEncoder(&out)
	if _, err := replay.Run(in.Sources, &replay.Filter{Scope: scope, Next: enc}, replay.Options{Scope: scope}); err != nil {
		t.Fatal(err)
	}
	if err := enc.Flush(); err != nil {
		t.Fatal(err)
	}
	return eventLines(out.Bytes())
}

func writeFile(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func eventLines(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

// TestFollowFinished follows logs that are complete, to their end.
func TestFollowFinished(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		e := synthHost(t, seed+1, 2<<20)
		e.pad()
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "audit.log"), bytes.Join(e.audit, nil))
		writeFile(t, filepath.Join(dir, "auth.log"), bytes.Join(e.sshd, nil))
		var out, talk bytes.Buffer
		o := &followOptions{audit: filepath.Join(dir, "audit.log"), sshd: filepath.Join(dir, "auth.log"), window: time.Minute,
			noWall: true} // however long the machine takes
		o.scope, o.output, o.logLevel = "all", "-", "warn"
		cmd := newFollow()
		cmd.SetOut(&out)
		cmd.SetErr(&talk)
		f, err := o.open(cmd)
		if err != nil {
			t.Fatal(err)
		}
		for {
			more, err := f.round()
			if err != nil {
				t.Fatal(err)
			}
			if !more {
				break
			}
		}
		if _, err := f.round(); err != nil {
			t.Fatal(err)
		}
		f.close()
		file := e.replayed(t, replay.ScopeAll)
		diff, used := differences(t, eventLines(out.Bytes()), file)
		t.Logf("seed %d: %d events, %d by file; %s", seed, len(eventLines(out.Bytes())), len(file), talk.String())
		for _, d := range diff[:min(len(diff), 6)] {
			t.Error(d)
		}
		t.Log(len(diff), "differences,", used)
	}
}

// pad lets an hour pass, in both logs, after which nothing is waited for any
// more: one record of the audit log and one line of sshd's.
func (e *evidence) pad() {
	last := e.audit[len(e.audit)-1]
	i := bytes.Index(last, []byte("audit("))
	var sec, ms, serial int64
	fmt.Sscanf(string(last[i:]), "audit(%d.%d:%d)", &sec, &ms, &serial)
	node := ""
	if bytes.HasPrefix(last, []byte("node=")) {
		node = string(last[:bytes.IndexByte(last, ' ')+1])
	}
	for k := range int64(4) {
		at := sec + 3600 + 60*k
		e.audit = append(e.audit, fmt.Appendf(nil, "%stype=SERVICE_START msg=audit(%d.000:%d): pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=x comm=\"systemd\" exe=\"/usr/lib/systemd/systemd\" hostname=? addr=? terminal=? res=success'\n", node, at, serial+1+k))
		host := strings.Fields(string(e.sshd[0]))[1]
		e.sshd = append(e.sshd, fmt.Appendf(nil, "%s %s sshd[1]: Server listening on :: port 22.\n", time.Unix(at, 0).UTC().Format("2006-01-02T15:04:05.000000-07:00"), host))
	}
}
