package slogsource

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// piped returns a source that a pipeline runs, whose sink takes everything.
func piped(t testing.TB, cfg Config) *Source {
	t.Helper()
	src, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"log": src},
		Routes:  []pipeline.Route{{Sink: sink.Discard()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return src
}

func aRecord() slog.Record {
	r := slog.NewRecord(time.Unix(1700000000, 5), slog.LevelInfo, "order shipped", 0)
	r.AddAttrs(slog.String("order", "A-1029"), slog.Int("items", 3), slog.Duration("took", 1375*time.Microsecond), slog.Bool("gift", false))
	return r
}

// BenchmarkHandle is what logging as fast as can be comes to, with all that the
// pipeline does with the records at the same time, beside slog's own handlers that
// write to nothing.
func BenchmarkHandle(b *testing.B) {
	r := aRecord()
	for _, c := range []struct {
		name string
		h    func(b *testing.B) slog.Handler
	}{
		{"text handler", func(*testing.B) slog.Handler { return slog.NewTextHandler(io.Discard, nil) }},
		{"json handler", func(*testing.B) slog.Handler { return slog.NewJSONHandler(io.Discard, nil) }},
		{"message", func(b *testing.B) slog.Handler { return handlerOf(b, Config{}) }},
		{"message, with", func(b *testing.B) slog.Handler {
			return handlerOf(b, Config{}).WithGroup("req").WithAttrs([]slog.Attr{slog.String("method", "GET"), slog.String("path", "/orders")})
		}},
		{"json", func(b *testing.B) slog.Handler { return handlerOf(b, Config{Format: JSON}) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := c.h(b)
			b.ReportAllocs()
			for b.Loop() {
				h.Handle(context.Background(), r)
			}
		})
		b.Run(c.name+", parallel", func(b *testing.B) {
			h := c.h(b)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					h.Handle(context.Background(), r)
				}
			})
		})
	}
}

// handlerOf waits rather than drops: what is measured is delivered.
func handlerOf(b *testing.B, cfg Config) slog.Handler {
	cfg.MaxWait = time.Minute
	return piped(b, cfg).Handler()
}

// BenchmarkHandleAlone is what a log call pays: the buffer is emptied and nothing
// done with it.
func BenchmarkHandleAlone(b *testing.B) {
	src, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	r, h := aRecord(), src.Handler()
	empty := func() {
		for c := src.queue.take(); c != nil; c = src.queue.take() {
			src.queue.release(c, true)
		}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		h.Handle(context.Background(), r)
		if i%256 == 0 {
			empty()
		}
	}
}

// BenchmarkWith is a logger derived for one request, with one record.
func BenchmarkWith(b *testing.B) {
	for _, c := range []struct {
		name string
		h    func(b *testing.B) slog.Handler
	}{
		{"text handler", func(*testing.B) slog.Handler { return slog.NewTextHandler(io.Discard, nil) }},
		{"message", func(b *testing.B) slog.Handler { return handlerOf(b, Config{}) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			l := slog.New(c.h(b))
			b.ReportAllocs()
			for b.Loop() {
				l.With("method", "GET", "path", "/orders").Info("request")
			}
		})
	}
}
