//go:build unix

package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink/lokiclient"
)

// bridge pushes all of it with sink/lokiclient, in batches of 1 MiB of all streams, as a pipeline hands them over.
func (l *load) bridge(tb testing.TB, url string, pool *batch.Pool) {
	theirs, err := archivedConfig(config{url: url, batch: 1 << 20})
	if err != nil {
		tb.Fatal(err)
	}
	s, err := lokiclient.New(lokiclient.Config{Client: theirs})
	if err != nil {
		tb.Fatal(err)
	}
	sup := lifecycle.New(lifecycle.Config{Name: "bench"})
	if err := s.Start(context.Background(), sup); err != nil {
		tb.Fatal(err)
	}
	b, size := batch.New(pool, batch.Labels{}), 0
	write := func() {
		if err := s.Write(context.Background(), b); err != nil {
			tb.Fatal(err)
		}
		b.Settle(nil)
	}
	for i, line := range l.lines {
		if size > 1<<20 {
			write()
			b, size = batch.New(pool, batch.Labels{}), 0
		}
		b.Append(start.Add(time.Duration(i)*time.Millisecond), line, l.attrs...)
		b.Entries[len(b.Entries)-1].Labels = l.labels[i%benchStreams]
		size += len(line)
	}
	write()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := errors.Join(s.Close(ctx), sup.Close(ctx)); err != nil {
		tb.Fatal(err)
	}
}
