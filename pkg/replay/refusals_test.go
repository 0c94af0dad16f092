package replay

import (
	"reflect"
	"testing"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/sshd"
	"auditreplay/pkg/spool"
	"auditreplay/pkg/spool/spooltest"
)

// Whatever a login comes to have is kept.
func TestLoginCode(t *testing.T) {
	src := &ingest.Source{Name: "auth.log"}
	var whole sshd.Login
	spooltest.Fill(&whole, src)
	var c spool.Code
	for _, g := range []*sshd.Login{&whole, {}, {End: &sshd.End{}}} {
		b := c.Append(nil, func(c *spool.Code) { codeLogin(c, g) })
		got := new(sshd.Login)
		err := c.Read(b, func(c *spool.Code) { codeLogin(c, got) })
		if err != nil || !reflect.DeepEqual(got, g) {
			t.Errorf("%+v\nbecame %+v, %v", g, got, err)
		}
		for cut := range b {
			if c.Read(b[:cut], func(c *spool.Code) { codeLogin(c, new(sshd.Login)) }) == nil {
				t.Errorf("%d of %d bytes are a login", cut, len(b))
			}
		}
	}
}
