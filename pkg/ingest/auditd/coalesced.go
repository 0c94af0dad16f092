package auditd

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/elastic/go-libaudit/v2/aucoalesce"
	"github.com/elastic/go-libaudit/v2/auparse"
)

// Coalesced gives the event in go-libaudit's form, maps and all, for programs
// that want it so. It shares no memory with ev. What go-libaudit would lose or
// get wrong (see the package comment) is as ev has it.
func (ev *Event) Coalesced() *aucoalesce.Event {
	e := &aucoalesce.Event{
		Timestamp: time.UnixMilli(ev.Millis).UTC(),
		Sequence:  ev.Serial,
		Type:      ev.Type,
		Result:    ev.Result,
		Session:   ev.Ses,
		Data:      make(map[string]string),
	}
	sys, main := choose(ev.Records)
	if sys >= 0 && main < 0 {
		e.Type = auparse.AUDIT_SYSCALL
	}
	ev.borrowLibrary(e, sys, main)
	if e.Result == "" {
		e.Result = "unknown"
	}
	e.Category = aucoalesce.GetAuditEventType(e.Type)
	e.Tags = append(e.Tags, ev.Keys...)
	e.Summary.Action = ev.Action
	e.Summary.How = string(ev.How)
	e.Summary.Object = aucoalesce.Object{Type: ev.ObjectType, Primary: string(ev.ObjectPrimary), Secondary: string(ev.ObjectSecondary)}
	e.Process = aucoalesce.Process{
		PID: pidString(ev.PID), PPID: pidString(ev.PPID),
		Name: string(ev.Comm), Exe: string(ev.Exe), CWD: string(ev.CWD),
	}
	for _, a := range ev.Args {
		e.Process.Args = append(e.Process.Args, string(a))
	}
	for name, id := range map[string]string{"auid": ev.AUID, "uid": ev.UID, "euid": ev.EUID} {
		if id != "" {
			put(&e.User.IDs, name, id)
		}
	}
	ev.data(e, sys, main)
	return e
}

// put adds to a map what it does not have.
func put(m *map[string]string, name, value string) {
	if *m == nil {
		*m = make(map[string]string)
	}
	if _, ok := (*m)[name]; !ok {
		(*m)[name] = value
	}
}

func pidString(pid int) string {
	if pid == 0 {
		return ""
	}
	return strconv.Itoa(pid)
}

// borrowLibrary takes from go-libaudit itself what this package does not
// derive: ECS, the actor, the file, the network addresses.
func (ev *Event) borrowLibrary(e *aucoalesce.Event, sys, main int) {
	var msgs []*auparse.AuditMessage
	add := func(i int) {
		r := ev.Records[i]
		r.Split()
		msgs = append(msgs, &auparse.AuditMessage{RecordType: r.Type, Timestamp: e.Timestamp, Sequence: r.Serial, RawData: string(r.Body)})
	}
	if main >= 0 {
		add(main)
	}
	if sys >= 0 {
		add(sys)
		for i := range ev.Records {
			if i != sys && i != main && ev.Records[i].Type != auparse.AUDIT_EOE {
				add(i)
			}
		}
	}
	lib, err := aucoalesce.CoalesceMessages(msgs)
	if err != nil {
		return
	}
	e.ECS, e.Summary.Actor, e.File = lib.ECS, lib.Summary.Actor, lib.File
	e.Source, e.Dest, e.Net = lib.Source, lib.Dest, lib.Net
}

// data fills the maps: the syscall's fields first, then the others', a name's
// first value winning.
func (ev *Event) data(e *aucoalesce.Event, sys, main int) {
	for _, at := range [...]int{sys, main} {
		if at >= 0 {
			ev.recordData(e, ev.Records[at])
		}
	}
	for i := range ev.Records {
		r := ev.Records[i]
		switch {
		case i == sys || i == main || r.Type == auparse.AUDIT_CWD || r.Type == auparse.AUDIT_EOE:
		case r.Type == auparse.AUDIT_PATH:
			e.Paths = append(e.Paths, ev.pathData(r))
		case r.Type == auparse.AUDIT_PROCTITLE:
			if v, ok := r.Field("proctitle"); ok && e.Process.Title == "" {
				e.Process.Title = string(bytes.ReplaceAll(bytes.TrimRight(ev.text(v), "\x00"), []byte{0}, []byte(" ")))
			}
		case r.Type == auparse.AUDIT_EXECVE:
			if v, ok := r.Field("argc"); ok {
				e.Data["argc"] = string(v)
			}
		case r.Type == auparse.AUDIT_SOCKADDR:
			ev.socketData(e)
		default:
			ev.recordData(e, r)
		}
	}
}

func (ev *Event) recordData(e *aucoalesce.Event, r *Record) {
	r.Split()
	outer, inner := r.split()
	for _, text := range [...][]byte{outer, inner} {
		f := fields{b: text}
		for n, v, ok := f.next(); ok; n, v, ok = f.next() {
			if !absent(v) {
				ev.fieldData(e, r, strings.ReplaceAll(string(n), " ", "_"), v)
			}
		}
	}
	f := fields{b: r.Enriched}
	for n, v, ok := f.next(); ok; n, v, ok = f.next() {
		if name := strings.ToLower(string(n)); isIDName(name) {
			if v = ev.claimedName(v); v != nil {
				put(&e.User.Names, name, string(v))
			}
		}
	}
}

