package lokitest

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
)

// A kept sink outlives what writes through it.
type kept struct{ *loki.Sink }

func (kept) Close(context.Context) error { return nil }

// TestSpillAcrossAnOutage puts a queue before Loki, which is killed and started again, and ends the queue and opens
// another on its folder while Loki is down. Whatever Write took is stored, once: what is delivered again has the same
// time and text.
func TestSpillAcrossAnOutage(t *testing.T) {
	s := startProven(t)
	p := prove(t, s, "")
	dir := filepath.Join(t.TempDir(), "queue")
	open := func() (queue *sink.Spiller, end func()) {
		queue, err := sink.Spill(sink.Retry(kept{p.sink}, sink.RetryConfig{Min: 5 * time.Millisecond, Max: 50 * time.Millisecond}),
			sink.SpillConfig{Dir: dir, CloseTimeout: -1})
		if err != nil {
			t.Fatal(err)
		}
		tasks := lifecycle.New(lifecycle.Config{})
		if err := queue.Start(t.Context(), tasks); err != nil {
			t.Fatal(err)
		}
		return queue, func() {
			if err := errors.Join(queue.Close(context.Background()), tasks.Close(context.Background())); err != nil {
				t.Error(err)
			}
		}
	}
	write := func(queue *sink.Spiller) {
		for range 20 {
			for i, err := range p.writeThrough(queue, p.lines(10, 100)) {
				if err != nil {
					t.Errorf("entry %d: %v", i, err)
				}
			}
		}
	}
	queue, end := open()
	write(queue)
	s.Kill()
	write(queue)
	end()
	queue, end = open()
	write(queue)
	left := queue.Stats().Entries
	s.Restart()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := queue.Drain(ctx); err != nil {
		t.Errorf("Drain: %v; %+v", err, queue.Stats())
	}
	write(queue)
	if err := queue.Drain(ctx); err != nil {
		t.Error(err)
	}
	t.Logf("%d entries, of which %d waited for Loki: %+v", len(p.owed), left, queue.Stats())
	end()
	p.check()
	if left < 100 {
		t.Errorf("only %d entries were queued when Loki came back", left)
	}
}
