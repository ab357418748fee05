package source

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// An odd store does what a test says at each Save.
type oddStore struct {
	*MemoryCheckpoints
	mu     sync.Mutex
	before func(set map[string]string, drop []string) error // nil: nothing odd
	saves  []string
}

func newOddStore() *oddStore { return &oddStore{MemoryCheckpoints: MemCheckpoints()} }

func (s *oddStore) Save(ctx context.Context, set map[string]string, drop []string) error {
	slices.Sort(drop)
	s.mu.Lock()
	s.saves = append(s.saves, fmt.Sprint(set, drop))
	before := s.before
	s.mu.Unlock()
	if before != nil {
		if err := before(set, drop); err != nil {
			return err
		}
	}
	return s.MemoryCheckpoints.Save(ctx, set, drop)
}

func (s *oddStore) all() map[string]string { return maps.Collect(s.All(context.Background())) }

func mustSaver(t *testing.T, c Checkpoints) *Saver {
	t.Helper()
	s, err := NewSaver(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func saveAll(t *testing.T, s *Saver) {
	t.Helper()
	if err := s.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := s.Unsaved(); n != 0 {
		t.Errorf("%d unsaved after Save", n)
	}
}

func TestSaverWritesWhatChanged(t *testing.T) {
	c := newOddStore()
	c.MemoryCheckpoints.Save(t.Context(), map[string]string{"a/1": "old", "a/2": "old"}, nil)
	s := mustSaver(t, c)
	if got := s.get("a", "1"); got != "old" {
		t.Errorf("got %q", got)
	}
	saveAll(t, s)
	s.set("a", "1", "old") // no change
	saveAll(t, s)
	s.set("a", "1", "new")
	s.set("a", "3", "x")
	s.set("a", "3", "y")
	if n := s.Unsaved(); n != 2 {
		t.Errorf("Unsaved = %d, want 2", n)
	}
	saveAll(t, s)
	saveAll(t, s)
	s.drop("a", "2")
	s.drop("a", "unknown")
	s.set("a", "1", "newer")
	saveAll(t, s)
	want := []string{"map[a/1:new a/3:y] []", "map[a/1:newer] [a/2]"}
	if !slices.Equal(c.saves, want) {
		t.Errorf("saves were %q, want %q", c.saves, want)
	}
	if got := c.all(); !maps.Equal(got, map[string]string{"a/1": "newer", "a/3": "y"}) {
		t.Errorf("stored: %v", got)
	}
}

func TestSaverKeepsSourcesApart(t *testing.T) {
	s := mustSaver(t, nil)
	s.set("a", "x", "1")
	s.set("ab", "x", "2")
	s.set("a", "dir/x", "3")
	s.set("a", "", "4")
	got := maps.Collect(s.all(t.Context(), "a"))
	if !maps.Equal(got, map[string]string{"x": "1", "dir/x": "3", "": "4"}) {
		t.Errorf("got %v", got)
	}
}

func TestSaverAllEndsWithCtx(t *testing.T) {
	s := mustSaver(t, nil)
	for i := range 10 {
		s.set("a", fmt.Sprint(i), "x")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for range s.all(ctx, "a") {
		if n++; n == 3 {
			cancel()
		}
	}
	if n != 3 {
		t.Errorf("yielded %d", n)
	}
	n = 0
	for name := range s.all(t.Context(), "a") {
		s.drop("a", name) // may be used meanwhile
		s.set("a", "new"+name, "x")
		if n++; n == 5 {
			break
		}
	}
	if n != 5 {
		t.Errorf("yielded %d", n)
	}
}

func TestSaverTriesAgain(t *testing.T) {
	c := newOddStore()
	c.MemoryCheckpoints.Save(t.Context(), map[string]string{"a/gone": "x"}, nil)
	s := mustSaver(t, c)
	full := errors.New("disk full")
	c.before = func(map[string]string, []string) error { return full }
	s.set("a", "1", "v1")
	s.set("a", "2", "v1")
	s.drop("a", "gone")
	if err := s.Save(t.Context()); !errors.Is(err, full) {
		t.Fatalf("Save = %v", err)
	}
	if n := s.Unsaved(); n != 3 {
		t.Errorf("Unsaved = %d after a failure, want 3", n)
	}
	s.set("a", "1", "v2")
	c.before = nil
	saveAll(t, s)
	if want := "map[a/1:v2 a/2:v1] [a/gone]"; c.saves[1] != want {
		t.Errorf("the next Save was %s, want %s", c.saves[1], want)
	}
}

// A store is a plug-in: what it panics over is not lost.
func TestSaverSurvivesPanic(t *testing.T) {
	c := newOddStore()
	s := mustSaver(t, c)
	c.before = func(map[string]string, []string) error { panic("plug-in") }
	s.set("a", "1", "v1")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		s.Save(t.Context())
	}()
	c.before = nil
	saveAll(t, s) // would wait for ever, had the turn not been given back
	if got := c.all(); got["a/1"] != "v1" {
		t.Errorf("stored: %v", got)
	}
}

// What changes while a Save is under way is due afterwards, whether that Save
// succeeds or not.
func TestSaverChangesMeanwhile(t *testing.T) {
	for _, fails := range []bool{false, true} {
		c := newOddStore()
		s := mustSaver(t, c)
		s.set("a", "set", "v1")
		s.set("a", "dropped", "v1")
		s.set("a", "same", "v1")
		c.before = func(map[string]string, []string) error {
			if n := s.Unsaved(); n != 3 {
				t.Errorf("Unsaved = %d before the store has it, want 3", n)
			}
			s.set("a", "set", "v2")
			s.set("a", "new", "v1")
			s.drop("a", "dropped")
			if fails {
				return errors.New("disk full")
			}
			return nil
		}
		if err := s.Save(t.Context()); (err != nil) != fails {
			t.Fatalf("Save = %v", err)
		}
		c.before = nil
		want := map[bool]int{false: 3, true: 4}[fails]
		if n := s.Unsaved(); n != want {
			t.Errorf("fails %v: Unsaved = %d, want %d", fails, n, want)
		}
		saveAll(t, s)
		if got := c.all(); !maps.Equal(got, map[string]string{"a/set": "v2", "a/new": "v1", "a/same": "v1"}) {
			t.Errorf("fails %v: stored: %v", fails, got)
		}
	}
}

func TestSaverWaitsItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newOddStore()
		s := mustSaver(t, c)
		s.set("a", "1", "v1")
		busy := true
		c.before = func(map[string]string, []string) error {
			time.Sleep(4700 * time.Millisecond)
			busy = false
			return nil
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := s.Save(t.Context()); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		c.before = func(map[string]string, []string) error {
			if busy {
				t.Error("two Saves at once")
			}
			return nil
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), 1300*time.Millisecond, errors.New("too slow"))
		defer cancel()
		if err := s.Save(ctx); err == nil || err.Error() != "too slow" {
			t.Errorf("Save = %v, want the cause of its ctx", err)
		}
		s.set("a", "1", "v2")
		if err := s.Save(t.Context()); err != nil {
			t.Error(err)
		}
		if got := c.all(); got["a/1"] != "v2" {
			t.Errorf("stored: %v", got)
		}
		wg.Wait()
	})
}

