package schema

import "strconv"

// A member of an object is written as `"key":value,`; closeObject turns the
// last comma into the brace.

func closeObject(dst []byte) []byte {
	if last := len(dst) - 1; dst[last] == ',' {
		dst[last] = '}'
		return dst
	}
	return append(dst, '}')
}

// text writes a member that is left out when empty. The key comes quoted and
// with its colon.
func text(dst []byte, key, s string) []byte {
	if s == "" {
		return dst
	}
	dst = append(dst, key...)
	return append(appendString(dst, s), ',')
}

func number(dst []byte, key string, n int) []byte {
	if n == 0 {
		return dst
	}
	dst = append(dst, key...)
	return append(strconv.AppendInt(dst, int64(n), 10), ',')
}

func texts(dst []byte, key string, list []string) []byte {
	if len(list) == 0 {
		return dst
	}
	dst = append(dst, key...)
	return append(appendStrings(dst, list), ',')
}

func appendEvent(dst []byte, v *Event) []byte {
	dst = append(dst, '{')
	dst = texts(dst, `"contradictions":`, v.Contradictions)
	dst = text(dst, `"exit":`, v.Exit)
	dst = text(dst, `"id":`, v.ID)
	dst = texts(dst, `"keys":`, v.Keys)
	if v.Late {
		dst = append(dst, `"late":true,`...)
	}
	dst = text(dst, `"node":`, v.Node)
	dst = append(dst, `"pos":`...)
	dst = append(appendString(dst, v.Pos), ',')
	dst = texts(dst, `"raw":`, v.Raw)
	dst = text(dst, `"syscall":`, v.Syscall)
	dst = text(dst, `"type":`, v.Type)
	return closeObject(dst)
}

func appendSession(dst []byte, v *Session) []byte {
	dst = append(dst, '{')
	dst = text(dst, `"attribution":`, v.Attribution)
	dst = text(dst, `"boot":`, v.Boot)
	dst = texts(dst, `"evidence":`, v.Evidence)
	dst = text(dst, `"id":`, v.ID)
	dst = text(dst, `"login":`, v.Login)
	dst = text(dst, `"reason":`, v.Reason)
	return closeObject(dst)
}

func appendCredential(dst []byte, v *Credential) []byte {
	dst = append(dst, '{')
	dst = text(dst, `"algorithm":`, v.Algorithm)
	if v.CA != nil {
		dst = append(dst, `"ca":{`...)
		dst = text(dst, `"algorithm":`, v.CA.Algorithm)
		dst = text(dst, `"fingerprint":`, v.CA.Fingerprint)
		dst = names(dst, v.CA.Names)
		dst = append(closeObject(dst), ',')
	}
	dst = text(dst, `"fingerprint":`, v.Fingerprint)
	dst = text(dst, `"key_id":`, v.KeyID)
	dst = text(dst, `"key_id_hex":`, v.KeyIDHex)
	dst = text(dst, `"method":`, v.Method)
	dst = names(dst, v.Names)
	dst = text(dst, `"principal":`, v.Principal)
	dst = text(dst, `"serial":`, v.Serial)
	return closeObject(dst)
}

func names(dst []byte, list []Name) []byte {
	if len(list) == 0 {
		return dst
	}
	dst = append(dst, `"names":[`...)
	for i := range list {
		dst = appendString(append(dst, `{"from":`...), list[i].From)
		dst = appendString(append(dst, `,"name":`...), list[i].Name)
		dst = append(dst, "},"...)
	}
	dst[len(dst)-1] = ']'
	return append(dst, ',')
}

func appendObject(dst []byte, v *Object) []byte {
	dst = append(dst, '{')
	dst = text(dst, `"primary":`, v.Primary)
	dst = text(dst, `"secondary":`, v.Secondary)
	dst = text(dst, `"type":`, v.Type)
	return closeObject(dst)
}

func appendProcess(dst []byte, v *Process) []byte {
	dst = append(dst, '{')
	dst = text(dst, `"comm":`, v.Comm)
	dst = text(dst, `"comm_hex":`, v.CommHex)
	dst = text(dst, `"cwd":`, v.CWD)
	dst = text(dst, `"cwd_hex":`, v.CWDHex)
	dst = text(dst, `"exe":`, v.Exe)
	dst = text(dst, `"exe_hex":`, v.ExeHex)
	dst = number(dst, `"pid":`, v.PID)
	dst = number(dst, `"ppid":`, v.PPID)
	dst = text(dst, `"tty":`, v.TTY)
	return closeObject(dst)
}

func appendUsers(dst []byte, v *Users) []byte {
	dst = append(dst, '{')
	dst = user(dst, `"auid":{`, v.AUID)
	dst = user(dst, `"euid":{`, v.EUID)
	dst = user(dst, `"uid":{`, v.UID)
	return closeObject(dst)
}

func user(dst []byte, key string, u *User) []byte {
	if u == nil {
		return dst
	}
	dst = append(dst, key...)
	dst = text(dst, `"id":`, u.ID)
	dst = text(dst, `"name":`, u.Name)
	return append(closeObject(dst), ',')
}
