package auditd_test

import (
	"fmt"
	"strings"

	"auditreplay/pkg/ingest/auditd"
)

func ExampleBuilder_Build() {
	const log = `type=SYSCALL msg=audit(1679060258.126:30361): arch=c000003e syscall=59 success=yes exit=0 ppid=25130 pid=25142 auid=1000 uid=0 tty=pts0 ses=67 comm="cat" exe="/usr/bin/cat" key="exec"
type=EXECVE msg=audit(1679060258.126:30361): argc=3 a0="cat" a1="" a2=2F746D702F612062
type=PATH msg=audit(1679060258.126:30361): item=0 name="/usr/bin/cat" inode=1 dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL`
	var records []*auditd.Record
	for line := range strings.Lines(log) {
		var rec auditd.Record
		if err := auditd.ParseLine([]byte(line), &rec); err != nil {
			fmt.Println(err)
			continue
		}
		records = append(records, &rec)
	}
	var ev auditd.Event
	auditd.NewBuilder().Build(records, &ev)
	fmt.Printf("session %s, login uid %s, as uid %s: %s %s\n", ev.Ses, ev.AUID, ev.UID, ev.Action, ev.ObjectPrimary)
	fmt.Printf("%q\n", ev.Args)
	// Output:
	// session 67, login uid 1000, as uid 0: executed /usr/bin/cat
	// ["cat" "" "/tmp/a b"]
}
