package sshd

import "strings"

// disconnect reads ADDR port N:CODE: TEXT, or ADDR: CODE: TEXT as written up
// to 7.1. TEXT is the client's.
func disconnect(rest string, l *Line) bool {
	addr, port, after, ok := place(rest)
	if ok {
		after, ok = strings.CutPrefix(after, ":")
	} else if addr, after, ok = strings.Cut(rest, ": "); ok {
		ok = isAddr(addr)
	}
	if !ok {
		return false
	}
	code, text, ok := number(after)
	l.Addr, l.Port, l.Code = addr, port, code
	l.Reason = strings.TrimPrefix(text, ": ")
	return ok
}

// disconnecting reads WHO: REASON. A reason may repeat account names ("Change
// of username or service not allowed: (a,b) -> (c,d)"), and an account may
// hold what looks like a reason: where both could be, no address is taken.
func disconnecting(rest string, l *Line) bool {
	found := false
	for i := 0; ; i += 2 {
		j := strings.Index(rest[i:], ": ")
		if j < 0 {
			break
		}
		i += j
		var peer Line
		if !who(rest[:i], &peer) || peer.Port == 0 {
			continue
		}
		if found && (peer.Addr != l.Addr || peer.Port != l.Port) {
			if strings.Contains(rest, ": Change of username") {
				l.Account, l.Addr, l.Port = "", "", 0
				return true
			}
		}
		if !found || peer.InvalidUser {
			l.Account, l.Addr, l.Port, l.InvalidUser = peer.Account, peer.Addr, peer.Port, peer.InvalidUser
			l.Reason = rest[i+2:]
			l.Preauth = l.Preauth || peer.Preauth
		}
		found = true
	}
	return found
}

func reasonIs(rest string, l *Line) bool {
	l.Reason = strings.TrimSuffix(rest, ".")
	return true
}

func readError(rest string, l *Line) bool {
	peer, reason, ok := strings.Cut(rest, ": ")
	l.Reason = reason
	return ok && who(peer, l)
}

func clientGone(rest string, l *Line) bool {
	l.Reason = "client not responding"
	if peer, ok := strings.CutPrefix(rest, " from "); ok {
		return who(peer, l)
	}
	return rest == "."
}

// toColon reads WHO: REASON where the reason is not the server's alone.
func toColon(rest string, l *Line) bool {
	for i := 0; ; i += 2 {
		j := strings.Index(rest[i:], ": ")
		if j < 0 {
			return false
		}
		i += j
		if who(rest[:i], l) {
			l.Reason = rest[i+2:]
			return true
		}
	}
}

func peerOnly(rest string, l *Line) bool {
	addr, port, rest, ok := place(rest)
	l.Addr, l.Port = addr, port
	return ok && rest == ""
}

func reaped(rest string, l *Line) bool {
	_, signal, ok := strings.Cut(rest, " terminated by signal ")
	l.Reason = "signal " + signal
	return ok
}

// sessionProcess reads PID for WHO killed by signal N, or terminated
// abnormally.
func sessionProcess(rest string, l *Line) bool {
	pid, rest, ok := number(rest)
	if !ok || !strings.HasPrefix(rest, " for ") {
		return false
	}
	l.PID = pid
	if i := strings.LastIndex(rest, " killed by "); i >= 0 {
		l.Reason = rest[i+len(" killed by "):]
		return true
	}
	l.Reason = "terminated abnormally"
	return strings.Contains(rest, " terminated abnormally")
}

func listening(rest string, l *Line) bool {
	addr, after, ok := strings.Cut(rest, " port ")
	port, _, num := number(after)
	l.LAddr, l.LPort = addr, port
	return ok && num
}

func stopping(rest string, l *Line) bool {
	n, rest, ok := number(rest)
	l.Code = n
	return ok && rest == "; terminating."
}

// expiredPID reads A to B, pid = N[ (early)].
func expiredPID(rest string, l *Line) bool {
	peer, rest, ok := strings.Cut(rest, " to ")
	local, pid, found := strings.Cut(rest, ", pid = ")
	if !ok || !found || !isAddr(peer) {
		return false
	}
	l.Addr, l.LAddr = peer, local
	l.PID, _, ok = number(pid)
	return ok
}

func expired(rest string, l *Line) bool {
	before, addr, port, ok := placeAtEnd(rest)
	l.Addr, l.Port, l.Preauth = addr, port, true
	return ok && before == ""
}

// pam takes "MODULE(sshd:TYPE): " off; only the service sshd is sshd's own.
func pam(rest, typ string) (string, bool) {
	_, rest, ok := strings.Cut(rest, "(sshd:")
	if !ok {
		return "", false
	}
	got, text, ok := strings.Cut(rest, "): ")
	return text, ok && (typ == "" || got == typ)
}

func pamOpened(rest string, l *Line) bool {
	text, ok := pam(rest, "session")
	name, found := strings.CutPrefix(text, "session opened for user ")
	if !ok || !found {
		return false
	}
	if i := strings.LastIndex(name, " by "); i >= 0 {
		name = name[:i]
	}
	if i := strings.LastIndex(name, "(uid="); i >= 0 {
		name = name[:i]
	}
	l.Account = name
	return true
}

func pamClosed(rest string, l *Line) bool {
	text, ok := pam(rest, "session")
	name, found := strings.CutPrefix(text, "session closed for user ")
	l.Account = name
	return ok && found
}

// pamFailed reads "authentication failure; ... rhost=ADDR  user=NAME". NAME is
// the attacker's and comes last; so rhost is the one before its first mention.
func pamFailed(rest string, l *Line) bool {
	text, ok := pam(rest, "auth")
	if !ok || !strings.Contains(text, "authentication failure") {
		return false
	}
	if _, after, ok := strings.Cut(text, " rhost="); ok {
		host, name, _ := strings.Cut(after, " ")
		if isAddr(host) {
			l.Addr = host
		}
		if _, name, ok := strings.Cut(name, "user="); ok {
			l.Account = name
		}
	}
	return true
}

func pamOther(rest string, _ *Line) bool {
	_, ok := pam(rest, "")
	return ok
}
