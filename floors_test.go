package logferry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/logferry/logferry"

// A floor says where a package stands and what it may lean on.
type floor struct {
	level  int
	ours   []string // packages of this module that it may import, each on a lower level
	direct []string // modules of others that it may import
	linked int      // how many modules of others a program that imports it may link because of it
	host   bool     // it may start processes
}

// floors is the import table. An import may only go down. Who tails files must not compile a container client.
var floors = map[string]floor{
	"": {level: 5},

	"lifecycle": {level: 0},
	"batch":     {level: 0},
	// What the stores of source and sink have in common.
	"internal/durable": {level: 0},
	"internal/spool":   {level: 0},

	"internal/filelock": {level: 0},
	"internal/origin":   {level: 0}, // a mark that a pipeline leaves and source/slogsource finds
	"internal/jsontext": {level: 0},
	"internal/jsonscan": {level: 0},
	"internal/stamp":    {level: 0},
	"internal/template": {level: 0},
	"internal/labelset": {level: 1, ours: []string{"batch"}},

	"source":             {level: 1, ours: []string{"batch", "lifecycle", "internal/durable", "internal/filelock"}},
	"source/record":      {level: 1, ours: []string{"batch", "internal/jsonscan", "internal/stamp"}},
	"internal/transport": {level: 1},
	"sink": {level: 1, ours: []string{"batch", "lifecycle", "internal/durable", "internal/filelock", "internal/spool"}, linked: 2,
		direct: []string{"github.com/cenkalti/backoff/v4", "github.com/sony/gobreaker/v2"}},

	"source/tail": {level: 2, ours: []string{"source", "source/record", "batch", "lifecycle"}, linked: 5,
		direct: []string{"github.com/fsnotify/fsnotify", "github.com/bmatcuk/doublestar/v4", "golang.org/x/sys",
			"github.com/klauspost/compress", "golang.org/x/text"}},
	// For services that use nxadm/tail already; who does not import it links nothing of it.
	"source/nxtail": {level: 2, ours: []string{"source", "batch", "lifecycle"}, linked: 4,
		direct: []string{"github.com/nxadm/tail"}},
	"source/slogsource": {level: 2, ours: []string{"source", "source/record", "batch", "lifecycle", "internal/origin"}},
	"source/container": {level: 3, ours: []string{"source", "source/record", "source/tail", "batch", "lifecycle",
		"internal/transport", "internal/labelset"}, linked: 25,
		direct: []string{"github.com/docker/docker", "github.com/containerd/errdefs", "github.com/cenkalti/backoff/v4",
			"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"}},
	"sink/loki": {level: 2, ours: []string{"sink", "batch", "lifecycle", "internal/transport", "internal/jsontext"}, linked: 3,
		direct: []string{"github.com/klauspost/compress"}},
	"sink/file": {level: 2, ours: []string{"sink", "batch", "lifecycle", "internal/durable", "internal/filelock", "internal/jsontext", "internal/template"}, linked: 3,
		direct: []string{"github.com/klauspost/compress"}},

	"pipeline/process": {level: 2, ours: []string{"source/record", "batch", "internal/jsonscan", "internal/labelset", "internal/stamp", "internal/template"}},

	"pipeline": {level: 3, ours: []string{"source", "sink", "batch", "lifecycle", "internal/origin"}, linked: 2},

	"internal/bench":   {level: 4}, // tests only: what they import is nobody else's
	"internal/torture": {level: 4},
	"internal/load":    {level: 4, ours: []string{"source", "sink", "batch", "pipeline", "lifecycle"}, linked: 2},
	"internal/churn":   {level: 4},

	"internal/load/loadtest": {level: 5, ours: []string{"internal/load"}, linked: 2},

	"internal/shaping": {level: 1, ours: []string{"batch"}},

	"source/container/containertest": {level: 1},

	"lifecycle/lifecycletest": {level: 1, ours: []string{"lifecycle"}},
	"source/sourcetest":       {level: 2, ours: []string{"source", "batch", "lifecycle", "lifecycle/lifecycletest"}},
	"sink/sinktest":           {level: 2, ours: []string{"sink", "batch", "lifecycle", "lifecycle/lifecycletest"}, linked: 2},

	"internal/enginetest/chat": {level: 0}, // what containers write: shared by their program and the kit that reads it
	"internal/enginetest":      {level: 1, ours: []string{"internal/enginetest/chat"}, host: true},
}

