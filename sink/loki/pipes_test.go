package loki

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
)

// pipes are a network in memory, for bubbles: every connection is served by serve, with its number, from 0.
type pipes struct {
	serve func(n int, p *peer)
	await func(ctx context.Context, n int) error // before a connection is there; nil: it is there at once

	mu     sync.Mutex
	n      int
	served sync.WaitGroup
}

func (ps *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ps.mu.Lock()
	n := ps.n
	ps.n++
	ps.mu.Unlock()
	if ps.await != nil {
		if err := ps.await(ctx, n); err != nil {
			return nil, err
		}
	}
	here, there := net.Pipe()
	ps.served.Go(func() {
		defer there.Close()
		ps.serve(n, newPeer(there))
	})
	return here, nil
}

// sink returns a Sink whose connections are pipes. Nobody closes it.
func (ps *pipes) sink(t testing.TB, url string, trust *tls.Config, change ...func(*Config)) *Sink {
	t.Helper()
	c := Config{URL: url}
	for _, f := range change {
		f(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	dialWith(s, ps.dial, trust)
	return s
}

// A lineSource has streams of the lines 0 to lines-1 each, perBatch of them at a time. Its cursors are the number of the next line.
type lineSource struct {
	streams, lines int
	every          time.Duration
	perBatch       int
}

func numberedStream(k int) batch.Labels { return batch.MustLabels("stream", strconv.Itoa(k)) }

func (s lineSource) Run(ctx context.Context, out *source.Outlet) error {
	var all sync.WaitGroup
	errs := make([]error, s.streams)
	for k := range s.streams {
		all.Go(func() { errs[k] = s.stream(ctx, out, k) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (s lineSource) stream(ctx context.Context, out *source.Outlet, k int) error {
	st, err := out.Open(ctx, strconv.Itoa(k), numberedStream(k))
	if err != nil {
		return err
	}
	for at := 0; at < s.lines; {
		b := st.NewBatch()
		for range min(s.perBatch, s.lines-at) {
			b.Append(time.Time{}, fmt.Appendf(nil, "line %d", at))
			at++
		}
		if err := st.Send(ctx, b, strconv.Itoa(at)); err != nil {
			return err
		}
		select {
		case <-time.After(s.every):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// complete fails the test unless v has all lines of s, once and in order.
func (s lineSource) complete(t testing.TB, v *vault) {
	t.Helper()
	for k := range s.streams {
		got := v.lines(numberedStream(k))
		if len(got) != s.lines {
			t.Errorf("stream %d: %d lines are kept, want %d", k, len(got), s.lines)
			continue
		}
		for i, line := range got {
			if line != fmt.Sprint("line ", i) {
				t.Errorf("stream %d: line %d is %q", k, i, line)
				break
			}
		}
	}
}
