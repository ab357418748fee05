package enginetest

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

const (
	// startTimeout covers a machine that is busy with other tests; under 1 s is usual.
	startTimeout = time.Minute
	// stopTimeout is how long an engine may take to end after SIGTERM; it gives itself 15 s to take leave.
	stopTimeout = time.Minute
	readyPoll   = 10 * time.Millisecond

	socketName = "docker.sock"
	logName    = "log"

	// maxDir is how long the name of an engine's folder may be: that of a socket is limited to 107 bytes, and the longest
	// stands at exec/containerd/containerd-debug.sock.
	maxDir = 107 - len("/exec/containerd/containerd-debug.sock")
)

// An Engine is a container engine of a test's own. Stop ends its process, and Start brings the same containers back at the
// same socket; containers run on meanwhile. Its methods may be called from any goroutine, with the calling test. What is
// asked of the engine while it is stopped waits until it is up again, and it is not stopped in the midst of an answer.
type Engine struct {
	version string
	dir     string
	program string // what runs in containers
	client  *http.Client

	// A lock to be waited for: to stop and to start takes seconds, and happens one after the other.
	turn sync.Mutex
	keep *keeper
	pid  int           // of the engine's process
	cpu  time.Duration // of those before it

	asked sync.RWMutex // read-locked while the engine is asked; locked by what stops it

	mu   sync.Mutex    // guards what follows
	up   chan struct{} // closed: it answers
	tags map[string]bool
}

// Start runs an engine of one of the versions that Need returns, and returns once it answers. When the test ends, it is
// ended with all its containers, and what it stored is removed; if the test failed, the end of the engine's log is in the
// test's output.
func Start(t testing.TB, version string) *Engine {
	t.Helper()
	e := launch(t, version)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the log of engine %s:\n%s", version, e.LogTail())
		}
		if err := e.end(); err != nil {
			t.Error("enginetest: ", err)
		}
	})
	return e
}

// launch runs an engine that is the caller's to end.
func launch(t testing.TB, version string) *Engine {
	t.Helper()
	bin := binaries(t, version)
	dir, err := os.MkdirTemp("", "lf-engine-")
	if err != nil {
		t.Fatal(err)
	}
	if len(dir) > maxDir {
		os.Remove(dir)
		t.Fatalf("enginetest: %s is too long a name: set TMPDIR to one that is shorter", dir)
	}
	e := &Engine{version: version, dir: dir, up: make(chan struct{}), tags: map[string]bool{}}
	e.client = e.newClient()
	if e.program, err = build(t.Context(), dir); err == nil {
		e.keep, err = keep(bin, dir, filepath.Join(dir, logName))
	}
	if err != nil {
		os.RemoveAll(dir)
		t.Fatal("enginetest: ", err)
	}
	if err := e.start(); err != nil {
		err = fmt.Errorf("enginetest: engine %s: %w\n%s", version, err, e.LogTail())
		if ending := e.end(); ending != nil {
			t.Error("enginetest: ", ending)
		}
		t.Fatal(err)
	}
	return e
}

// end ends the engine and removes its folder.
func (e *Engine) end() error {
	e.turn.Lock()
	defer e.turn.Unlock()
	return e.keep.end()
}

// Version returns the version that the engine was asked for as, such as "20.10".
func (e *Engine) Version() string { return e.version }

// Host returns where the engine listens, as DOCKER_HOST would have it: "unix://" and a path.
func (e *Engine) Host() string { return "unix://" + e.socket() }

func (e *Engine) socket() string { return filepath.Join(e.dir, socketName) }

// Stop ends the engine's process with SIGTERM, and returns when it has ended; its containers run on. It does nothing if
// the engine is stopped.
func (e *Engine) Stop(t testing.TB) {
	t.Helper()
	e.halt(t, "TERM")
}

// Start runs an engine that was stopped, and returns once it answers. It does nothing if it runs.
func (e *Engine) Start(t testing.TB) {
	t.Helper()
	e.turn.Lock()
	defer e.turn.Unlock()
	if e.answers() {
		return
	}
	if err := e.start(); err != nil {
		t.Fatalf("enginetest: engine %s: %v\n%s", e.version, err, e.LogTail())
	}
}

// Restart is Stop and Start.
func (e *Engine) Restart(t testing.TB) {
	t.Helper()
	e.Stop(t)
	e.Start(t)
}

// Kill ends the engine's process with SIGKILL, and starts it again; its containers run on meanwhile.
func (e *Engine) Kill(t testing.TB) {
	t.Helper()
	e.halt(t, "KILL")
	e.Start(t)
}

// halt ends the engine's process with a signal.
func (e *Engine) halt(t testing.TB, signal string) {
	t.Helper()
	e.turn.Lock()
	defer e.turn.Unlock()
	if !e.answers() {
		return
	}
	e.asked.Lock()
	defer e.asked.Unlock()
	used, err := cpu(e.pid)
	if err != nil {
		t.Fatalf("enginetest: engine %s: %v\n%s", e.version, err, e.LogTail())
	}
	e.cpu += used
	e.mu.Lock()
	e.up = make(chan struct{})
	e.mu.Unlock()
	if _, err := e.keep.ask(signal, stopTimeout); err != nil {
		t.Fatalf("enginetest: engine %s: %v\n%s", e.version, err, e.LogTail())
	}
}

// start runs the engine's process and waits until it answers. The caller holds turn, or is alone.
func (e *Engine) start() error {
	var err error
	if e.pid, err = e.keep.ask("start", startTimeout); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		err := e.ping(ctx)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return fmt.Errorf("no answer after %v: %w", startTimeout, err)
		}
		if _, gone := cpu(e.pid); gone != nil {
			return fmt.Errorf("%w: %w", gone, err)
		}
		time.Sleep(readyPoll)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.up)
	return nil
}

// answers reports whether the engine is up.
func (e *Engine) answers() bool {
	select {
	case <-e.upped():
		return true
	default:
		return false
	}
}

func (e *Engine) upped() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.up
}

// LogTail returns the last 4 KiB of what the engine has printed.
func (e *Engine) LogTail() string {
	log, err := os.ReadFile(filepath.Join(e.dir, logName))
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-4<<10):])
}
