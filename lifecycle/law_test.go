package lifecycle_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The law: nothing but spawn.go starts a goroutine. The checks are syntactic, so that files for other platforms are seen
// too. What makes that sound is that a construct is forbidden by the name it cannot do without: time.AfterFunc by its
// mention, called or not; WaitGroup.Go by any mention of sync.WaitGroup; a third party's constructor by its import path,
// whatever the import is called. Dot imports, which would hide names, are forbidden as well.

// spawners are the forbidden names of each import path; "*" stands for all. Where the key ends in "/", for every path
// below it.
var spawners = map[string][]string{
	"context":                              {"AfterFunc"},
	"time":                                 {"AfterFunc"},
	"iter":                                 {"Pull", "Pull2"}, // a coroutine that leaks unless it is stopped
	"sync":                                 {"WaitGroup"},     // for its Go; and its Wait obeys no ctx
	"golang.org/x/sync/errgroup":           {"*"},
	"github.com/sourcegraph/conc/":         {"*"},
	"os/exec":                              {"*"},
	"os/signal":                            {"*"},
	"net/http/httptest":                    {"*"},
	"net/http":                             {"Client", "Transport", "Server", "DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm", "Serve", "ServeTLS", "ListenAndServe", "ListenAndServeTLS"},
	"github.com/fsnotify/fsnotify":         {"NewWatcher", "NewBufferedWatcher"},
	"github.com/nxadm/tail":                {"TailFile"},
	"github.com/nxadm/tail/watch":          {"NewPollingFileWatcher", "NewInotifyFileWatcher", "Watch", "WatchCreate"},
	"github.com/cenkalti/backoff/v4":       {"NewTicker", "NewTickerWithTimer"},
	"github.com/docker/docker/client":      {"NewClientWithOpts", "NewClient", "NewEnvClient"},
	"github.com/klauspost/compress/zstd":   {"NewReader", "NewWriter"}, // they spawn unless told otherwise
	"github.com/klauspost/compress/s2":     {"NewWriter"},
	"github.com/klauspost/pgzip":           {"*"},
	"github.com/grafana/loki-client-go/":   {"*"},
	"github.com/prometheus/client_golang/": {"*"}, // global registries
}

// intrusions are what a library must not do behind its host's back, in the same form.
var intrusions = map[string][]string{
	"os":       {"Exit", "Getenv", "LookupEnv", "Environ", "ExpandEnv", "Setenv", "Unsetenv", "Clearenv"},
	"log":      {"*"},
	"log/slog": {"Default", "SetDefault", "SetLogLoggerLevel", "Debug", "Info", "Warn", "Error", "Log", "LogAttrs"},
	"flag":     {"*"},
	"expvar":   {"*"},
	"net/http": {"Handle", "HandleFunc", "DefaultServeMux", "ProxyFromEnvironment"},

	"net/http/pprof":                  {"*"},
	"github.com/docker/docker/client": {"FromEnv", "WithHostFromEnv", "WithTLSClientConfigFromEnv", "WithVersionFromEnv"},
}

// byPointer are types that a file may mention as a pointer, to take one from its caller, but not make.
var byPointer = []string{"http.Client", "http.Transport", "http.Server"}

// allowed are the files that may use what is forbidden elsewhere, and why that is safe.
var allowed = []struct{ file, construct, why string }{
	{"lifecycle/spawn.go", "go statement", "the one place"},
	{"source/tail/watch.go", "fsnotify.NewWatcher", "its reader is told to end, and waited for until it has closed its channels, in watch.close"},
	{"source/tail/unpack_zstd.go", "zstd.NewReader", "with a concurrency of one it decodes within Read"},
	{"sink/file/pack.go", "zstd.NewWriter", "with a concurrency of one it encodes within Write"},
	{"source/nxtail/nxadm.go", "tail.TailFile", "Stop joins the goroutine that reads, and reader.stop waits out the one that polls"},
	{"internal/transport/transport.go", "http.Transport", "owned by one sink or source; its Close waits for all connections and their goroutines"},
	{"source/container/docker.go", "http.Client", "on internal/transport, and without a Timeout it starts nothing of its own"},
	{"source/container/docker.go", "client.NewClientWithOpts", "on internal/transport; what it starts for events is waited for in docker.events"},
	{"source/container/fromenv.go", "os.Getenv", "FromEnv is there for that, and called by the application"},
	{"internal/enginetest/need.go", "os.Getenv", "it tells tests where the engines are"},
	{"internal/load/loadtest/loadtest.go", "os.Getenv", "it asks whether benchmarks are to be long, as tests do"},
	{"source/container/containertest/front.go", "http.Server", "a kit's: closing the engine waits for all of its connections"},
}

// kits are test kits: they import testing, only tests import them, and they may spawn.
var kits = []string{"lifecycle/lifecycletest", "source/sourcetest", "sink/sinktest", "source/container/containertest",
	"internal/enginetest", "internal/load/loadtest"}

