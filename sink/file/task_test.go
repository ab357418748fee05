package file

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
)

// TestTasks: the tasks do what is due when it is due, and end with Close.
func TestTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Path: "{app}.log", Compress: Gzip, Rotate: Rotate{Every: 300 * 24 * time.Hour}})
		sup := lifecycle.New(lifecycle.Config{})
		if err := r.Start(t.Context(), sup); err != nil {
			t.Fatal(err)
		}
		r.put(time.Now(), shop, "1")
		synctest.Wait()
		if s := r.Stats(); s.Syncs != 0 {
			t.Errorf("flushed at once: %+v", s)
		}
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		if s := r.Stats(); s.Syncs != 1 {
			t.Errorf("after a second: %+v", s)
		}
		time.Sleep(5 * time.Second)
		r.plant("old.log.20260102T120000.000", "line\n", noon)
		synctest.Wait()
		if s := r.Stats(); s.Packed != 0 || s.Syncs != 1 {
			t.Errorf("nobody said that there was something to do: %+v", s)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := r.Stats(); s.Packed != 1 {
			t.Errorf("after a minute: %+v", s)
		}
		r.put(time.Now().AddDate(20, 0, 0), shop, "2") // rotates, which wakes the task
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if s := r.Stats(); s.Rotations != 1 || s.Packed != 2 {
			t.Errorf("after a rotation: %+v", s)
		}
		r.shut()
		if n := len(sup.Running()); n != 0 {
			t.Errorf("%d tasks run after Close", n)
		}
		if err := sup.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestWaitEnds: the wait for a file that somebody else writes ends with ctx, which is nobody's fault, and the other files
// are written.
func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, policy := range []SyncPolicy{SyncEvery, SyncBatch} {
			r := newRig(t, Config{Path: "{app}.log", Sync: policy})
			busy := batch.MustLabels("app", "busy")
			l := r.shelf.hold(r.Sink, "busy.log")
			if err := l.lock(t.Context()); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 4700*time.Millisecond)
			begun := time.Now()
			b := r.of(busy, "1")
			err := r.Write(ctx, b)
			b.Settle(nil)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 4700*time.Millisecond {
				t.Errorf("%v after %v", err, time.Since(begun))
			}
			if err := r.Health(); err != nil {
				t.Errorf("Health: %v", err)
			}
			r.put(noon, shop, "1")
			l.unlock()
			r.shelf.release(l)
			r.put(noon, busy, "1")
			r.file("busy.log", "1")
		}
	})
}

// TestCloseDoesNotWait: Close comes back when its ctx ends, though a task is at work; what it holds is given back when it
// ends.
func TestCloseDoesNotWait(t *testing.T) {
	r := newRig(t, Config{Path: "all.log", Compress: Zstd, Sync: SyncNever})
	r.plant("all.log.20260102T120000.000", "line\n", noon)
	atWork, goOn := make(chan struct{}), make(chan struct{})
	r.disk.fault = func(_ int, op string) error {
		if op == "read" {
			close(atWork)
			<-goOn
		}
		return nil
	}
	sup := lifecycle.New(lifecycle.Config{})
	if err := r.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	<-atWork
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close: %v", err)
	}
	if r.users.Load() != 1 {
		t.Errorf("%d users of the folder, want the task", r.users.Load())
	}
	close(goOn)
	if err := sup.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if r.users.Load() != 0 {
		t.Errorf("%d users of the folder", r.users.Load())
	}
	r.holds("all.log.20260102T120000.000")
}

// TestStartRefused: a supervisor that takes no tasks is an error of Start, after which nothing is held.
func TestStartRefused(t *testing.T) {
	r := newRig(t, Config{Path: "all.log"})
	sup := lifecycle.New(lifecycle.Config{})
	if err := sup.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context(), sup); !errors.Is(err, lifecycle.ErrClosed) {
		t.Errorf("Start: %v", err)
	}
	if n := r.users.Load(); n != 0 {
		t.Errorf("%d users of the folder", n)
	}
}
