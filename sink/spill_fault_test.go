package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/spool"
	"github.com/logferry/logferry/lifecycle"
)

// A sickFolder is a real folder some of whose operations fail.
type sickFolder struct {
	spool.Folder
	fail func(op string) error // called concurrently
}

func (f sickFolder) Create(name string) (spool.File, error) {
	if err := f.fail("create"); err != nil {
		return nil, err
	}
	file, err := f.Folder.Create(name)
	if err != nil {
		return nil, err
	}
	return sickFile{file, f}, nil
}

func (f sickFolder) Open(name string) (spool.File, error) {
	file, err := f.Folder.Open(name)
	if err != nil {
		return nil, err
	}
	return sickFile{file, f}, nil
}

func (f sickFolder) Remove(name string) error {
	return errors.Join(f.fail("remove"), f.Folder.Remove(name))
}

func (f sickFolder) Edit(name string) (spool.File, error) {
	file, err := f.Folder.Edit(name)
	if err != nil {
		return nil, err
	}
	return sickFile{file, f}, nil
}

func (f sickFolder) Sync() error { return errors.Join(f.fail("sync folder"), f.Folder.Sync()) }

type sickFile struct {
	spool.File
	folder sickFolder
}

func (f sickFile) Sync() error { return errors.Join(f.folder.fail("sync"), f.File.Sync()) }

func (f sickFile) Truncate(size int64) error {
	return errors.Join(f.folder.fail("truncate"), f.File.Truncate(size))
}

func (f sickFile) Reserve(off, end int64) error {
	return errors.Join(f.folder.fail("reserve"), f.File.Reserve(off, end))
}

func (f sickFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.folder.fail("read"); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f sickFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.folder.fail("write"); err != nil {
		n, _ := f.File.WriteAt(p[:len(p)/2], off)
		return n, err
	}
	return f.File.WriteAt(p, off)
}

// tally counts lines.
type tally struct {
	mu    sync.Mutex
	lines map[string]int
}

func (c *tally) Write(_ context.Context, b *batch.Batch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range b.Entries {
		c.lines[string(b.Entries[i].Line)]++
	}
	return nil
}

func (c *tally) Close(context.Context) error { return nil }

// TestSpillSickDisk writes concurrently to a queue whose disk fails one operation in a few, each with EIO or ENOSPC.
// Nothing that was acknowledged is lost, and what failed can be written again.
func TestSpillSickDisk(t *testing.T) {
	const writers, batches = 4, 150
	dir := filepath.Join(t.TempDir(), "queue")
	var well atomic.Bool
	var failures atomic.Int64
	fail := func(op string) error {
		if well.Load() || rand.IntN(12) > 0 {
			return nil
		}
		failures.Add(1)
		err := syscall.EIO
		if op == "write" || op == "create" {
			err = syscall.ENOSPC
		}
		return &fs.PathError{Op: op, Path: "injected", Err: err}
	}
	to := &tally{lines: map[string]int{}}
	s, err := Spill(Retry(to, RetryConfig{Min: time.Millisecond}), SpillConfig{Dir: dir, MaxBytes: 2 << 20})
	if err != nil {
		t.Fatal(err)
	}
	s.Sicken(fail)
	well.Store(true)
	sup := lifecycle.New(lifecycle.Config{})
	if err := s.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	well.Store(false)
	var acked, refused atomic.Int64
	var done sync.WaitGroup
	for w := range writers {
		done.Go(func() {
			for n := 0; n < batches; {
				b := batch.New(nil, batch.MustLabels("writer", fmt.Sprint(w)))
				for i := range 5 {
					b.Append(time.Now(), fmt.Appendf(nil, "%d %d %d", w, n, i))
				}
				if err := s.Write(t.Context(), b); err != nil {
					refused.Add(5)
					if IsPermanent(err) {
						t.Errorf("a failing disk makes a permanent failure: %v", err)
						return
					}
					continue
				}
				acked.Add(5)
				n++
			}
		})
	}
	done.Wait()
	well.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Drain(ctx); err != nil {
		t.Errorf("Drain: %v; %+v", err, s.Stats())
	}
	st := s.Stats()
	if err := errors.Join(s.Close(ctx), sup.Close(ctx)); err != nil {
		t.Error(err)
	}
	lost := writers*batches*5 - len(to.lines)
	t.Logf("%d failures of the disk: %d entries acknowledged, %d refused, %d lost", failures.Load(), acked.Load(), refused.Load(), lost)
	if lost != 0 || st.DamagedRecords != 0 || failures.Load() == 0 {
		t.Errorf("%+v", st)
	}
}

// A Write whose sync hangs ends with its ctx, and Close with its own.
func TestSpillDiskHangs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	hang, hangs := make(chan struct{}), make(chan struct{}, 1)
	var hanging atomic.Bool
	s, err := Spill(Discard(), SpillConfig{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	s.Sicken(func(op string) error {
		if op == "sync" && hanging.Load() {
			select {
			case hangs <- struct{}{}:
			default:
			}
			<-hang
		}
		return nil
	})
	sup := lifecycle.New(lifecycle.Config{})
	if err := s.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	hanging.Store(true)
	b := batch.New(nil, batch.Labels{})
	b.Append(time.Now(), []byte("line"))
	ctx, cancel := context.WithCancel(t.Context())
	wrote := make(chan error, 1)
	go func() { wrote <- s.Write(ctx, b) }()
	<-hangs
	cancel()
	if err := <-wrote; !errors.Is(err, context.Canceled) {
		t.Errorf("Write = %v", err)
	}
	late, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Close(late); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close = %v", err)
	}
	close(hang)
	if err := sup.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if lock, err := func() (io.Closer, error) { _, lock, err := openSpillFolder(dir); return lock, err }(); err != nil {
		t.Errorf("the folder is not given back: %v", err)
	} else {
		lock.Close()
	}
}
