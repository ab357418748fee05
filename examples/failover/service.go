package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/slogsource"
)

// lineFormat is what the service logs.
const lineFormat = "failover line %08d"

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
	logs, err := slogsource.New(slogsource.Config{Labels: batch.MustLabels("app", "failover")})
	if err != nil {
		return err
	}
	p, err := pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"own": logs},
		Routes:  []pipeline.Route{{Name: "loki", Sink: queue}},
	})
	if err != nil {
		return err
	}
	if err := p.Start(ctx); err != nil {
		return err
	}
	work(ctx, slog.New(logs.Handler()), p, queue, first)
	closing, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return p.Close(closing)
}

// work logs numbered lines, and prints now and then up to which line everything is on the disk or in Loki.
func work(ctx context.Context, log *slog.Logger, p *pipeline.Engine, queue *sink.Spiller, first int) {
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	for n := first; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		log.Info(fmt.Sprintf(lineFormat, n))
		if n%20 > 0 {
			continue
		}
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