// kits are for tests. They alone import package testing, and nothing but tests and other kits imports them.
var kits = []string{"lifecycle/lifecycletest", "source/sourcetest", "sink/sinktest", "source/container/containertest",
	"internal/enginetest", "internal/load/loadtest"}

// headline is what the usual program imports, and how many modules of others it may link.
var headline = struct {
	packages []string
	linked   int
}{[]string{"source/tail", "sink/loki", "pipeline"}, 8}

// hostOnly are packages of the standard library that change, or speak for, the process as a whole.
var hostOnly = []string{"os/signal", "os/exec", "flag", "log", "expvar", "net/http/pprof", "plugin"}

// testOnly are packages of the standard library that only kits import.
var testOnly = []string{"testing", "testing/synctest", "testing/fstest", "testing/iotest", "testing/slogtest", "net/http/httptest"}

// programs is where main packages live. They may import what they like; nobody imports them.
var programs = []string{"examples", "internal/enginetest/chatter", "internal/shaping/report"}

// isProgram reports whether a package is one of them, or below.
func isProgram(name string) bool {
	return slices.ContainsFunc(programs, func(at string) bool { return strings.HasPrefix(name+"/", at+"/") })
}

// listed is what the go command says of a package.
type listed struct {
	ImportPath string
	Standard   bool
	Module     *struct {
		Path string
		Main bool
	}
	Imports []string
	Deps    []string
	Error   *struct{ Err string }
}

// goList lists the packages of this module and all that they depend on.
func goList(goos string) (map[string]listed, error) {
	cmd := exec.Command("go", "list", "-e", "-deps", "-json=ImportPath,Standard,Module,Imports,Deps,Error", "./...")
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, &stderr)
	}
	all := map[string]listed{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all[p.ImportPath] = p
	}
}

