package sinktest

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// A recorder is a testing.TB that keeps what is reported to itself.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	errors   []string
	skipped  bool
	cleanups []func()
}

func (r *recorder) Helper() {}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

func (r *recorder) Skip(...any) { r.skipped = true; runtime.Goexit() }

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.errors) > 0
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }

// goes runs f to its end, be it a Goexit.
func goes(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// verdict returns what the named check, or all of them, say about a Target.
func verdict(t *testing.T, name string, open func(testing.TB) Target) string {
	t.Helper()
	var said []string
	for _, c := range checks {
		if name != "" && c.name != name {
			continue
		}
		r := &recorder{TB: t}
		goes(func() { c.on(r, open) })
		for len(r.cleanups) > 0 {
			f := r.cleanups[len(r.cleanups)-1]
			r.cleanups = r.cleanups[:len(r.cleanups)-1]
			goes(f)
		}
		for _, e := range r.errors {
			said = append(said, c.name+": "+e)
		}
	}
	return strings.Join(said, "\n")
}
