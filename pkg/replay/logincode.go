package replay

import (
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/spool"
)

// codeLogin is a login in a spool.
func codeLogin(c *spool.Code, g *sshd.Login) {
	c.Pos(&g.Pos)
	c.Places(&g.Also)
	c.Time(&g.Time)
	c.Time(&g.Received)
	for _, n := range [...]*int{&g.Number, &g.PID, &g.Life, &g.Port, &g.LPort, &g.N, &g.ChildPID} {
		c.Int(n)
	}
	for _, f := range [...]*bool{&g.Accepted, &g.InvalidUser, &g.Truncated, &g.SesConflict, &g.ChildLate, &g.PAM} {
		c.Bool(f)
	}
	for _, s := range [...]*string{&g.Account, &g.Addr, &g.LAddr, &g.Method, &g.Algorithm, &g.Fingerprint, &g.KeyID, &g.Serial,
		&g.CAAlgorithm, &g.CAFingerprint, &g.Principal, &g.Error, &g.Reason, &g.Text, &g.AuditSes, &g.AuditUID, &g.LogindSession} {
		c.String(s)
	}
	c.Time(&g.ConnTime)
	for _, n := range [...]*int64{&g.ChildAt, &g.AuditSesAt, &g.SesConflictAt} {
		c.Int64(n)
	}
	spool.List(c, &g.Sessions, func(s *sshd.Started) {
		c.String(&s.Kind)
		c.String(&s.TTY)
		c.Time(&s.Time)
		c.Time(&s.Received)
		c.Pos(&s.Pos)
	})
	ended := g.End != nil
	if c.Bool(&ended); ended {
		if g.End == nil {
			g.End = new(sshd.End)
		}
		c.String(&g.End.How)
		c.Bool(&g.End.Silent)
		c.Time(&g.End.Time)
		c.Pos(&g.End.Pos)
	}
	c.Places(&g.Conflict)
}
