package main

import (
	"fmt"
	"strconv"
	"strings"

	"auditreplay/pkg/replay"

	"github.com/spf13/cobra"
)

// selection are the flags that say which events are wanted.
type selection struct {
	replay.Selection
	pids list
}

func (s *selection) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.Since, "since", "", "events from this `time` on: 2026-11-22 [15:04[:05]], RFC 3339, @seconds, -2h before the log's end, today, recent ...")
	f.StringVar(&s.Until, "until", "", "events up to this `time`")
	s.registerFields(cmd)
}

// registerFields registers the flags that ask what is in an event.
func (s *selection) registerFields(cmd *cobra.Command) {
	for _, flag := range []struct {
		name, usage string
		to          *[]string
	}{
		{"user", "person, account, or name or number of a user id (`name`)", &s.Users},
		{"key-id", "key `id` of the certificate", &s.KeyIDs},
		{"fingerprint", "`fingerprint` of the key or of the CA: SHA256:... or MD5:...", &s.Fingerprints},
		{"ip", "client `address` or prefix: 203.0.113.9, 2001:db8::/32", &s.IPs},
		{"session", "audit session `id`, or BOOT/ID", &s.Sessions},
		{"exe", "`program`: its whole path, or the last part of it", &s.Exes},
		{"path", "`file` that was acted upon; /etc/ is all below it", &s.Paths},
		{"key", "`key` of the audit rule", &s.Keys},
		{"action", "what was done, in the events' words (`action`): executed, opened-file ...", &s.Actions},
		{"outcome", "succeeded, failed or unknown (`outcome`)", &s.Outcomes},
		{"type", "UserLogin, UserAction, UserLogout, SystemAction or an audit record `type`", &s.Types},
		{"pid", "process `id`", (*[]string)(&s.pids)},
	} {
		cmd.Flags().Var((*list)(flag.to), flag.name, flag.usage)
	}
}

// read checks the values and gives the selection.
func (s *selection) read(o *options) (*replay.Selection, error) {
	s.Zone = o.logZone
	s.PIDs = nil
	for _, v := range s.pids {
		pid, err := strconv.Atoi(v)
		if err != nil {
			return nil, fmt.Errorf("--pid: %q is no process id", v)
		}
		s.PIDs = append(s.PIDs, pid)
	}
	return &s.Selection, s.Check()
}

// list is a flag with several values: repeated, or parted by commas. A comma
// that is part of a value stands behind a backslash.
type list []string

func (l *list) Set(v string) error {
	value := ""
	for i := 0; i < len(v); i++ {
		switch {
		case v[i] == '\\' && i+1 < len(v) && (v[i+1] == ',' || v[i+1] == '\\'):
			i++
			value += v[i : i+1]
		case v[i] == ',':
			*l = append(*l, value)
			value = ""
		default:
			value += v[i : i+1]
		}
	}
	*l = append(*l, value)
	return nil
}

func (l *list) String() string { return strings.Join(*l, ",") }

// Type is what help shows where the usage names no value.
func (l *list) Type() string { return "value" }
