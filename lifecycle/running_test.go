package lifecycle_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/logferry/logferry/lifecycle"
)

func TestRunningAndCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Config{Name: "app"})
		sources := s.Child("sources")
		sources.Go("shop", untilDone)
		time.Sleep(time.Second)
		s.Go("sources", untilDone)
		time.Sleep(time.Second)
		s.Go("sources2", untilDone)
		told := sources.Child("shop").Go("tail/a.log", untilDone)
		s.Go("short", func(context.Context) error { return nil })
		sources.Go("", untilDone)
		synctest.Wait()

		names := func(s *Supervisor) (names []string) {
			for _, r := range s.Running() {
				names = append(names, r.Name)
			}
			return names
		}
		got := names(s)
		if first := got[:2]; !slices.Equal(first, []string{"app/sources/shop", "app/sources"}) {
			t.Errorf("Running begins with %q, want the oldest first", first)
		}
		slices.Sort(got)
		want := []string{"app/sources", "app/sources/shop", "app/sources/shop/tail/a.log", "app/sources/task", "app/sources2"}
		if !slices.Equal(got, want) {
			t.Errorf("Running = %q, want %q", got, want)
		}
		if got := names(sources); len(got) != 3 {
			t.Errorf("Running of a child = %q, want its own three", got)
		}
		for name, want := range map[string]int{"": 5, "app": 5, "app/sources": 4, "app/sources/shop": 2, "app/sources2": 1, "app/s": 0, "x": 0} {
			if got := s.Count(name); got != want {
				t.Errorf("Count(%q) = %d, want %d", name, got, want)
			}
		}
		if n := sources.Count("app/sources"); n != 3 {
			t.Errorf("Count of a child = %d, want 3", n)
		}
		told.Stop()
		<-told.Done()
		if n := s.Count("app/sources/shop"); n != 1 {
			t.Errorf("Count = %d when Done is seen, want 1", n)
		}
	})
}

func TestRunningTellsWhoWasToldToStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		release := make(chan struct{})
		a := s.Go("a", stubborn(release))
		child := s.Child("c")
		child.Go("b", stubborn(release))
		time.Sleep(time.Second)
		a.Stop()
		if r := s.Running(); r[0].Stopping != 1 || r[1].Stopping != 0 {
			t.Errorf("got %v, want a just now and b not", r)
		}
		time.Sleep(time.Second)
		a.Stop()
		ctx, cancel := context.WithTimeout(t.Context(), 1300*time.Millisecond)
		defer cancel()
		s.Close(ctx)
		s.Close(ctx)
		r := s.Running()
		if len(r) != 2 || r[0].Stopping != 2300*time.Millisecond || r[1].Stopping != 1300*time.Millisecond {
			t.Errorf("got %v, want a for 2.3s and b for 1.3s", r)
		}
		if r := child.Running(); len(r) != 1 || r[0].Stopping != 1300*time.Millisecond {
			t.Errorf("got %v from the child, want b for 1.3s", r)
		}
		close(release)
		s.Close(t.Context())
	})
}

// The label is the task's for the whole life of its goroutine, whatever labels whoever started it had.
func TestProfileLabels(t *testing.T) {
	release := make(chan struct{})
	inHook := make(chan struct{})
	s := New(Config{Name: "app", OnEvent: func(e Event) {
		if e.Kind == Failed {
			close(inHook)
			<-release
		}
	}})
	pprof.Do(t.Context(), pprof.Labels("host", "handler"), func(context.Context) {
		s.Go("ends", func(ctx context.Context) error {
			if v, ok := pprof.Label(ctx, "logferry"); v != "app/ends" || !ok {
				t.Errorf("the label in ctx is %q", v)
			}
			runtime.Goexit() // so that OnEvent is called by a deferred function
			return nil
		})
		s.Child("c").Go("runs", func(ctx context.Context) error {
			pprof.Do(ctx, pprof.Labels("own", "label"), func(context.Context) { <-release })
			return nil
		})
	})
	<-inHook
	var b bytes.Buffer
	for !strings.Contains(b.String(), `"own":"label"`) {
		b.Reset()
		pprof.Lookup("goroutine").WriteTo(&b, 1)
	}
	for _, want := range []string{`# labels: {"logferry":"app/ends"}`, `# labels: {"logferry":"app/c/runs", "own":"label"}`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in\n%s", want, b.String())
		}
	}
	close(release)
	if err := s.Close(t.Context()); !errors.Is(err, ErrGoexit) {
		t.Error(err)
	}
}
