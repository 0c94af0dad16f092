package auditd

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unsafe"

	"auditreplay/pkg/ingest"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// UnsetID is what the kernel writes for an id that was never set: (uint32)-1.
const UnsetID = 1<<32 - 1

// Fact is what one record says about sessions: who opened, used or closed one
// and from where. The facts of a log are a small part of it; a first pass over
// the evidence reads them alone, so that a session is known before its first
// event is written.
type Fact struct {
	Type   auparse.AuditMessageType
	Millis int64 // since the epoch
	Serial uint32
	Pos    ingest.Pos

	PID      int    // outer pid=: the process that acted
	PPID     int    // of a SYSCALL
	Ses      uint32 // outer ses=; UnsetID where unset
	HasSes   bool
	AUID     uint32
	AUIDName string // ENRICHED name, or ""
	OldSes   uint32 // of LOGIN: UnsetID in the usual case
	OK       bool   // res= is success

	// Claims of the program that sent a user record (inside msg='...').
	Op          string
	Acct        string
	Exe         string // also a SYSCALL's own exe=
	Addr        string // "" for "?"
	Terminal    string
	Fingerprint string // "SHA256:" + unpadded base64, of kind=auth-key or op=key records
	KeyID       string // op=cert
	CertSerial  string
	Method      string // of USER_AUTH: "publickey" for op=pubkey_auth and key, ...
	RPort       string // client's port, of CRYPTO_SESSION and CRYPTO_KEY_USER
}

// FactType reports whether records of type t hold a Fact.
func FactType(t auparse.AuditMessageType) bool {
	switch t {
	case auparse.AUDIT_LOGIN, auparse.AUDIT_USER_START, auparse.AUDIT_USER_END,
		auparse.AUDIT_USER_LOGIN, auparse.AUDIT_USER_LOGOUT, auparse.AUDIT_USER_ACCT, auparse.AUDIT_USER_AUTH,
		auparse.AUDIT_CRED_ACQ, auparse.AUDIT_CRED_DISP, auparse.AUDIT_CRED_REFR,
		auparse.AUDIT_CRYPTO_SESSION, auparse.AUDIT_CRYPTO_KEY_USER,
		auparse.AUDIT_SYSTEM_BOOT, auparse.AUDIT_SYSTEM_SHUTDOWN, auparse.AUDIT_KERNEL:
		return true
	}
	return false
}

// Facts makes Facts of records. It remembers the strings it has seen, so that
// the facts of a large log share them.
type Facts struct {
	// Borrow makes the strings of a fact parts of its record: whoever keeps
	// them copies them.
	Borrow bool
	// Wanted, where it is set, is asked of a user record when what the kernel says
	// of it has been read: of a fact that is not wanted nothing else is.
	Wanted func(t auparse.AuditMessageType, ses uint32) bool
	intern map[string]string
}

// NewFacts returns an empty Facts.
func NewFacts() *Facts { return &Facts{intern: make(map[string]string)} }

// maxInterned bounds the strings that Facts remembers.
const maxInterned = 1 << 16

