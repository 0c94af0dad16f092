package sshd

import "strings"

// decided reads the line of auth_log: METHOD[/SUBMETHOD] for [invalid user ]
// USER from ADDR port N [ssh2][: INFO].
func decided(rest string, l *Line) bool {
	method, rest, ok := strings.Cut(rest, " for ")
	if !ok || method == "" || strings.IndexByte(method, ' ') >= 0 {
		return false
	}
	l.Method = method
	rest = " " + rest // an empty account leaves two blanks
	rest, l.InvalidUser = cutInvalid(rest)
	before, addr, port, after, ok := from(rest, l.InvalidUser, func(after string) bool {
		return after == "" || strings.HasPrefix(after, " ssh")
	})
	if !ok {
		return false
	}
	l.Account, l.Addr, l.Port = strings.TrimPrefix(before, " "), addr, port
	if _, info, ok := strings.Cut(after, ": "); ok {
		l.info(info)
	}
	return true
}

// cutInvalid takes "invalid user " off rest, which begins with a blank and
// still does afterwards.
func cutInvalid(rest string) (string, bool) {
	for _, word := range [...]string{" invalid user", " illegal user"} {
		if r, ok := strings.CutPrefix(rest, word); ok && strings.HasPrefix(r, " ") {
			return r, true
		}
	}
	return rest, false
}

// info reads what auth_log writes behind the address: a key, a certificate, a
// host's key or a GSS name. What the end of a cut message left over is not
// taken for whole; of a cut certificate nothing behind the fingerprint is,
// because its key ID may hold text that looks like the end.
func (l *Line) info(info string) {
	if strings.HasPrefix(l.Method, "gssapi") {
		if !l.Truncated {
			l.Principal = info
		}
		return
	}
	algorithm, rest, ok := strings.Cut(info, " ")
	if !ok {
		return
	}
	l.Algorithm = algorithm
	fp, rest, more := strings.Cut(rest, " ")
	if !more && l.Truncated {
		return
	}
	l.Fingerprint = fingerprint(strings.TrimSuffix(fp, ","))
	switch {
	case l.Truncated:
	case strings.HasPrefix(rest, "ID "):
		l.certificate(rest[len("ID"):])
	case strings.HasPrefix(rest, "client user "):
		l.client(rest)
	}
}

// certificate reads " KEYID (serial N) CA TYPE FINGERPRINT": KEYID is free
// text, so the last such end counts.
func (l *Line) certificate(s string) {
	const word = " (serial "
	for hi := len(s); ; {
		i := strings.LastIndex(s[:hi], word)
		if i < 0 {
			return
		}
		hi = i
		serial, rest, ok := digits(s[i+len(word):])
		if !ok {
			continue
		}
		if rest, ok = strings.CutPrefix(rest, ") CA "); !ok {
			continue
		}
		typ, fp, ok := strings.Cut(rest, " ")
		if !ok || fp == "" || strings.IndexByte(fp, ' ') >= 0 {
			continue
		}
		l.KeyID, l.Serial = strings.TrimPrefix(s[:i], " "), serial
		l.CAAlgorithm, l.CAFingerprint = typ, fingerprint(fp)
		return
	}
}

func digits(s string) (string, string, bool) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return s[:i], s[i:], i > 0
}

// client reads `client user "U", client host "H"` of hostbased.
func (l *Line) client(s string) {
	i := strings.LastIndex(s, `", client host "`)
	if i < len(`client user "`) {
		return
	}
	l.ClientUser = s[len(`client user "`):i]
	l.ClientHost = strings.TrimSuffix(s[i+len(`", client host "`):], `"`)
}

func listedKey(rest string, l *Line) bool {
	algorithm, rest, ok := strings.Cut(rest, " ")
	fp, _, found := strings.Cut(rest, " found at ")
	if !ok || !found || strings.IndexByte(fp, ' ') >= 0 {
		return false
	}
	l.Algorithm, l.Fingerprint = algorithm, fingerprint(fp)
	return true
}

// listedCert reads `"KEYID" (serial N) signed by TYPE CA FP via FILE`.
func listedCert(rest string, l *Line) bool {
	i := strings.LastIndex(rest, " signed by ")
	if i < 0 {
		return false
	}
	id, tail, ok := quoted(rest[:i])
	if ok && !l.Truncated {
		l.KeyID = id
		if s, ok := strings.CutPrefix(tail, " (serial "); ok {
			l.Serial = strings.TrimSuffix(s, ")")
		}
	}
	return ok
}

func listedHostKey(rest string, _ *Line) bool {
	keyType, rest, ok := strings.Cut(rest, " public key ")
	return ok && strings.IndexByte(keyType, ' ') < 0 && strings.Contains(rest, " from ")
}

// maxTries reads [invalid user ]USER from ADDR port N ssh2.
func maxTries(rest string, l *Line) bool { return account(" "+rest, l) }

// prohibited reads [invalid user ]USER from ADDR port N.
func prohibited(rest string, l *Line) bool {
	l.Reason = "RefuseConnection"
	return account(" "+rest, l)
}

// account reads " [invalid user ]USER from ADDR port N[ ssh2]" to the end.
func account(s string, l *Line) bool {
	s, l.InvalidUser = cutInvalid(s)
	before, addr, port, _, ok := from(s, true, func(after string) bool {
		return after == "" || after == " ssh2" || after == " ssh1"
	})
	l.Account, l.Addr, l.Port = strings.TrimPrefix(before, " "), addr, port
	return ok
}

