package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// rooms are the packages in the order in which they may import each other:
// only those that stand further down. docs/design.md says why.
var rooms = []string{
	"cmd/auditreplay",
	"pkg/live", "pkg/explain", "pkg/verify", "pkg/report/html", "pkg/report", "pkg/manifest",
	"pkg/replay", "pkg/tracker",
	"pkg/ingest/root", "pkg/ingest/follow", "pkg/ingest/journal", "pkg/ingest/syslog", "pkg/ingest/sshd", "pkg/ingest/auditd", "pkg/ingest/keys",
	"pkg/spool/spooltest", "pkg/spool", "pkg/ingest", "pkg/prose", "pkg/safe", "pkg/schema/schematest", "pkg/schema", "pkg/synth",
}

// TestImportsPointOneWay holds the graph of the packages.
func TestImportsPointOneWay(t *testing.T) {
	t.Parallel()
	place := make(map[string]int)
	for i, room := range rooms {
		place[room] = i
	}
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}}{{range .Imports}} {{.}}{{end}}", "auditreplay/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := 0
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		from, ok := place[strings.TrimPrefix(words[0], "auditreplay/")]
		if !ok {
			t.Errorf("%s has no place", words[0])
			continue
		}
		packages++
		for _, to := range words[1:] {
			name, ours := strings.CutPrefix(to, "auditreplay/")
			if !ours {
				continue
			}
			switch {
			case place[name] <= from:
				t.Errorf("%s imports %s", words[0], to)
			case strings.HasPrefix(rooms[from], "pkg/ingest/") && !strings.HasPrefix(name, "pkg/ingest"):
				t.Errorf("%s imports %s: what reads evidence knows nothing of what is made of it", words[0], to)
			case name == "pkg/ingest/follow" && rooms[from] != "cmd/auditreplay":
				t.Errorf("%s imports %s", words[0], to)
			}
		}
	}
	if packages < 20 {
		t.Errorf("only %d packages", packages)
	}
}

// TestNoClockAndNoLogger holds that nothing but the commands and follow reads
// the wall clock, and that no package has a logger of its own.
func TestNoClockAndNoLogger(t *testing.T) {
	t.Parallel()
	files := 0
	err := filepath.WalkDir(filepath.Join("..", "..", "pkg"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files++
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		follow := strings.Contains(filepath.ToSlash(path), "/ingest/follow/")
		ast.Inspect(f, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && !follow {
				pkg, _ := sel.X.(*ast.Ident)
				if pkg != nil && pkg.Name == "time" && (sel.Sel.Name == "Now" || sel.Sel.Name == "Since" || sel.Sel.Name == "Until") {
					t.Errorf("%s reads the clock: time.%s", path, sel.Sel.Name)
				}
			}
			return true
		})
		for _, decl := range f.Decls {
			if g, ok := decl.(*ast.GenDecl); ok && g.Tok == token.VAR {
				var b bytes.Buffer
				for _, spec := range g.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok && v.Type != nil {
						ast.Fprint(&b, nil, v.Type, nil)
					}
				}
				if strings.Contains(b.String(), "SugaredLogger") {
					t.Errorf("%s has a logger of its own", path)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("only %d files", files)
	}
}
