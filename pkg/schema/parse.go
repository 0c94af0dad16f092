package schema

import (
	"bytes"
	"encoding/json"
	"hash/maphash"

	"github.com/metal-toolbox/auditevent"
)

// parser reads an event as AppendJSON writes it, many times as fast as
// encoding/json. It knows the members that have a type of their own and
// nothing else: at anything that it does not expect (an unknown member, null,
// a member twice, damage) it gives up, and encoding/json decides what it is.
// What it does read it reads as encoding/json would.
type parser struct {
	text   []byte
	at     int
	failed bool
	names  interner
}

// event reads all of text, or returns nil.
func (p *parser) event(text []byte) *auditevent.AuditEvent {
	p.text, p.at, p.failed = text, 0, false
	d := new(parsed)
	e := &d.e
	timed := false
	p.object(func(key []byte) {
		switch string(key) {
		case "metadata":
			p.metadata(d)
		case "type":
			p.string(&e.Type)
		case "loggedAt":
			timed = p.time(e)
		case "source":
			p.source(&e.Source)
		case "outcome":
			p.string(&e.Outcome)
		case "subjects":
			p.stringMap(&e.Subjects)
		case "component":
			p.string(&e.Component)
		case "target":
			p.stringMap(&e.Target)
		case "data":
			p.once(e.Data != nil)
			e.Data = p.data()
		default:
			p.failed = true
		}
	})
	p.blanks()
	if p.failed || p.at != len(p.text) || e.Type == "" || !timed {
		return nil
	}
	if d.extra {
		d.x.Attach(e)
	}
	return e
}

// parsed is an event with all that it may point to, so that one allocation
// serves for all.
type parsed struct {
	e       auditevent.AuditEvent
	x       Extra
	extra   bool // the event has an extra with a member
	event   Event
	session Session
	cred    Credential
	ca      CA
	process Process
	object  Object
	users   Users
	user    [3]User
}

func (p *parser) metadata(d *parsed) {
	p.object(func(key []byte) {
		switch string(key) {
		case "auditId":
			p.string(&d.e.Metadata.AuditID)
		case "extra":
			p.once(d.extra)
			p.extra(d)
		default:
			p.failed = true
		}
	})
}

func (p *parser) extra(d *parsed) {
	x := &d.x
	p.object(func(key []byte) {
		d.extra = true
		switch string(key) {
		case "action":
			p.string(&x.Action)
		case "credential":
			p.once(x.Credential != nil)
			x.Credential = &d.cred
			p.credential(d)
		case "event":
			p.once(x.Event != nil)
			x.Event = &d.event
			p.eventOf(&d.event)
		case "how":
			p.string(&x.How)
		case "object":
			p.once(x.Object != nil)
			x.Object = &d.object
			p.objectOf(&d.object)
		case "process":
			p.once(x.Process != nil)
			x.Process = &d.process
			p.process(&d.process)
		case "process_args":
			p.strings(&x.ProcessArgs)
		case "process_args_hex":
			p.strings(&x.ProcessArgsHex)
		case "session":
			p.once(x.Session != nil)
			x.Session = &d.session
			p.session(&d.session)
		case "user":
			p.once(x.User != nil)
			x.User = &d.users
			p.users(d)
		default:
			p.failed = true
		}
	})
}

func (p *parser) eventOf(v *Event) {
	p.object(func(key []byte) {
		switch string(key) {
		case "contradictions":
			p.strings(&v.Contradictions)
		case "exit":
			p.string(&v.Exit)
		case "id":
			p.string(&v.ID)
		case "keys":
			p.strings(&v.Keys)
		case "late":
			p.literal("true")
			v.Late = true
		case "node":
			p.string(&v.Node)
		case "pos":
			p.string(&v.Pos)
		case "raw":
			p.strings(&v.Raw)
		case "syscall":
			p.string(&v.Syscall)
		case "type":
			p.string(&v.Type)
		default:
			p.failed = true
		}
	})
}

func (p *parser) session(v *Session) {
	p.object(func(key []byte) {
		switch string(key) {
		case "attribution":
			p.string(&v.Attribution)
		case "boot":
			p.string(&v.Boot)
		case "evidence":
			p.strings(&v.Evidence)
		case "id":
			p.string(&v.ID)
		case "login":
			p.string(&v.Login)
		case "reason":
			p.string(&v.Reason)
		default:
			p.failed = true
		}
	})
}

