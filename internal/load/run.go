package load

import (
	"context"
	"fmt"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// A Config says what to drive. Sink, Streams and LineBytes must be set.
type Config struct {
	Sink        sink.Sink
	Shaper      batch.Shaper // nil: the pipeline's own choice
	MaxInFlight int          // of the route; zero: the pipeline's own choice
	Streams     int          // that the lines are of, in turn
	LineBytes   int
	Every       time.Duration // how often there is a line; zero: as many as are taken
}

// A Run is a pipeline that is being driven. Its methods may be called concurrently.
type Run struct {
	meter  *meter
	engine *pipeline.Engine
}

// Start starts one, which ends with [Run.Close], whatever becomes of ctx. Sink is closed with it.
func Start(ctx context.Context, cfg Config) (*Run, error) {
	m := &meter{Sink: cfg.Sink}
	e, err := pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"load": newGenerator(cfg)},
		Routes:  []pipeline.Route{{Name: "load", Sink: m, Shaper: cfg.Shaper, MaxInFlight: cfg.MaxInFlight}},
	})
	if err != nil {
		return nil, err
	}
	if err := e.Start(ctx); err != nil {
		return nil, err
	}
	return &Run{meter: m, engine: e}, nil
}

// Read returns what has been delivered so far.
func (r *Run) Read() Reading { return r.meter.read() }

// Await returns once so many bytes of lines have been delivered, or ctx's cause.
func (r *Run) Await(ctx context.Context, bytes int64) error {
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for r.Read().Bytes < bytes {
		select {
		case <-look.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// Over returns what is delivered in the next d, less if ctx ends first.
func (r *Run) Over(ctx context.Context, d time.Duration) Reading {
	before := r.Read()
	lifecycle.Sleep(ctx, d)
	return r.Read().Since(before)
}

// Close ends the lines, delivers what is under way, for as long as ctx lets it, and checks that the account of it
// closes.
func (r *Run) Close(ctx context.Context) error {
	if err := r.engine.Close(ctx); err != nil {
		return err
	}
	st := r.engine.Stats().Sources["load"]
	if st.Read != st.Delivered {
		return fmt.Errorf("load: %d lines read and %d delivered", st.Read, st.Delivered)
	}
	return nil
}
