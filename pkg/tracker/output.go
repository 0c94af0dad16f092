package tracker

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/bits"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// output is an event on its way out, with the structs that its extra points
// to. One is reused for all events that do not have to wait.
type output struct {
	event auditevent.AuditEvent
	extra schema.Extra
	ev    schema.Event
	obj   schema.Object
	proc  schema.Process
	users schema.Users
	auid  schema.User
	uid   schema.User
	euid  schema.User
	sess  schema.Session
	bytes []byte // what its strings are made of
	parts bool   // or they are parts of the event, which stays until it is written
	args  []string
	hexes []string
	raw   []string
	paths []string

	second     int64  // since the epoch, of the event before, where secondText is not empty
	secondText []byte // and as it stands, with a point
}

// compose fills o with all of an event but whose it is.
func (t *SessionTracker) compose(ev *auditd.Event, o *output) *output {
	ev.Complete()
	o.parts = t.opt.Transient && o == &t.out
	if o.parts {
		o.bytes = o.bytes[:0]
	} else {
		o.bytes = make([]byte, 0, 512)
	}
	e := &o.ev // is filled where it is: a literal would be built beside it
	*e = schema.Event{}
	e.ID, e.Type, e.Syscall, e.Exit, e.Keys = o.eventID(ev), ev.TypeStr, ev.Syscall, ev.Exit, ev.Keys
	e.Node, e.Pos, e.Late, e.Contradictions = ev.Node, o.position(ev), ev.Late, ev.Contradictions
	if t.opt.Raw || ev.Uncoalesced {
		o.raw = o.raw[:0]
		for i := range ev.Records {
			o.raw = append(o.raw, o.str(ev.Records[i].Line))
		}
		o.ev.Raw = o.raw
	}
	if t.opt.Paths {
		o.composePaths(ev)
	}
	o.extra.Reset()
	o.extra.Action, o.extra.How, o.extra.Event = ev.Action, o.str(ev.How), &o.ev
	if ev.ObjectType != "" || len(ev.ObjectPrimary) > 0 || len(ev.ObjectSecondary) > 0 {
		o.obj.Type, o.obj.Primary, o.obj.Secondary = ev.ObjectType, o.str(ev.ObjectPrimary), o.str(ev.ObjectSecondary)
		o.extra.Object = &o.obj
	}
	o.composeArgs(ev.Args)
	o.composeProcess(ev)
	o.composeUsers(t, ev)
	a, extra := &o.event, o.event.Metadata.Extra
	*a = auditevent.AuditEvent{}
	a.Metadata.Extra, a.Type, a.LoggedAt = extra, schema.TypeAction, time.UnixMilli(ev.Millis).UTC()
	a.Outcome, a.Component, a.Target = outcome(ev.Result), "auditd", t.target
	return o
}

// wanted asks whether an event is to be composed, by what is known of it without
// that: when it was, whose, in which session, by which process.
func (t *SessionTracker) wanted(ev *auditd.Event, typ string, f *face) bool {
	if t.opt.Wanted == nil {
		return true
	}
	o := &t.out
	o.ev = schema.Event{Type: ev.TypeStr}
	o.proc = schema.Process{PID: ev.PID}
	o.extra.Reset()
	o.extra.Event, o.extra.Process = &o.ev, &o.proc
	o.composeUsers(t, ev)
	o.event.Type, o.event.LoggedAt, o.event.Source, o.event.Subjects = typ, time.UnixMilli(ev.Millis).UTC(), f.source, f.subjects
	o.extra.Session, o.extra.Credential = &f.sess, f.cred
	return t.opt.Wanted(&o.event, &o.extra)
}

