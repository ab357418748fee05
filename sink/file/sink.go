package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// A Sink writes entries to files below one folder. New makes one; all methods may be called concurrently.
type Sink struct {
	cfg   Config
	rules rules
	disk  disk

	routes routes
	shelf  shelf
	jobs   sync.Pool // of *job

	stamped atomic.Int64 // the latest time of a generation, in Unix milliseconds
	started atomic.Bool
	closed  atomic.Bool
	users   atomic.Int32 // of disk: this Sink and its tasks
	wake    chan struct{}
	tasks   []*lifecycle.Handle

	troubles troubles
	stats    counters
}

var (
	_ sink.Sink     = (*Sink)(nil)
	_ sink.Starter  = (*Sink)(nil)
	_ sink.Healther = (*Sink)(nil)
)

// ErrClosed is what Write returns after Close.
var ErrClosed = errors.New("file: sink is closed")

// ErrInUse is in the chain of what Write returns if another Sink, of this process or another one, has a file open; the
// error names the file. It is worth a retry: it passes when that Sink is closed.
var ErrInUse = errors.New("in use by another sink")

// New checks cfg and returns a Sink that has no file open yet. It makes the folder that Path begins with. The error joins
// one for every field that makes no sense, or says why the folder cannot be used.
func New(cfg Config) (*Sink, error) {
	cfg = cfg.withDefaults()
	rules, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	// The folder is looked for again later, when the process may be elsewhere.
	rules.root, err = filepath.Abs(rules.root)
	if err != nil {
		return nil, fmt.Errorf("file: Config.Path: %w", err)
	}
	root, err := openRoot(rules.root, cfg.FolderMode)
	if err != nil {
		return nil, fmt.Errorf("file: Config.Path: %w", err)
	}
	return newSink(cfg, rules, root), nil
}

func newSink(cfg Config, rules rules, d disk) *Sink {
	s := &Sink{cfg: cfg, rules: rules, disk: d, wake: make(chan struct{}, 1)}
	s.routes = routes{rule: rules.path}
	s.shelf = shelf{logs: map[string]*log{}}
	s.jobs.New = func() any { return &job{sink: s, at: map[string]int{}} }
	s.users.Store(1)
	return s
}

// Start starts the tasks that flush files, begin new ones at set times, compress and remove old ones. A pipeline calls
// it. Without it files are written and rotated all the same, and flushed by the Writes.
func (s *Sink) Start(ctx context.Context, sup *lifecycle.Supervisor) error {
	if s.started.Swap(true) {
		return errors.New("file: sink is started already")
	}
	err := s.start(sup, "file tidy", s.keepTidy)
	if err == nil && s.cfg.Sync == SyncEvery {
		err = s.start(sup, "file sync", s.keepSynced)
	}
	if err != nil { // nobody calls Close then
		return errors.Join(err, s.Close(ctx))
	}
	return nil
}

func (s *Sink) start(sup *lifecycle.Supervisor, name string, run func(ctx context.Context) error) error {
	s.users.Add(1)
	left := sync.OnceFunc(s.leave)
	task := sup.Start(lifecycle.Task{Name: name, Run: func(ctx context.Context) error {
		// Run is called again after a panic, and not after anything else.
		err := run(ctx)
		left()
		return err
	}, Restart: lifecycle.Restart{Min: time.Second, Max: time.Minute}})
	if err := task.Err(); errors.Is(err, lifecycle.ErrClosed) || errors.Is(err, lifecycle.ErrTooManyTasks) {
		left()
		return fmt.Errorf("file: start: %w", err)
	}
	s.tasks = append(s.tasks, task)
	return nil
}

// leave gives back the disk after its last user.
func (s *Sink) leave() {
	if s.users.Add(-1) > 0 {
		return
	}
	_ = s.closeLogs()
	_ = s.disk.close()
}

// Write writes the entries of b, file by file, and returns when all of them are written, and with SyncBatch when they are
// on the medium. Within a file they are in the order of b. A line that could not be written whole is cut off again. Entries
// that were not written are listed in a *sink.PartialError; if none was, and they were for one file, the error says why.
// None is permanent: all are worth a retry, when there is space again.
//
// ctx bounds the wait for others who write the same file; the operating system is waited for in any case. Nothing of b is
// used once Write has returned. After Close it returns [ErrClosed].
func (s *Sink) Write(ctx context.Context, b *batch.Batch) error {
	return s.write(ctx, b, time.Now())
}

func (s *Sink) write(ctx context.Context, b *batch.Batch, now time.Time) error {
	if s.closed.Load() {
		return ErrClosed
	}
	if ctx.Err() != nil {
		return fmt.Errorf("file: %w", context.Cause(ctx))
	}
	j := s.jobs.Get().(*job)
	j.divide(b, now)
	j.put(ctx, now)
	if s.cfg.Sync == SyncBatch {
		j.flush(ctx)
	}
	err := j.outcome()
	j.reset()
	s.jobs.Put(j)
	return err
}

// Close flushes and closes the files, and waits for the tasks until ctx is done. What was to be compressed is compressed
// when a Sink with the same Path is started. It is called after the last Write.
func (s *Sink) Close(ctx context.Context) error {
	if s.closed.Swap(true) {
		return nil
	}
	var errs []error
	for _, t := range s.tasks {
		t.Stop()
	}
	for _, t := range s.tasks {
		_ = t.Wait(ctx) // what it failed of is the supervisor's to tell
		select {
		case <-t.Done():
		default:
			errs = append(errs, fmt.Errorf("file: close: a task has not ended yet: %w", context.Cause(ctx)))
		}
	}
	errs = append(errs, s.closeLogs())
	s.leave()
	return errors.Join(errs...)
}

// trim closes the files that were not used for longest, if more are open than there may be.
func (s *Sink) trim() {
	for l := s.shelf.victim(s.cfg.MaxOpen + 1); l != nil; l = s.shelf.victim(s.cfg.MaxOpen + 1) {
		err := l.evict()
		l.unlock()
		if err != nil {
			s.troubles.note(l.path, s.fault(l.path, err))
		}
	}
}

// closeLogs closes all files but those that are being worked on, and flushes those that were closed before that.
func (s *Sink) closeLogs() error {
	var errs []error
	for _, path := range s.shelf.debts() {
		errs = append(errs, s.syncClosed(path))
	}
	for {
		l := s.shelf.victim(1)
		if l == nil {
			return errors.Join(errs...)
		}
		if err := l.close(); err != nil {
			errs = append(errs, s.fault(l.path, err))
		}
		l.unlock()
	}
}

// Health returns nil if each file could be written when that was last tried, and nothing else is amiss; else an error
// that names what is wrong, a file that cannot be rotated, compressed or removed included. It names sixteen things at
// most. What failed and was not tried again, as nobody writes to that path any more, is forgotten after five minutes.
func (s *Sink) Health() error { return s.troubles.join() }

// Stats returns the counters. They are read one by one.
func (s *Sink) Stats() Stats {
	st := s.stats.snapshot()
	st.Open = int64(s.shelf.count())
	return st
}

// fault is an error about a file, whose whole name it has.
func (s *Sink) fault(name string, err error) error {
	if errors.Is(err, ErrInUse) {
		err = ErrInUse // alone: that the file could not be closed either is of no interest
	} else if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = fmt.Errorf("%s: %w", p.Op, p.Err)
	} else if l, ok := errors.AsType[*os.LinkError](err); ok {
		err = fmt.Errorf("%s: %w", l.Op, l.Err)
	}
	return fmt.Errorf("file: %s: %w", filepath.Join(s.rules.root, filepath.FromSlash(name)), err)
}
