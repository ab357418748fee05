// Slog is a service whose own log, which it writes with log/slog, goes to Loki, and
// to the terminal as before:
//
//	go run ./examples/slog [-loki URL] [-orders N]
//
// Without a Loki it has one of its own, which shows what it was given in the end.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/slogsource"
)

func main() {
	url := flag.String("loki", "", "push to the Loki at this `URL`")
	orders := flag.Int("orders", 10, "`how many` orders to handle")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stderr, *url, *orders); err != nil {
		fmt.Fprintln(os.Stderr, "slog:", err)
		os.Exit(1)
	}
}

// run is the service. What it logs it writes to terminal as well.
func run(ctx context.Context, terminal io.Writer, url string, orders int) (err error) {
	tasks := lifecycle.New(lifecycle.Config{Name: "service"})
	var own *ownLoki
	if url == "" {
		if own, err = startLoki(tasks); err != nil {
			return err
		}
		url = own.url
	}
	logs, log, p, err := ship(url, slog.NewTextHandler(terminal, nil))
	if err == nil {
		err = p.Start(ctx)
	}
	if err == nil {
		work(ctx, log, orders)
	}
	// The pipeline is closed after all that logs, but for what it delivers to.
	closing, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if p != nil {
		err = errors.Join(err, p.Close(closing))
		fmt.Fprintf(terminal, "\n%v%d of the service's records were taken, %d of the pipeline's own were not\n",
			p.Stats(), logs.Stats().Handed, logs.Stats().Own)
	}
	if own != nil {
		err = errors.Join(err, own.stop())
		own.show(terminal)
	}
	return errors.Join(err, tasks.Close(closing))
}

// ship is all that logferry takes: a handler beside the one there was, and a
// pipeline from it to Loki.
func ship(url string, terminal slog.Handler) (*slogsource.Source, *slog.Logger, *pipeline.Engine, error) {
	logs, err := slogsource.New(slogsource.Config{
		Labels:      batch.MustLabels("app", "shop"),
		FromContext: traceOf,
	})
	if err != nil {
		return nil, nil, nil, err
	}
	log := slog.New(slog.NewMultiHandler(terminal, logs.Handler()))
	to, err := loki.New(loki.Config{URL: url, EncodeJSON: true}) // JSON, so that ownLoki is short
	if err != nil {
		return nil, nil, nil, err
	}
	p, err := pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"log": logs},
		Routes:  []pipeline.Route{{Name: "loki", Sink: sink.Breaker(to, sink.BreakerConfig{})}},
		Logger:  log, // what it says of itself goes to the terminal alone
	})
	return logs, log, p, err
}

type traceKey struct{}

// traceOf is what a service with tracing takes from the span in ctx.
func traceOf(ctx context.Context, attrs []slog.Attr) []slog.Attr {
	if id, ok := ctx.Value(traceKey{}).(string); ok {
		attrs = append(attrs, slog.String("trace_id", id))
	}
	return attrs
}

// work is what the service is there for.
func work(ctx context.Context, log *slog.Logger, orders int) {
	log.Info("ready", "version", "1.4.2")
	log = log.WithGroup("order")
	for n := range orders {
		ctx := context.WithValue(ctx, traceKey{}, fmt.Sprintf("%016x", 0x4bf92f3577b34da6+n))
		log.InfoContext(ctx, "shipped", "id", 1000+n, slog.Group("customer", "country", "DE"), "took", time.Duration(n*7%40)*time.Millisecond)
		if n%4 == 3 {
			log.ErrorContext(ctx, "payment failed", "id", 1000+n, "error", errors.New("card declined"))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}
