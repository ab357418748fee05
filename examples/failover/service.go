package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
	"github.com/logferry/logferry/source"
)

// lineFormat is what the service logs.
const lineFormat = "failover line %08d"

// A ticker is a source of numbered lines that does not wait for anybody.
type ticker struct {
	next int
	tick time.Duration
}

func (s *ticker) Run(ctx context.Context, out *source.Outlet) error {
	stream, err := out.Open(ctx, "own", batch.MustLabels("app", "failover"))
	if err != nil {
		return err
	}
	ticks := time.NewTicker(s.tick)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
		b := stream.NewBatch()
		b.Append(time.Time{}, fmt.Appendf(nil, lineFormat, s.next))
		s.next++
		if err := stream.Send(ctx, b, strconv.Itoa(s.next)); err != nil {
			return err
		}
	}
}

// serve is the service: it logs through a queue on the disk until ctx is done, and says on standard output how far it
// is safe, for whoever means to kill it, and what is queued.
func serve(ctx context.Context, url, dir string, first int) error {
	to, err := loki.New(loki.Config{URL: url})
	if err != nil {
		return fmt.Errorf("-loki: %w", err)
	}
	queue, err := sink.Spill(
		sink.Breaker(sink.Timeout(to, 5*time.Second), sink.BreakerConfig{OpenFor: 500 * time.Millisecond}),
		sink.SpillConfig{
			Dir:       dir,
			MaxBytes:  256 << 20,
			Overflow:  sink.SpillDropOldest, // the service goes on, whatever happens
			OnDamaged: func(d sink.SpillDamage) { slog.Error("queue", "damage", d) },
			OnRefused: func(n int, err error) { slog.Error("refused by Loki", "entries", n, "err", err) },
		})
	if err != nil {
		return err
	}
	p, err := pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"own": &ticker{next: first, tick: 10 * time.Millisecond}},
		Routes:  []pipeline.Route{{Name: "loki", Sink: queue}},
	})
	if err != nil {
		return err
	}
	if err := p.Start(ctx); err != nil {
		return err
	}
	report(ctx, p, queue, first)
	closing, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return p.Close(closing)
}

// report prints, again and again, up to which line everything is on the disk or in Loki.
func report(ctx context.Context, p *pipeline.Engine, queue *sink.Spiller, first int) {
	for ctx.Err() == nil {
		soon, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		<-soon.Done()
		cancel()
		safe := first + int(p.Stats().Sources["own"].Delivered)
		st := queue.Stats()
		fmt.Fprintf(os.Stdout, "safe=%d queued=%d oldest=%v problem=%q\n",
			safe, st.Entries, st.Oldest.Round(100*time.Millisecond), problem(st.Destination))
	}
}

// problem shortens an error to its innermost cause.
func problem(err error) string {
	for err != nil {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
	return ""
}
