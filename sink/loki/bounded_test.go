package loki

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/source"
)

// Nothing piles up while nothing goes well: no memory, no connections, no goroutines.
func TestFailuresLeaveNothing(t *testing.T) {
	const writers, writes = 40, 6 // more at a time than there may be connections
	v := newVault()
	url := peerServer(t, func(n int, p *peer) {
		if breakages[n%len(breakages)].do(p, newVault()) == nil {
			endings[n%2].end(p)
		}
	})
	s := newSink(t, url)
	b := noise(1, shop, 30, 10_000)
	before := heap()
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range writes {
				err := s.Write(t.Context(), b)
				v.believe(t, b, err)
				// Those that are closed count until nobody uses them any more.
				if n := s.transport.Open(); n > 2*maxConns {
					t.Errorf("%d connections", n)
				}
			}
		})
	}
	all.Wait()
	if after := heap(); after > before+8<<20 {
		t.Errorf("%d bytes are in use, %d were before", after, before)
	}
	closeInTime(t, s)
}

// heap returns how much memory is in use once what is not has been collected, pools included.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A pipeline over connections that break one after the other delivers everything, once and in order, and its account
// closes, with one stream in a request or several.
func TestPipelineOverBrokenConnections(t *testing.T) {
	for _, packed := range []bool{false, true} {
		v := newVault()
		url := peerServer(t, func(n int, p *peer) {
			if n >= len(breakages)*len(endings) {
				serveWell(p, v)
				return
			}
			if breakages[n%len(breakages)].do(p, v) == nil {
				endings[n/len(breakages)].end(p)
			}
		})
		s := newSink(t, url, func(c *Config) { c.Packed = packed })
		lines := lineSource{streams: 4, lines: 500, every: time.Millisecond, perBatch: 10}
		p, err := pipeline.New(pipeline.Config{
			Sources: map[string]source.Source{"lines": lines},
			Routes:  []pipeline.Route{quickRoute(s)},
			// All may have been read before any of it is delivered.
			CloseTimeout: time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(t.Context()); err != nil {
			t.Error(err)
		}
		lines.complete(t, v)
		src, r := p.Stats().Sources["lines"], p.Stats().Routes["loki"]
		if src.Read != 2000 || src.Delivered != 2000 || r.Delivered != 2000 || s.transport.Open() != 0 {
			t.Errorf("packed %v: %+v\n%+v; %d connections are left", packed, src, r, s.transport.Open())
		}
	}
}

// A pipeline is closed in its time while every connection breaks, and what it calls delivered is there.
func TestCloseOverBrokenConnections(t *testing.T) {
	v := newVault()
	url := peerServer(t, func(n int, p *peer) {
		if n < 3 {
			if p.keep(v) != nil {
				return
			}
			p.say("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
			return
		}
		if breakages[n%len(breakages)].do(p, v) == nil {
			endings[n%2].end(p)
		}
	})
	s := newSink(t, url)
	lines := lineSource{streams: 4, lines: 1 << 30, every: time.Millisecond, perBatch: 10}
	var failures atomic.Int64
	enough := make(chan struct{})
	p, err := pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"lines": lines}, MaxInFlightBytes: 1 << 20,
		Routes: []pipeline.Route{quickRoute(s)},
		Hooks: pipeline.Hooks{WriteFailed: func(string, error, time.Duration) {
			if failures.Add(1) == 100 {
				close(enough)
			}
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-enough
	const limit = 2 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	began := time.Now()
	err = p.Close(ctx)
	// The time is for the machine, which may be busy.
	if took := time.Since(began); took > limit+5*time.Second {
		t.Errorf("Close took %v", took)
	}
	if _, ok := errors.AsType[*pipeline.UndeliveredError](err); !ok {
		t.Errorf("Close: %v", err)
	}
	src := p.Stats().Sources["lines"]
	kept, _ := v.size()
	if src.Read != src.Delivered+src.Undelivered || src.Delivered == 0 || src.Delivered > int64(kept) || s.transport.Open() != 0 {
		t.Errorf("%+v; %d are kept, %d connections are left", src, kept, s.transport.Open())
	}
}
