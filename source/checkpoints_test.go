package source

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// cursorsOf reads all of c.
func cursorsOf(t testing.TB, c Checkpoints) map[string]string {
	t.Helper()
	got := make(map[string]string)
	for name, cursor := range c.All(context.Background()) {
		if _, twice := got[name]; twice {
			t.Errorf("All yields %q twice", name)
		}
		got[name] = cursor
	}
	return got
}

func wantCursors(t testing.TB, c Checkpoints, want map[string]string) {
	t.Helper()
	if got := cursorsOf(t, c); !maps.Equal(got, want) {
		t.Fatalf("All yields\n%s\nwant\n%s", describeCursors(got), describeCursors(want))
	}
}

// describeCursors is short even where cursors are long.
func describeCursors(cursors map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(cursors)) {
		fmt.Fprintf(&b, "%q: %.20q (%d bytes) ", name, cursors[name], len(cursors[name]))
	}
	return b.String()
}

func mustSave(t testing.TB, c Checkpoints, set map[string]string, drop ...string) {
	t.Helper()
	if err := c.Save(context.Background(), set, drop); err != nil {
		t.Fatal(err)
	}
}

// eachStore runs test on every store of the package.
func eachStore(t *testing.T, test func(t *testing.T, c Checkpoints)) {
	t.Run("memory", func(t *testing.T) { test(t, MemCheckpoints()) })
	t.Run("file", func(t *testing.T) {
		f, err := NewFileCheckpoints(filepath.Join(t.TempDir(), "cursors"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		test(t, f)
	})
}

func TestCheckpointsSave(t *testing.T) {
	eachStore(t, func(t *testing.T, c Checkpoints) {
		wantCursors(t, c, nil)
		mustSave(t, c, map[string]string{"a": "1", "b": "2", "": "no name", "empty": ""})
		wantCursors(t, c, map[string]string{"a": "1", "b": "2", "": "no name", "empty": ""})
		mustSave(t, c, map[string]string{"a": "3"}, "b", "", "unknown")
		wantCursors(t, c, map[string]string{"a": "3", "empty": ""})
		mustSave(t, c, nil)
		mustSave(t, c, nil, "empty", "empty")
		wantCursors(t, c, map[string]string{"a": "3"})
	})
}

func TestCheckpointsSetWinsOverDrop(t *testing.T) {
	eachStore(t, func(t *testing.T, c Checkpoints) {
		mustSave(t, c, map[string]string{"a": "1", "b": "1"}, "a")
		mustSave(t, c, map[string]string{"b": "2"}, "b")
		wantCursors(t, c, map[string]string{"a": "1", "b": "2"})
	})
}

func TestCheckpointsKeepsNoArguments(t *testing.T) {
	eachStore(t, func(t *testing.T, c Checkpoints) {
		set, drop := map[string]string{"a": "1", "b": "1"}, []string{"x"}
		mustSave(t, c, set, drop...)
		set["a"], set["c"], drop[0] = "changed", "new", "a"
		wantCursors(t, c, map[string]string{"a": "1", "b": "1"})
		mustSave(t, c, nil, "b")
		if set["b"] != "1" {
			t.Error("Save changed the map it was given")
		}
	})
}

func TestCheckpointsDoneContext(t *testing.T) {
	eachStore(t, func(t *testing.T, c Checkpoints) {
		mustSave(t, c, map[string]string{"a": "1", "b": "1"})
		cause := errors.New("the reason")
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		seen := 0
		for range c.All(ctx) {
			seen++
			cancel(cause)
		}
		if seen != 1 {
			t.Errorf("All yields %d cursors, of which %d after ctx was done", seen, seen-1)
		}
		if err := c.Save(ctx, map[string]string{"a": "2"}, nil); !errors.Is(err, cause) {
			t.Errorf("Save with a done context: %v", err)
		}
		wantCursors(t, c, map[string]string{"a": "1", "b": "1"})
	})
}

func TestCheckpointsAllIsOneInstant(t *testing.T) {
	eachStore(t, func(t *testing.T, c Checkpoints) {
		mustSave(t, c, map[string]string{"a": "1", "b": "1", "c": "1"})
		for _, cursor := range c.All(t.Context()) {
			if cursor != "1" {
				t.Errorf("All yields %q, saved after it began", cursor)
			}
			mustSave(t, c, map[string]string{"a": "2", "b": "2", "c": "2"}) // and does not deadlock
		}
		for range c.All(t.Context()) {
			break // and a loop may end early
		}
	})
}

func TestCheckpointsConcurrently(t *testing.T) {
	eachStore(t, func(t *testing.T, c Checkpoints) {
		const savers, saves = 4, 25
		var saving, reading sync.WaitGroup
		done := make(chan struct{})
		for i := range savers {
			saving.Go(func() {
				one, two := fmt.Sprint("one", i), fmt.Sprint("two", i)
				for n := range saves {
					mark := longMark(n)
					if err := c.Save(t.Context(), map[string]string{one: mark, two: mark}, nil); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		reading.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				got := maps.Collect(c.All(t.Context()))
				for i := range savers {
					if one, two := got[fmt.Sprint("one", i)], got[fmt.Sprint("two", i)]; one != two {
						t.Errorf("All yields half a Save: %.10q and %.10q", one, two)
					}
				}
			}
		})
		saving.Wait()
		close(done)
		reading.Wait()
		if got := cursorsOf(t, c); len(got) != 2*savers || got["one0"] != longMark(saves-1) {
			t.Errorf("in the end: %s", describeCursors(got))
		}
	})
}

// longMark is a cursor of which a few make a file so large that it is written anew.
func longMark(n int) string { return strings.Repeat(fmt.Sprint(n, " "), minDeltas/8) }
