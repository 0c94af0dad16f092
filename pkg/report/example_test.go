package report_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"auditreplay/pkg/report"
	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// saved is a session as "auditreplay file" writes it, shortened.
const saved = `
{"metadata":{"auditId":"5f0c","extra":{"event":{"pos":"auth.log:7"},"credential":{"method":"publickey","algorithm":"ED25519-CERT","fingerprint":"SHA256:K6zkQOa3QoD23nV7RlImeoOuTZ"},"session":{"id":"67","boot":"0717"}}},"type":"UserLogin","loggedAt":"2026-11-22T10:00:00.64Z","source":{"type":"IP","value":"203.0.113.10","extra":{"port":"45573"}},"outcome":"succeeded","subjects":{"loggedAs":"deploy","userID":"alice@example.com","pid":"414"},"component":"sshd","target":{"host":"web1"}}
{"metadata":{"auditId":"67","extra":{"action":"executed","process_args":["-bash"],"event":{"id":"1795341601.000:311","type":"EXECVE","syscall":"execve","exit":"0","pos":"audit.log:20"},"session":{"id":"67","boot":"0717","login":"5f0c","attribution":"sshd","evidence":["pid"]},"process":{"pid":422,"ppid":421,"exe":"/usr/bin/bash","cwd":"/home/deploy","tty":"pts0"},"user":{"auid":{"id":"1005"},"uid":{"id":"1005"},"euid":{"id":"1005"}}}},"type":"UserAction","loggedAt":"2026-11-22T10:00:01Z","source":{"type":"IP","value":"203.0.113.10","extra":{"port":"45573"}},"outcome":"succeeded","subjects":{"loggedAs":"deploy","userID":"alice@example.com","pid":"414"},"component":"auditd","target":{"host":"web1"}}
{"metadata":{"auditId":"67","extra":{"action":"executed","process_args":["sudo","cat","/etc/shadow"],"event":{"id":"1795341602.000:312","type":"EXECVE","syscall":"execve","exit":"0","pos":"audit.log:26"},"session":{"id":"67","boot":"0717","login":"5f0c","attribution":"sshd","evidence":["pid"]},"process":{"pid":425,"ppid":422,"exe":"/usr/bin/sudo","cwd":"/home/deploy","tty":"pts0"},"user":{"auid":{"id":"1005"},"uid":{"id":"1005"},"euid":{"id":"0"}}}},"type":"UserAction","loggedAt":"2026-11-22T10:00:02Z","source":{"type":"IP","value":"203.0.113.10","extra":{"port":"45573"}},"outcome":"succeeded","subjects":{"loggedAs":"deploy","userID":"alice@example.com","pid":"414"},"component":"auditd","target":{"host":"web1"}}
{"metadata":{"auditId":"67","extra":{"action":"executed","process_args":["cat","/etc/shadow"],"event":{"id":"1795341602.100:316","type":"EXECVE","syscall":"execve","exit":"0","pos":"audit.log:40"},"session":{"id":"67","boot":"0717","login":"5f0c","attribution":"sshd","evidence":["pid"]},"process":{"pid":426,"ppid":425,"exe":"/usr/bin/cat","cwd":"/home/deploy","tty":"pts0"},"user":{"auid":{"id":"1005"},"uid":{"id":"0"},"euid":{"id":"0"}}}},"type":"UserAction","loggedAt":"2026-11-22T10:00:02.1Z","source":{"type":"IP","value":"203.0.113.10","extra":{"port":"45573"}},"outcome":"succeeded","subjects":{"loggedAs":"deploy","userID":"alice@example.com","pid":"414"},"component":"auditd","target":{"host":"web1"}}
{"metadata":{"auditId":"5f0d","extra":{"event":{"pos":"auth.log:9"},"session":{"id":"67","boot":"0717","login":"5f0c","attribution":"sshd"}}},"type":"UserLogout","loggedAt":"2026-11-22T10:00:05.01Z","source":{"type":"IP","value":"203.0.113.10","extra":{"port":"45573"}},"outcome":"succeeded","subjects":{"loggedAs":"deploy","userID":"alice@example.com","pid":"414"},"component":"sshd","target":{"host":"web1"},"data":{"ended":"logout"}}
`

// replay feeds the saved events to a view and closes it.
func replay(v interface {
	auditevent.EventEncoder
	Close() error
}) {
	d := schema.NewDecoder(strings.NewReader(saved), "saved.jsonl")
	for {
		e, err := d.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		if err := v.Encode(e); err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := v.Close(); err != nil {
		fmt.Println(err)
	}
}

func ExampleSessions() {
	replay(report.NewSessions(os.Stdout, report.SessionsOptions{Width: 90}))
	// Output:
	// START               PERSON            ACCT   FROM         TIME ENDED  KIND  CMDS ROOT DENY
	// 2026-11-22 10:00:00 alice@example.com deploy 203.0.113.10   4s logout shell    3    2    0
}

func ExampleTimeline() {
	replay(report.NewTimeline(os.Stdout, report.TimelineOptions{Width: 100}))
	// Output:
	// 2026-11-22 10:00:00.640 alice@example.com deploy logged in from 203.0.113.10:45573 with publickey E…
	// 2026-11-22 10:00:01.000 alice@example.com deploy pts/0 $ -bash
	// 2026-11-22 10:00:02.000 alice@example.com deploy→root pts/0 $ sudo cat /etc/shadow
	// 2026-11-22 10:00:02.100 alice@example.com deploy→root pts/0 $ cat /etc/shadow
	// 2026-11-22 10:00:05.010 alice@example.com deploy logged out (203.0.113.10:45573)
}

func ExampleTree() {
	replay(report.NewTree(os.Stdout, report.TreeOptions{Width: 100}))
	// Output:
	// alice@example.com as deploy, from 203.0.113.10:45573, with SHA256:K6zkQOa3Qo…, session 67, on web1,
	//     2026-11-22 10:00:00 to 2026-11-22 10:00:05 (logout)
	// 10:00:01.000 └─ [421] not in the evidence
	// 10:00:01.000    └─ [422] $ -bash  in /home/deploy
	// 10:00:02.000       └─ [425] deploy → root $ sudo cat /etc/shadow
	// 10:00:02.100          └─ [426] # cat /etc/shadow
}
