package tail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
)

// A Source follows files. Make it with [New] and give it to a pipeline, one at
// most. Stats may be called at any time.
type Source struct {
	plan *plan
	made time.Time
	// begun is whether a first look was completed: files that come after it
	// are new.
	begun bool
	// past is what the last Run knew of its streams: more than their cursors
	// tell as long as nothing of them has been delivered.
	past map[string]memo
	// waited are files that were not accepted at the first look, as they were
	// then. Config.From leaves them out.
	waited map[string]fileInfo
	// ask holds a token while there are paths in asked.
	ask chan struct{}

	mu     sync.Mutex // guards what follows
	shown  map[*view]struct{}
	failed map[string]error
	asked  map[string]struct{}
}

var _ source.Source = (*Source)(nil)

// New returns a Source for the files cfg names. It opens nothing to stay open
// and starts nothing. The error joins one for each field and each file that is
// not right: a folder, a FIFO, a socket, a device, a file that may not be read,
// or, with Once, one that is missing.
func New(cfg Config) (*Source, error) {
	p, err := prepare(cfg)
	if err != nil {
		return nil, err
	}
	return &Source{
		plan: p, made: time.Now(), waited: map[string]fileInfo{}, ask: make(chan struct{}, 1),
		shown: map[*view]struct{}{}, failed: map[string]error{}, asked: map[string]struct{}{},
	}, nil
}

// Run implements source.Source. Pipelines call it. It returns nil once ctx is
// done, or with Config.Once once everything that could be read has been
// delivered. A file that cannot be read is no reason to fail, which would be to
// be run again: it is logged, and [Source.Stats] shows it as Failed. An error
// says what could not be closed.
func (s *Source) Run(ctx context.Context, out *source.Outlet) (err error) {
	work := make(chan *file)
	back := make(chan turn, s.plan.Readers)
	sc := newScanner(s, out, work, back)
	var helpers []*lifecycle.Handle
	if !s.plan.NoWatch && !s.plan.Once {
		if sc.watch, err = newWatch(); err != nil {
			out.Logger().Warn("no events of the file system, polling only", slog.Any("error", err))
		} else {
			helpers = append(helpers, out.Go("watch", sc.watch.run))
		}
	}
	for i := range s.plan.Readers {
		w := newWorker(s.plan, work, back)
		helpers = append(helpers, out.Go(fmt.Sprintf("read-%d", i), func(ctx context.Context) error { return w.run(ctx, out) }))
	}
	defer func() {
		// Nobody reads a file any more when it is closed. Handles are waited
		// for without a bound: a source has not ended before its helpers have.
		for _, h := range helpers {
			h.Stop()
			h.Wait(context.Background())
		}
		err = errors.Join(err, sc.close())
	}()
	sc.run(ctx)
	return nil
}

func (s *Source) show(v *view) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown[v] = struct{}{}
}

func (s *Source) hide(v *view) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.shown, v)
}

// fail notes why path cannot be read, nil if it can, and reports whether that
// is news.
func (s *Source) fail(path string, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.failed[path]
	if err == nil {
		delete(s.failed, path)
		return old != nil
	}
	s.failed[path] = err
	return old == nil || old.Error() != err.Error()
}

// keepFailures forgets why paths cannot be read, but for those in keep.
func (s *Source) keepFailures(keep map[string]struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.failed, func(path string, _ error) bool {
		_, ok := keep[path]
		return !ok
	})
}
