package churn

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/container"
)

// A line is a pipeline from containers to a list of what they have written.
type line struct {
	engine *pipeline.Engine
	close  func() error // once

	mu      sync.Mutex
	changed chan struct{}       // closed and replaced with each entry
	got     map[string][]string // the lines of each container, by its id
	name    map[string]string   // the label "container" of the last of them
	log     bytes.Buffer
}

// lay runs a pipeline until the test ends, or it is closed.
func lay(t *testing.T, cfg container.Config) *line {
	t.Helper()
	l := &line{changed: make(chan struct{}), got: map[string][]string{}, name: map[string]string{}}
	src, err := container.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l.engine, err = pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"containers": src},
		Routes:  []pipeline.Route{{Name: "list", Sink: sink.Func(l.write)}},
		Logger:  slog.New(slog.NewTextHandler(l, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.close = sync.OnceValue(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return l.engine.Close(ctx)
	})
	t.Cleanup(func() {
		if err := l.close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *line) write(_ context.Context, b *batch.Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range b.Entries {
		e := &b.Entries[i]
		id := attr(e, "container_id")
		l.got[id] = append(l.got[id], string(e.Line))
		l.name[id] = b.LabelsOf(i).Get("container")
	}
	l.note()
	return nil
}

// note wakes who waits. The caller holds the lock.
func (l *line) note() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// Write takes in what is logged.
func (l *line) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note()
	return l.log.Write(p)
}

// logged is what was.
func (l *line) logged() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.String()
}

// lines returns how many lines have arrived of so many containers.
func (l *line) lines() (lines, containers int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, got := range l.got {
		lines += len(got)
	}
	return lines, len(l.got)
}

// last returns the name under which the last line of a container has arrived.
func (l *line) last(id string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.name[id]
}

// wait waits for a condition of what has arrived or was logged.
func (l *line) wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		l.mu.Lock()
		changed := l.changed
		l.mu.Unlock()
		if ok() {
			return
		}
		select {
		case <-changed:
		case <-late.C:
			t.Fatalf("no %s within %v; logged:\n%s", what, patience, l.logged())
		}
	}
}
