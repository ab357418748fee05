// Collect follows log files, or a small log of its own if it is given none, and
// prints their lines or pushes them to Loki until it is interrupted:
//
//	go run ./examples/collect [-loki URL] [-label k=v]... [-from start|end] [-state FILE] [-once] [FILE|GLOB]...
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/logferry/logferry/batch"
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
	flags := flag.NewFlagSet("collect", flag.ExitOnError)
	url := flags.String("loki", "", "push to the Loki at this `URL` instead of printing")
	state := flags.String("state", "", "keep cursors in this `FILE`, to go on from there next time")
	labels := map[string]string{}
	cfg := tail.Config{Labels: func(path string) batch.Labels {
		base, _ := batch.NewLabels(labels) // -label has checked them
		l, _ := base.With("filename", strings.ToValidUTF8(path, "\uFFFD"))
		return l
	}}
	flags.BoolVar(&cfg.Once, "once", false, "read to the end, deliver, exit")
	flags.Func("label", "add a label `k=v`; may be repeated", func(s string) error {
		k, v, ok := strings.Cut(s, "=")
		if labels[k] = v; !ok {
			return errors.New("want k=v")
		}
		_, err := batch.NewLabels(labels)
		return err
	})
	flags.Func("from", "begin `start|end` of files without a cursor", func(s string) error {
		if s != "start" && s != "end" {
			return errors.New("want start or end")
		}
		cfg.From = map[string]tail.From{"start": tail.Start, "end": tail.End}[s]
		return nil
	})
	flags.Parse(args)
	cfg.Paths = flags.Args()
	watch := newWatcher(&cfg, *url != "")
	defer watch.close()
	files, err := tail.New(cfg)
	if err != nil {
		return err
	}
	route := pipeline.Route{Name: "terminal", Sink: sink.Terminal(os.Stdout)}
	if *url != "" {
		to, err := loki.New(loki.Config{URL: *url})
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
	if *state != "" {
		cursors, err := source.NewFileCheckpoints(*state)
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
	fmt.Fprintf(os.Stderr, "\n%v", p.Stats())
	return err
}
