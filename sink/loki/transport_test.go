package loki

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// With every connection gone, Close has nothing to wait for. That no goroutine is left, either, is tested in
// internal/transport.
func TestCloseWaitsForConnections(t *testing.T) {
	f := newFake(t)
	s := newSink(t, f.URL)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := s.Write(t.Context(), newBatch(shop, "x")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if s.transport.Open() == 0 {
		t.Fatal("no connection is kept")
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := s.transport.Open(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

// A Write that is under way, which the contract rules out, holds Close up until its ctx is done; then Close says so.
func TestCloseIsBounded(t *testing.T) {
	entered := make(chan struct{})
	url := rawServer(t, func(_ int, c net.Conn) {
		if readRequest(c) == nil {
			close(entered)
			io.Copy(io.Discard, c)
		}
	})
	s := newSinkUnclosed(t, Config{URL: url})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Write(ctx, newBatch(shop, "x")) })
	<-entered
	short, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if err := s.Close(short); err == nil || !strings.Contains(err.Error(), "1 connections are left") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v", err)
	}
	cancel()
	wg.Wait()
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// A dial that outlives its request does not outlive Close.
func TestCloseEndsDials(t *testing.T) {
	s := newSinkUnclosed(t, Config{URL: "http://127.0.0.1:1", DialTimeout: 300 * time.Millisecond})
	dialling, ended := make(chan struct{}), make(chan struct{})
	dialWith(s, func(ctx context.Context, _, _ string) (net.Conn, error) {
		close(dialling)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var writer sync.WaitGroup
	writer.Go(func() {
		if err := s.Write(ctx, newBatch(shop, "x")); err == nil {
			t.Error("no error")
		}
	})
	<-dialling
	cancel()
	writer.Wait()
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	select {
	case <-ended:
	default:
		t.Error("Close has not waited for the dial")
	}
}
