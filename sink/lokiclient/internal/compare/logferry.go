package main

import (
	"context"
	"time"

	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/sink/loki"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/tail"
)

// startLogferry follows with source/tail and pushes with sink/loki.
func startLogferry(o order) (func(time.Duration), error) {
	files, err := tail.New(tail.Config{Paths: o.Paths})
	if err != nil {
		return nil, err
	}
	to, err := loki.New(loki.Config{URL: o.URL})
	if err != nil {
		return nil, err
	}
	p, err := pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"files": files},
		Routes:  []pipeline.Route{{Sink: sink.Breaker(to, sink.BreakerConfig{})}},
	})
	if err != nil {
		return nil, err
	}
	if err := p.Start(context.Background()); err != nil {
		return nil, err
	}
	return func(within time.Duration) {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		_ = p.Close(ctx) // what it has not delivered while the server is down
	}, nil
}
