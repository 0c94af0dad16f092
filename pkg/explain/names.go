package explain

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"auditreplay/pkg/ingest/auditd"
	"auditreplay/pkg/ingest/root"
	"auditreplay/pkg/schema"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// Name is what an id of the acting process is called, and who says so.
type Name struct {
	Field string `json:"field"` // of the records: auid, euid, gid or egid
	ID    string `json:"id"`
	Name  string `json:"name"`
	From  string `json:"from"` // FILE:LINE, or "the log"
}

// theLog says that auditd looked the name up when it wrote the record
// (log_format=ENRICHED).
const theLog = "the log"

// stated is what the records of the event that is asked for say of groups, and
// what they call the ids. The kernel writes gid and egid into SYSCALL alone.
type stated struct {
	gid, egid string
	claimed   map[string]string // by the enrichment's own names: AUID, EUID, GID, EGID
}

// Record implements replay.Observer.
func (x *Explainer) Record(node int, rec *auditd.Record) {
	if x.target.Sort != Event || rec.Millis != x.millis || rec.Serial != x.serial {
		return
	}
	s := x.stated[node]
	if s == nil {
		s = &stated{claimed: make(map[string]string)}
		x.stated[node] = s
	}
	if rec.Type == auparse.AUDIT_SYSCALL {
		gid, _ := rec.Field("gid")
		egid, _ := rec.Field("egid")
		s.gid, s.egid = string(gid), string(egid)
	}
	claims := auditd.Record{Body: rec.Enriched}
	for _, field := range []string{"AUID", "EUID", "GID", "EGID"} {
		if v, ok := claims.Field(field); ok && s.claimed[field] == "" {
			s.claimed[field] = claimedName(string(v))
		}
	}
}

// claimedName decodes a name as auditd writes it: in quotes, or in hex. It is
// "" for one that auditd could not find.
func claimedName(v string) string {
	if name, ok := strings.CutPrefix(v, `"`); ok {
		v = strings.TrimSuffix(name, `"`)
	} else if b, err := hex.DecodeString(v); err == nil {
		v = string(b)
	}
	if v == "unset" || strings.HasPrefix(v, "unknown(") {
		return ""
	}
	return v
}

// stampOf reads an event's id: SECONDS.MMM:SERIAL.
func stampOf(id string) (millis int64, serial uint32) {
	at, after, _ := strings.Cut(id, ":")
	millis, _ = strconv.ParseInt(strings.Replace(at, ".", "", 1), 10, 64)
	n, _ := strconv.ParseUint(after, 10, 32)
	return millis, uint32(n)
}

// acting says as whom an event acted, where that is not who logged in, and in
// which groups, where they have a name; and gives the names in it.
func (x *Explainer) acting(ev *event) (text string, names []Name) {
	s, own := x.statedOf(ev)
	call := func(field string, u schema.User, files ...map[string]root.Name) string {
		n := Name{field, u.ID, u.Name, ""}
		if claimed := s.claimed[strings.ToUpper(field)]; claimed != "" && (n.Name == "" || n.Name == claimed) {
			n.Name, n.From = claimed, theLog
		}
		for _, file := range files {
			if known, ok := file[u.ID]; ok && n.From == "" && (n.Name == "" || n.Name == known.Name) {
				n.Name, n.From = known.Name, known.From
			}
		}
		if n.Name == "" {
			return u.ID
		}
		if n.From == "" {
			n.From = theLog
		}
		names = append(names, n)
		return fmt.Sprintf("%s (%s), by %s", n.Name, n.ID, n.From)
	}
	if u := ev.users; u.AUID != nil && u.EUID != nil && u.AUID.ID != u.EUID.ID {
		text += ", as user " + call("euid", *u.EUID, x.opt.Users, own.Users)
		text += ", while the login uid is " + call("auid", *u.AUID, x.opt.Users, own.Users)
	}
	known := len(names)
	if group := call("gid", schema.User{ID: s.gid}, x.opt.Groups, own.Groups); len(names) > known {
		text += ", in group " + group
	}
	if s.egid == s.gid {
		return text, names
	}
	known = len(names)
	if group := call("egid", schema.User{ID: s.egid}, x.opt.Groups, own.Groups); len(names) > known {
		text += ", with the rights of group " + group
	}
	return text, names
}

// statedOf gives what the event's records state, and the root of its host.
func (x *Explainer) statedOf(ev *event) (s stated, own root.Root) {
	for node, found := range x.stated {
		at := x.c.Host(node)
		if at < 0 || x.c.Hosts[at].Name != ev.host {
			continue
		}
		for _, b := range x.c.Hosts[at].Boots {
			if b.ID == ev.boot {
				s = *found
				if r := x.c.Hosts[at].Root; r != nil {
					own = *r
				}
			}
		}
	}
	return s, own
}
