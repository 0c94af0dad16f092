package sshd

import "strings"

// The reasons for which a key, a certificate or a PAM answer is refused. sshd
// writes them at the error, before the "Failed" line of the same attempt,
// which is missing at LogLevel INFO for the first failures of an account.

const certError = "certificate invalid"

func certInvalid(rest string, l *Line) bool {
	l.Error, l.Reason = certError, rest
	return true
}

// certWhole takes the whole message for the reason, its first letter lowered.
func certWhole(_ string, l *Line) bool {
	l.Error, l.Reason = certError, strings.ToLower(l.Text[:1])+l.Text[1:]
	return true
}

// refusingCert reads `"KEYID" serial=N signed by TYPE CA FP[ via FILE]:
// REASON`. KEYID is free text that the reason, sshd's own words, never holds.
func refusingCert(rest string, l *Line) bool {
	i := strings.LastIndex(rest, " signed by ")
	if i < 0 || l.Truncated {
		l.Error, l.Reason = certError, "refused"
		return true
	}
	id, serial, ok := quoted(rest[:i])
	if !ok {
		return false
	}
	l.KeyID, l.Serial = id, strings.TrimPrefix(serial, " serial=")
	ca, reason, _ := strings.Cut(rest[i+len(" signed by "):], ": ")
	if j := strings.LastIndex(reason, ": "); j >= 0 && !strings.HasPrefix(reason, "Certificate invalid") {
		reason = reason[j+2:]
	}
	l.CAAlgorithm, ca, _ = strings.Cut(ca, " CA ")
	ca, _, _ = strings.Cut(ca, " ")
	l.CAFingerprint = fingerprint(ca)
	l.Error = certError
	l.Reason = strings.TrimPrefix(strings.TrimPrefix(reason, "Certificate invalid: "), "Certificate ")
	return true
}

// refusedBy reads "key options", "certificate options" or "certificate
// principals options", since 10.1 with " at FILE:LINE".
func refusedBy(rest string, l *Line) bool {
	what, _, _ := strings.Cut(rest, " at ")
	l.Reason = "refused by " + what
	if strings.HasPrefix(what, "certificate") {
		l.Error = certError
	}
	return strings.HasSuffix(what, " options")
}

// revoked reads TYPE FP revoked by file FILE.
func revoked(rest string, l *Line) bool {
	key, _, ok := strings.Cut(rest, " revoked by file ")
	l.key(key)
	l.Reason = "key revoked"
	return ok
}

func (l *Line) key(s string) {
	typ, fp, ok := strings.Cut(s, " ")
	if ok && strings.IndexByte(fp, ' ') < 0 {
		l.Algorithm, l.Fingerprint = typ, fingerprint(fp)
	}
}

// revokedOld reads TYPE key FP.
func revokedOld(rest string, l *Line) bool {
	typ, fp, ok := strings.Cut(rest, " key ")
	l.key(typ + " " + strings.TrimSuffix(fp, " "))
	l.Reason = "key revoked"
	return ok
}

func revokedFor(rest string, l *Line) bool {
	l.Reason = "key revoked"
	return strings.HasSuffix(rest, " attempted authentication")
}

func notChecked(rest string, l *Line) bool {
	key, _, ok := strings.Cut(rest, " in revoked keys file ")
	l.key(key)
	l.Reason = "key could not be checked for revocation"
	return ok
}

func usedBefore(rest string, l *Line) bool {
	l.Reason = "previously used key"
	return strings.HasSuffix(rest, " key")
}

func badLength(rest string, l *Line) bool {
	l.Reason = "invalid key length"
	return strings.HasSuffix(rest, ": Invalid key length")
}

// notAccepted reads the ends "not in PubkeyAcceptedAlgorithms" and its like.
func notAccepted(rest string, l *Line) bool {
	i := strings.LastIndex(rest, " not in ")
	if i < 0 {
		return false
	}
	l.Reason = "algorithm not in " + rest[i+len(" not in "):]
	return strings.Contains(rest[i:], "Accepted")
}

// noTouch reads TYPE FP signature for USER from ADDR port N rejected: REASON.
func noTouch(rest string, l *Line) bool {
	i := strings.LastIndex(rest, " rejected: ")
	key, peer, ok := strings.Cut(rest[:max(i, 0)], " signature for")
	if !ok {
		return false
	}
	l.key(key)
	l.Reason = strings.TrimSpace(rest[i+len(" rejected: "):])
	return account(peer, l)
}

// wrongPlace reads USER with correct key but not from a permitted host (...),
// and USER with valid certificate but not from a permitted source address
// (...).
func wrongPlace(rest string, l *Line) bool {
	if name, _, ok := strings.Cut(rest, " with correct key but not from a permitted host"); ok {
		l.Account, l.Reason = name, "not from a permitted host"
		return true
	}
	name, rest, ok := strings.Cut(rest, " with valid certificate but not from a permitted ")
	what, _, _ := strings.Cut(rest, " (")
	l.Account, l.Error, l.Reason = name, certError, "not from a permitted "+what
	return ok
}

// wrongPlaceAt reads LOCATION: Authentication tried for ...
func wrongPlaceAt(rest string, l *Line) bool {
	i := strings.Index(rest, ": Authentication tried for ")
	return i > 0 && wrongPlace(rest[i+len(": Authentication tried for "):], l)
}

// pamRefused reads REASON for [illegal user ]NAME from HOST.
func pamRefused(rest string, l *Line) bool {
	reason, rest, ok := strings.Cut(rest, " for ")
	i := strings.LastIndex(rest, " from ")
	if !ok || i < 0 {
		return false
	}
	name, invalid := cutInvalid(" " + rest[:i])
	l.Account, l.InvalidUser = name[1:], invalid
	l.Method, l.Reason = "keyboard-interactive/pam", strings.ToLower(reason)
	if addr := rest[i+len(" from "):]; isAddr(addr) {
		l.Addr = addr
	}
	return true
}