func (fs *Facts) str(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if fs.Borrow {
		return unsafe.String(&b[0], len(b))
	}
	if s, ok := fs.intern[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(fs.intern) < maxInterned {
		fs.intern[s] = s
	}
	return s
}

// Read fills f from a record for which FactType holds, or from the SYSCALL
// record of a LOGIN.
func (fs *Facts) Read(r *Record, f *Fact) {
	f.begin(r)
	f.OK = r.Type == auparse.AUDIT_LOGIN // kernels before 3.x state no res= there
	w := fields{b: r.Body}
	fs.ids(&w, f)
	inner := hasPrefix(w.b[w.pos:], userText)
	if inner {
		if fs.Wanted != nil && !fs.Wanted(f.Type, f.Ses) {
			return
		}
		w = fields{b: textOf(w.b[w.pos+len(userText):])}
		fs.message(&w, f)
	}
	var kind, fp []byte
	prev := ""
	scanFields(w.b[w.pos:], inner, func(name, value []byte, inner bool) {
		if inner {
			fs.claim(f, name, value, &kind, &fp)
		} else {
			fs.outer(f, prev, name, value)
		}
		prev = ""
	}, func(word []byte) {
		if string(word) == "old" || string(word) == "new" { // "old auid=4294967295 new auid=0" of old kernels
			prev = string(word)
		}
	})
	if name, ok := enrichedName(r.Enriched, "AUID"); ok && string(name) != "unset" {
		f.AUIDName = fs.str(name)
	}
	if f.Op == "key" || string(kind) == "auth-key" {
		f.Fingerprint = fingerprintOf(fp)
	}
	if r.Type == auparse.AUDIT_USER_AUTH {
		f.Method = authMethod(f.Op)
	}
}

// begin makes f a Fact of which only the head of its record is known.
func (f *Fact) begin(r *Record) {
	*f = Fact{}
	f.Type, f.Millis, f.Serial, f.Pos = r.Type, r.Millis, r.Serial, r.Pos
	f.Ses, f.AUID, f.OldSes = UnsetID, UnsetID, UnsetID
}

// ids reads what a user record begins with, in the order in which the kernel
// writes it (audit_log_user_recv_msg in kernel/audit.c).
func (fs *Facts) ids(w *fields, f *Fact) {
	o := outer{text: w.b}
	w.inOrder(userIDs, &o.at)
	f.PID = atoi(o.get(fPID))
	if auid := o.get(fAUID); auid != nil {
		f.AUID = atoID(auid)
	}
	if ses := o.get(fSes); ses != nil {
		f.Ses, f.HasSes = atoID(ses), true
	}
}

// userText is what the text of a user record begins with.
const userText = " msg='"

// textOf gives the text of a user record of what stands behind its apostrophe.
func textOf(b []byte) []byte {
	if end := bytes.LastIndexByte(b, '\''); end >= 0 {
		return b[:end]
	}
	return b
}

// message reads what the text of a user record begins with.
func (fs *Facts) message(w *fields, f *Fact) {
	m := outer{text: w.b}
	w.message(&m.at)
	f.Op, f.Acct, f.Exe = fs.str(m.get(fOp)), fs.str(unquote(m.get(fAcct))), fs.str(unquote(m.get(fExe)))
	if addr := m.get(fAddr); string(addr) != "?" {
		f.Addr = fs.str(addr)
	}
	if term := m.get(fTerm); string(term) != "?" {
		f.Terminal = fs.str(unquote(term))
	}
	if res := m.get(fRes); res != nil {
		f.OK = isSuccess(res)
	}
}

func isSuccess(res []byte) bool { return hasPrefix(res, success) }

func (fs *Facts) outer(f *Fact, prev string, name, value []byte) {
	switch string(name) {
	case "pid":
		f.PID = atoi(value)
	case "ppid":
		f.PPID = atoi(value)
	case "ses", "new-ses":
		if prev == "old" {
			f.OldSes = atoID(value)
		} else {
			f.Ses, f.HasSes = atoID(value), true
		}
	case "old-ses", "old_ses":
		f.OldSes = atoID(value)
	case "auid", "new-auid":
		if prev != "old" {
			f.AUID = atoID(value)
		}
	case "exe":
		f.Exe = fs.str(unquote(value))
	case "res", "success":
		f.OK = string(value) == "1" || string(value) == "yes" || string(value) == "success"
	}
}

func (fs *Facts) claim(f *Fact, name, value []byte, kind, fp *[]byte) {
	switch string(name) {
	case "op":
		f.Op = fs.str(value)
	case "acct":
		f.Acct = fs.str(unquote(value))
	case "exe":
		f.Exe = fs.str(unquote(value))
	case "addr", "raddr":
		if string(value) != "?" {
			f.Addr = fs.str(value)
		}
	case "terminal":
		if string(value) != "?" {
			f.Terminal = fs.str(unquote(value))
		}
	case "res":
		f.OK = isSuccess(value)
	case "kind":
		*kind = value
	case "fp":
		*fp = value
	case "rport":
		f.RPort = fs.str(value)
	case "key_id":
		f.KeyID = fs.str(unquote(value))
	case "cert_serial":
		f.CertSerial = fs.str(value)
	}
}

// authMethod translates Red Hat's op= of USER_AUTH to sshd's own words.
func authMethod(op string) string {
	switch op {
	case "pubkey_auth", "pubkey", "key", "cert":
		return "publickey"
	case "password":
		return "password"
	case "challenge-response":
		return "keyboard-interactive"
	case "hostbased":
		return "hostbased"
	case "gssapi":
		return "gssapi-with-mic"
	}
	return ""
}

// fingerprintOf turns Red Hat's "SHA256:71:b3:..." (hex octets) into what
// sshd's log says, "SHA256:" and unpadded base64. MD5 stays "MD5:00:01:...".
func fingerprintOf(fp []byte) string {
	s := strings.TrimPrefix(string(fp), "SHA256:")
	raw, err := hex.DecodeString(strings.ReplaceAll(s, ":", ""))
	switch {
	case err != nil:
		return ""
	case len(raw) == 32:
		return "SHA256:" + base64NoPad(raw)
	case len(raw) == 16:
		return "MD5:" + strings.TrimPrefix(s, "MD5:")
	}
	return ""
}

var sesField = []byte(" ses=")

// Sessionless reports, by a look at the bytes alone, whether the records state
// that their event is of no session: all that state one have ses=4294967295.
func Sessionless(recs []*Record) bool {
	found := false
	for i := range recs {
		body := recs[i].Body
		at := index(body, sesField)
		if at < 0 {
			if recs[i].Type == auparse.AUDIT_SYSCALL {
				return false
			}
			continue
		}
		if !hasPrefix(body[at+len(" ses="):], "4294967295") || recs[i].Type == auparse.AUDIT_LOGIN {
			return false
		}
		found = true
		if recs[i].Type == auparse.AUDIT_SYSCALL {
			return true // the event's own; the others have it from the same task
		}
	}
	return found
}

// scanFields calls field for every name=value of an audit record's body, in
// order; inner is true inside msg='...', where the body may begin. Words without
// "=" go to word.
func scanFields(body []byte, inner bool, field func(name, value []byte, inner bool), word func([]byte)) {
	for i := 0; i < len(body); {
		if body[i] == ' ' || body[i] == ',' {
			i++
			continue
		}
		eq := indexOr(body, i, '=')
		if eq == len(body) {
			return
		}
		name := body[i:eq]
		i = eq + 1
		if body[eq] == ' ' {
			word(name)
			continue
		}
		if !inner && string(name) == "msg" && i < len(body) && body[i] == '\'' {
			body, i, inner = textOf(body[i+1:]), 0, true
			continue
		}
		end := i + valueLen(body[i:])
		field(name, body[i:end], inner)
		i = end
	}
}

// valueLen gives the length of the value that b starts with, quotes included.
func valueLen(b []byte) int {
	if len(b) > 0 && b[0] == '"' {
		if end := bytes.IndexByte(b[1:], '"'); end >= 0 {
			return end + 2
		}
	}
	return blankAt(b, 0)
}

// unquote gives the bytes that an encodable field's value stands for: what is
// between the quotes, or the bytes of upper-case hex, or the value itself.
func unquote(v []byte) []byte {
	if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
		return v[1 : len(v)-1]
	}
	if len(v) == 0 || len(v)%2 == 1 {
		return v
	}
	out := make([]byte, len(v)/2)
	if _, err := hex.Decode(out, v); err != nil {
		return v
	}
	return out
}

func atoi(b []byte) int {
	n := 0
	for _, c := range b {
		if !isDigit(c) || n > 1<<31 {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// atoID reads an id; what is not a 32-bit number ("unset", "-1") is UnsetID.
func atoID(b []byte) uint32 {
	n, length := leadingNumber(b, UnsetID)
	if length == 0 || length < len(b) || n > UnsetID {
		return UnsetID
	}
	return uint32(n)
}

func base64NoPad(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }

// enrichedName finds NAME="value" (quoted, or hex) in a record's enrichment.
func enrichedName(enriched []byte, name string) ([]byte, bool) {
	for b := enriched; ; {
		i := bytes.Index(b, []byte(name))
		if i < 0 {
			return nil, false
		}
		rest := b[i+len(name):]
		if (i == 0 || b[i-1] == ' ') && len(rest) > 0 && rest[0] == '=' {
			v := rest[1:]
			return unquote(v[:valueLen(v)]), true
		}
		b = rest
	}
}
