//go:build linux

package nxtail_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source/nxtail"
)

func TestLines(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		cfg    nxtail.Config
		text   string
		want   []string
		attrs  int // entries that have any
		labels batch.Labels
	}{
		{name: "defaults", text: "a\r\n\n b \n\r\n", want: []string{"a", "", " b ", ""}},
		{name: "KeepCR", cfg: nxtail.Config{KeepCR: true}, text: "a\r\n\r\nb\n", want: []string{"a\r", "\r", "b"}},
		{name: "MaxLine", cfg: nxtail.Config{MaxLine: 4}, text: "abcd\nabcde\r\nab\n", want: []string{"abcd", "abcd", "ab"}, attrs: 1},
		{name: "long", text: strings.Repeat("x", 1<<20) + "y\nz\n", want: []string{strings.Repeat("x", 1<<20), "z"}, attrs: 1},
		{name: "many", text: strings.Repeat("a\n", 5000), want: slices.Repeat([]string{"a"}, 5000)},
		{name: "Labels", cfg: nxtail.Config{Labels: func(string) batch.Labels { return batch.MustLabels("app", "shop") }},
			text: "a\n", want: []string{"a"}, labels: batch.MustLabels("app", "shop")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			appendTo(t, g.path, test.text)
			test.cfg.Paths = []string{g.path}
			src, err := nxtail.New(test.cfg)
			if err != nil {
				t.Fatal(err)
			}
			g.run(src)
			g.want(test.want...)
			if test.labels == (batch.Labels{}) {
				test.labels = batch.MustLabels("filename", g.path)
			}
			attrs := 0
			for _, p := range g.rec.Arrived() {
				for _, e := range p.Entries {
					if len(e.Attrs) > 0 {
						attrs++
					}
					if e.Labels != test.labels {
						t.Fatalf("labels %v, want %v", e.Labels, test.labels)
					}
				}
			}
			if attrs != test.attrs {
				t.Errorf("%d entries have attributes, want %d", attrs, test.attrs)
			}
		})
	}
}

// A file that was renamed is read to its end, also what is lost on the way and has
// to be read again, before the one that took its place.
func TestLossAfterRename(t *testing.T) {
	t.Parallel()
	for _, finished := range []bool{false, true} {
		t.Run(fmt.Sprintf("finished=%v", finished), func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			g.start()
			g.rec.Hold()
			g.write("old 1", "old 2")
			g.held(1)
			g.rename(".1")
			appendTo(t, g.path+".1", "late\n")
			g.held(2)
			g.write("new")
			g.opened(g.path, 1)
			if finished { // it waits for what is in flight
				waitFor(t, func() bool { return g.rec.Hastened() > 0 })
			}
			held := g.rec.Held()
			held[0].Deliver()
			held[1].Lose(nil)
			g.rec.Release()
			g.want("old 1", "old 2", "late", "new")
		})
	}
}

// However often the log is rotated while a route makes its reader wait, nothing is
// missed.
func TestRotatedWhileARouteWaits(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.start()
	g.rec.Hold()
	g.rec.SetRoom(1)
	g.write("0")
	g.held(1)
	g.write("1")
	g.wait(func() bool { return g.rec.Waiting() > 0 })
	want := []string{"0", "1"}
	for _, n := range []string{"2", "3", "4"} {
		if err := os.Rename(g.path, g.path+"."+n); err != nil {
			t.Fatal(err)
		}
		g.write(n)
		want = append(want, n)
		g.opened(g.path, 1)
	}
	g.rec.SetRoom(0)
	g.rec.Release()
	g.want(want...)
}

// What nobody can read keeps nobody from the other files, and is read once it can
// be.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	fifo, folder := g.path+".fifo", g.path+".folder"
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	g.run(newSource(t, fifo, folder, g.path))
	g.write("a line")
	g.want("a line")
	for _, path := range []string{fifo, folder} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		appendTo(t, path, "another\n")
	}
	g.want("a line", "another", "another")
}

// nxadm/tail ends the process when a stat fails for another reason than that there
// is no such file. It does not when this package uses it: compare
// TestKnownFailureExit.
func TestFolderReplacedByAFile(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	folder := g.path + ".d"
	g.path = folder + "/app.log"
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	g.write("one")
	g.start()
	g.want("one")
	replaceFolder(t, folder)
	appendTo(t, folder+".old/app.log", "two\n") // its writer has it open
	g.want("one", "two")
	waitFor(t, func() bool { return descriptors(t, folder+".old/app.log") == 0 }) // it is done
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	g.write("three")
	g.want("one", "two", "three")
}

func replaceFolder(t *testing.T, folder string) {
	t.Helper()
	if err := os.Rename(folder, folder+".old"); err != nil {
		t.Fatal(err)
	}
	appendTo(t, folder, "a file\n")
}
