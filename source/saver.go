package source

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"strings"
	"sync"
)

// A Saver holds the cursors of all streams of a pipeline in memory and writes
// those that changed to [Checkpoints]. Safe for concurrent use.
type Saver struct {
	store  Checkpoints
	saving chan struct{} // held by the Save under way

	mu      sync.Mutex
	cursors map[key]string
	changes int         // how often anything was set or dropped
	dirty   map[key]int // keys not saved since they were set or dropped, and at which change that was
}

// NewSaver reads every cursor of c; ctx bounds the reading. A nil c keeps
// cursors in memory only.
func NewSaver(ctx context.Context, c Checkpoints) (*Saver, error) {
	if c == nil {
		c = MemCheckpoints()
	}
	s := &Saver{store: c, saving: make(chan struct{}, 1), cursors: map[key]string{}, dirty: map[key]int{}}
	for k, v := range c.All(ctx) {
		s.cursors[parseKey(k)] = v
	}
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("source: reading checkpoints: %w", err)
	}
	return s, nil
}

// A key names a stream among all sources of a pipeline. In checkpoints it is
// the two names with a slash between them: source names hold none.
type key struct{ source, stream string }

func (k key) String() string { return k.source + "/" + k.stream }

func parseKey(s string) key {
	source, stream, _ := strings.Cut(s, "/")
	return key{source, stream}
}

func (s *Saver) get(source, stream string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursors[key{source, stream}]
}

func (s *Saver) set(source, stream, cursor string) {
	k := key{source, stream}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cursors[k] == cursor {
		return
	}
	s.cursors[k] = cursor
	s.touch(k)
}

func (s *Saver) drop(source, stream string) {
	k := key{source, stream}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.cursors[k]; !ok {
		return
	}
	delete(s.cursors, k)
	s.touch(k)
}

// touch makes k due to be saved. The caller holds the lock.
func (s *Saver) touch(k key) {
	s.changes++
	s.dirty[k] = s.changes
}

// all yields the streams of one source as they stand at the call.
func (s *Saver) all(ctx context.Context, source string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		s.mu.Lock()
		snapshot := maps.Clone(s.cursors)
		s.mu.Unlock()
		for k, v := range snapshot {
			if k.source != source {
				continue
			}
			if ctx.Err() != nil || !yield(k.stream, v) {
				return
			}
		}
	}
}

// Unsaved is the number of cursors that changed since the last good Save.
func (s *Saver) Unsaved() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.dirty)
}

// Save writes the cursors that changed since the last Save, and does nothing if
// none did. Callers take turns; ctx bounds the wait and the write. After an
// error the same cursors, or newer ones, are written by the next Save.
func (s *Saver) Save(ctx context.Context) error {
	select {
	case s.saving <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-s.saving }()
	set, dropped, upTo := s.due()
	if len(set) == 0 && len(dropped) == 0 {
		return nil
	}
	if err := s.store.Save(ctx, set, dropped); err != nil {
		return fmt.Errorf("source: saving checkpoints: %w", err)
	}
	s.saved(upTo)
	return nil
}

// due returns what is not saved, and the last change it includes. It stays due
// until saved is called: the store may fail, or panic.
func (s *Saver) due() (set map[string]string, dropped []string, upTo int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.dirty) == 0 {
		return nil, nil, s.changes
	}
	set = make(map[string]string, len(s.dirty))
	for k := range s.dirty {
		if v, ok := s.cursors[k]; ok {
			set[k.String()] = v
		} else {
			dropped = append(dropped, k.String())
		}
	}
	return set, dropped, s.changes
}

// saved takes off the list what has not changed since.
func (s *Saver) saved(upTo int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.dirty, func(_ key, at int) bool { return at <= upTo })
}
