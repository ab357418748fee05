package container

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/source/container/containertest"
)

func TestReady(t *testing.T) {
	bubble(t, containertest.Gen20, func(r *rig) {
		src, err := New(r.cfg)
		if err != nil {
			t.Fatal(err)
		}
		check := func(when string, want error) {
			t.Helper()
			if err := src.Ready(context.Background()); !errors.Is(err, want) || (err == nil) != (want == nil) {
				t.Errorf("%s: %v, want %v", when, err, want)
			}
			if n := r.engine.Stats().Conns; n != 0 {
				t.Errorf("%s: %d connections are left", when, n)
			}
		}
		check("engine up", nil)
		r.engine.Down(false)
		if err := src.Ready(context.Background()); err == nil || !strings.Contains(err.Error(), "container: ping: ") {
			t.Errorf("engine down: %v", err)
		}
		r.engine.Up()
		check("up again", nil)
	})
}

// TestReadyGivesUp: an engine that takes a question and is silent has failed to
// answer it.
func TestReadyGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, err := New(Config{Dial: func(context.Context) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go io.Copy(io.Discard, theirs)
			return ours, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := src.Ready(context.Background()); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		// Closing looks now and then whether all that served the connection has ended.
		if took := time.Since(began); took < answerTime || took > answerTime+time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// TestReadyEnds: what it has begun is gone when it returns, whoever dials.
func TestReadyEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := 0
		src, err := New(Config{Dial: func(ctx context.Context) (net.Conn, error) {
			dials++
			defer func() { dials-- }()
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		if err := src.Ready(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if dials != 0 {
			t.Errorf("%d dials go on", dials)
		}
	})
}
