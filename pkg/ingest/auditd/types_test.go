package auditd

import (
	"testing"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// TestTypes holds that a name means what the library says, in capitals, in small
// letters and as the number of a type without a name.
func TestTypes(t *testing.T) {
	t.Parallel()
	named := 0
	for typ := auparse.AuditMessageType(1); typ < 1<<12; typ++ {
		name := typ.String()
		if got := typeOf([]byte(name)); got != typ {
			known, err := auparse.GetAuditMessageType(name)
			if err != nil || known != got { // two numbers of one name
				t.Errorf("%s: %d, want %d", name, got, typ)
			}
		}
		if _, ok := types.find([]byte(name)); ok {
			named++
		}
	}
	if named < 150 {
		t.Errorf("only %d names in the table", named)
	}
	if got := typeOf([]byte("syscall")); got != auparse.AUDIT_SYSCALL {
		t.Errorf("syscall: %d", got)
	}
	if _, ok := types.find(nil); ok {
		t.Error("a type without a name")
	}
}