// composePaths gives the names of the PATH records, as they stand and, where
// they are relative, as what they may mean: below the working directory, and
// below the directory that the event looked them up in (openat).
func (o *output) composePaths(ev *auditd.Event) {
	o.paths = o.paths[:0]
	cwd, parent := string(ev.CWD), ""
	for i := range ev.Paths {
		p := &ev.Paths[i]
		name := string(p.Name)
		if name == "" {
			continue
		}
		o.paths = append(o.paths, name)
		if name[0] != '/' && cwd != "" {
			o.paths = append(o.paths, path.Join(cwd, name))
		}
		if name[0] != '/' && parent != "" {
			o.paths = append(o.paths, path.Join(parent, name))
		}
		if p.NameType == "PARENT" && name[0] == '/' {
			parent = name
		}
	}
	o.ev.Paths = o.paths
}

func outcome(result string) string {
	switch result {
	case "success":
		return schema.Succeeded
	case "fail":
		return schema.Failed
	}
	return schema.Unknown
}

func (o *output) composeArgs(args []auditd.Text) {
	o.args, o.hexes = o.args[:0], o.hexes[:0]
	valid := true
	for _, a := range args {
		o.args = append(o.args, o.str(a))
		valid = valid && validUTF8(a)
	}
	o.extra.ProcessArgs = o.args
	if !valid {
		for _, a := range args {
			o.hexes = append(o.hexes, hex.EncodeToString(a))
		}
		o.extra.ProcessArgsHex = o.hexes
	}
}

func (o *output) composeProcess(ev *auditd.Event) {
	o.proc = schema.Process{PID: ev.PID, PPID: ev.PPID, TTY: ev.TTY}
	o.proc.Comm, o.proc.CommHex = o.textAndHex(ev.Comm)
	o.proc.Exe, o.proc.ExeHex = o.textAndHex(ev.Exe)
	o.proc.CWD, o.proc.CWDHex = o.textAndHex(ev.CWD)
	if o.proc != (schema.Process{}) {
		o.extra.Process = &o.proc
	}
}

// str gives b, a part of the event, as a string: one that is o's own, without an
// allocation for each, unless parts says that b itself will do. Where bytes
// grows, the strings made before keep what they were made of.
func (o *output) str(b []byte) string {
	switch {
	case len(b) == 0:
		return ""
	case o.parts:
		return unsafe.String(&b[0], len(b))
	}
	at := len(o.bytes)
	o.bytes = append(o.bytes, b...)
	return unsafe.String(&o.bytes[at], len(b))
}

// validUTF8 is utf8.Valid, with less work for what is ASCII, as nearly all is.
func validUTF8(b []byte) bool {
	const highs = 0x8080808080808080
	var seen uint64
	if n := len(b); n >= 8 {
		seen = binary.LittleEndian.Uint64(b[n-8:])
		for i := 0; i+8 < n; i += 8 {
			seen |= binary.LittleEndian.Uint64(b[i:])
		}
	} else {
		for _, c := range b {
			seen |= uint64(c)
		}
	}
	return seen&highs == 0 || utf8.Valid(b)
}

func (o *output) textAndHex(b []byte) (text, hexes string) {
	if !validUTF8(b) {
		hexes = hex.EncodeToString(b)
	}
	return o.str(b), hexes
}

// textAndHex gives the text, and its bytes in hex where they are not UTF-8.
func textAndHex(b []byte) (text, hexes string) {
	if !utf8.Valid(b) {
		hexes = hex.EncodeToString(b)
	}
	return string(b), hexes
}

func (o *output) composeUsers(t *SessionTracker, ev *auditd.Event) {
	o.users = schema.Users{}
	set := func(to **schema.User, u *schema.User, id, name string) {
		if id == "" {
			return
		}
		if name == "" && t.opt.UserNames != nil {
			name = t.opt.UserNames(id)
		}
		*u = schema.User{ID: id, Name: name}
		*to = u
	}
	set(&o.users.AUID, &o.auid, ev.AUID, ev.Names.AUID)
	set(&o.users.UID, &o.uid, ev.UID, ev.Names.UID)
	set(&o.users.EUID, &o.euid, ev.EUID, ev.Names.EUID)
	if o.users != (schema.Users{}) {
		o.extra.User = &o.users
	}
}

