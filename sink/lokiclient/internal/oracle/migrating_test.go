package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	lokiclient "github.com/grafana/loki-client-go/loki"
	promconfig "github.com/prometheus/common/config"
)

// migrating is the text of the table.
func migrating(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../loki/MIGRATING.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestMigratingNamesEveryKey: whoever has a configuration of loki-client-go finds every key of it in the table.
func TestMigratingNamesEveryKey(t *testing.T) {
	text := migrating(t)
	keys := keysOf(reflect.TypeFor[lokiclient.Config](), nil)
	for _, key := range keys {
		if !strings.Contains(text, "`"+key+"`") {
			t.Errorf("MIGRATING.md does not mention %s", key)
		}
	}
	if len(keys) < 20 {
		t.Errorf("these are not all: %v", keys)
	}
}

// keysOf appends the YAML keys of a struct, and of the structs in it, to keys.
func keysOf(of reflect.Type, keys []string) []string {
	for _, f := range reflect.VisibleFields(of) {
		if !f.IsExported() || f.Anonymous || len(f.Index) > 1 {
			continue
		}
		key, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" {
			key = strings.ToLower(f.Name)
		}
		if options != "inline" {
			keys = append(keys, key)
		}
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		// OAuth2 has no counterpart, and the others are values of one key.
		whole := inner == reflect.TypeFor[promconfig.OAuth2]() || strings.HasSuffix(inner.PkgPath(), "util")
		if inner.Kind() == reflect.Struct && !whole && inner != reflect.TypeFor[promconfig.URL]() {
			keys = keysOf(inner, keys)
		}
	}
	return keys
}

// TestMigratingNamesExist: what the table calls ours is there.
func TestMigratingNamesExist(t *testing.T) {
	text := migrating(t)
	names := declared(t, "../../../../batch", "../../../../pipeline", "../../..", "../../../loki", "../../../../source", "../../../../source/tail",
		"../../../../source/nxtail", "../../../../source/container", "../../../../source/record")
	qualified := regexp.MustCompile("`((?:batch|container|loki|nxtail|pipeline|record|sink|source|tail)\\.[A-Z][\\w.]*)`").FindAllStringSubmatch(text, -1)
	for _, m := range qualified {
		if !names[m[1]] {
			t.Errorf("there is no %s", m[1])
		}
	}
	_, table, _ := strings.Cut(text, "## Names\n")
	table, _, _ = strings.Cut(table, "\n## ")
	fields := 0
	for row := range strings.Lines(table) {
		columns := strings.Split(row, " | ")
		if len(columns) < 3 {
			continue
		}
		for _, m := range regexp.MustCompile("`([A-Z]\\w*)`").FindAllStringSubmatch(columns[1], -1) {
			fields++
			if f := m[1]; !names["loki.Config."+f] && !names["loki.BasicAuth."+f] && !names["loki.TLSConfig."+f] && !names["loki.Times."+f] {
				t.Errorf("loki.Config has no %s", f)
			}
		}
	}
	if len(qualified) < 60 || fields < 30 {
		t.Errorf("only %d and %d names found", len(qualified), fields)
	}
}

// declared returns what packages declare at their top, as package.Name and package.Type.FieldOrMethod.
func declared(t *testing.T, dirs ...string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, dir := range dirs {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				declare(names, f.Name.Name+".", d)
			}
		}
	}
	return names
}

func declare(names map[string]bool, prefix string, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		names[prefix+receiver(d)+d.Name.Name] = true
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.ValueSpec:
				for _, name := range s.Names {
					names[prefix+name.Name] = true
				}
			case *ast.TypeSpec:
				names[prefix+s.Name.Name] = true
				if st, ok := s.Type.(*ast.StructType); ok {
					for _, f := range st.Fields.List {
						for _, name := range f.Names {
							names[prefix+s.Name.Name+"."+name.Name] = true
						}
					}
				}
			}
		}
	}
}

// receiver is the type of a method, with a dot.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	of := d.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if name, ok := of.(*ast.Ident); ok {
		return name.Name + "."
	}
	return ""
}
