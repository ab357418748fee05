//go:build linux

package nxtail_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// A link is followed: to another file that it leads to from then on, and to none
// while it leads to itself.
func TestSymlink(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	first, second := g.path+".first", g.path+".second"
	appendTo(t, first, "one\n")
	g.link(first)
	g.start()
	g.want("one")
	g.link(g.path)
	appendTo(t, first, "two\n")
	g.want("one", "two")
	appendTo(t, second, "three\n")
	g.link(second)
	g.want("one", "two", "three")
}

// link has the path lead to another.
func (g *rig) link(to string) {
	g.t.Helper()
	fresh := g.path + ".link"
	if err := os.Symlink(to, fresh); err != nil {
		g.t.Fatal(err)
	}
	if err := os.Rename(fresh, g.path); err != nil {
		g.t.Fatal(err)
	}
}

// A folder in the place of the file is no file, and no reason to stop reading that.
func TestFileReplacedByAFolder(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.write("one")
	g.start()
	g.want("one")
	g.rename(".1")
	if err := os.Mkdir(g.path, 0o700); err != nil {
		t.Fatal(err)
	}
	appendTo(t, g.path+".1", "two\n")
	g.want("one", "two")
	waitFor(t, func() bool { return descriptors(t, g.path+".1") == 0 }) // it is done
	if err := os.Remove(g.path); err != nil {
		t.Fatal(err)
	}
	g.write("three")
	g.want("one", "two", "three")
}

// Two sources that follow one file are nothing to each other.
func TestTwoSources(t *testing.T) {
	t.Parallel()
	g, h := newRig(t), newRig(t)
	h.path = g.path
	g.start()
	h.start()
	g.write("one")
	g.want("one")
	h.want("one")
	g.stop()
	g.write("two")
	h.want("one", "two")
}

func TestManyPaths(t *testing.T) {
	t.Parallel()
	const many = 300
	g := newRig(t)
	var paths []string
	for i := range many {
		path := filepath.Join(filepath.Dir(g.path), fmt.Sprint(i))
		appendTo(t, path, "a line\n")
		paths = append(paths, path)
	}
	g.run(newSource(t, paths...))
	g.wait(func() bool { return len(g.rec.Lines()) == many })
	g.stop()
	for _, path := range paths {
		if n := descriptors(t, path); n != 0 {
			t.Fatalf("%d descriptors of %s are left behind", n, path)
		}
	}
}
