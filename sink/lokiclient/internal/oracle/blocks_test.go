package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ours is what the blocks of MIGRATING.md import, by the name that they call it.
var ours = map[string]string{
	"batch": "github.com/logferry/logferry/batch", "loki": "github.com/logferry/logferry/sink/loki",
	"lokiclient": "github.com/logferry/logferry/sink/lokiclient", "nxtail": "github.com/logferry/logferry/source/nxtail",
	"pipeline": "github.com/logferry/logferry/pipeline", "sink": "github.com/logferry/logferry/sink",
	"source": "github.com/logferry/logferry/source", "tail": "github.com/logferry/logferry/source/tail",
	"context": "context", "filepath": "path/filepath", "json": "encoding/json", "slices": "slices", "time": "time",
}

// theirs is what those import instead that say "before": two packages are called the same.
var theirs = map[string]string{
	"loki": "github.com/grafana/loki-client-go/loki", "tail": "github.com/nxadm/tail",
	"backoff":   "github.com/grafana/loki-client-go/pkg/backoff",
	"labelutil": "github.com/grafana/loki-client-go/pkg/labelutil",
	"model":     "github.com/prometheus/common/model", "io": "io", "time": "time",
}

// prelude is what the blocks take for granted.
const prelude = `package p

import (
	"context"
	"time"

	theirs "github.com/grafana/loki-client-go/loki"
	"github.com/grafana/loki-client-go/pkg/urlutil"
	"github.com/logferry/logferry/sink"
)

var (
	ctx    context.Context
	u      urlutil.URLValue
	cfg    theirs.Config
	to     sink.Sink
	line   string
	offset int64
)

func push(time.Time, string) {}
`

// fileOf makes a file of a block, which is either declarations or statements.
func fileOf(block string) string {
	table := ours
	if strings.Contains(block, "// before") {
		table = theirs
	}
	var b strings.Builder
	b.WriteString("package p\n\nimport (\n")
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if regexp.MustCompile(`\b` + name + `\.[A-Z]`).MatchString(block) {
			fmt.Fprintf(&b, "\t%s %q\n", name, table[name])
		}
	}
	b.WriteString(")\n\n")
	if strings.HasPrefix(block, "type ") {
		return b.String() + block
	}
	return b.String() + "func _() {\n" + block + "}\n"
}

// compile returns what is wrong with files of one package. That a variable is not used is not: a block is not all there is.
func compile(t *testing.T, files ...string) error {
	t.Helper()
	set := token.NewFileSet()
	var parsed []*ast.File
	for i, text := range files {
		f, err := parser.ParseFile(set, fmt.Sprintf("block%d.go", i), text, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("%w in\n%s", err, text)
		}
		parsed = append(parsed, f)
	}
	var wrong []error
	conf := types.Config{Importer: exports(t, set), Error: func(err error) {
		if e, ok := errors.AsType[types.Error](err); ok && !e.Soft {
			wrong = append(wrong, err)
		}
	}}
	_, _ = conf.Check("p", set, parsed, nil) // it returns the first of what Error is told
	return errors.Join(wrong...)
}

// exports imports what the go command has compiled.
func exports(t *testing.T, set *token.FileSet) types.Importer {
	t.Helper()
	paths := slices.Collect(maps.Values(ours))
	for _, path := range theirs {
		paths = append(paths, path)
	}
	args := append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}, paths...)
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		files[path] = file
	}
	return importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(files[path]) })
}

// TestMigratingCompiles: whoever copies a block of it, theirs or ours, has Go that compiles.
func TestMigratingCompiles(t *testing.T) {
	files := []string{prelude}
	for _, m := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(migrating(t), -1) {
		files = append(files, fileOf(m[1]))
	}
	if len(files) < 8 {
		t.Errorf("only %d blocks were found", len(files)-1)
	}
	if err := compile(t, files...); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"to, err := loki.New(loki.Config{Nonsense: 1})\n", "loki.New()\n", "x := y\n", "if {\n"} {
		if compile(t, prelude, fileOf(bad)) == nil {
			t.Errorf("this compiles: %s", bad)
		}
	}
}