// eventID gives SECONDS.MILLIS:SERIAL.
func (o *output) eventID(ev *auditd.Event) string {
	at := len(o.bytes)
	second, ms := ev.Millis/1000, ev.Millis%1000
	if second != o.second || len(o.secondText) == 0 {
		o.second, o.secondText = second, append(strconv.AppendInt(o.secondText[:0], second, 10), '.')
	}
	b := append(o.bytes, o.secondText...)
	b = append(b, byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), ':')
	o.bytes = strconv.AppendUint(b, uint64(ev.Serial), 10)
	return unsafe.String(&o.bytes[at], len(o.bytes)-at)
}

// position gives where the event's records stand.
func (o *output) position(ev *auditd.Event) string {
	at := len(o.bytes)
	o.bytes = appendPos(o.bytes, ev.Records)
	if len(o.bytes) == at {
		return ""
	}
	return unsafe.String(&o.bytes[at], len(o.bytes)-at)
}

// appendPos appends where the records stand: NAME:A-B,C for each source, in
// the order of the names.
func appendPos(b []byte, recs []*auditd.Record) []byte {
	if first, last, ok := oneStretch(recs); ok {
		b = first.Append(b)
		if last > first.Line {
			b = strconv.AppendInt(append(b, '-'), last, 10)
		}
		return b
	}
	var few [16]ingest.Pos
	at := few[:0]
	for i := range recs {
		at = append(at, recs[i].Pos)
	}
	slices.SortFunc(at, func(a, b ingest.Pos) int {
		if a.Source != b.Source {
			return cmp.Compare(a.Source.Name, b.Source.Name)
		}
		return cmp.Compare(a.Line, b.Line)
	})
	for i := 0; i < len(at); {
		last := i
		for last+1 < len(at) && at[last+1].Source == at[i].Source && at[last+1].Line <= at[last].Line+1 && !at[i].Source.Offsets {
			last++
		}
		switch {
		case i == 0:
			b = at[i].Append(b)
		case at[i].Source != at[i-1].Source:
			b = at[i].Append(append(b, ','))
		default:
			b = strconv.AppendInt(append(b, ','), at[i].Line, 10)
		}
		if at[last].Line > at[i].Line {
			b = strconv.AppendInt(append(b, '-'), at[last].Line, 10)
		}
		i = last + 1
	}
	return b
}

// oneStretch reports whether the records are lines of one source that follow
// upon each other, and gives the first and the last.
func oneStretch(recs []*auditd.Record) (first ingest.Pos, last int64, ok bool) {
	n := len(recs)
	if n == 0 || n > 64 || recs[0].Pos.Source == nil || recs[0].Pos.Source.Offsets {
		return first, 0, false
	}
	first = recs[0].Pos
	const before = 32 // so many lines before that of the first record have a bit, and it and those behind it
	var seen uint64
	for _, r := range recs {
		at := r.Pos.Line - first.Line + before
		if r.Pos.Source != first.Source || uint64(at) >= 64 {
			return first, 0, false
		}
		seen |= 1 << uint64(at)
	}
	from := bits.TrailingZeros64(seen)
	if seen>>from != 1<<n-1 {
		return first, 0, false
	}
	first.Line += int64(from) - before
	return first, first.Line + int64(n) - 1, true
}

// write gives o the face of its session and writes it.
func (t *SessionTracker) write(o *output, f *face) error {
	o.event.Metadata.AuditID = f.sess.ID
	if f.sess.ID == "" {
		o.event.Metadata.AuditID = "unset"
	}
	o.event.Source, o.event.Subjects = f.source, f.subjects
	if t.target == nil && f.target != nil {
		o.event.Target = f.target
	}
	o.extra.Session, o.extra.Credential, o.extra.Shared = &f.sess, f.cred, !f.unshared
	o.extra.Attach(&o.event)
	if err := t.w.Write(&o.event); err != nil {
		return writeError("failed to write audit event", err)
	}
	return nil
}

// writeLoginOf writes the UserLogin that a face stands for, if it has not
// been written yet.
func (t *SessionTracker) writeLoginOf(f *face) error {
	if l := t.useLogin(f.login); l != nil && !l.Written {
		if err := t.lost(); err != nil {
			return err
		}
		return t.writeUserLogin(l)
	}
	return nil
}

