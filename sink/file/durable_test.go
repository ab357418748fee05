package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
)

// A weakDisk is one whose power can be lost: of each file there is left what was flushed, and any part of the rest.
type weakDisk struct {
	disk
	mu      sync.Mutex
	flushed []flushedFile
}

type flushedFile struct {
	info fs.FileInfo
	size int64
}

func (d *weakDisk) open(name string, flag int, mode fs.FileMode) (diskFile, error) {
	f, err := d.disk.open(name, flag, mode)
	return weakFile{f, d}, err
}

type weakFile struct {
	diskFile
	d *weakDisk
}

func (f weakFile) Sync() error {
	info, err := f.Stat() // before, so that no more is promised than was there
	if err != nil {
		return err
	}
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.d.flushed = append(f.d.flushed, flushedFile{info, info.Size()})
	return nil
}

// losePower cuts all files below dir.
func (d *weakDisk) losePower(t *testing.T, dir string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	var left []flushedFile
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		var safe int64
		for _, f := range d.flushed {
			if os.SameFile(f.info, info) {
				safe = max(safe, min(f.size, info.Size()))
			}
		}
		size := safe + rand.Int64N(info.Size()-safe+1)
		left = append(left, flushedFile{info, size})
		return os.Truncate(path, size)
	})
	if err != nil {
		t.Fatal(err)
	}
	d.flushed = left
}

// TestPowerLost: with SyncBatch no acknowledged line is lost with what was not flushed, and what is left of others is
// joined to nothing.
func TestPowerLost(t *testing.T) {
	acked := map[string]bool{}
	dir := t.TempDir()
	weak := new(weakDisk)
	for round := range 20 {
		r := openRig(t, dir, Config{Path: "{app}.log", Sync: SyncBatch, MaxOpen: 1, Rotate: Rotate{Bytes: 3000}})
		weak.disk, r.Sink.disk = r.Sink.disk, weak
		for n := range 30 {
			l := batch.MustLabels("app", fmt.Sprint(n%2))
			lines := []string{testLine(fmt.Sprint(round), n, 0), testLine(fmt.Sprint(round), n, 1)}
			if n%3 == 2 { // one that is written, and whose flush is never reached
				b := r.of(l, lines...)
				j := r.jobs.Get().(*job)
				j.divide(b, noon)
				j.put(t.Context(), noon)
				j.reset()
				b.Settle(nil)
				continue
			}
			r.put(noon, l, lines...)
			acked[lines[0]], acked[lines[1]] = true, true
		}
		for l := r.shelf.victim(1); l != nil; l = r.shelf.victim(1) { // the process ends
			if err := l.shut(); err != nil {
				t.Fatal(err)
			}
			l.unlock()
		}
		weak.losePower(t, dir)
	}
	r := openRig(t, dir, Config{Path: "{app}.log"})
	r.put(noon, batch.MustLabels("app", "0"), "round last")
	r.put(noon, batch.MustLabels("app", "1"), "round last")
	pieces := 0
	for _, line := range readLines(t, dir) {
		delete(acked, line)
		if !strings.HasSuffix(line, "end") {
			pieces++
		}
		if strings.Count(line, "round") > 1 {
			t.Errorf("joined: %q", line)
		}
	}
	if len(acked) > 0 || pieces < 3 {
		t.Errorf("%d acknowledged lines are lost, %d pieces of others are there", len(acked), pieces)
	}
}

// TestFlushFailsWhileClosed: a flush that fails is told although the file was closed meanwhile, since the kernel tells the
// next one nothing.
func TestFlushFailsWhileClosed(t *testing.T) {
	r := newRig(t, Config{Path: "x.log", SyncInterval: time.Hour})
	flushes := 0
	r.disk.fault = func(_ int, op string) error {
		if op != "sync" {
			return nil
		}
		if flushes++; flushes > 1 {
			return nil
		}
		r.disk.mu.Unlock()
		defer r.disk.mu.Lock()
		l := r.shelf.victim(1)
		defer l.unlock()
		if err := l.close(); err != nil {
			t.Error(err)
		}
		return syscall.EIO
	}
	sup := lifecycle.New(lifecycle.Config{})
	if err := r.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	r.put(noon, shop, "1")
	r.syncAll(t.Context())
	if s := r.Stats(); s.SyncFailures != 1 {
		t.Errorf("%+v", s)
	}
	if err := r.Health(); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "x.log") {
		t.Errorf("Health: %v", err)
	}
	r.shut()
	if err := sup.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestEvictedAreFlushed: with SyncEvery, files that were closed to make room are flushed all the same, by the task or by
// Close, and no Write waits for that.
func TestEvictedAreFlushed(t *testing.T) {
	r := newRig(t, Config{Path: "{n}.log", SyncInterval: time.Hour, MaxOpen: 2})
	syncs := 0
	r.disk.fault = func(_ int, op string) error {
		if op == "sync" {
			syncs++
		}
		return nil
	}
	sup := lifecycle.New(lifecycle.Config{})
	if err := r.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	write := func(n int) { r.put(noon, batch.MustLabels("n", fmt.Sprint(n)), "line") }
	for n := range 10 {
		write(n)
	}
	if syncs != 0 {
		t.Errorf("%d flushes while writing", syncs)
	}
	write(0) // open, and owed
	r.syncAll(context.Background())
	if syncs != 10 {
		t.Errorf("%d flushes of 10 files", syncs)
	}
	r.syncAll(context.Background())
	if syncs != 10 {
		t.Errorf("%d flushes, with nothing to flush", syncs)
	}
	for n := range 5 {
		write(n)
	}
	r.shut()
	if syncs != 15 {
		t.Errorf("%d flushes after Close, want 15", syncs)
	}
	if err := sup.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}