type endless struct{ MemoryCheckpoints }

func (*endless) All(ctx context.Context) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := 0; ctx.Err() == nil && yield(fmt.Sprint("a/", i), "x"); i++ {
			time.Sleep(time.Millisecond)
		}
	}
}

func TestNewSaverHonoursCtx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("why")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 4700*time.Microsecond, why)
		defer cancel()
		if s, err := NewSaver(ctx, new(endless)); s != nil || !errors.Is(err, why) {
			t.Errorf("NewSaver = %v, %v; half of the cursors must not pass for all", s, err)
		}
	})
}

// However sets, drops, Saves and their failures are mixed, after a good Save
// the store holds what is in memory.
func TestSaverConcurrently(t *testing.T) {
	c := newOddStore()
	s := mustSaver(t, c)
	c.before = func(map[string]string, []string) error {
		if rand.IntN(3) == 0 {
			return errors.New("at random")
		}
		return nil
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 500 {
				stream := fmt.Sprint(rand.IntN(20))
				switch rand.IntN(4) {
				case 0:
					s.drop("a", stream)
				case 1:
					s.Save(t.Context())
				default:
					s.set("a", stream, fmt.Sprint(g, i))
				}
			}
		})
	}
	wg.Wait()
	c.before = nil
	saveAll(t, s)
	want := map[string]string{}
	for k, v := range s.all(t.Context(), "a") {
		want["a/"+k] = v
	}
	if got := c.all(); !maps.Equal(got, want) {
		t.Errorf("stored %v, in memory %v", got, want)
	}
}

// What a Save costs when few of many cursors have changed.
func BenchmarkSaver(b *testing.B) {
	s, err := NewSaver(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	for i := range 10_000 {
		s.set("a", fmt.Sprint(i), "x")
	}
	s.Save(b.Context())
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		for i := range 10 {
			s.set("a", fmt.Sprint(i), fmt.Sprint(n))
		}
		if err := s.Save(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
