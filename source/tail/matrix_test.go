package tail

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

// A cell is one way to rotate, one set of patterns and one speed.
type cell struct {
	name   string
	rotate func(w *rotator)
	paths  []string // patterns below the test's folder
	rate   int      // lines per second; 0: as fast as can be
	cfg    Config
	// byPath: the contract promises the order of all lines, not only of those
	// of each file.
	byPath bool
	// begin makes the first file; nil: it is app.log.
	begin func(w *rotator)
	reuse bool // it lasts until a file got the number of an earlier one
}

// cells is the matrix.
func cells() (all []cell) {
	plain, glob := []string{"app.log"}, []string{"app.log*"}
	polled := Config{NoWatch: true, Poll: 400 * time.Millisecond, IdlePoll: 400 * time.Millisecond}
	add := func(c cell) {
		c.cfg.RotateWait = cmpOr(c.cfg.RotateWait, time.Second)
		for _, c.rate = range []int{20_000, 0} {
			all = append(all, c)
		}
	}
	for _, name := range []string{"rename", "rename, writer lingers", "rename, gap", "copytruncate"} {
		add(cell{name: name, rotate: rotations[name], paths: plain, byPath: name != "rename, writer lingers"})
		add(cell{name: name, rotate: rotations[name], paths: glob})
	}
	for _, name := range []string{"rename", "copytruncate"} {
		add(cell{name: name + " between two looks", rotate: rotations[name], paths: plain, cfg: polled, byPath: true})
		add(cell{name: name + " between two looks", rotate: rotations[name], paths: glob, cfg: polled})
	}
	add(cell{name: "copytruncate, reader waits", rotate: copiedWhileBlocked, paths: plain, byPath: true})
	add(cell{name: "copytruncate, reader waits", rotate: copiedWhileBlocked, paths: glob})
	// The number of a file is free once the file is forgotten, which is soon.
	hasty := Config{RotateWait: 50 * time.Millisecond}
	add(cell{name: "delete, recreate", rotate: rotations["delete, recreate"], paths: plain, byPath: true, reuse: true, cfg: hasty})
	add(cell{name: "delete, recreate", rotate: rotations["delete, recreate"], paths: glob, byPath: true, reuse: true, cfg: hasty})
	add(cell{name: "link swapped", rotate: swap, begin: swap, paths: []string{"app.log"}, byPath: true})
	add(cell{name: "link swapped", rotate: swap, begin: swap, paths: []string{"app.log", "app.*.log"}})
	add(cell{name: "rename, gzip", rotate: compress, paths: glob})
	add(cell{name: "rename, gzip, all generations", rotate: compress, paths: plain, byPath: true, cfg: Config{Rotated: true}})
	polled.Rotated = true
	add(cell{name: "rename, gzip, all generations, between two looks", rotate: compress, paths: plain, byPath: true, cfg: polled})
	return all
}

func (c *cell) String() string {
	speed := "flat out"
	if c.rate > 0 {
		speed = fmt.Sprintf("%d a second", c.rate)
	}
	return fmt.Sprintf("%s/%s/%s", c.name, strings.Join(c.paths, "+"), speed)
}

// A row is what became of one cell in all its runs.
type row struct {
	verdict
	runs, rotations, reused int
	took                    time.Duration
}

// extent says how much of the matrix is done: how often, and for how long lines
// are written each time.
type extent struct {
	runs       int
	paced, out time.Duration
}

func matrixExtent() extent {
	switch {
	case os.Getenv("LOGFERRY_SOAK") != "" || os.Getenv("LOGFERRY_MATRIX") == "long":
		return extent{5, 3 * time.Second, 600 * time.Millisecond}
	case testing.Short():
		return extent{1, 300 * time.Millisecond, 150 * time.Millisecond}
	default:
		return extent{1, 800 * time.Millisecond, 300 * time.Millisecond}
	}
}

// TestRotationMatrix writes numbered lines and rotates every 50 to 200 ms, in
// every way, and wants each line once and whole. LOGFERRY_MATRIX=long does so
// for some minutes.
func TestRotationMatrix(t *testing.T) {
	x := matrixExtent()
	all := cells()
	rows := make([]row, len(all))
	var paced, out []int
	for i := range all {
		if all[i].rate > 0 {
			paced = append(paced, i)
		} else {
			out = append(out, i)
		}
	}
	run := func(i int) {
		c := &all[i]
		t.Run(c.String(), func(t *testing.T) {
			d := x.out
			if c.rate > 0 {
				d = x.paced
			}
			for range x.runs {
				if rows[i].add(t, c, d); t.Failed() {
					return
				}
			}
			// Others make files too, so that one run may see no reuse.
			if c.reuse && x.runs > 1 && rows[i].reused == 0 && reuses(t) {
				t.Error("no file got the number of an earlier one")
			}
		})
	}
	// Those that sleep most of the time can do so together.
	together(paced, 6, run)
	together(out, 4, run)
	t.Log("\n" + table(all, rows))
}

