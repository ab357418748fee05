package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/logferry/logferry/batch"
)

// A veil makes stars of numbers, and is told of each batch before that.
type veil struct {
	told func(b *batch.Batch) error
	not  bool
}

func (v veil) Conceals() bool { return !v.not }

func (v veil) Process(_ context.Context, b *batch.Batch) error {
	if v.told != nil {
		if err := v.told(b); err != nil {
			return err
		}
	}
	for i := range b.Entries {
		e := &b.Entries[i]
		e.Line = bytes.Map(func(c rune) rune {
			if c >= '0' && c <= '9' {
				return '*'
			}
			return c
		}, e.Line)
	}
	return nil
}

// What a processor fails on goes through those that conceal, before a dead letter sees it,
// wherever they are, and so does what the error says. Where they fail nobody sees it.
func TestConcealers(t *testing.T) {
	fails := map[string]func(b *batch.Batch) error{
		"error":  func(b *batch.Batch) error { return fmt.Errorf("cannot read %q", b.Entries[0].Line) },
		"panic":  func(b *batch.Batch) error { panic(string(b.Entries[0].Line)) },
		"Goexit": func(*batch.Batch) error { runtime.Goexit(); return nil },
	}
	drop := func(n int) func(b *batch.Batch) error {
		return func(b *batch.Batch) error {
			b.Drop("concealed", func(*batch.Entry) bool { n--; return n >= 0 })
			return nil
		}
	}
	first := func(fail func(b *batch.Batch) error) func(b *batch.Batch) error {
		return func(b *batch.Batch) error {
			if len(b.Entries) == 3 && strings.HasPrefix(string(b.Entries[0].Line), "numbers 3") {
				return fail(b)
			}
			return nil
		}
	}
	for name, fail := range fails {
		broken := func() Processor {
			return veil{told: first(func(b *batch.Batch) error {
				_ = drop(1)(b) // which leaves no trace
				return fail(b)
			}), not: true}
		}
		for place, test := range map[string]struct {
			processors             []Processor
			letters, lost, dropped int
		}{
			"before": {[]Processor{veil{}, veil{told: func(b *batch.Batch) error {
				if string(b.Entries[0].Line) == "numbers *" { // the veil was there, and has left no trace
					return fail(b)
				}
				return nil
			}, not: true}}, 12, 0, 0},
			"behind":       {[]Processor{broken(), veil{}}, 3, 0, 0},
			"fails itself": {[]Processor{veil{told: first(fail)}}, 0, 3, 0},
			"fails too":    {[]Processor{broken(), veil{told: first(fail)}}, 0, 3, 0},
			"drops":        {[]Processor{broken(), veil{told: first(drop(2))}}, 1, 0, 2},
			"drops all":    {[]Processor{broken(), veil{told: first(drop(3))}}, 0, 0, 3},
			"no letter":    {[]Processor{broken(), veil{}}, 0, 3, 0},
		} {
			t.Run(name+" "+place, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					out, letters := &collector{}, &letterbox{}
					cfg := one(counter{total: 30, perBatch: 3}, Route{Name: "out", Sink: out, DeadLetter: letters})
					if place == "no letter" {
						cfg.Routes[0].DeadLetter = nil
					}
					cfg.Processors = test.processors
					var said bytes.Buffer
					cfg.Logger = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
						if a.Key == "error" {
							return a
						}
						return slog.Attr{}
					}}))
					e := mustNew(t, cfg)
					if err := e.Run(t.Context()); err != nil {
						t.Fatal(err)
					}
					st := e.Stats()
					closes(t, st)
					a := st.Sources["a"]
					if a.Read != 30 || int(a.DeadLettered) != test.letters || int(a.Dropped[DroppedProcessor]) != test.lost || st.InFlightBytes != 0 ||
						int(a.Dropped["concealed"]) != test.dropped {
						t.Errorf("%+v", a)
					}
					if text := said.String(); strings.ContainsAny(text, "0123456789") || !strings.Contains(text, "error=") {
						t.Errorf("the log says %s", text)
					}
					if len(letters.attrs) != test.letters {
						t.Errorf("%d letters, want %d", len(letters.attrs), test.letters)
					}
					for _, line := range letters.attrs {
						if strings.ContainsAny(line, "0123456789") || !strings.HasPrefix(line, "numbers *") {
							t.Errorf("a letter says %s", line)
						}
					}
				})
			})
		}
	}
}

type panickyVeil struct{ veil }

func (panickyVeil) Conceals() bool { panic("no answer") }

func TestConcealerThatPanics(t *testing.T) {
	cfg := one(counter{}, Route{Sink: &collector{}})
	cfg.Processors = []Processor{panickyVeil{}}
	if _, err := New(cfg); err == nil || !strings.HasPrefix(err.Error(), "pipeline: Processors[0]: ") || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("New = %v", err)
	}
}
