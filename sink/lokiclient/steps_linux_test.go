package lokiclient

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/nxtail"
	"github.com/logferry/logferry/source/tail"
)

// TestStepByStep goes the way of MIGRATING.md with one set of checkpoints: from both bridges to neither, a restart for each
// step. Each line arrives; twice arrive those that nxadm/tail had read, since source/tail does not know its cursors.
func TestStepByStep(t *testing.T) {
	f := newFake(t)
	path := filepath.Join(t.TempDir(), "app.log")
	cursors := source.MemCheckpoints()
	bridge := func() (sink.Sink, error) { return New(f.config(t)) }
	own := func() (sink.Sink, error) { return loki.New(loki.Config{URL: f.URL}) }
	old := func() (source.Source, error) { return nxtail.New(nxtail.Config{Paths: []string{path}}) }
	follow := func() (source.Source, error) { return tail.New(tail.Config{Paths: []string{path}}) }
	const lines = 50
	for i, step := range []struct {
		from func() (source.Source, error)
		to   func() (sink.Sink, error)
	}{{old, bridge}, {old, bridge}, {follow, bridge}, {follow, own}, {follow, own}} {
		appendLines(t, path, i*lines, lines)
		from, err := step.from()
		if err != nil {
			t.Fatal(err)
		}
		to, err := step.to()
		if err != nil {
			t.Fatal(err)
		}
		p, err := pipeline.New(pipeline.Config{
			Sources:     map[string]source.Source{"shop": from},
			Routes:      []pipeline.Route{{Sink: sink.Retry(to, sink.RetryConfig{Tries: 10})}},
			Checkpoints: cursors,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		until(t, fmt.Sprintf("step %d: not all lines arrive", i), func() bool { return len(arrived(f)) == (i+1)*lines })
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		if err := p.Close(ctx); err != nil {
			t.Errorf("step %d: %v", i, err)
		}
		cancel()
	}
	for line, times := range arrived(f) {
		want := 1
		if line < fmt.Sprintf("%06d", 2*lines) {
			want = 2
		}
		if times != want {
			t.Errorf("line %s arrived %d times, want %d", line, times, want)
		}
	}
}

// arrived counts how often each line is held.
func arrived(f *fake) map[string]int {
	times := map[string]int{}
	for _, e := range f.entries() {
		times[string(e.Line)]++
	}
	return times
}

// appendLines appends n numbered lines to a file.
func appendLines(t *testing.T, path string, from, n int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := from; i < from+n; i++ {
		if _, err := fmt.Fprintf(f, "%06d\n", i); err != nil {
			t.Fatal(err)
		}
	}
}
