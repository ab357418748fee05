package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/logferry/logferry/lifecycle"
)

// A fakeLoki takes pushes as Loki does, and remembers which lines it was given.
type fakeLoki struct {
	url    string
	server *http.Server

	mu    sync.Mutex
	down  bool
	lines map[int]int // how often each came
}

// startLoki serves one on the loopback interface, until stop is called.
func startLoki(tasks *lifecycle.Supervisor) (*fakeLoki, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &fakeLoki{url: "http://" + l.Addr().String(), lines: map[int]int{}}
	f.server = &http.Server{Handler: http.HandlerFunc(f.push)}
	tasks.Go("loki", func(context.Context) error {
		if err := f.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return f, nil
}

func (f *fakeLoki) stop() error { return f.server.Close() }

var lineNumber = regexp.MustCompile(`failover line (\d{8})`)

func (f *fakeLoki) push(w http.ResponseWriter, r *http.Request) {
	wire, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	raw, err := s2.Decode(nil, wire)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.down:
		http.Error(w, "down for the play", http.StatusServiceUnavailable)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, match := range lineNumber.FindAllSubmatch(raw, -1) {
		n, _ := strconv.Atoi(string(match[1]))
		f.lines[n]++
	}
	w.WriteHeader(http.StatusNoContent)
}

// take sets whether it is down.
func (f *fakeLoki) take(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

// account returns how many lines there are, how many of those below safe are not among them, and how many came more than
// once, by how often.
func (f *fakeLoki) account(safe int) (stored, missing, again int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, times := range f.lines {
		again += times - 1
	}
	for n := range safe {
		if f.lines[n] == 0 {
			missing++
		}
	}
	return len(f.lines), missing, again
}

// wait waits for a condition.
func wait(ctx context.Context, ok func() bool) error {
	for !ok() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}