// own returns the path within this module of one of its packages.
func own(importPath string) (string, bool) {
	if importPath == module {
		return "", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// check returns all ways in which the packages break the table.
func check(all map[string]listed) (wrong []string) {
	for _, importPath := range slices.Sorted(maps.Keys(all)) {
		if name, ours := own(importPath); ours {
			c := checker{all: all, p: all[importPath], name: name}
			c.run()
			wrong = append(wrong, c.wrong...)
		}
	}
	if linked := modules(all, headline.packages); len(linked) > headline.linked {
		wrong = append(wrong, fmt.Sprintf("a program with %s links %d modules, more than %d: %s",
			strings.Join(headline.packages, ", "), len(linked), headline.linked, strings.Join(linked, " ")))
	}
	return wrong
}

// modules returns the modules of others that a program links which imports those of the packages that exist.
func modules(all map[string]listed, packages []string) []string {
	set := map[string]bool{}
	for _, name := range packages {
		for _, dep := range all[path.Join(module, name)].Deps {
			if m := all[dep].Module; m != nil && !m.Main {
				set[m.Path] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// checker looks at one package of this module.
type checker struct {
	all   map[string]listed
	p     listed
	name  string
	floor floor
	wrong []string
}

func (c *checker) errorf(format string, args ...any) {
	c.wrong = append(c.wrong, fmt.Sprintf("package %q ", c.name)+fmt.Sprintf(format, args...))
}

func (c *checker) run() {
	if c.p.Error != nil {
		c.errorf("cannot be listed: %s", c.p.Error.Err)
	}
	for _, dep := range c.p.Imports {
		if name, ours := own(dep); ours && isProgram(name) {
			c.errorf("imports the program %s", name)
		}
	}
	if isProgram(c.name) {
		c.kits()
		return
	}
	var known bool
	if c.floor, known = floors[c.name]; !known {
		c.errorf("has no floor: add it to the table in floors_test.go, with what it may import and why that is worth it")
		return
	}
	for _, dep := range c.p.Imports {
		c.direct(dep)
	}
	c.kits()
	if linked := modules(c.all, []string{c.name}); len(linked) > c.floor.linked {
		c.errorf("links %d modules, more than its budget of %d: %s", len(linked), c.floor.linked, strings.Join(linked, " "))
	}
}

// direct checks one import.
func (c *checker) direct(dep string) {
	if name, ours := own(dep); ours {
		if !slices.Contains(c.floor.ours, name) {
			c.errorf("must not import %s", dep)
		}
		return
	}
	if m := c.all[dep].Module; m != nil && !slices.Contains(c.floor.direct, m.Path) {
		c.errorf("must not import %s of module %s", dep, m.Path)
	}
	if slices.Contains(hostOnly, dep) && !(dep == "os/exec" && c.floor.host) {
		c.errorf("must not import %s: that is the host's", dep)
	}
}

// kits checks that what is for tests stays there, however far down it is imported.
func (c *checker) kits() {
	if slices.Contains(kits, c.name) {
		return
	}
	for _, dep := range c.p.Deps {
		name, ours := own(dep)
		if slices.Contains(testOnly, dep) || ours && slices.Contains(kits, name) {
			c.errorf("depends on %s, which is for tests", dep)
		}
	}
}

func TestFloors(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		t.Run(goos, func(t *testing.T) {
			all, err := goList(goos)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := all[module+"/lifecycle"]; !ok {
				t.Fatalf("package lifecycle is not among the %d packages listed", len(all))
			}
			for _, wrong := range check(all) {
				t.Error(wrong)
			}
			for name := range floors {
				if _, ok := all[strings.TrimSuffix(module+"/"+name, "/")]; !ok {
					t.Errorf("%q has a floor and does not exist", name)
				}
			}
		})
	}
}

// The table itself goes down only.
func TestFloorsGoDown(t *testing.T) {
	for name, f := range floors {
		for _, dep := range f.ours {
			below, known := floors[dep]
			if !known || below.level >= f.level {
				t.Errorf("%q on floor %d may import %q on floor %d (known: %v)", name, f.level, dep, below.level, known)
			}
			if below.linked > f.linked {
				t.Errorf("%q may link %d modules, fewer than the %d of %q", name, f.linked, below.linked, dep)
			}
		}
	}
}

// Each rule finds what it forbids.
func TestFloorsFindViolations(t *testing.T) {
	tests := []struct {
		name    string
		imports map[string]string // package of ours -> what it imports
		want    []string
	}{
		{"good", map[string]string{"sink": "batch", "pipeline": "sink source", "source": "context lifecycle", "lifecycle": "context"}, nil},
		{"unknown package", map[string]string{"source/carrier": "source", "source": ""}, []string{`"source/carrier" has no floor`}},
		{"up", map[string]string{"lifecycle": "batch", "batch": ""}, []string{`"lifecycle" must not import ` + module + "/batch"}},
		{"sideways", map[string]string{"sink/loki": "source/tail", "source/tail": ""}, []string{`"sink/loki" must not import`}},
		{"stranger", map[string]string{"batch": "example.org/a"}, []string{
			`"batch" must not import example.org/a of module example.org/a`, `"batch" links 1 modules, more than its budget of 0`}},
		{"stranger through a friend", map[string]string{"sink": "github.com/sony/gobreaker/v2"}, []string{`"sink" links 3 modules, more than its budget of 2`}},
		{"stranger through another package", map[string]string{"source": "batch", "batch": "example.org/a"}, []string{
			`"batch" must not import`, `"batch" links 1`, `"source" links 1 modules`}},
		{"too much in the headline", map[string]string{"sink/loki": "example.org/a example.org/b example.org/c github.com/sony/gobreaker/v2",
			"source/tail": "example.org/d example.org/e example.org/f"}, []string{"links 9 modules, more than 8"}},
		{"testing", map[string]string{"batch": "testing"}, []string{`"batch" depends on testing`}},
		{"testing through a stranger", map[string]string{"sink": "github.com/cenkalti/backoff/v4"}, []string{`"sink" depends on testing`}},
		{"testing in a kit", map[string]string{"sink/sinktest": "testing net/http/httptest"}, nil},
		{"a kit", map[string]string{"pipeline": "sink", "sink": "lifecycle/lifecycletest", "lifecycle/lifecycletest": "testing"}, []string{
			`"sink" must not import`, `"sink" depends on ` + module + "/lifecycle/lifecycletest", `"pipeline" depends on ` + module + "/lifecycle/lifecycletest"}},
		{"a kit in a program", map[string]string{"examples/x": "sink/sinktest", "sink/sinktest": "testing"}, []string{`"examples/x" depends on`}},
		{"the host's", map[string]string{"pipeline": "os/signal", "batch": "log", "examples/x": "os/signal flag log example.org/a"}, []string{
			`"pipeline" must not import os/signal`, `"batch" must not import log`}},
		{"a program", map[string]string{"pipeline": "examples/x", "examples/x": ""}, []string{`"pipeline" imports the program examples/x`}},
		{"a kit that starts processes", map[string]string{"internal/enginetest": "testing os/exec"}, nil},
		{"a kit that does more", map[string]string{"internal/enginetest": "os/signal", "sink/sinktest": "os/exec"}, []string{
			`"internal/enginetest" must not import os/signal`, `"sink/sinktest" must not import os/exec`}},
		{"a program for tests", map[string]string{"internal/enginetest": "internal/enginetest/chatter", "internal/enginetest/chatter": "log"}, []string{
			`"internal/enginetest" imports the program internal/enginetest/chatter`}},
		{"the tour", map[string]string{"": "pipeline", "pipeline": ""}, []string{`"" must not import`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := check(planted(test.imports))
			for _, want := range test.want {
				if !slices.ContainsFunc(got, func(wrong string) bool { return strings.Contains(wrong, want) }) {
					t.Errorf("nothing like %q in %q", want, got)
				}
			}
			if test.want == nil && len(got) > 0 {
				t.Errorf("found %q in what is good", got)
			}
		})
	}
}

// planted makes a listing in which the packages have those imports and what follows from them.
func planted(imports map[string]string) map[string]listed {
	all := map[string]listed{}
	add := func(p listed) { all[p.ImportPath] = p }
	for _, std := range append(slices.Concat(hostOnly, testOnly), "context") {
		add(listed{ImportPath: std, Standard: true})
	}
	for m, deps := range map[string]string{
		"example.org/a": "", "example.org/b": "", "example.org/c": "", "example.org/d": "", "example.org/e": "", "example.org/f": "",
		"example.org/g": "", "example.org/h": "", "github.com/sony/gobreaker/v2": "example.org/g example.org/h", "github.com/cenkalti/backoff/v4": "testing",
	} {
		p := listed{ImportPath: m, Imports: strings.Fields(deps)}
		p.Module = &struct {
			Path string
			Main bool
		}{Path: m}
		add(p)
	}
	for name, deps := range imports {
		p := listed{ImportPath: path.Join(module, name)}
		for _, dep := range strings.Fields(deps) {
			if _, foreign := all[dep]; !foreign {
				dep = path.Join(module, dep)
			}
			p.Imports = append(p.Imports, dep)
		}
		add(p)
	}
	for name, p := range all {
		p.Deps = closure(all, p.Imports)
		all[name] = p
	}
	return all
}

func closure(all map[string]listed, imports []string) (deps []string) {
	for len(imports) > 0 {
		dep := imports[0]
		imports = imports[1:]
		if !slices.Contains(deps, dep) {
			deps = append(deps, dep)
			imports = append(slices.Clone(imports), all[dep].Imports...)
		}
	}
	return deps
}
