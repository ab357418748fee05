package enginetest

import (
	"fmt"
	"os"
	"sync"
	"testing"
)

// A Fleet is one engine of each version, for all tests of a package, since starting one takes a second. The zero Fleet
// is ready for use; it is a variable of the package, whose TestMain runs the tests with Around. Engine may be called from
// any goroutine.
type Fleet struct {
	mu      sync.Mutex
	engines map[string]*Engine
}

// Engine returns the engine of one of the versions that Need returns, and starts it if it does not run. Tests that use it
// at the same time see each other's containers, and have their connections cut when one of them stops it.
func (f *Fleet) Engine(t testing.TB, version string) *Engine {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.engines[version]
	if e == nil {
		e = launch(t, version)
		if f.engines == nil {
			f.engines = map[string]*Engine{}
		}
		f.engines[version] = e
	}
	e.Start(t)
	return e
}

// Around returns m with the end of all engines of f added to it. A failure to end one is a failure of the tests.
func (f *Fleet) Around(m interface{ Run() int }) Tests { return Tests{m: m, f: f} }

// Tests is what Around returns, for goleak.VerifyTestMain or to be run.
type Tests struct {
	m interface{ Run() int }
	f *Fleet
}

// Run runs the tests, ends the engines, and returns the exit code.
func (t Tests) Run() int {
	code := t.m.Run()
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	for version, e := range t.f.engines {
		if code != 0 {
			fmt.Fprintf(os.Stderr, "the end of the log of engine %s:\n%s\n", version, e.LogTail())
		}
		if err := e.end(); err != nil {
			fmt.Fprintln(os.Stderr, "enginetest:", err)
			code = 1
		}
	}
	return code
}
