package container

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"
)

// One file knows the client library, and exports nothing: so none of its types
// can be in the API, and its successor can take its place there.
func TestOneFileKnowsTheLibrary(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var knows []string
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, "_test.go") && imports(file, "github.com/docker/") {
			knows = append(knows, name)
			for _, exported := range exports(file) {
				t.Errorf("%s exports %s", name, exported)
			}
		}
	}
	if got := strings.Join(knows, " "); got != "docker.go" {
		t.Errorf("known to %q, want docker.go", got)
	}
}

// imports reports whether file imports a package of which the path begins so.
func imports(file *ast.File, path string) bool {
	for _, i := range file.Imports {
		if strings.HasPrefix(i.Path.Value, `"`+path) {
			return true
		}
	}
	return false
}

// exports are the exported names of file, methods of exported types included.
func exports(file *ast.File) (names []string) {
	name := func(id *ast.Ident) {
		if id.IsExported() {
			names = append(names, id.Name)
		}
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil || ast.IsExported(strings.TrimLeft(types.ExprString(d.Recv.List[0].Type), "*")) {
				name(d.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					name(s.Name)
				case *ast.ValueSpec:
					for _, id := range s.Names {
						name(id)
					}
				}
			}
		}
	}
	return names
}