func isIDName(name string) bool {
	return strings.HasSuffix(name, "uid") || strings.HasSuffix(name, "gid")
}

// fieldData puts one field where go-libaudit has it.
func (ev *Event) fieldData(e *aucoalesce.Event, r *Record, name string, v []byte) {
	value := string(plain(v))
	switch name {
	case "success", "res", "result", "ses", "key", "pid", "ppid", "comm", "exe", "cwd", "msg":
		return // fields of the Event
	case "arch":
		if a, ok := hex32(v); ok {
			value = auparse.AuditArch(a).String()
		}
	case "syscall":
		value = ev.Syscall
	case "exit":
		value = ev.Exit
	case "items":
		if r.Type == auparse.AUDIT_SYSCALL {
			return
		}
	case "subj":
		ev.context(&e.User.SELinux, v)
		return
	default:
		if encodable(name) {
			value = string(ev.text(v))
		}
	}
	if !isIDName(name) {
		put(&e.Data, name, value)
		return
	}
	if value == "4294967295" || value == "-1" {
		value = "unset"
	}
	put(&e.User.IDs, name, value)
}

// context splits a security context as go-libaudit does.
func (ev *Event) context(m *map[string]string, v []byte) {
	if *m == nil {
		*m = make(map[string]string)
	}
	v = bytes.TrimPrefix(plain(v), []byte("=")) // "subj==unconfined"
	for i, part := range strings.SplitN(string(v), ":", 5) {
		(*m)[[...]string{"user", "role", "domain", "level", "category"}[i]] = part
	}
}

func (ev *Event) pathData(r *Record) map[string]string {
	m := make(map[string]string)
	r.Split()
	f := fields{b: r.Body}
	for n, v, ok := f.next(); ok; n, v, ok = f.next() {
		switch {
		case absent(v):
		case string(n) == "name":
			m["name"] = string(ev.text(v))
		case string(n) == "obj":
			var labels map[string]string
			ev.context(&labels, v)
			for k, label := range labels {
				m["obj_"+k] = label
			}
		default:
			m[string(n)] = string(plain(v))
		}
	}
	return m
}

func (ev *Event) socketData(e *aucoalesce.Event) {
	s := ev.Sock
	if s == nil {
		return
	}
	for k, v := range map[string]string{"family": s.Family, "addr": s.Addr, "port": s.Port, "path": string(s.Path)} {
		if v != "" {
			e.Data["socket_"+k] = v
		}
	}
	if s.Addr == "" && s.Path == nil {
		e.Data["socket_saddr"] = string(s.Raw)
	}
}

// FromCoalesced fills ev with what an event in go-libaudit's form says. It has
// no records, no node and no contradictions. What ev held before is gone.
func FromCoalesced(e *aucoalesce.Event, ev *Event) {
	ev.reset()
	ev.Millis, ev.Serial = e.Timestamp.UnixMilli(), e.Sequence
	ev.Type = e.Type
	if e.Type == auparse.AUDIT_SYSCALL && len(e.Process.Args) > 0 {
		ev.Type = auparse.AUDIT_EXECVE
	}
	ev.TypeStr = ev.Type.String()
	ev.Result = result([]byte(e.Result))
	id := func(s string) string {
		if s == "4294967295" || s == "-1" {
			return "unset"
		}
		return s
	}
	ids, names, data := e.User.IDs, e.User.Names, e.Data
	ev.Ses, ev.AUID, ev.UID, ev.EUID = id(e.Session), id(ids["auid"]), id(ids["uid"]), id(ids["euid"])
	ev.Names = Names{AUID: names["auid"], UID: names["uid"], EUID: names["euid"]}
	ev.PID = ev.pid("pid", []byte(e.Process.PID))
	ev.PPID = ev.pid("ppid", []byte(e.Process.PPID))
	ev.Comm, ev.Exe, ev.CWD = ev.copied(e.Process.Name), ev.copied(e.Process.Exe), ev.copied(e.Process.CWD)
	for _, a := range e.Process.Args {
		ev.Args = append(ev.Args, Text(a))
	}
	ev.Keys = append(ev.Keys, e.Tags...)
	if tty := data["tty"]; tty != "(none)" {
		ev.TTY = tty
	}
	ev.Syscall, ev.Exit = data["syscall"], data["exit"]
	ev.Op, ev.Acct, ev.Hostname, ev.Terminal = data["op"], ev.copied(data["acct"]), data["hostname"], data["terminal"]
	if ev.Addr = data["addr"]; ev.Addr == "" && e.Source != nil {
		ev.Addr = e.Source.IP
	}
	ev.OldSes, ev.OldAUID = id(data["old-ses"]+data["old_ses"]), id(ids["old-auid"]+ids["old_auid"])
	ev.Action, ev.How = e.Summary.Action, ev.copied(e.Summary.How)
	ev.ObjectType = e.Summary.Object.Type
	ev.ObjectPrimary, ev.ObjectSecondary = ev.copied(e.Summary.Object.Primary), ev.copied(e.Summary.Object.Secondary)
}
