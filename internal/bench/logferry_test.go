package bench

import (
	"context"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink/loki"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/tail"
)

// drainLogferry delivers the whole file as an application would: with defaults,
// but for the file's end.
func drainLogferry(path, url string) error {
	files, err := tail.New(tail.Config{
		Paths:  []string{path},
		Labels: func(string) batch.Labels { return batch.MustLabels("app", "shop", "host", "bench") },
		Once:   true,
	})
	if err != nil {
		return err
	}
	to, err := loki.New(loki.Config{URL: url})
	if err != nil {
		return err
	}
	p, err := pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"files": files},
		Routes:  []pipeline.Route{{Sink: to}},
	})
	if err != nil {
		return err
	}
	return p.Run(context.Background())
}
