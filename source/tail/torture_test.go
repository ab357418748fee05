package tail

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

// A tally counts numbered lines.
type tally struct {
	mu   sync.Mutex
	seen []uint8
	bad  []string
}

func (c *tally) line(_ batch.Labels, e *batch.Entry) {
	n, err := -1, error(nil)
	if len(e.Line) == numberedLen-1 {
		n, err = strconv.Atoi(string(e.Line[5:15]))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || n < 0 {
		c.bad = append(c.bad, string(e.Line))
		return
	}
	for n >= len(c.seen) {
		c.seen = append(c.seen, make([]uint8, 1+len(c.seen))...)
	}
	c.seen[n]++
}

func (c *tally) have() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.seen {
		if k > 0 {
			n++
		}
	}
	return n
}

func (c *tally) has(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return n < len(c.seen) && c.seen[n] > 0
}

// check wants each of n lines at least once, and none twice.
func (c *tally) check(t *testing.T, n int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	lost, twice, first := 0, 0, -1
	for i := range n {
		switch {
		case i >= len(c.seen) || c.seen[i] == 0:
			if lost++; first < 0 {
				first = i
			}
		case c.seen[i] > 1:
			twice++
		}
	}
	t.Logf("%d lines written: %d lost, %d twice, %d broken", n, lost, twice, len(c.bad))
	if lost+twice+len(c.bad) > 0 {
		t.Errorf("%d lost (first %d), %d twice, %d broken of %d: %.200q", lost, first, twice, len(c.bad), n, c.bad)
	}
}

const numberedLen = len("line 0000000000 ....................................\n")

// A rotator writes numbered lines at full speed and rotates its file.
type rotator struct {
	t    *testing.T
	path string
	f    *os.File
	n    int // lines written
	// await, if set, waits until line n has arrived; begun is the first line
	// of the present file.
	await func(n int)
	begun int
}

func (w *rotator) open() {
	f, err := os.OpenFile(w.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		w.t.Fatal(err)
	}
	w.f = f
}

func (w *rotator) lines(f *os.File, k int) {
	b := bufio.NewWriterSize(f, 4096)
	for range k {
		fmt.Fprintf(b, "line %010d %s\n", w.n, "....................................")
		w.n++
	}
	if err := b.Flush(); err != nil {
		w.t.Fatal(err)
	}
}

// burst writes for about d.
func (w *rotator) burst(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		w.lines(w.f, 200)
	}
}

// shift renames path.1 to path.2 and so on, as logrotate does.
func (w *rotator) shift(keep int) {
	for i := keep; i > 0; i-- {
		os.Rename(fmt.Sprintf("%s.%d", w.path, i), fmt.Sprintf("%s.%d", w.path, i+1))
	}
}

// rotations are the ways a log is rotated.
var rotations = map[string]func(w *rotator, i int){
	"rename": func(w *rotator, i int) {
		w.shift(50)
		w.f.Close()
		os.Rename(w.path, w.path+".1")
		w.open()
	},
	"rename, writer lingers": func(w *rotator, i int) {
		w.shift(50)
		os.Rename(w.path, w.path+".1")
		old := w.f
		w.open()
		for range 5 {
			w.lines(old, 100)
			w.lines(w.f, 100)
		}
		old.Close()
	},
	"copytruncate": func(w *rotator, i int) {
		w.shift(50)
		copyFile(w.t, w.path, w.path+".1")
		if err := os.Truncate(w.path, 0); err != nil {
			w.t.Fatal(err)
		}
	},
	"delete, recreate": func(w *rotator, i int) {
		if w.await != nil {
			w.await(w.begun) // what is deleted before it was seen is lost
		}
		w.begun = w.n
		w.f.Close()
		os.Remove(w.path)
		w.open()
	},
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	src, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer dst.Close()
	if _, err := io.Copy(dst, src); err != nil {
		t.Fatal(err)
	}
}

func TestRotationLosesNothing(t *testing.T) {
	for name, rotate := range rotations {
		for _, pattern := range []string{"app.log", "app.log*"} {
			t.Run(name+"/"+pattern, func(t *testing.T) {
				dir := t.TempDir()
				var c tally
				sink := newSinkhole()
				sink.onLine = c.line
				w := &rotator{t: t, path: filepath.Join(dir, "app.log")}
				w.open()
				defer func() { w.f.Close() }()
				r := start(t, Config{Paths: []string{filepath.Join(dir, pattern)}, RotateWait: time.Second}, sink, nil)
				w.await = func(n int) { wait(t, "a line of the file", func() bool { return c.has(n) }) }
				for i := range 8 {
					w.burst(120 * time.Millisecond)
					rotate(w, i)
				}
				w.burst(30 * time.Millisecond)
				deadline := time.Now().Add(15 * time.Second)
				for c.have() < w.n && time.Now().Before(deadline) {
					time.Sleep(5 * time.Millisecond)
				}
				if c.have() < w.n {
					for _, s := range r.src.Stats() {
						t.Logf("%+v", s)
					}
				}
				r.stop()
				c.check(t, w.n)
				if t.Failed() {
					t.Log(r.log)
				}
			})
		}
	}
}

func (r *run) failed() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}