// writeUserLogin writes the UserLogin of a login of sshd's log.
func (t *SessionTracker) writeUserLogin(l *login) error {
	l.Written = true
	d := l.detail
	var o output
	o.sshdEvent(t, l, schema.TypeLogin, d.Time, d.Pos)
	o.event.Metadata.AuditID = l.ID
	o.event.Outcome = schema.Failed
	if d.Accepted {
		o.event.Outcome = schema.Succeeded
	}
	o.event.Data = loginData(d)
	if err := t.w.Write(&o.event); err != nil {
		return writeError("failed to write login event", err)
	}
	return nil
}

// WriteLogout writes the UserLogout of a login that ended, also of one that was
// forgotten since it was written. ended is one of the
// words of schema.md, pos the line that shows it.
func (t *SessionTracker) WriteLogout(d *sshd.Login, at time.Time, pos ingest.Pos, ended string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest()
	l := t.known(d)
	if err := t.lost(); err != nil {
		return err
	}
	if l == nil { // forgotten: no session claimed it
		l = t.newLogin(d, 0)
		t.nameSession(l)
	} else if !l.Written {
		if err := t.writeUserLogin(l); err != nil {
			return err
		}
	}
	var o output
	o.sshdEvent(t, l, schema.TypeLogout, at, pos)
	o.event.Metadata.AuditID = LoginID(t.opt.Host, t.opt.Boot, d.PID, "end of "+d.Text, d.N)
	o.event.Outcome = schema.Succeeded
	o.sess.Login = l.ID
	o.event.Data = rawJSON(struct {
		Ended string `json:"ended"`
	}{ended})
	if err := t.w.Write(&o.event); err != nil {
		return writeError("failed to write logout event", err)
	}
	return nil
}

// sshdEvent fills what UserLogin and UserLogout have in common.
func (o *output) sshdEvent(t *SessionTracker, l *login, typ string, at time.Time, pos ingest.Pos) {
	f := t.loginFace(l)
	o.ev = schema.Event{Pos: pos.String()}
	o.sess = schema.Session{Boot: t.opt.Boot, ID: l.Names}
	o.extra = schema.Extra{Event: &o.ev, Session: &o.sess, Credential: f.cred}
	o.event = auditevent.AuditEvent{Type: typ, LoggedAt: at.UTC(), Source: f.source, Subjects: f.subjects,
		Component: "sshd", Target: t.target}
	o.extra.Attach(&o.event)
}

// loginData is a UserLogin's data, under the ancestor's names.
func loginData(d *sshd.Login) *json.RawMessage {
	data := struct {
		Alg       string `json:"Alg,omitempty"`
		SSHKeySum string `json:"SSHKeySum,omitempty"`
		Serial    string `json:"Serial,omitempty"`
		CA        string `json:"CA,omitempty"`
		Error     string `json:"error,omitempty"`
		Reason    string `json:"reason,omitempty"`
	}{Serial: d.Serial, Error: d.Error, Reason: d.Reason}
	if hash, sum, ok := strings.Cut(wholePrint(d.Fingerprint), ":"); ok {
		data.Alg, data.SSHKeySum = d.Algorithm+" "+hash, sum
	}
	if ca := wholePrint(d.CAFingerprint); ca != "" {
		data.CA = "CA " + d.CAAlgorithm + " " + ca
	}
	if data == (struct {
		Alg       string `json:"Alg,omitempty"`
		SSHKeySum string `json:"SSHKeySum,omitempty"`
		Serial    string `json:"Serial,omitempty"`
		CA        string `json:"CA,omitempty"`
		Error     string `json:"error,omitempty"`
		Reason    string `json:"reason,omitempty"`
	}{}) {
		return nil
	}
	return rawJSON(data)
}

// rawJSON encodes v as the event encoder would, without HTML escapes.
func rawJSON(v any) *json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // strings always encode
	}
	raw := json.RawMessage(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
	return &raw
}
