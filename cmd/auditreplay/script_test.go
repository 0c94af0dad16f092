package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite what the scripts expect with what the commands write")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"auditreplay": main})
}

// TestScript runs the transcripts of testdata/script. In them $evidence is the
// folder with the small story that they replay, and $hosts has the recorded
// hosts.
func TestScript(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join(root, "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition: func(cond string) (bool, error) {
			if cond == "root" { // who may read everything
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("evidence", filepath.Join(root, "script", "evidence"))
			env.Setenv("hosts", filepath.Join(root, "host"))
			return nil
		},
	})
}
