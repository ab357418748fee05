package file

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// TestRestsAMinute: however long a pass takes, what is rotated meanwhile does not wait for ten times that.
func TestRestsAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Path: "all.log", Compress: Gzip})
		names := []string{"all.log.20260102T120000.000", "all.log.20260102T120001.000", "all.log.20260102T120002.000"}
		r.disk.fault = func(_ int, op string) error {
			if op == "read" {
				time.Sleep(40 * time.Second)
			}
			return nil
		}
		r.plant(names[0], "line\n", noon)
		sup := lifecycle.New(lifecycle.Config{})
		if err := r.Start(t.Context(), sup); err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			if i > 0 {
				r.plant(name, "line\n", noon)
			}
			time.Sleep(4 * time.Minute)
			synctest.Wait()
			if s := r.Stats(); s.Packed != int64(i+1) {
				t.Errorf("%d times four minutes: %+v", i+1, s)
			}
		}
		r.shut()
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

// TestHealthForgets: a path that failed and is not written to any more is not held against the Sink for ever, one that
// goes on failing is, and the latest failures are those that are told.
func TestHealthForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Path: "{app}.log"})
		r.disk.breakAll(true)
		fail := func(app string) {
			if err := r.try(time.Now(), batch.MustLabels("app", app), "1"); err == nil {
				t.Fatal("the disk is not broken")
			}
			time.Sleep(time.Second)
		}
		told := func(app string) bool {
			err := r.Health()
			return err != nil && strings.Contains(err.Error(), app+".log")
		}
		for i := range maxTroubles + 1 {
			fail(fmt.Sprint("app", i+10))
		}
		if told("app10") || !told("app11") || !told(fmt.Sprint("app", maxTroubles+10)) {
			t.Errorf("Health does not tell of the latest: %v", r.Health())
		}
		time.Sleep(troubleLasts - 30*time.Second)
		fail("app20")
		time.Sleep(30 * time.Second)
		if !told("app20") || told("app19") || told("app21") {
			t.Errorf("Health tells of more or less than what was tried lately: %v", r.Health())
		}
		time.Sleep(troubleLasts)
		if err := r.Health(); err != nil {
			t.Errorf("Health never forgets: %v", err)
		}
		r.troubles.note(troubleTidy, errUnsteady)
		time.Sleep(time.Hour) // a pass may take as long
		if !errors.Is(r.Health(), errUnsteady) {
			t.Errorf("Health forgets what tidying found: %v", r.Health())
		}
	})
}
