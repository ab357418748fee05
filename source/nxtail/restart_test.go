//go:build linux

package nxtail_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/logferry/logferry/source/nxtail"
	"github.com/logferry/logferry/source/sourcetest"
)

// What is at the path when the program starts again, and what it delivers then.
func TestRestart(t *testing.T) {
	t.Parallel()
	before := numbered(0, 20)
	for _, test := range []struct {
		name   string
		change func(*rig)
		want   []string
	}{
		{"appended to", func(g *rig) { g.write("new") }, []string{"new"}},
		{"a line without its end", func(g *rig) { appendTo(g.t, g.path, "half "); g.write("a line") }, []string{"half a line"}},
		{"another file", func(g *rig) {
			g.rename(".1")
			g.write(numbered(0, 30)...)
		}, numbered(0, 30)},
		{"another file with its number", func(g *rig) {
			// ext4 gives it the number of the file just deleted.
			if err := os.Remove(g.path); err != nil {
				g.t.Fatal(err)
			}
			g.write(numbered(100, 130)...)
		}, numbered(100, 130)},
		{"truncated", func(g *rig) { g.replace("x\n") }, []string{"x"}},
		{"truncated, and longer again", func(g *rig) {
			g.replace("")
			g.write(numbered(100, 130)...)
		}, numbered(100, 130)},
		{"no cursor of ours", func(g *rig) { g.cursors("17") }, before},
		{"no cursor", func(g *rig) { g.cursors("") }, before},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			g.write(before...)
			g.start()
			g.want(before...)
			g.stop()
			test.change(g)
			g.start()
			g.want(test.want...)
			g.write("the end")
			g.want(append(slices.Clone(test.want), "the end")...)
		})
	}
}

// replace writes the file anew, as it is: the number stays.
func (g *rig) replace(text string) {
	g.t.Helper()
	if err := os.WriteFile(g.path, []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// cursors stores that one for each stream, none if it is empty.
func (g *rig) cursors(text string) {
	g.t.Helper()
	all := maps.Collect(g.store.All(g.t.Context()))
	if len(all) != 1 {
		g.t.Fatalf("%d cursors: %v", len(all), all)
	}
	drop := slices.Collect(maps.Keys(all))
	set := map[string]string{}
	if text != "" {
		set[drop[0]], drop = text, nil
	}
	if err := g.store.Save(g.t.Context(), set, drop); err != nil {
		g.t.Fatal(err)
	}
}

// A line that is written in two goes, with a stop in between, is one line.
func TestRestartWithinALine(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.write("first")
	appendTo(t, g.path, "half ")
	g.start()
	g.want("first")
	g.stop()
	g.start()
	appendTo(t, g.path, "a line\n")
	g.want("half a line")
}

// With End, what was there at the first look is left out, and nothing else: not
// half a line, not what is written between two runs of the program, not files that
// come later.
func TestFromEnd(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.write(numbered(0, 20)...)
	appendTo(t, g.path, "half ")
	start := func() {
		src, err := nxtail.New(nxtail.Config{Paths: []string{g.path, g.path + ".later"}, From: nxtail.End})
		if err != nil {
			t.Fatal(err)
		}
		g.run(src)
	}
	start()
	g.wait(func() bool { return len(g.rec.Arrived()) == 1 }) // of no lines: the cursor
	g.stop()
	appendTo(t, g.path, "a line\n")
	start()
	g.want("half a line")
	appendTo(t, g.path+".later", "first\n")
	g.want("half a line", "first")
}

func TestFromEndOfNothing(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"empty": "", "half a line": "new "} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			appendTo(t, g.path, text)
			src, err := nxtail.New(nxtail.Config{Paths: []string{g.path}, From: nxtail.End})
			if err != nil {
				t.Fatal(err)
			}
			g.run(src)
			g.opened(g.path, 2)
			g.write("line")
			g.want(text + "line")
		})
	}
}

// A stream that is lost before anything of it was delivered begins where it did. The
// line there is longer than what is read at once.
func TestFromEndAgain(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	long := strings.Repeat("x", 200<<10)
	g.write(long)
	appendTo(t, g.path, long)
	src, err := nxtail.New(nxtail.Config{Paths: []string{g.path}, From: nxtail.End})
	if err != nil {
		t.Fatal(err)
	}
	g.rec = new(sourcetest.Receiver)
	g.rec.Hold()
	g.s = sourcetest.Start(t, src, g.rec, g.store)
	g.held(1) // of no lines: the cursor
	appendTo(t, g.path, "\nnext\n")
	g.wait(func() bool {
		held := g.rec.Held()
		return slices.Contains(held[len(held)-1].Lines(), "next")
	})
	for _, p := range g.rec.Held() {
		p.Lose(nil)
	}
	g.rec.Release()
	g.write("last")
	g.want(long, "next", "last")
}

// What appears between two runs of one source is new.
func TestFromEndRunAgain(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	src, err := nxtail.New(nxtail.Config{Paths: []string{g.path}, From: nxtail.End})
	if err != nil {
		t.Fatal(err)
	}
	g.run(src)
	if !g.s.Interrupt() {
		t.Fatal("Run has not returned")
	}
	g.write("first")
	g.s.Again(src)
	g.want("first")
}