// credential leaves names to encoding/json.
func (p *parser) credential(d *parsed) {
	v := &d.cred
	p.object(func(key []byte) {
		switch string(key) {
		case "algorithm":
			p.string(&v.Algorithm)
		case "ca":
			p.once(v.CA != nil)
			v.CA = &d.ca
			p.object(func(key []byte) {
				switch string(key) {
				case "algorithm":
					p.string(&v.CA.Algorithm)
				case "fingerprint":
					p.string(&v.CA.Fingerprint)
				default:
					p.failed = true
				}
			})
		case "fingerprint":
			p.string(&v.Fingerprint)
		case "key_id":
			p.string(&v.KeyID)
		case "key_id_hex":
			p.string(&v.KeyIDHex)
		case "method":
			p.string(&v.Method)
		case "principal":
			p.string(&v.Principal)
		case "serial":
			p.string(&v.Serial)
		default:
			p.failed = true
		}
	})
}

func (p *parser) objectOf(v *Object) {
	p.object(func(key []byte) {
		switch string(key) {
		case "primary":
			p.string(&v.Primary)
		case "secondary":
			p.string(&v.Secondary)
		case "type":
			p.string(&v.Type)
		default:
			p.failed = true
		}
	})
}

func (p *parser) process(v *Process) {
	p.object(func(key []byte) {
		switch string(key) {
		case "comm":
			p.string(&v.Comm)
		case "comm_hex":
			p.string(&v.CommHex)
		case "cwd":
			p.string(&v.CWD)
		case "cwd_hex":
			p.string(&v.CWDHex)
		case "exe":
			p.string(&v.Exe)
		case "exe_hex":
			p.string(&v.ExeHex)
		case "pid":
			p.integer(&v.PID)
		case "ppid":
			p.integer(&v.PPID)
		case "tty":
			p.string(&v.TTY)
		default:
			p.failed = true
		}
	})
}

func (p *parser) users(d *parsed) {
	p.object(func(key []byte) {
		var place **User
		var u *User
		switch string(key) {
		case "auid":
			place, u = &d.users.AUID, &d.user[0]
		case "euid":
			place, u = &d.users.EUID, &d.user[1]
		case "uid":
			place, u = &d.users.UID, &d.user[2]
		default:
			p.failed = true
			return
		}
		p.once(*place != nil)
		*place = u
		p.object(func(key []byte) {
			switch string(key) {
			case "id":
				p.string(&u.ID)
			case "name":
				p.string(&u.Name)
			default:
				p.failed = true
			}
		})
	})
}

func (p *parser) source(v *auditevent.EventSource) {
	p.object(func(key []byte) {
		switch string(key) {
		case "type":
			p.string(&v.Type)
		case "value":
			p.string(&v.Value)
		case "extra":
			p.once(v.Extra != nil)
			p.object(func(key []byte) {
				if v.Extra == nil {
					v.Extra = make(map[string]any, 1)
				}
				name := p.names.name(key)
				var s string
				p.string(&s)
				v.Extra[name] = s
			})
		default:
			p.failed = true
		}
	})
}

// data keeps an object of strings as it stands there.
func (p *parser) data() *json.RawMessage {
	p.blanks()
	start := p.at
	p.object(func([]byte) {
		var s string
		p.string(&s)
	})
	raw := json.RawMessage(bytes.Clone(p.text[start:p.at]))
	return &raw
}

// stringMap reads an object of strings.
func (p *parser) stringMap(m *map[string]string) {
	p.once(*m != nil)
	*m = make(map[string]string, 4)
	p.object(func(key []byte) {
		name := p.names.name(key)
		var s string
		p.string(&s)
		(*m)[name] = s
	})
}

func (p *parser) time(e *auditevent.AuditEvent) bool {
	raw, _ := p.quoted()
	if p.failed || e.LoggedAt.UnmarshalJSON(raw) != nil {
		p.failed = true
	}
	return !p.failed
}

// once gives up on a member that occurs again.
func (p *parser) once(again bool) {
	if again {
		p.failed = true
	}
}

// interner gives equal names one string, mostly: a table of those seen last.
type interner struct {
	seed  maphash.Seed
	table [4096]string
}

const internLimit = 128 // longer texts hardly occur twice

func (n *interner) name(text []byte) string {
	if len(text) > internLimit {
		return string(text)
	}
	slot := &n.table[maphash.Bytes(n.seed, text)%uint64(len(n.table))]
	if *slot != string(text) {
		*slot = string(text)
	}
	return *slot
}

// unquote is the slow way to read a string: with escapes, or not ASCII.
func unquote(raw []byte) (s string, ok bool) {
	return s, json.Unmarshal(raw, &s) == nil
}
