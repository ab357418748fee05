package slogsource

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// TestOwnLog: a pipeline whose Logger leads back to it does not feed itself,
// whether its sink is down, refuses for good, or logs what it does.
func TestOwnLog(t *testing.T) {
	for name, refusal := range map[string]error{"down": errors.New("down"), "refuses": sink.Permanent(errors.New("no")), "panics": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { ownLog(t, refusal, nil) })
		})
		t.Run(name+", behind a spill", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ownLog(t, refusal, func(s sink.Sink) (sink.Sink, error) { return sink.Spill(s, sink.SpillConfig{Dir: t.TempDir()}) })
			})
		})
	}
}

// ownLog logs two records to a pipeline whose sink and processor log as well.
func ownLog(t *testing.T, refusal error, decorate func(sink.Sink) (sink.Sink, error)) {
	src, out := newSource(t, Config{MaxWait: 10 * time.Second}), newStore()
	out.refuse(refusal)
	l := slog.New(src.Handler())
	noisy := sink.Func(func(ctx context.Context, b *batch.Batch) error {
		l.InfoContext(ctx, "writing", "entries", len(b.Entries))
		if refusal == nil {
			panic("the sink")
		}
		return out.Write(ctx, b)
	})
	to := sink.Sink(noisy)
	if decorate != nil {
		var err error
		if to, err = decorate(noisy); err != nil {
			t.Fatal(err)
		}
	}
	p, err := pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"log": src},
		Routes:  []pipeline.Route{{Sink: to}},
		Processors: []pipeline.Processor{pipeline.ProcessorFunc(func(ctx context.Context, b *batch.Batch) error {
			l.WarnContext(ctx, "processing")
			return nil
		})},
		Logger: l,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.Info("one")
	l.Info("two")
	time.Sleep(2 * time.Second)
	s := src.Stats()
	if s.Handed != 2 || s.Own < 2 || len(s.Dropped) > 0 {
		t.Errorf("after 2 s: %+v", s)
	}
	if read := p.Stats().Sources["log"].Read; read != 2 {
		t.Errorf("%d were read", read)
	}
	p.Close(deadline(t, time.Second)) // what could not be delivered is its error
}
