package auditd

import "github.com/elastic/go-libaudit/v2/auparse"

// typeTable finds a record type by its name, as the library's table does, with
// less work for a name: its slots are looked at from the one on where place
// says that it is.
type typeTable [1024]struct {
	name string
	typ  auparse.AuditMessageType
}

var types = newTypeTable()

func newTypeTable() *typeTable {
	t := new(typeTable)
	for typ := auparse.AuditMessageType(auparse.AUDIT_GET); typ <= auparse.AUDIT_LAST_USER_MSG2; typ++ {
		name := typ.String()
		if known, err := auparse.GetAuditMessageType(name); err != nil || known != typ || hasPrefix([]byte(name), "UNKNOWN") {
			continue
		}
		at := place([]byte(name)) % uint32(len(t))
		for t[at].name != "" {
			at = (at + 1) % uint32(len(t))
		}
		t[at].name, t[at].typ = name, typ
	}
	return t
}

func (t *typeTable) find(name []byte) (auparse.AuditMessageType, bool) {
	for at := place(name) % uint32(len(t)); t[at].name != ""; at = (at + 1) % uint32(len(t)) {
		if t[at].name == string(name) {
			return t[at].typ, true
		}
	}
	return 0, false
}
