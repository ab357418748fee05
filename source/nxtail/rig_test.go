//go:build linux

package nxtail_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/nxtail"
	"github.com/logferry/logferry/source/sourcetest"
)

// patience is how long tests wait for what has to come.
const patience = 2 * time.Minute

// A rig is one log, and a program that follows it and can be started anew.
type rig struct {
	t     *testing.T
	path  string
	store source.Checkpoints
	rec   *sourcetest.Receiver
	s     *sourcetest.Session
}

func newRig(t *testing.T) *rig {
	return &rig{t: t, path: filepath.Join(t.TempDir(), "app.log"), store: source.MemCheckpoints()}
}

func (g *rig) start() { g.run(newSource(g.t, g.path)) }

func (g *rig) run(src *nxtail.Source) {
	g.rec = new(sourcetest.Receiver)
	g.s = sourcetest.Start(g.t, src, g.rec, g.store)
}

func (g *rig) stop() {
	g.t.Helper()
	if err := g.s.Stop(); err != nil {
		g.t.Fatal(err)
	}
}

func (g *rig) write(lines ...string) { appendTo(g.t, g.path, strings.Join(lines, "\n")+"\n") }

// want waits for as many lines as are given, of all that was delivered since the
// start.
func (g *rig) want(lines ...string) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), patience)
	defer cancel()
	got, err := g.rec.WaitLines(ctx, len(lines))
	if err != nil || !slices.Equal(got, lines) {
		g.t.Fatalf("got %q, %v; want %q", got, err, lines)
	}
}

// wait waits for what the receiver knows.
func (g *rig) wait(cond func() bool) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), patience)
	defer cancel()
	if err := g.rec.Wait(ctx, cond); err != nil {
		g.t.Fatal(err)
	}
}

// held waits for so many batches that are not settled.
func (g *rig) held(n int) {
	g.t.Helper()
	g.wait(func() bool { return len(g.rec.Held()) >= n })
}

func (g *rig) rename(to string) {
	g.t.Helper()
	if err := os.Rename(g.path, g.path+to); err != nil {
		g.t.Fatal(err)
	}
}

// opened waits until this process has so many descriptors of files of that path.
func (g *rig) opened(path string, n int) {
	g.t.Helper()
	waitFor(g.t, func() bool { return descriptors(g.t, path) >= n })
}

func descriptors(t *testing.T, path string) (n int) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil && to == path {
			n++
		}
	}
	return n
}

// watching counts goroutines that poll for nxadm/tail.
func watching() int {
	buf := make([]byte, 1<<20)
	return strings.Count(string(buf[:runtime.Stack(buf, true)]), "watch.(*PollingFileWatcher).ChangeEvents.func1(")
}

func numbered(from, to int) (lines []string) {
	for i := from; i < to; i++ {
		lines = append(lines, fmt.Sprintf("line %d", i))
	}
	return lines
}
