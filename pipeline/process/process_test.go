package process_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
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

// A key stands once among the attributes, whatever the entry had before: a line that
// says something else of itself, for example.
func TestAttrsOnce(t *testing.T) {
	long := strings.Repeat("x", 100)
	for name, test := range map[string]struct {
		p    pipeline.Processor
		key  string
		want string // in place of "forged", or to keep it
	}{
		"Labels":    {process.Must(process.Labels(process.LabelsConfig{Demote: []string{"app"}})), "app", "shop"},
		"Sample":    {process.Must(process.Sample(process.SampleConfig{Rate: 0.5, Attr: "rate"})), "rate", "0.5"},
		"RateLimit": {process.Must(process.RateLimit(process.RateLimitConfig{Rate: 1e-9, Burst: 1, Attr: "missing"})), "missing", "forged"},
		"Truncate":  {process.Must(process.Truncate(process.TruncateConfig{MaxBytes: 50})), "original_bytes", "108"},
		"Template":  {process.Must(process.Template(process.TemplateConfig{Attrs: map[string]string{"n": "{app}"}})), "n", "shop"},
		"JSON":      {process.Must(process.JSON(process.JSONConfig{})), "m", "forged"},
		"Logfmt":    {process.Must(process.Logfmt(process.LogfmtConfig{})), "m", "forged"},
	} {
		had := []batch.Attr{{Key: test.key, Value: "forged"}, {Key: test.key + "_extracted", Value: "too"}}
		b := batchOf(item{line: `{"m":"` + long + `"}`, attrs: had}, item{line: "m=      " + long, attrs: had})
		if err := test.p.Process(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		for _, e := range b.Entries {
			of := map[string][]string{}
			for _, a := range e.Attrs {
				of[a.Key] = append(of[a.Key], a.Value)
			}
			for key, values := range of {
				if len(values) != 1 || key == test.key && values[0] != test.want {
					t.Errorf("%s: %.20q: %s is %.20q, want %q", name, e.Line, key, values, test.want)
				}
			}
		}
		b.Settle(nil)
	}
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
