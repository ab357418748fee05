package container

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// A book is a roster that inspects who is woken at once.
type book struct {
	w *world

	mu      sync.Mutex
	entries map[string]life // as they were when woken last
	calls   []string
	wakes   int
	up      []bool
	version apiVersion
}

func (b *book) wake(id string, why reason) {
	b.w.mu.Lock()
	c, ok := b.w.all[id]
	var now life
	if ok {
		now = *c
	}
	b.w.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wakes++
	b.calls = append(b.calls, [...]string{"found ", "started ", "ended ", "renamed "}[why]+id)
	if ok {
		b.entries[id] = now
	}
}

func (b *book) gone(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.entries, id)
	b.calls = append(b.calls, "gone "+id)
}

func (b *book) sync(ids map[string]struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.entries, func(id string, _ life) bool { _, ok := ids[id]; return !ok })
	if len(ids) < 100 {
		b.calls = append(b.calls, "sync "+strings.Join(slices.Sorted(maps.Keys(ids)), ","))
	}
}

func (b *book) reached(up bool, v apiVersion) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.up = append(b.up, up)
	b.version = v
}

// entry returns how id was when it was woken last.
func (b *book) entry(id string) (life, bool) {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.entries[id]
	return l, ok
}

// take returns the calls since the last time, in order, those of syncs left out
// if they are not asked for.
func (b *book) take(syncs bool) string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	calls := b.calls
	b.calls = nil
	if !syncs {
		calls = slices.DeleteFunc(calls, func(c string) bool { return strings.HasPrefix(c, "sync ") })
	}
	return strings.Join(calls, "; ")
}

// want fails the test unless the calls since the last time are these.
func (b *book) want(t *testing.T, calls string) {
	t.Helper()
	if got := b.take(false); got != calls {
		t.Errorf("got  %q\nwant %q", got, calls)
	}
}
