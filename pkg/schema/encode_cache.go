package schema

import "slices"

// A session and its credential are written with each of its events, thousands
// of times the same text. An Encoder keeps the texts of those it saw last, by
// their address. An address proves nothing, because producers may use a struct
// again for another session: a text is taken only if the struct still holds,
// field by field, what the text was made of.
type fragments struct {
	sessions    map[*Session]*sessionText
	credentials map[*Credential]*credentialText
}

// maxFragments bounds the memory: beyond it, all is forgotten at once.
const maxFragments = 4096

type sessionText struct {
	of   Session // a copy that shares nothing that can change
	text []byte
}

type credentialText struct {
	of   Credential
	text []byte
}

func newFragments() *fragments {
	return &fragments{
		sessions:    make(map[*Session]*sessionText),
		credentials: make(map[*Credential]*credentialText),
	}
}

func (a *appender) session(dst []byte, s *Session) []byte {
	if a.cache == nil {
		return appendSession(dst, s)
	}
	if t := a.cache.sessions[s]; t != nil && t.of.same(s) {
		return append(dst, t.text...)
	}
	start := len(dst)
	dst = appendSession(dst, s)
	if len(a.cache.sessions) >= maxFragments {
		clear(a.cache.sessions)
	}
	t := &sessionText{of: *s, text: slices.Clone(dst[start:])}
	t.of.Evidence = slices.Clone(s.Evidence)
	a.cache.sessions[s] = t
	return dst
}

func (a *appender) credential(dst []byte, c *Credential) []byte {
	if a.cache == nil {
		return appendCredential(dst, c)
	}
	if t := a.cache.credentials[c]; t != nil && t.of.same(c) {
		return append(dst, t.text...)
	}
	start := len(dst)
	dst = appendCredential(dst, c)
	if len(a.cache.credentials) >= maxFragments {
		clear(a.cache.credentials)
	}
	t := &credentialText{of: *c, text: slices.Clone(dst[start:])}
	t.of.Names = slices.Clone(c.Names)
	if c.CA != nil {
		ca := *c.CA
		ca.Names = slices.Clone(ca.Names)
		t.of.CA = &ca
	}
	a.cache.credentials[c] = t
	return dst
}

// same tells whether both are written alike.
func (s *Session) same(o *Session) bool {
	return s.Attribution == o.Attribution && s.Boot == o.Boot && s.ID == o.ID && s.Login == o.Login &&
		s.Reason == o.Reason && slices.Equal(s.Evidence, o.Evidence)
}

func (c *Credential) same(o *Credential) bool {
	if (c.CA == nil) != (o.CA == nil) || c.CA != nil && !c.CA.same(o.CA) {
		return false
	}
	return c.Algorithm == o.Algorithm && c.Fingerprint == o.Fingerprint && c.KeyID == o.KeyID &&
		c.KeyIDHex == o.KeyIDHex && c.Method == o.Method && c.Principal == o.Principal &&
		c.Serial == o.Serial && slices.Equal(c.Names, o.Names)
}

func (c *CA) same(o *CA) bool {
	return c.Algorithm == o.Algorithm && c.Fingerprint == o.Fingerprint && slices.Equal(c.Names, o.Names)
}
