package pipeline

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source"
)

// forEver lingers for an hour unless somebody is in a hurry.
var forEver = batch.Fixed(batch.Limits{MaxWait: time.Hour})

// Nothing lingers while somebody waits for it. Each case would take an hour.
func TestNothingLingersWhileSomebodyWaits(t *testing.T) {
	lingering := func(t *testing.T, c counter) (*Engine, *collector) {
		out := &collector{}
		e := mustStart(t, one(c, Route{Sink: out, Shaper: forEver}))
		time.Sleep(1300 * time.Millisecond)
		if n := len(out.got()); n != 0 {
			t.Errorf("%d lines were delivered, which should linger", n)
		}
		return e, out
	}
	quick := func(t *testing.T, what string, f func()) {
		began := time.Now()
		f()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s took %v", what, took)
		}
	}
	for name, test := range map[string]func(t *testing.T){
		"Flush": func(t *testing.T) {
			e, out := lingering(t, counter{total: 10, follow: true})
			quick(t, "Flush", func() {
				if err := e.Flush(t.Context()); err != nil {
					t.Error(err)
				}
			})
			if n := len(out.got()); n != 10 {
				t.Errorf("%d lines after Flush", n)
			}
			if err := e.Close(t.Context()); err != nil {
				t.Error(err)
			}
		},
		"Close": func(t *testing.T) {
			e, out := lingering(t, counter{total: 10, follow: true})
			quick(t, "Close", func() {
				if err := e.Close(context.Background()); err != nil {
					t.Error(err)
				}
			})
			if n := len(out.got()); n != 10 {
				t.Errorf("%d lines after Close", n)
			}
		},
		"Done": func(t *testing.T) {
			out := &collector{}
			quick(t, "Run", func() {
				if err := mustNew(t, one(counter{total: 10}, Route{Sink: out, Shaper: forEver})).Run(t.Context()); err != nil {
					t.Error(err)
				}
			})
		},
		"a Send that waits": func(t *testing.T) {
			out := &collector{}
			cfg := one(counter{total: 1000, perBatch: 10}, Route{Sink: out, Shaper: forEver})
			cfg.MaxInFlightBytes = 10 << 10
			cfg.Sources["b"] = counter{stream: "b", total: 1000, perBatch: 3, every: 10 * time.Millisecond}
			quick(t, "Run", func() {
				if err := mustNew(t, cfg).Run(t.Context()); err != nil {
					t.Error(err)
				}
			})
		},
		"a Send that waits, on another route": func(t *testing.T) {
			// What b has on its route keeps a from sending.
			cfg := one(counter{total: 300, perBatch: 10},
				Route{Sink: &collector{}, Shaper: forEver, Match: streamIs("numbers")}, Route{Sink: &collector{}, Shaper: forEver, Match: streamIs("b")})
			cfg.MaxInFlightBytes = 10 << 10
			cfg.Sources["b"] = counter{stream: "b", total: 300, perBatch: 10}
			quick(t, "Run", func() {
				if err := mustNew(t, cfg).Run(t.Context()); err != nil {
					t.Error(err)
				}
			})
		},
		"Open": func(t *testing.T) {
			cfg := one(counter{}, Route{Sink: &collector{}, Shaper: forEver})
			var took time.Duration
			cfg.Sources["a"] = source.Func(func(ctx context.Context, out *source.Outlet) error {
				for i := range 3 {
					began := time.Now()
					s, err := out.Open(ctx, "x", batch.Labels{})
					if err != nil {
						return err
					}
					took = max(took, time.Since(began))
					if want := fmt.Sprint(i); i > 0 && s.Cursor() != want {
						t.Errorf("cursor %q, want %q: what was sent has not settled", s.Cursor(), want)
					}
					b := s.NewBatch()
					b.Append(time.Time{}, []byte("numbers 1"))
					if err := s.Send(ctx, b, fmt.Sprint(i+1)); err != nil {
						return err
					}
					if err := sleep(ctx, 700*time.Millisecond); err != nil {
						return err
					}
				}
				return nil
			})
			quick(t, "Run", func() {
				if err := mustNew(t, cfg).Run(t.Context()); err != nil {
					t.Error(err)
				}
			})
			if took > time.Second {
				t.Errorf("Open took %v", took)
			}
		},
		"Remove and Add": func(t *testing.T) {
			e, out := lingering(t, counter{total: 10, follow: true})
			quick(t, "Remove and Add", func() {
				if err := e.Remove(t.Context(), "a"); err != nil {
					t.Error(err)
				}
				if err := e.Add("a", counter{total: 20, follow: true}); err != nil {
					t.Error(err)
				}
				if err := e.Flush(t.Context()); err != nil {
					t.Error(err)
				}
				time.Sleep(1300 * time.Millisecond)
				if err := e.Flush(t.Context()); err != nil {
					t.Error(err)
				}
			})
			if missing, twice, inOrder := out.check("numbers", 20); missing != 0 || twice != 0 || !inOrder {
				t.Errorf("%d missing, %d twice, in order: %v", missing, twice, inOrder)
			}
			if err := e.Close(t.Context()); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
	}
}

func streamIs(name string) func(*batch.Entry) bool {
	return func(e *batch.Entry) bool { return e.Labels.Get("stream") == name }
}

// With nobody waiting a batch is cut when it is full or has lingered.
func TestLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &collector{}
		sizes := make(chan int, 10)
		out.fail = func(_ int, _ context.Context, b *batch.Batch) error { sizes <- len(b.Entries); return nil }
		e := mustStart(t, one(counter{total: 25, perBatch: 4, follow: true},
			Route{Sink: out, Shaper: batch.Fixed(batch.Limits{MaxEntries: 10, MaxWait: 3 * time.Second})}))
		time.Sleep(2700 * time.Millisecond)
		if len(sizes) != 2 || <-sizes != 10 || <-sizes != 10 {
			t.Error("want two full batches before the linger is over")
		}
		time.Sleep(time.Second)
		if len(sizes) != 1 || <-sizes != 5 {
			t.Error("want the rest after it")
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