func deniedByPAM(rest string, l *Line) bool {
	name, ok := strings.CutSuffix(rest, " by PAM account configuration")
	l.Account, l.Reason = name, "denied by PAM account configuration"
	return ok
}

// invalidUser reads USER from ADDR[ port N] to the end.
func invalidUser(rest string, l *Line) bool {
	rest = " " + rest
	i := strings.LastIndex(rest, " from ")
	if i < 0 {
		return false
	}
	before, addr, port, ok := placeAtEnd(rest[i+len(" from "):])
	l.Account, l.InvalidUser = strings.TrimPrefix(rest[:i], " "), true
	l.Addr, l.Port = addr, port
	return ok && before == ""
}

func invalidName(rest string, l *Line) bool {
	l.Account, l.InvalidUser = rest, true
	return true
}

// notAllowed reads USER[ from HOST] not allowed because REASON. HOST is a name
// where UseDNS is on, and then no address.
func notAllowed(rest string, l *Line) bool {
	name, reason, ok := strings.Cut(rest, " not allowed because ")
	if !ok {
		return false
	}
	if i := strings.LastIndex(name, " from "); i >= 0 {
		if addr := name[i+len(" from "):]; isAddr(addr) {
			l.Addr = addr
		}
		name = name[:i]
	}
	if group, ok := strings.CutPrefix(reason, "none of user's groups are listed in "); ok {
		reason = "not in " + group
	} else if list, ok := strings.CutPrefix(reason, "not listed in "); ok {
		reason = "not in " + list
	}
	l.Account, l.InvalidUser, l.Reason = name, true, reason
	if strings.HasSuffix(reason, " exists") {
		l.Kind = Info // nologin, which session.c looks for after the login
	}
	return true
}

func passwordExpired(rest string, l *Line) bool {
	name, _, ok := strings.Cut(rest, " password has expired")
	l.Account, l.Reason = name, "password has expired"
	return ok
}

func accountExpired(rest string, l *Line) bool {
	name, ok := strings.CutSuffix(rest, " has expired")
	l.Account, l.InvalidUser, l.Reason = name, true, "account has expired"
	return ok
}

func rootRefused(rest string, l *Line) bool {
	before, addr, port, ok := placeAtEnd(rest)
	l.Account, l.Reason = "root", "root login refused"
	l.Addr, l.Port = addr, port
	return ok && before == ""
}

func connectionFrom(rest string, l *Line) bool {
	addr, port, rest, ok := place(rest)
	if !ok {
		return false
	}
	l.Addr, l.Port = addr, port
	if rest, ok := strings.CutPrefix(rest, " on "); ok {
		l.LAddr, l.LPort, _, _ = place(rest)
	}
	return true
}

func timedOut(rest string, l *Line) bool {
	rest, ok := strings.CutSuffix(rest, " timed out")
	l.Reason = "timed out"
	return ok && who(rest, l)
}

// refusedConnection reads the messages that begin like a connection's first
// line and end it: source routing, and non-sftp sessions of a chroot.
func refusedConnection(rest string, l *Line) bool {
	for _, word := range [...]string{" with IP opts: ", ": refusing non-sftp session"} {
		if peer, _, ok := strings.Cut(rest, word); ok && who(peer, l) {
			l.Reason = strings.Trim(word, ": ")
			return true
		}
	}
	return false
}

func child(rest string, l *Line) bool {
	n, rest, ok := number(rest)
	l.ChildPID = n
	return ok && rest == ""
}

// starting reads WHAT[ on TTY] for USER from ADDR port N[ id C].
func starting(rest string, l *Line) bool {
	before, addr, port, after, ok := from(rest, true, sessionEnd)
	if !ok {
		return false
	}
	l.Addr, l.Port = addr, port
	if n, ok := strings.CutPrefix(after, " id "); ok {
		l.ChannelID, _, _ = number(n)
	}
	i := strings.LastIndex(before, " for ")
	if i < 0 {
		return false
	}
	l.Account, before = before[i+len(" for "):], before[:i]
	if i := strings.LastIndex(before, " on "); i >= 0 && strings.IndexByte(before[i+4:], '\'') < 0 {
		l.TTY, before = before[i+len(" on "):], before[:i]
	}
	what, command, _ := strings.Cut(before, " '")
	l.What = what
	switch {
	case what == "subsystem":
		l.What += " " + strings.TrimSuffix(command, "'")
	case strings.HasPrefix(what, "forced-command"):
		l.What, l.Reason = "forced-command", strings.TrimSuffix(command, "'")
	}
	return true
}

func sessionEnd(after string) bool {
	if after == "" {
		return true
	}
	s, ok := strings.CutPrefix(after, " id ")
	_, rest, num := number(s)
	return ok && num && rest == ""
}

// closedSession reads USER from ADDR port N id C.
func closedSession(rest string, l *Line) bool {
	before, addr, port, after, ok := from(rest, true, sessionEnd)
	l.Account, l.Addr, l.Port = before, addr, port
	if n, ok := strings.CutPrefix(after, " id "); ok {
		l.ChannelID, _, _ = number(n)
	}
	return ok
}
