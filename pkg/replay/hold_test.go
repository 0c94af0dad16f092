package replay

import (
	flags "flag"
	"os"
	"testing"
)

// With few sessions held the tests say whether anything is looked at that was
// put away.
func TestMain(m *testing.M) {
	flags.IntVar(&hold, "hold", hold, "sessions held in memory")
	flags.Parse()
	os.Exit(m.Run())
}
