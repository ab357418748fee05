package slogsource_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/slogsource"
)

// show is a sink that prints entries.
func show() sink.Sink {
	return sink.WriterFunc(os.Stdout, func(dst []byte, e *batch.Entry) []byte {
		dst = fmt.Appendf(dst, "%v %s", e.Labels, e.Line)
		for _, a := range e.Attrs {
			dst = fmt.Appendf(dst, " %s=%s", a.Key, a.Value)
		}
		return append(dst, '\n')
	})
}

// run is what a service does with a pipeline from src to the sink: work is all
// that it has to do.
func run(src *slogsource.Source, to sink.Sink, work func(*slog.Logger)) {
	p, err := pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"log": src},
		Routes:  []pipeline.Route{{Sink: to}},
	})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	if err := p.Start(ctx); err != nil {
		panic(err)
	}
	work(slog.New(src.Handler()))
	if err := p.Close(ctx); err != nil { // what was logged until then is delivered
		panic(err)
	}
}

func Example() {
	logs, err := slogsource.New(slogsource.Config{Labels: batch.MustLabels("app", "shop")})
	if err != nil {
		panic(err)
	}
	run(logs, show(), func(log *slog.Logger) {
		log.Info("ready")
		log.WithGroup("order").Warn("late", "id", "A-1029", slog.Group("customer", "name", "Ada"))
		log.Error("payment failed", "error", errors.New("card declined"))
	})
	// Output:
	// {app="shop"} ready level=INFO
	// {app="shop"} late order.id=A-1029 order.customer.name=Ada level=WARN
	// {app="shop"} payment failed error=card declined level=ERROR
}

// The host's own handler goes on as before, and gets what the pipeline itself has
// to say as well.
func ExampleSource_Handler() {
	logs, err := slogsource.New(slogsource.Config{})
	if err != nil {
		panic(err)
	}
	terminal := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{} // so that the example prints the same each time
		}
		return a
	}})
	log := slog.New(slog.NewMultiHandler(terminal, logs.Handler()))
	p, err := pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"log": logs},
		Routes:  []pipeline.Route{{Sink: sink.Discard()}},
		Logger:  log, // a record of the pipeline's own is not taken by logs
	})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	if err := p.Start(ctx); err != nil {
		panic(err)
	}
	log.Info("order shipped", "order", "A-1029")
	err = p.Close(ctx)
	fmt.Println(logs.Stats().Handed, "delivered,", err)
	// Output:
	// level=INFO msg="order shipped" order=A-1029
	// 1 delivered, <nil>
}

type requestKey struct{}

// With OpenTelemetry the function asks trace.SpanContextFromContext, and appends
// trace_id and span_id if that IsValid.
func ExampleConfig_fromContext() {
	logs, err := slogsource.New(slogsource.Config{
		FromContext: func(ctx context.Context, attrs []slog.Attr) []slog.Attr {
			if id, ok := ctx.Value(requestKey{}).(string); ok {
				attrs = append(attrs, slog.String("trace_id", id))
			}
			return attrs
		},
	})
	if err != nil {
		panic(err)
	}
	run(logs, show(), func(log *slog.Logger) {
		ctx := context.WithValue(context.Background(), requestKey{}, "4bf92f35")
		log.WithGroup("order").InfoContext(ctx, "shipped", "id", "A-1029")
	})
	// Output:
	// {logger="slog"} shipped order.id=A-1029 trace_id=4bf92f35 level=INFO
}

// A spill takes to the disk what the sink does not, so that an outage neither fills
// the buffer nor loses a record; what is left at the end is for the next process.
func Example_spill() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	queued := func(s sink.Sink) sink.Sink {
		spill, err := sink.Spill(s, sink.SpillConfig{Dir: filepath.Join(dir, "queue"), CloseTimeout: -1})
		if err != nil {
			panic(err)
		}
		return spill
	}
	logs, err := slogsource.New(slogsource.Config{})
	if err != nil {
		panic(err)
	}

	down := sink.Func(func(context.Context, *batch.Batch) error { return errors.New("down") })
	run(logs, queued(down), func(log *slog.Logger) { log.Info("while the sink is down") })

	delivered := make(chan struct{})
	up := sink.Func(func(_ context.Context, b *batch.Batch) error {
		for _, e := range b.Entries {
			fmt.Printf("%s\n", e.Line)
		}
		close(delivered)
		return nil
	})
	run(logs, queued(up), func(*slog.Logger) { <-delivered })
	fmt.Println(logs.Stats().Dropped)
	// Output:
	// while the sink is down
	// map[]
}

// A level as a label makes up to four streams; a line of JSON keeps everything in
// one place.
func ExampleConfig_format() {
	logs, err := slogsource.New(slogsource.Config{
		LevelLabel: true,
		Format:     slogsource.JSON,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey && len(groups) == 0 {
				return slog.Attr{} // the entry has it
			}
			return a
		},
	})
	if err != nil {
		panic(err)
	}
	run(logs, show(), func(log *slog.Logger) {
		log.Warn("late", slog.Group("order", "id", "A-1029", "items", 3))
	})
	// Output:
	// {level="WARN", logger="slog"} {"level":"WARN","msg":"late","order":{"id":"A-1029","items":3}}
}
