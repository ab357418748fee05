package process_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/pipeline/process"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// parsers are all of them, with the Configs that make the most of a line.
func parsers() []pipeline.Processor {
	return []pipeline.Processor{
		process.Must(process.Unwrap(process.UnwrapConfig{})),
		process.Must(process.JSON(process.JSONConfig{Labels: map[string]string{"user": "user"}, Attrs: map[string]string{"n": "n"}, MaxLabelSets: 5})),
		process.Must(process.Logfmt(process.LogfmtConfig{})),
		process.Must(process.Regexp(process.RegexpConfig{})),
		process.Must(process.Level(process.LevelConfig{Label: "level"})),
		process.Must(process.Time(process.TimeConfig{})),
		process.Must(process.Clamp(process.ClampConfig{})),
	}
}

// Processors are used by many goroutines at once, each with its batch: what one
// batch gets is of its lines, and stays when the others are gone.
func TestConcurrently(t *testing.T) {
	all := parsers()
	pool := &batch.Pool{Poison: true}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for round := range 50 {
				b := batch.New(pool, batch.MustLabels("g", fmt.Sprint(g)))
				for i := range 20 {
					b.Append(time.Now(), fmt.Appendf(nil, `{"user":"u%d","n":%d,"level":"warn"}`, i%7, g*1_000_000+round*1000+i))
				}
				for _, p := range all {
					if err := p.Process(context.Background(), b); err != nil {
						t.Error(err)
					}
				}
				for i := range b.Entries {
					want := batch.Attr{Key: "n", Value: fmt.Sprint(g*1_000_000 + round*1000 + i)}
					l, attrs := b.LabelsOf(i), b.Entries[i].Attrs
					if !slices.Contains(attrs, want) || l.Get("level") != "warn" || l.Get("g") != fmt.Sprint(g) || l.Len() != 3 {
						t.Errorf("%v %v, want %v", l, attrs, want)
					}
				}
				b.Settle(nil)
			}
		})
	}
	wg.Wait()
}

// In a pipeline, every line arrives with what it says of itself.
func TestInPipeline(t *testing.T) {
	const lines = 500
	var mu sync.Mutex
	got := map[string]string{}
	done := make(chan struct{})
	engine, err := pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"numbers": numbers(lines)}, Processors: parsers(),
		Routes: []pipeline.Route{{Sink: sink.Func(func(_ context.Context, b *batch.Batch) error {
			mu.Lock()
			defer mu.Unlock()
			for i := range b.Entries {
				e := b.Entries[i].Clone()
				e.Labels = b.LabelsOf(i)
				got[string(e.Line)] = tell(e)
			}
			if len(got) == lines {
				close(done)
			}
			return nil
		})}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-done
	if err := engine.Close(context.Background()); err != nil {
		t.Error(err)
	}
	for i := range lines {
		line := fmt.Sprintf("level=error n=%d", i)
		if want := fmt.Sprintf(`{level="error"} level="error" n="%d"`, i); got[line] != want {
			t.Fatalf("%s: %s, want %s", line, got[line], want)
		}
	}
}

// numbers is a source of so many lines.
type numbers int

func (n numbers) Run(ctx context.Context, out *source.Outlet) error {
	s, err := out.Open(ctx, "all", batch.Labels{})
	if err != nil {
		return err
	}
	for i := range int(n) {
		b := s.NewBatch()
		b.Append(time.Now(), fmt.Appendf(nil, "level=error n=%d", i))
		if err := s.Send(ctx, b, fmt.Sprint(i)); err != nil {
			return err
		}
	}
	return nil
}