// together calls run for each of which, so many at a time.
func together(which []int, most int, run func(int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range most {
		wg.Go(func() {
			for i := range next {
				run(i)
			}
		})
	}
	for _, i := range which {
		next <- i
	}
	close(next)
	wg.Wait()
}

// table is what became of all, a line for each.
func table(all []cell, rows []row) string {
	var b strings.Builder
	format := "%-60s %5v %9v %9v %5v %5v %7v %9v %7v %8v\n"
	fmt.Fprintf(&b, format, "cell", "runs", "rotations", "lines", "lost", "twice", "broken", "disorder", "reused", "seconds")
	var sum row
	for i := range rows {
		r := &rows[i]
		r.print(&b, format, all[i].String())
		sum.runs, sum.rotations, sum.reused = sum.runs+r.runs, sum.rotations+r.rotations, sum.reused+r.reused
		sum.verdict.add(r.verdict)
		sum.took += r.took
	}
	sum.print(&b, format, "all")
	return b.String()
}

func (r *row) print(b *strings.Builder, format, name string) {
	fmt.Fprintf(b, format, name, r.runs, r.rotations, r.lines, r.lost, r.twice, r.broken, r.disorder, r.reused,
		fmt.Sprintf("%.1f", r.took.Seconds()))
}

func (v *verdict) add(o verdict) {
	v.lines, v.lost, v.twice, v.broken, v.disorder =
		v.lines+o.lines, v.lost+o.lost, v.twice+o.twice, v.broken+o.broken, v.disorder+o.disorder
}

// add runs c once, writing for d.
func (r *row) add(t *testing.T, c *cell, d time.Duration) {
	begun := time.Now()
	rnd := rand.New(rand.NewPCG(uint64(begun.UnixNano()), 1))
	dir := t.TempDir()
	defer os.RemoveAll(dir) // not only at the end of all runs
	counted := tally{byPath: c.byPath}
	var gate sluice
	sink := newSinkhole()
	sink.onLine, sink.gate = counted.line, gate.pass
	w := &rotator{t: t, path: filepath.Join(dir, "app.log"), rate: c.rate, hold: gate.hold}
	if c.begin != nil {
		c.begin(w)
	} else {
		w.open()
	}
	defer w.close()
	cfg := c.cfg
	for _, p := range c.paths {
		cfg.Paths = append(cfg.Paths, filepath.Join(dir, p))
	}
	run := start(t, cfg, sink, nil)
	w.await = func(n int) {
		wait(t, "a line of the file", func() bool { return counted.has(n) })
		if c.reuse && rnd.IntN(2) == 0 {
			// The next file is made before anybody else gets the number.
			wait(t, "an earlier file to be forgotten", func() bool { return len(run.src.Stats()) == 1 })
		}
	}
	reuse := c.reuse && reuses(t)
	more := func() bool {
		since := time.Since(begun)
		return since < d || reuse && w.reused == 0 && since < 10*time.Second
	}
	for more() {
		w.work(time.Duration(50+rnd.IntN(150)) * time.Millisecond)
		c.rotate(w)
		r.rotations++
	}
	w.work(30 * time.Millisecond)
	counted.await(run, w.n)
	run.stop()
	v := counted.check(t, w.n)
	if t.Failed() {
		t.Logf("the files began with lines %v; log:\n%s", w.begun, run.log)
	}
	r.runs++
	r.verdict.add(v)
	r.reused += w.reused
	r.took += time.Since(begun)
}

// await waits until n lines have arrived, and then until nothing is left that
// could bring one twice.
func (c *tally) await(r *run, n int) {
	deadline := time.Now().Add(patience)
	done := func() bool {
		return c.count() >= n && !slices.ContainsFunc(r.src.Stats(), func(s FileStats) bool { return s.State != Idle })
	}
	for !done() {
		if time.Now().After(deadline) {
			r.t.Errorf("%d of %d lines after a long wait, and %+v", c.count(), n, r.src.Stats())
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// reuses reports whether the file system gives the numbers of deleted files to
// later ones.
func reuses(t *testing.T) bool {
	path := filepath.Join(t.TempDir(), "f")
	ids := map[identity]bool{}
	for range 20 { // somebody else may get one first
		write(t, path, "")
		st, err := statPath(path)
		if err != nil {
			t.Fatal(err)
		}
		os.Remove(path)
		if ids[st.id] {
			return true
		}
		ids[st.id] = true
	}
	return false
}

// A sluice lets batches pass, or keeps them waiting.
type sluice struct {
	mu   sync.Mutex
	shut chan struct{} // nil: open
}

func (s *sluice) pass(ctx context.Context, _ *batch.Batch) error {
	s.mu.Lock()
	shut := s.shut
	s.mu.Unlock()
	if shut == nil {
		return nil
	}
	select {
	case <-shut:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *sluice) hold() (release func()) {
	shut := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = shut
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.shut = nil
		close(shut)
	}
}
