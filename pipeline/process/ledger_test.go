package process_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/pipeline/process"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// What processors drop and add is in a pipeline's ledger, by reason, and the sums
// close.
func TestLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rounds = 20
		in := source.Func(func(ctx context.Context, out *source.Outlet) error {
			s, err := out.Open(ctx, "app", batch.MustLabels("app", "shop"))
			if err != nil {
				return err
			}
			for i := range rounds {
				b := s.NewBatch()
				b.Append(time.Time{}, []byte("probe"))
				b.Append(time.Time{}, []byte("debug: detail"))
				for range 3 {
					b.Append(time.Time{}, []byte("again")) // in ten seconds
				}
				for k := range 10 {
					b.Append(time.Time{}, fmt.Appendf(nil, "password=%d-%d", i, k))
				}
				if err := s.Send(ctx, b, fmt.Sprint(i)); err != nil {
					return err
				}
				time.Sleep(time.Second)
			}
			return nil
		})
		told, took := map[string]int64{}, 0
		p, err := pipeline.New(pipeline.Config{
			Sources: map[string]source.Source{"app": in},
			Processors: []pipeline.Processor{
				process.Must(process.Level(process.LevelConfig{})),
				process.Must(process.Drop(process.MatchConfig{Contains: []string{"probe"}})),
				process.Must(process.Keep(process.MatchConfig{MinSeverity: process.SeverityInfo})),
				process.Must(process.Dedupe(process.DedupeConfig{MaxLines: 256})),
				process.Must(process.Redact(process.RedactConfig{})),
				process.Must(process.Sample(process.SampleConfig{Rate: 0.5})),
				process.Must(process.RateLimit(process.RateLimitConfig{Rate: 2, Burst: 1})),
			},
			Routes: []pipeline.Route{{Sink: sink.Func(func(_ context.Context, b *batch.Batch) error { took += len(b.Entries); return nil })}},
			Hooks:  pipeline.Hooks{Dropped: func(_, reason string, n int) { told[reason] += int64(n) }},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := p.Stats().Sources["app"]
		sum := s.Delivered
		for _, n := range s.Dropped {
			sum += n
		}
		if s.Read != 15*rounds || s.Added != 1 || s.Read+s.Added != sum || s.Delivered != int64(took) {
			t.Errorf("%+v does not close, %d arrived", s, took)
		}
		for reason, want := range map[string]int64{process.DroppedMatched: rounds, process.DroppedUnmatched: rounds, process.DroppedDuplicate: 3*rounds - 2} {
			if s.Dropped[reason] != want {
				t.Errorf("%d %s, want %d", s.Dropped[reason], reason, want)
			}
		}
		if s.Dropped[process.DroppedSampled] == 0 || s.Dropped[process.DroppedRateLimited] == 0 || len(s.Dropped) != 5 || !maps.Equal(told, s.Dropped) {
			t.Errorf("the ledger has %v, the hook was told of %v", s.Dropped, told)
		}
	})
}
