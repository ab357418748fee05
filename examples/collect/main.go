// Collect follows log files, or a small log of its own if it is given none, and
// prints their lines or pushes them to Loki until it is interrupted:
//
//	go run ./examples/collect [-loki URL] [-label k=v]... [-from start|end] [-state FILE] [-once] [FILE|GLOB|-]...
//
// The file "-" is standard input:
//
//	make 2>&1 | go run ./examples/collect -
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
	watch := newWatcher(&o)
	defer watch.close()
	sources, err := o.sources()
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
		Sources: sources,
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
	for _, s := range stats.Sources {
		if len(s.Dropped) > 0 {
			err = errors.Join(err, errors.New("not all lines were delivered"))
		}
	}
	return err
}

// sources are the files to follow, if there are any, and standard input, if that
// is asked for.
func (o *options) sources() (map[string]source.Source, error) {
	sources := map[string]source.Source{}
	if o.stdin {
		in, err := source.NewReader(stdin(), o.reader)
		if err != nil {
			return nil, err
		}
		sources["stdin"] = in
	}
	if len(o.tail.Paths) > 0 || !o.stdin {
		files, err := tail.New(o.tail)
		if err != nil {
			return nil, err
		}
		sources["files"] = files
	}
	return sources, nil
}

// stdin is standard input, opened anew if it is no file: then a Read can be
// interrupted, on Linux at least, without a change to what other processes share.
func stdin() *os.File {
	if info, err := os.Stdin.Stat(); err != nil || info.Mode().IsRegular() {
		return os.Stdin
	}
	if f, err := os.Open("/dev/stdin"); err == nil {
		return f
	}
	return os.Stdin
}
