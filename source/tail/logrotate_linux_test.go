//go:build linux

package tail

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

// logrotateLine is what one line takes. It divides the size of a page, so that no
// copy of a file ends within a line.
const logrotateLine = 64

// A logWriter writes numbered lines to a log until it is told to stop, each with one
// write.
type logWriter struct {
	path   string
	reopen bool // when another file lies at path
	n      atomic.Int64
}

func (w *logWriter) run(ctx context.Context) error {
	f, err := os.OpenFile(w.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	for ; err == nil && ctx.Err() == nil; time.Sleep(200 * time.Microsecond) { // the pace
		for range 10 {
			line := fmt.Sprintf("line %010d ", w.n.Load())
			if _, err = f.WriteString(line + strings.Repeat(".", logrotateLine-1-len(line)) + "\n"); err != nil {
				return err
			}
			w.n.Add(1)
		}
		if w.reopen && w.rotated(f) {
			f.Close()
			f, err = os.OpenFile(w.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		}
	}
	if err != nil {
		return err
	}
	return f.Close()
}

func (w *logWriter) rotated(f *os.File) bool {
	there, err := os.Stat(w.path)
	if err != nil {
		return false // logrotate is about to create it
	}
	mine, err := f.Stat()
	return err == nil && !os.SameFile(there, mine)
}

// numbers counts the lines by their numbers; -1 stands for what is no line.
type numbers map[int]int

func (c numbers) add(line []byte) {
	n := -1
	if len(line) == logrotateLine-1 {
		if k, err := strconv.Atoi(string(line[5:15])); err == nil {
			n = k
		}
	}
	c[n]++
}

// inFiles is what stands in the log and all that was made of it.
func inFiles(t *testing.T, path string) numbers {
	t.Helper()
	paths, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	all := numbers{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err == nil && strings.HasSuffix(path, ".gz") {
			var z *gzip.Reader
			if z, err = gzip.NewReader(bytes.NewReader(data)); err == nil {
				data, err = io.ReadAll(z)
			}
		}
		if err != nil {
			t.Fatal(path, err)
		}
		for line := range bytes.Lines(data) {
			all.add(bytes.TrimSuffix(line, []byte("\n")))
		}
	}
	return all
}

// A logrotate is Debian's, with a configuration of its own.
type logrotate struct {
	t            *testing.T
	program      string
	config, data string
}

func newLogrotate(t *testing.T, path, directives string) *logrotate {
	t.Helper()
	program, err := exec.LookPath("logrotate")
	if err != nil {
		if slices.Contains(strings.Split(os.Getenv("LOGFERRY_REQUIRE"), ","), "logrotate") {
			t.Fatal("LOGFERRY_REQUIRE contains logrotate: ", err)
		}
		t.Skip("this test runs the logrotate of the system: ", err)
	}
	dir := t.TempDir()
	l := &logrotate{t: t, program: program, config: filepath.Join(dir, "logrotate.conf"), data: filepath.Join(dir, "state")}
	write(t, l.config, fmt.Sprintf("%q {\n\trotate 1000\n\t%s\n}\n", path, directives))
	return l
}

func (l *logrotate) force() {
	l.t.Helper()
	if out, err := exec.Command(l.program, "-f", "-s", l.data, l.config).CombinedOutput(); err != nil || len(out) > 0 {
		l.t.Fatalf("logrotate: %v\n%s", err, out)
	}
}

// TestLogrotate has a real logrotate rotate a log that is written all the time. With
// create, every line is delivered once. With copytruncate, so is every line that is
// in one of the files; what is in none was written while logrotate ran, after its
// copy and before its truncation.
func TestLogrotate(t *testing.T) {
	for _, c := range []struct{ name, directives, pattern string }{
		{"create", "create 0644", "app.log"},
		{"create, all followed", "create 0644", "app.log*"},
		{"create, compress", "create 0644\n\tcompress\n\tdelaycompress", "app.log"},
		{"copytruncate", "copytruncate", "app.log"},
		{"copytruncate, all followed", "copytruncate", "app.log*"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rotations := 10
			if os.Getenv("LOGFERRY_SOAK") == "1" {
				rotations = 100
			}
			trial := &logrotateTrial{t: t, copies: strings.HasPrefix(c.directives, "copytruncate")}
			trial.run(c.directives, c.pattern, rotations)
		})
	}
}

type logrotateTrial struct {
	t      *testing.T
	copies bool
	spans  [][2]int // the lines that were written while logrotate ran
}

func (x *logrotateTrial) run(directives, pattern string, rotations int) {
	dir := x.t.TempDir()
	w := &logWriter{path: filepath.Join(dir, "app.log"), reopen: !x.copies}
	l := newLogrotate(x.t, w.path, directives)
	sink := newSinkhole()
	got := numbers{}
	sink.onLine = func(_ batch.Labels, e *batch.Entry) { got.add(e.Line) }
	r := start(x.t, Config{Paths: []string{filepath.Join(dir, pattern)}, RotateWait: time.Second}, sink, nil)

	ctx, cancel := context.WithCancel(x.t.Context())
	written := make(chan error, 1)
	go func() { written <- w.run(ctx) }()
	// What is rotated before the first look has never been seen.
	wait(x.t, "the first line", func() bool { return arrived(sink, numbers{0: 1}, got) })
	for range rotations {
		time.Sleep(rand.N(150 * time.Millisecond)) // the time between two rotations
		before := int(w.n.Load())
		l.force()
		x.spans = append(x.spans, [2]int{before, int(w.n.Load()) + 1})
	}
	cancel()
	if err := <-written; err != nil {
		x.t.Fatal(err)
	}
	want := inFiles(x.t, w.path)
	deadline := time.Now().Add(patience)
	for !arrived(sink, want, got) && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	r.stop()
	x.check(int(w.n.Load()), want, got)
	if x.t.Failed() {
		x.t.Log(r.log)
	}
}

// arrived reports whether all that is in the files has.
func arrived(sink *sinkhole, want, got numbers) bool {
	sink.mu.Lock()
	defer sink.mu.Unlock()
	for n := range want {
		if got[n] == 0 {
			return false
		}
	}
	return true
}

func (x *logrotateTrial) check(n int, want, got numbers) {
	var vanished, lost, twice int
	for i := range n {
		switch {
		case want[i] > 1:
			x.t.Fatalf("line %d is in %d files", i, want[i])
		case want[i] == 0:
			vanished++
			if !x.copies || !slices.ContainsFunc(x.spans, func(s [2]int) bool { return s[0] <= i && i < s[1] }) {
				x.t.Fatalf("line %d is in no file", i)
			}
			if got[i] > 0 {
				twice += got[i] - 1 // read before it was truncated
			}
		case got[i] == 0:
			lost++
		default:
			twice += got[i] - 1
		}
	}
	x.t.Logf("%d lines, %d of them in no file: %d lost, %d twice, %d broken", n, vanished, lost, twice, got[-1])
	if lost+twice+got[-1]+want[-1] > 0 {
		x.t.Errorf("%d lost, %d twice, %d broken, %d broken in the files", lost, twice, got[-1], want[-1])
	}
}
