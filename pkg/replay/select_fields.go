package replay

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
)

// any reports whether one of a field's patterns fits one of the texts.
func (s *Selection) any(list *[]string, texts ...string) bool {
	patterns := s.texts[list]
	if len(patterns) == 0 {
		return true
	}
	for _, p := range patterns {
		for _, t := range texts {
			if t != "" && p.is(t) {
				return true
			}
		}
	}
	return false
}

// isWho asks the fields of the credential and the accounts.
func (s *Selection) isWho(e *auditevent.AuditEvent, x *schema.Extra) bool {
	if len(s.Users) > 0 && !s.any(&s.Users, userTexts(e, x)...) {
		return false
	}
	c := x.Credential
	if c == nil {
		return len(s.KeyIDs) == 0 && len(s.Fingerprints) == 0
	}
	if !s.any(&s.KeyIDs, c.KeyID) {
		return false
	}
	return len(s.Fingerprints) == 0 || slices.ContainsFunc(s.Fingerprints, func(v string) bool {
		p := printOf(v)
		return p == c.Fingerprint || c.CA != nil && p == c.CA.Fingerprint
	})
}

// userTexts are all names of people and accounts in an event.
func userTexts(e *auditevent.AuditEvent, x *schema.Extra) []string {
	texts := []string{e.Subjects["userID"], e.Subjects["loggedAs"]}
	if x.Credential != nil {
		for _, n := range x.Credential.Names {
			texts = append(texts, n.Name)
		}
	}
	if x.User != nil {
		for _, u := range []*schema.User{x.User.AUID, x.User.UID, x.User.EUID} {
			if u != nil {
				texts = append(texts, u.ID, u.Name)
				if u.ID == "0" && u.Name == "" {
					texts = append(texts, "root") // as the views show it
				}
			}
		}
	}
	return texts
}

// isWhat asks the fields of what was done, by which program and to what.
func (s *Selection) isWhat(x *schema.Extra) bool {
	if !s.any(&s.Actions, x.Action) {
		return false
	}
	if len(s.Exes) > 0 && (x.Process == nil || x.Process.Exe == "" || !s.any(&s.Exes, x.Process.Exe, path.Base(x.Process.Exe))) {
		return false
	}
	if len(s.Keys) > 0 && (x.Event == nil || !s.any(&s.Keys, x.Event.Keys...)) {
		return false
	}
	if len(s.Paths) == 0 {
		return true
	}
	var texts []string
	if x.Object != nil {
		texts = append(texts, x.Object.Primary, x.Object.Secondary)
	}
	if x.Event != nil {
		texts = append(texts, x.Event.Paths...)
	}
	return s.any(&s.Paths, texts...)
}

// isWhere asks session and process.
func (s *Selection) isWhere(e *auditevent.AuditEvent, x *schema.Extra) bool {
	if len(s.PIDs) > 0 {
		pid := 0
		switch {
		case x.Process != nil:
			pid = x.Process.PID
		case e.Type != schema.TypeAction:
			pid, _ = strconv.Atoi(e.Subjects["pid"])
		}
		if !slices.Contains(s.PIDs, pid) {
			return false
		}
	}
	if len(s.Sessions) == 0 {
		return true
	}
	id, boot := "unset", ""
	if x.Session != nil {
		boot = x.Session.Boot
		if x.Session.ID != "" {
			id = x.Session.ID
		}
	}
	return slices.ContainsFunc(s.Sessions, func(v string) bool {
		i := strings.LastIndexByte(v, '/')
		return v[i+1:] == id && (i < 0 || strings.HasPrefix(boot, BootID(v[:i])))
	})
}

// BootID gives a boot's id, or the start of one, as events have it: without the
// dashes that /proc/sys/kernel/random/boot_id shows.
func BootID(s string) string {
	if strings.HasPrefix(s, "@") {
		return s
	}
	return strings.ToLower(strings.ReplaceAll(s, "-", ""))
}
