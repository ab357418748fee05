//go:build unix

package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/source"
)

// A feed is a source of all lines of a load.
type feed struct{ *load }

// feedBytes is how much a feed sends at a time: what a reader of files does.
const feedBytes = 256 << 10

func (f feed) Run(ctx context.Context, out *source.Outlet) error {
	var streams [benchStreams]*source.Stream
	for k := range streams {
		var err error
		if streams[k], err = out.Open(ctx, fmt.Sprint(k), f.labels[k]); err != nil {
			return err
		}
	}
	// A stream after the other: a reader does not hold as many batches as there are streams.
	for k, s := range streams {
		b, size := s.NewBatch(), 0
		for i := k; i < len(f.lines); i += benchStreams {
			b.Append(start.Add(time.Duration(i)*time.Millisecond), f.lines[i], f.attrs...)
			if size += len(f.lines[i]); size < feedBytes {
				continue
			}
			if err := s.Send(ctx, b, fmt.Sprint(i)); err != nil {
				return err
			}
			b, size = s.NewBatch(), 0
		}
		if err := s.Send(ctx, b, "end"); err != nil {
			return err
		}
	}
	return nil
}

// pipeline pushes all of it as an application would: through a pipeline, which retries, acknowledges and keeps accounts.
func (l *load) pipeline(tb testing.TB, url string) {
	to, err := newLogferry(config{url: url, batch: 1 << 20})
	if err != nil {
		tb.Fatal(err)
	}
	p, err := pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"feed": feed{l}},
		Routes:  []pipeline.Route{{Sink: to}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	if err := p.Run(context.Background()); err != nil {
		tb.Fatal(err)
	}
	if st := p.Stats().Sources["feed"]; st.Delivered != benchLines {
		tb.Fatalf("%d lines delivered: %+v", st.Delivered, st)
	}
}