// programs is where main packages live. They are the host, and may do what a host does.
var programs = []string{"examples/", "internal/enginetest/chatter/", "internal/shaping/report/"}

// hostly are the constructs that only programs may use.
func hostly(construct string) bool {
	for _, prefix := range []string{"signal.", "os.", "log.", "slog.", "flag.", "expvar.", "pprof.", "http.Server",
		"http.Serve", "http.ListenAndServe", "http.Handle", "http.DefaultServeMux", "func init"} {
		if strings.HasPrefix(construct, prefix) {
			return true
		}
	}
	return false
}

// A violation is one use of a construct that is forbidden in general.
type violation struct {
	file      string // slash path from the module root
	line      int
	construct string
}

func (v violation) String() string { return fmt.Sprintf("%s:%d: %s", v.file, v.line, v.construct) }

// excused reports whether the law makes an exception for v.
func (v violation) excused() bool {
	for _, a := range allowed {
		if a.file == v.file && a.construct == v.construct {
			return true
		}
	}
	program := slices.ContainsFunc(programs, func(dir string) bool { return strings.HasPrefix(v.file, dir) })
	if program && hostly(v.construct) {
		return true
	}
	return slices.Contains(kits, path.Dir(v.file)) && !hostly(v.construct) && !strings.HasPrefix(v.construct, "dot import")
}

// goFiles returns the non-test Go files of the module at root, with slash paths, leaving out nested modules, testdata and
// what the go command ignores.
func goFiles(root string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if rel == "." {
				return nil
			}
			_, err := os.Stat(filepath.Join(p, "go.mod"))
			if err == nil || name == "testdata" || name == "vendor" || name[0] == '.' || name[0] == '_' {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") && name[0] != '.' && name[0] != '_' {
			files = append(files, filepath.ToSlash(rel))
		}
		return nil
	})
	return files, err
}

// inspect returns the uses of forbidden constructs in one file. src is as for parser.ParseFile.
func inspect(file, filename string, src any) ([]violation, error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, filename, src, 0)
	if err != nil {
		return nil, err
	}
	i := inspection{file: file, set: set, imports: map[string]string{}, pointers: map[ast.Expr]bool{}}
	for _, spec := range tree.Imports {
		i.importing(spec)
	}
	ast.Inspect(tree, i.visit)
	return i.found, nil
}

type inspection struct {
	file     string
	set      *token.FileSet
	imports  map[string]string // local name -> path
	pointers map[ast.Expr]bool // X of *X
	found    []violation
}

func (i *inspection) report(at token.Pos, construct string) {
	i.found = append(i.found, violation{i.file, i.set.Position(at).Line, construct})
}

func (i *inspection) importing(spec *ast.ImportSpec) {
	importPath, _ := strconv.Unquote(spec.Path.Value)
	name := base(importPath)
	if spec.Name != nil {
		name = spec.Name.Name
	}
	if name == "." {
		i.report(spec.Pos(), "dot import of "+importPath)
	}
	for _, list := range []map[string][]string{spawners, intrusions} {
		if slices.Contains(names(list, importPath), "*") {
			i.report(spec.Pos(), base(importPath)+".*")
		}
	}
	i.imports[name] = importPath
}

func (i *inspection) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		i.report(n.Pos(), "go statement")
	case *ast.FuncDecl:
		if n.Recv == nil && n.Name.Name == "init" {
			i.report(n.Pos(), "func init")
		}
	case *ast.StarExpr:
		i.pointers[n.X] = true
	case *ast.SelectorExpr:
		i.selector(n)
	}
	return true
}

func (i *inspection) selector(n *ast.SelectorExpr) {
	// The parser resolves what is declared in the file: what is left are imports and other files' names.
	x, ok := n.X.(*ast.Ident)
	if !ok || x.Obj != nil {
		return
	}
	importPath, ok := i.imports[x.Name]
	if !ok {
		return
	}
	construct := base(importPath) + "." + n.Sel.Name
	if i.pointers[n] && slices.Contains(byPointer, construct) {
		return
	}
	if slices.Contains(names(spawners, importPath), n.Sel.Name) || slices.Contains(names(intrusions, importPath), n.Sel.Name) {
		i.report(n.Pos(), construct)
	}
}

// names returns what list forbids of an import path.
func names(list map[string][]string, importPath string) []string {
	for key, forbidden := range list {
		if key == importPath || strings.HasSuffix(key, "/") && strings.HasPrefix(importPath+"/", key) {
			return forbidden
		}
	}
	return nil
}

// base returns the name of the package at an import path, by the convention that a version is not part of it.
func base(importPath string) string {
	dir, last := path.Split(importPath)
	if len(last) > 1 && last[0] == 'v' && strings.Trim(last[1:], "0123456789") == "" {
		return path.Base(dir)
	}
	return last
}
