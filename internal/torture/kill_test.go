package torture

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A world is a folder with a log, and one child after another that follows it.
type world struct {
	t       *testing.T
	pattern string
	joined  bool // see job.Joined
	dir     string
	state   string
	seed    uint64
	rnd     *rand.Rand
	a       *author
	l       *ledger
	log     *os.File
	child   *child
}

func newWorld(t *testing.T, pattern string) *world {
	dir := t.TempDir()
	w := &world{t: t, pattern: pattern, dir: dir, seed: uint64(time.Now().UnixNano())}
	if err := os.Mkdir(filepath.Join(dir, "logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.state = filepath.Join(dir, "state")
	w.rnd = rand.New(rand.NewPCG(w.seed, 0))
	var err error
	if w.log, err = os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.log.Close() })
	w.l = &ledger{t: t, inOrder: pattern == "app.log", wrong: map[int]string{}}
	w.a = &author{t: t, path: filepath.Join(dir, "logs", "app.log"), rnd: w.rnd, delivered: w.l.all, written: time.Now()}
	w.l.a = w.a
	w.a.open()
	t.Cleanup(w.a.close)
	return w
}

// start starts the next child.
func (w *world) start() {
	w.t.Helper()
	w.l.child++
	w.a.tell("child %d started, %d lines written", w.l.child, w.a.n)
	w.child = startChild(w.t, job{
		Paths: []string{filepath.Join(w.dir, "logs", w.pattern)},
		State: w.state,
		Out:   filepath.Join(w.dir, fmt.Sprintf("out.%d", w.l.child)),

		Joined: w.joined,
	}, w.log)
}

// ended notes what the child did that has ended.
func (w *world) ended() {
	w.t.Helper()
	w.l.take(w.child)
	os.Remove(w.child.out)
}

// kill kills the child, and measures what may come again.
func (w *world) kill() (beyond int) {
	w.t.Helper()
	w.child.kill()
	w.ended()
	beyond = w.l.measure(w.state)
	w.a.tell("child %d killed, %d lines written, %d beyond the cursors", w.l.child, w.a.n, beyond)
	return beyond
}

// settle begins: it waits until there is a cursor. What is rotated before anything is known cannot be found.
func (w *world) settle() {
	w.t.Helper()
	w.start()
	w.wait("the first cursor", func() bool {
		w.a.write()
		cursors := readCursors(w.t, w.state)
		for name, cursor := range cursors {
			if _, lines, ok := w.l.place(name, cursor); ok && lines > 0 {
				return true
			}
		}
		return false
	})
}

// patience is how long a test waits for what must happen, on a machine that has other things to do.
const patience = 2 * time.Minute

func (w *world) wait(what string, done func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for !done() {
		if time.Now().After(deadline) {
			w.t.Errorf("waited in vain for %s", what)
			w.explain()
			w.t.FailNow()
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// finish lets the last child deliver what there is, ends it, and says how it went.
func (w *world) finish() {
	w.t.Helper()
	l := w.l
	deadline := time.Now().Add(patience)
	for l.take(w.child); len(l.lost()) > 0 && time.Now().Before(deadline); l.take(w.child) {
		time.Sleep(10 * time.Millisecond)
	}
	// Whatever takes a file for a new one does so by now.
	time.Sleep(rotateWait + 500*time.Millisecond)
	w.child.stop()
	w.ended()
	lost := l.lost()
	w.t.Logf("seed %d: %d lines, %d rotations, %d kills: %d lost, %d delivered twice, %d lay beyond the saved cursors (%d at most, %d in files without one)",
		w.seed, w.a.n, w.a.rotated, l.child-1, len(lost), l.twice, l.beyond, l.most, l.blind)
	if len(lost) > 0 || len(l.wrong) > 0 || len(l.bad) > 0 {
		w.t.Errorf("%d lost, %d wrong, %d broken (%.200q)", len(lost), len(l.wrong), len(l.bad), l.bad)
	}
	if l.twice > l.beyond {
		w.t.Errorf("%d lines twice, more than the %d beyond the saved cursors", l.twice, l.beyond)
	}
	if w.t.Failed() {
		w.explain()
	}
}

// explain tells the story of the files whose lines are missing, or came when they should not.
func (w *world) explain() {
	missing := map[int]bool{}
	for _, n := range w.l.lost() {
		missing[n] = true
	}
	var story []string
	ends := make([]int, len(w.a.past)) // of what happened until each file ended
	for i, g := range w.a.past {
		story = append(story, g.story...)
		ends[i] = len(story)
	}
	for i, g := range w.a.past {
		lost, wrong := 0, map[string]int{}
		var which []int // the first and the last that is missing
		for i, n := range g.lines {
			if missing[n] {
				lost++
				which = append(which[:min(len(which), 1)], i)
			}
			if what := w.l.wrong[n]; what != "" {
				wrong[what]++
			}
		}
		if lost+len(wrong) > 0 {
			part := story[max(0, ends[i]-12):min(len(story), ends[i]+8)]
			w.t.Logf("file %d, %d lines, %d missing %d, cursor behind %d, wrong: %v\n\t%s", i, len(g.lines), lost, which, w.l.saved[g], wrong, strings.Join(part, "\n\t"))
		}
	}
	text, err := os.ReadFile(w.log.Name())
	w.t.Logf("folder %.2000q\nlog (%v):\n%s", folderOf(w.a.path), err, text)
}

// kills is how often a test kills.
func kills(short, plain, long int) int {
	switch {
	case os.Getenv("LOGFERRY_SOAK") != "":
		return long
	case testing.Short():
		return short
	default:
		return plain
	}
}

// TestKilledWhileRotating kills at random instants while files are written and rotated, and goes on writing and rotating
// while there is nobody to see it and while the next child starts.
func TestKilledWhileRotating(t *testing.T) {
	for _, c := range []struct {
		name, pattern string
		joined, packs bool
	}{
		{name: "path", pattern: "app.log"},
		{name: "pattern", pattern: "app.log*"},
		{name: "path, entries of several lines", pattern: "app.log", joined: true},
		{name: "path, compressed when delivered", pattern: "app.log", packs: true},
		{name: "pattern, compressed", pattern: "app.log*", packs: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.pattern)
			w.joined = c.joined
			if c.packs {
				// What no pattern finds is not looked for when it is compressed.
				w.a.packs = func(g *generation) bool { return c.pattern != "app.log" || w.l.all(g) }
			}
			w.settle()
			for range kills(2, 8, 200) {
				if w.kill(); len(w.l.wrong) > 0 {
					break
				}
				if w.rnd.IntN(2) == 0 {
					w.a.play(w.moments(60), w.moments(200))
				}
				w.start()
				w.a.play(w.moments(80), w.life())
			}
			if !w.child.ended {
				w.finish()
				return
			}
			t.Error("something is wrong at a kill")
			w.explain()
			w.start() // is it lost, or late?
			w.finish()
		})
	}
}

func (w *world) moments(ms int) time.Duration {
	return time.Duration(w.rnd.IntN(ms*1000)) * time.Microsecond
}

// life is how long a child lives: often not long enough to have a first look.
func (w *world) life() time.Duration {
	switch w.rnd.IntN(4) {
	case 0:
		return w.moments(20)
	case 1:
		return w.moments(100)
	default:
		return w.moments(800)
	}
}
