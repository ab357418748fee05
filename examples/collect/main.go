// Collect follows log files, or a small log of its own if it is given none, and
// prints their lines or pushes them to Loki until it is interrupted:
//
//	go run ./examples/collect [-loki URL] [-label k=v]... [-from start|end] [-state FILE] [-once] [FILE|GLOB]...
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/tail"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "collect:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	watch := newWatcher(&o.tail, o.url != "")
	defer watch.close()
	files, err := tail.New(o.tail)
	if err != nil {
		return err
	}
	route := pipeline.Route{Name: "terminal", Sink: sink.Terminal(os.Stdout)}
	if o.url != "" {
		to, err := loki.New(loki.Config{URL: o.url})
		if err != nil {
			return fmt.Errorf("-loki: %w", err)
		}
		route = pipeline.Route{Name: "loki", Sink: sink.Breaker(to, sink.BreakerConfig{})}
	}
	config := pipeline.Config{
		Sources: map[string]source.Source{"files": files},
		Routes:  []pipeline.Route{route},
		Logger:  slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	if o.state != "" {
		cursors, err := source.NewFileCheckpoints(o.state)
		if err != nil {
			return fmt.Errorf("-state: %w", err)
		}
		defer cursors.Close()
		config.Checkpoints = cursors
	}
	p, err := pipeline.New(config)
	if err != nil {
		return err
	}
	if err := p.Start(context.Background()); err != nil {
		return err
	}
	watch.until(p)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err = p.Close(ctx)
	stats := p.Stats()
	fmt.Fprintf(os.Stderr, "\n%v", stats)
	if len(stats.Sources["files"].Dropped) > 0 {
		err = errors.Join(err, errors.New("not all lines were delivered"))
	}
	return err
}
