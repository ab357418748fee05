package lifecycle_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	. "github.com/logferry/logferry/lifecycle"
)

// heapAfter returns the live heap after n rounds of f.
func heapAfter(n int, f func()) int64 {
	for range n {
		f()
	}
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A supervisor lives as long as its service: nothing that comes and goes may leave anything behind.
func TestMemoryIsFlat(t *testing.T) {
	quick := func(context.Context) error { return nil }
	tests := map[string]func(s *Supervisor){
		"tasks":    func(s *Supervisor) { s.Go("x", quick).Wait(t.Context()) },
		"failures": func(s *Supervisor) { s.Go("x", func(context.Context) error { return errDisk }).Wait(t.Context()) },
		"children": func(s *Supervisor) {
			c := s.Child("c")
			c.Child("d").Go("x", quick)
			c.Go("x", quick)
			c.Close(t.Context())
		},
		"bound children": func(s *Supervisor) {
			s.Go("x", func(ctx context.Context) error {
				c := s.ChildContext(ctx, "c")
				c.Go("x", untilDone)
				return c.Close(context.Background())
			}).Wait(t.Context())
		},
		"handles stopped": func(s *Supervisor) { h := s.Go("x", untilDone); h.Stop(); h.Wait(t.Context()) },
	}
	for name, round := range tests {
		t.Run(name, func(t *testing.T) {
			s := open(t, Config{Name: "app"})
			before := heapAfter(2_000, func() { round(s) })
			after := heapAfter(5_000, func() { round(s) })
			if grown := after - before; grown > 100_000 {
				t.Errorf("5,000 rounds left %d bytes behind", grown)
			}
		})
	}
}

// What Run's closure refers to is free when the task has ended, even if its Handle is kept.
func TestHandleDoesNotKeepTheTask(t *testing.T) {
	s := open(t, Config{})
	freed := make(chan struct{})
	handle := func() *Handle {
		big := make([]byte, 1<<20)
		runtime.AddCleanup(&big[0], func(c chan struct{}) { close(c) }, freed)
		return s.Go("x", func(context.Context) error { big[0]++; return nil })
	}()
	handle.Wait(t.Context())
	for range 1000 {
		runtime.GC()
		select {
		case <-freed:
			runtime.KeepAlive(handle)
			return
		default:
			runtime.Gosched()
		}
	}
	t.Error("the ended task is still reachable from its handle")
}

func TestFailuresAreBounded(t *testing.T) {
	s := New(Config{Name: "app"})
	children := []*Supervisor{s, s.Child("a"), s.Child("b")}
	for i := range 3_000 {
		children[i%3].Go(fmt.Sprint(i), func(context.Context) error { return errDisk }).Wait(t.Context())
	}
	text := s.Close(t.Context()).Error()
	if n := strings.Count(text, errDisk.Error()); n != 32 || !strings.Contains(text, "app/0:") || !strings.HasSuffix(text, "lifecycle: 2968 more failures") {
		t.Errorf("%d failures in full:\n%s", n, text)
	}
}
