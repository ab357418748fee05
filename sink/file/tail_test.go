package file_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/file"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/tail"
)

// patience is for a machine, and a disk, that others use as well.
const patience = 5 * time.Minute

// A recorder keeps the lines that go through it, by the label log.
type recorder struct {
	mu    sync.Mutex
	lines map[string][]string
}

func (r *recorder) note(b *batch.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lines == nil {
		r.lines = map[string][]string{}
	}
	for i := range b.Entries {
		log := b.LabelsOf(i).Get("log")
		r.lines[log] = append(r.lines[log], string(b.Entries[i].Line))
	}
}

// Write keeps the lines; that makes a Sink of it.
func (r *recorder) Write(_ context.Context, b *batch.Batch) error {
	r.note(b)
	return nil
}

func (r *recorder) Close(context.Context) error { return nil }

// Process keeps them on the way to another sink.
func (r *recorder) Process(_ context.Context, b *batch.Batch) error {
	r.note(b)
	return nil
}

// realLogs returns logs of real programs, or else some that are made.
func realLogs(t *testing.T) string {
	if paths, _ := filepath.Glob("../../../shared/logs/*.log"); len(paths) > 0 {
		return "../../../shared/logs/*.log"
	}
	dir := t.TempDir()
	for _, name := range []string{"a.log", "b.log", "c.log"} {
		var text strings.Builder
		for i := range 4000 {
			fmt.Fprintf(&text, "2026-01-02T15:04:05Z %s: event %d %s\n", name, i, strings.Repeat("x", i%120))
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.ToSlash(dir) + "/*.log"
}

// run has a pipeline read once.
func run(t *testing.T, files tail.Config, to sink.Sink, p ...pipeline.Processor) {
	t.Helper()
	files.Once = true
	src, err := tail.New(files)
	if err != nil {
		t.Fatal(err)
	}
	e, err := pipeline.New(pipeline.Config{
		Sources:    map[string]source.Source{"files": src},
		Processors: p,
		// All may have been read before the first batch is written.
		CloseTimeout: patience,
		Routes:       []pipeline.Route{{Name: "out", Sink: to, Shaper: batch.Fixed(batch.Limits{MaxBytes: 20_000, MaxWait: time.Millisecond, InFlight: 4})}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := e.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestTailReadsBack: what a pipeline writes, rotated and compressed while it does, is what source/tail reads from it.
func TestTailReadsBack(t *testing.T) {
	for name, compress := range map[string]file.Compression{"plain": file.NoCompression, "gzip": file.Gzip, "zstd": file.Zstd} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.ToSlash(t.TempDir())
			cfg := file.Config{Path: dir + "/{log}.log", Rotate: file.Rotate{Bytes: 50_000}, Compress: compress}
			to, err := file.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			byName := func(path string) batch.Labels { return batch.MustLabels("log", filepath.Base(path)) }
			var written, read recorder
			run(t, tail.Config{Paths: []string{realLogs(t)}, Labels: byName}, to, &written)
			if compress != file.NoCompression {
				compressRest(t, cfg)
			}
			run(t, tail.Config{Paths: []string{dir + "/*"}, Labels: byName}, &read)
			if len(written.lines) < 3 || len(read.lines) < 20 {
				t.Fatalf("%d logs became %d files", len(written.lines), len(read.lines))
			}
			for log, want := range written.lines {
				if got := read.of(log + ".log"); !slices.Equal(got, want) {
					t.Errorf("%s: %d lines were written, %d are read, and they differ", log, len(want), len(got))
				}
			}
		})
	}
}

// of returns the lines of a log, its generations first.
func (r *recorder) of(log string) (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(r.lines)) {
		if strings.HasPrefix(name, log+".") {
			lines = append(lines, r.lines[name]...)
		}
	}
	return append(lines, r.lines[log]...)
}

// compressRest has a Sink compress what another one had no time for before its Close.
func compressRest(t *testing.T, cfg file.Config) {
	t.Helper()
	s, err := file.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	sup := lifecycle.New(lifecycle.Config{})
	if err := s.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	late := time.After(patience)
	for {
		left, err := filepath.Glob(filepath.Dir(cfg.Path) + "/*.log.*[0-9]")
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			break
		}
		select {
		case <-poll.C:
		case <-late:
			t.Fatalf("not compressed: %q", left)
		}
	}
	if err := errors.Join(s.Health(), s.Close(t.Context()), sup.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// enough is how many files one pass of the Sink compresses at least. After one that took long it rests for a minute.
const enough = 5

// TestTailFollows: a pipeline that follows a log reads on while that is rotated and compressed, and begins with what was
// rotated before.
func TestTailFollows(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	to, err := file.New(file.Config{Path: dir + "/all.log", Rotate: file.Rotate{Bytes: 5000}, Compress: file.Gzip})
	if err != nil {
		t.Fatal(err)
	}
	sup := lifecycle.New(lifecycle.Config{})
	if err := to.Start(t.Context(), sup); err != nil {
		t.Fatal(err)
	}
	var want []string
	write := func() {
		b := batch.New(nil, batch.Labels{})
		defer b.Settle(nil)
		for range 50 {
			want = append(want, fmt.Sprintf("line %06d %s", len(want), strings.Repeat("x", len(want)%50)))
			b.Append(time.Now(), []byte(want[len(want)-1]))
		}
		if err := to.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		write()
	}
	src, err := tail.New(tail.Config{Paths: []string{dir + "/*.log"}, Rotated: true, Poll: 5 * time.Millisecond, IdlePoll: 50 * time.Millisecond,
		RotateWait: 200 * time.Millisecond, Labels: func(string) batch.Labels { return batch.MustLabels("log", "all") }})
	if err != nil {
		t.Fatal(err)
	}
	var read recorder
	e, err := pipeline.New(pipeline.Config{Sources: map[string]source.Source{"files": src}, Routes: []pipeline.Route{{Name: "out", Sink: &read}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for n, until := 0, time.Now().Add(patience); n < 60 || to.Stats().Packed < enough || read.count() < len(want); n++ {
		if n < 60 || n < 200 && to.Stats().Packed < enough {
			write()
		}
		if <-poll.C; time.Now().After(until) {
			t.Fatalf("%d lines of %d are read; %+v", read.count(), len(want), to.Stats())
		}
	}
	if err := errors.Join(e.Close(t.Context()), to.Health(), to.Close(t.Context()), sup.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	got := slices.Sorted(slices.Values(read.lines["all"]))
	if !slices.Equal(got, want) {
		t.Errorf("%d lines are read, %d were written", len(got), len(want))
	}
	if s := to.Stats(); s.Packed < enough || s.Rotations < 20 {
		t.Errorf("%+v", s)
	}
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.lines["all"])
}
