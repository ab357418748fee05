package lifecycle_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/logferry/logferry/lifecycle"
)

// offsets runs a task that always fails, after runs[i] the i-th time, until it is given up or 12 runs have begun, and
// returns when each run began.
func offsets(t *testing.T, r Restart, runs ...time.Duration) (began []time.Duration, final error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		start := time.Now()
		h := s.Start(Task{Name: "x", Restart: r, Run: func(ctx context.Context) error {
			began = append(began, time.Since(start))
			if len(began) == 12 {
				return nil
			}
			if i := len(began) - 1; i < len(runs) {
				time.Sleep(runs[i])
			}
			return errDisk
		}})
		final = h.Wait(t.Context())
		if err := s.Close(t.Context()); !errors.Is(err, final) {
			t.Errorf("Close = %v, Wait = %v", err, final)
		}
	})
	return began, final
}

func TestRestartWaits(t *testing.T) {
	s := time.Second
	tests := []struct {
		name   string
		policy Restart
		runs   []time.Duration
		want   []time.Duration // the first of them
		final  bool            // want is all there is, and the last run's failure is final
	}{
		{"never", Restart{}, nil, []time.Duration{0}, true},
		{"never, for want of Min and Budget", Restart{Max: s, Window: s}, nil, []time.Duration{0}, true},
		{"constant", Restart{Min: s}, nil, []time.Duration{0, s, 2 * s, 3 * s, 4 * s}, false},
		{"doubling to Max", Restart{Min: s, Max: 5 * s}, nil, []time.Duration{0, s, 3 * s, 7 * s, 12 * s, 17 * s}, false},
		{"at once", Restart{Budget: 3}, nil, []time.Duration{0, 0, 0, 0}, true},
		{"budget for life", Restart{Min: s, Budget: 2}, []time.Duration{0, 1000 * s}, []time.Duration{0, s, 1002 * s}, true},
		{"a healthy run starts over", Restart{Min: s, Max: 4 * s}, []time.Duration{0, 0, 0, 4 * s},
			[]time.Duration{0, s, 3 * s, 7 * s, 12 * s, 14 * s, 18 * s}, false},
		{"a shorter one does not", Restart{Min: s, Max: 4 * s}, []time.Duration{0, 0, 0, 3 * s},
			[]time.Duration{0, s, 3 * s, 7 * s, 14 * s, 18 * s}, false},
		{"budget within a window", Restart{Min: s, Budget: 2, Window: 10 * s}, []time.Duration{0, 0, 7 * s, 0},
			// Failures at 0, 1 and 9 s: the third one finds two in the window.
			[]time.Duration{0, s, 2 * s}, true},
		{"budget that recovers", Restart{Min: s, Budget: 2, Window: 10 * s}, []time.Duration{0, 0, 8 * s, 0},
			// Failures at 0, 1, 10 and 11 s: by the third the first is out of the window, by the fourth the second.
			[]time.Duration{0, s, 2 * s, 11 * s, 12 * s}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := offsets(t, test.policy, test.runs...)
			if len(got) < len(test.want) || !slices.Equal(got[:len(test.want)], test.want) {
				t.Errorf("runs began at %v, want %v", got, test.want)
			}
			if final := err != nil; final != test.final || final && (len(got) != len(test.want) || !errors.Is(err, errDisk)) {
				t.Errorf("gave up = %v after %d runs (%v), want %v after %d", final, len(got), err, test.final, len(test.want))
			}
		})
	}
}

func TestNoRestartAfterNil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Config{})
		runs := 0
		h := s.Start(Task{Restart: Restart{Min: time.Second}, Run: func(context.Context) error { runs++; return nil }})
		if err := h.Wait(t.Context()); err != nil || runs != 1 {
			t.Errorf("Wait = %v after %d runs", err, runs)
		}
	})
}

// A task that waits for its restart has failed, but not for good: being told to stop meanwhile is a good end.
func TestStopDuringTheWait(t *testing.T) {
	for name, stop := range map[string]func(context.Context, *Supervisor, *Handle) error{
		"Stop":  func(ctx context.Context, s *Supervisor, h *Handle) error { h.Stop(); return h.Wait(ctx) },
		"Close": func(ctx context.Context, s *Supervisor, h *Handle) error { return s.Close(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, Config{})
				h := s.Start(Task{Restart: Restart{Min: time.Hour}, Run: func(context.Context) error { return errDisk }})
				start := time.Now()
				synctest.Wait()
				r := s.Running()
				if len(r) != 1 || r[0].Restarts != 1 || !errors.Is(r[0].Err, errDisk) {
					t.Errorf("Running = %+v, want one that failed once", r)
				}
				if err := stop(t.Context(), s, h); err != nil || h.Err() != nil {
					t.Errorf("%s = %v, Err = %v", name, err, h.Err())
				}
				if d := time.Since(start); d != 0 {
					t.Errorf("the wait went on for %v", d)
				}
			})
		})
	}
}

func TestPanicIsRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Config{})
		runs := 0
		h := s.Start(Task{Restart: Restart{Min: time.Second}, Run: func(context.Context) error {
			if runs++; runs == 1 {
				panic("once")
			}
			return nil
		}})
		if err := h.Wait(t.Context()); err != nil || runs != 2 {
			t.Errorf("Wait = %v after %d runs", err, runs)
		}
	})
}

func TestEssentialFailureCancelsTheSupervisor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := New(Config{Name: "app"})
		owner := root.Child("owner")
		below, beside := owner.Child("below"), root.Child("beside")
		stopped := owner.Go("stopped", untilDone)
		deep := below.Go("deep", untilDone)
		safe := beside.Go("safe", untilDone)
		owner.Start(Task{Name: "vital", Essential: true, Restart: Restart{Min: time.Second, Budget: 1},
			Run: func(context.Context) error { return errDisk }})
		synctest.Wait()
		if owner.Context().Err() != nil {
			t.Error("cancelled by a failure that is not final")
		}
		time.Sleep(1700 * time.Millisecond)
		for _, s := range []*Supervisor{owner, below} {
			if cause := context.Cause(s.Context()); !errors.Is(cause, errDisk) {
				t.Errorf("cause = %v, want the failure", cause)
			}
			if h := s.Go("late", untilDone); !errors.Is(h.Err(), ErrClosed) {
				t.Errorf("Start after an essential failure: %v", h.Err())
			}
		}
		for _, h := range []*Handle{stopped, deep} {
			if err := h.Wait(t.Context()); err != nil {
				t.Errorf("Wait = %v of a task that was told to stop", err)
			}
		}
		if root.Context().Err() != nil || beside.Context().Err() != nil || safe.Err() != nil || root.Count("") != 1 {
			t.Error("the failure reached further up than its supervisor")
		}
		if err := owner.Close(t.Context()); !errors.Is(err, errDisk) {
			t.Errorf("Close = %v, want the failure", err)
		}
		if err := root.Close(t.Context()); err != nil {
			t.Errorf("Close of the parent = %v, though the child's Close has reported the failure", err)
		}
	})
}

// Err is set, and the supervisor cancelled, by the time Done is seen.
func TestEssentialFailureIsVisibleAtDone(t *testing.T) {
	for range 200 {
		s := New(Config{})
		h := s.Start(Task{Essential: true, Run: func(context.Context) error { return errDisk }})
		<-h.Done()
		if !errors.Is(context.Cause(s.Context()), errDisk) || h.Err() == nil || s.Count("") != 0 {
			t.Fatalf("cause = %v, Err = %v, Count = %d", context.Cause(s.Context()), h.Err(), s.Count(""))
		}
		s.Close(t.Context())
	}
}
