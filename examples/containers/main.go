// Containers follows all containers of the local engine, and prints their lines
// as docker compose logs does, or pushes them to Loki, until it is interrupted:
//
//	go run ./examples/containers [-host HOST] [-name REGEXP] [-from start|end] [-state FILE] [-loki URL]
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/container"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "containers:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	containers, err := container.New(o.containers)
	if err != nil {
		return err
	}
	route, err := o.route(os.Stdout)
	if err != nil {
		return err
	}
	config := pipeline.Config{
		Sources: map[string]source.Source{"containers": containers},
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// In a service there is no need to ask first: a source waits for its engine.
	if err := ready(ctx, containers); err != nil || ctx.Err() != nil {
		return err
	}
	if err := p.Start(context.Background()); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "following containers, those to come as well, until interrupted")
	select {
	case <-ctx.Done():
		stop() // so that a second interrupt ends the program at once
	case <-p.Done():
	}
	return finish(p, o.url != "")
}

// ready returns nil if there is an engine, and what to do about it if not.
func ready(ctx context.Context, containers *container.Source) error {
	asking, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := containers.Ready(asking)
	if err == nil || ctx.Err() != nil {
		return nil // an interrupt is no failure
	}
	return fmt.Errorf("no container engine: %w (-host or DOCKER_HOST say where one is)", err)
}

// route is where lines go.
func (o *options) route(terminal *os.File) (pipeline.Route, error) {
	if o.url == "" {
		return pipeline.Route{
			Name:   "terminal",
			Sink:   sink.WriterFunc(terminal, newPainter(terminal).format),
			Shaper: batch.Fixed(batch.Limits{MaxWait: 50 * time.Millisecond}),
		}, nil
	}
	to, err := loki.New(loki.Config{URL: o.url})
	if err != nil {
		return pipeline.Route{}, fmt.Errorf("-loki: %w", err)
	}
	return pipeline.Route{Name: "loki", Sink: sink.Breaker(to, sink.BreakerConfig{})}, nil
}

// finish delivers what has been read. What becomes of lines that are printed can
// be seen; of those that are pushed it tells.
func finish(p *pipeline.Engine, pushed bool) error {
	var told io.Writer = io.Discard
	if pushed {
		told = os.Stderr
	}
	fmt.Fprintln(told, "\ndelivering what has been read, for 10 s at most; interrupt again to end at once")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := p.Close(ctx)
	stats := p.Stats()
	fmt.Fprint(told, stats)
	if len(stats.Sources["containers"].Dropped) > 0 {
		err = errors.Join(err, errors.New("not all lines were delivered"))
	}
	return err
}
