package synth

import (
	"strconv"
	"time"
)

// journal writes entries of sshd as journalctl -o export shows them: a field a
// line, an empty line after each entry.
type journal struct {
	out      *output
	host     string
	machine  string
	boot     string
	booted   int64 // µs since the epoch
	last     int64 // __REALTIME_TIMESTAMP of the last entry
	entries  int64
	comm     string
	exe      string
	buf      []byte
	clock    int64  // second that stamp stands for
	stamp    string // "Nov 22 23:07:04 "
	sequence string // of the journal file
}

// entry writes one message of process p at µs since the epoch. journald files
// it a moment later, and notes the session once the process has one.
func (j *journal) entry(us int64, p *process, account string, message ...string) {
	filed := max(us+180+us%700, j.last+1)
	j.last = filed
	j.entries++
	b := j.head(filed)
	b = append(b, "_MACHINE_ID="...)
	b = append(b, j.machine...)
	b = append(b, "\n_HOSTNAME="...)
	b = append(b, j.host...)
	b = append(b, "\nPRIORITY=6\n_UID=0\n_GID=0\n_SELINUX_CONTEXT\n\x0b\x00\x00\x00\x00\x00\x00\x00unconfined\n\n_SYSTEMD_SLICE="...)
	if p.ses == 0 {
		b = append(b, "system.slice\n_SYSTEMD_CGROUP=/system.slice/ssh.service\n_SYSTEMD_UNIT=ssh.service\n"...)
	} else {
		b = strconv.AppendInt(append(b, "user-"...), int64(p.auid.uid), 10)
		b = strconv.AppendInt(append(b, ".slice\n_AUDIT_LOGINUID="...), int64(p.auid.uid), 10)
		b = strconv.AppendInt(append(b, "\n_AUDIT_SESSION="...), int64(p.ses), 10)
		b = strconv.AppendInt(append(b, "\n_SYSTEMD_SESSION="...), int64(p.ses), 10)
		b = strconv.AppendInt(append(b, "\n_SYSTEMD_UNIT=session-"...), int64(p.ses), 10)
		b = append(b, ".scope\n"...)
	}
	b = append(b, "_TRANSPORT=syslog\nSYSLOG_FACILITY=4\nSYSLOG_IDENTIFIER="...)
	b = append(b, j.comm...)
	b = append(b, "\n_COMM="...)
	b = append(b, j.comm...)
	b = append(b, "\n_EXE="...)
	b = append(b, j.exe...)
	b = append(append(append(b, "\n_CMDLINE=\"sshd: "...), account...), " [priv]\"\nSYSLOG_PID="...)
	b = strconv.AppendInt(b, int64(p.pid), 10)
	b = strconv.AppendInt(append(b, "\n_PID="...), int64(p.pid), 10)
	b = append(append(b, "\nSYSLOG_TIMESTAMP="...), j.syslogTime(us)...)
	b = append(b, "\nMESSAGE="...)
	for _, part := range message {
		b = append(b, part...)
	}
	b = strconv.AppendInt(append(b, "\n_SOURCE_REALTIME_TIMESTAMP="...), us, 10)
	j.buf = append(b, "\n\n"...)
	j.out.Write(j.buf) //nolint:errcheck // kept by the buffer until Close
}

// head writes the fields that journald itself gives an entry.
func (j *journal) head(filed int64) []byte {
	b := append(append(j.buf[:0], "__CURSOR=s="...), j.sequence...)
	b = strconv.AppendInt(append(b, ";i="...), j.entries, 16)
	b = append(append(b, ";b="...), j.boot...)
	b = strconv.AppendInt(append(b, ";m="...), filed-j.booted, 16)
	b = strconv.AppendInt(append(b, ";t="...), filed, 16)
	b = strconv.AppendUint(append(b, ";x="...), uint64(filed)*0x9e3779b97f4a7c15, 16)
	b = strconv.AppendInt(append(b, "\n__REALTIME_TIMESTAMP="...), filed, 10)
	b = strconv.AppendInt(append(b, "\n__MONOTONIC_TIMESTAMP="...), filed-j.booted, 10)
	b = append(append(b, "\n_BOOT_ID="...), j.boot...)
	return append(b, '\n')
}

// syslogTime is the time as syslog(3) writes it, which every entry has.
func (j *journal) syslogTime(us int64) string {
	if second := us / 1e6; second != j.clock {
		j.clock = second
		j.stamp = time.Unix(second, 0).UTC().Format("Jan _2 15:04:05 ")
	}
	return j.stamp
}
