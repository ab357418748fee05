package pipeline

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

var (
	seedFlag  = flag.Uint64("pipeline.seed", 0, "run TestRandomPipelines with this seed only")
	seedsFlag = flag.Uint64("pipeline.seeds", 24, "run TestRandomPipelines with this many seeds")
)

// seeds are those to run: one given by flag or by LOGFERRY_SEED, else the first
// few and as many that are new every day.
func seeds(t *testing.T) (list []uint64) {
	one := *seedFlag
	if s := os.Getenv("LOGFERRY_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal("LOGFERRY_SEED:", err)
		}
		one = n
	}
	if one != 0 {
		return []uint64{one}
	}
	today := uint64(time.Now().Unix()/86400) << 20
	for i := range *seedsFlag {
		if i%2 == 0 {
			list = append(list, i+1)
		} else {
			list = append(list, today+i)
		}
	}
	return list
}

// TestRandomPipelines runs random pipelines over random sources and sinks,
// closes them at random instants, starts them again from the same checkpoints
// until all is delivered, and compares what the sinks took with a model of
// where every line had to go.
func TestRandomPipelines(t *testing.T) {
	for _, seed := range seeds(t) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newWorld(t, seed).live() })
		})
	}
}

// live starts and closes pipelines. The last of them is left to finish.
func (w *world) live() {
	w.arrange()
	lives := w.rng.in(0, 4)
	for life := range lives {
		w.life = life
		w.once(false)
		if w.t.Failed() {
			return
		}
	}
	w.life = lives
	w.calm.Store(true)
	w.once(true)
	w.checkAll()
}

// once is one life of a pipeline.
func (w *world) once(last bool) {
	t := w.t
	w.renew()
	e := mustNew(t, w.config())
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { w.poll(e, stop) })
	wg.Go(func() { w.meddle(e, stop, last) })
	var err error
	if last {
		wg.Go(func() { time.Sleep(97 * time.Minute); w.giveUp(e) })
		<-e.Done()
		err = e.Close(context.Background())
	} else {
		time.Sleep(w.rng.upTo(9 * time.Second))
		err = w.closeSomehow(e)
	}
	close(stop)
	err = w.unstick(e, err)
	wg.Wait()
	w.checkClosed(e, err, last)
}

func (w *world) giveUp(e *Engine) {
	select {
	case <-e.Done():
	default:
		// The bubble would wait for ever, and a panic loses what was logged.
		panic(fmt.Sprintf("seed %d: life %d is not done after an hour and a half of peace:\n%v\n%+v\n%v",
			w.seed, w.life, e.Stats(), e.Health(), e.sup.Running()))
	}
}

// closeSomehow closes with a deadline, with a ctx that is cancelled, or, if no
// sink may be stuck, without either.
func (w *world) closeSomehow(e *Engine) error {
	switch w.rng.IntN(4) {
	case 0:
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		after := w.rng.upTo(2 * time.Second)
		wg.Go(func() { time.Sleep(after); cancel() })
		defer wg.Wait()
		return e.Close(ctx)
	case 1:
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		return e.Close(ctx)
	default:
		d := w.rng.upTo(12 * time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		began := time.Now()
		err := e.Close(ctx)
		if took := time.Since(began); took > d {
			w.t.Errorf("Close took %v of %v", took, d)
		}
		return err
	}
}

// unstick lets go of what is stuck and closes again.
func (w *world) unstick(e *Engine, err error) error {
	w.letGo()
	var stuck *lifecycle.StuckError
	for range 3 {
		if !errors.As(err, &stuck) {
			return err
		}
		if len(stuck.Running) == 0 || len(stuck.Profile) == 0 {
			w.t.Errorf("StuckError names nobody: %v", err)
		}
		err = e.Close(within(w.t, 2*time.Minute))
	}
	w.t.Fatalf("Close after everything was let go: %v", err)
	return nil
}

// poll looks at the ledger all the time.
func (w *world) poll(e *Engine, stop chan struct{}) {
	r := newRnd(w.seed ^ 0x9e3779b9)
	for {
		closes(w.t, e.Stats())
		e.Health()
		if w.t.Failed() {
			return
		}
		select {
		case <-stop:
			return
		case <-time.After(time.Millisecond + r.upTo(70*time.Millisecond)):
		}
	}
}

// meddle flushes, removes and adds at random.
func (w *world) meddle(e *Engine, stop chan struct{}, last bool) {
	r := newRnd(w.seed ^ 0x51ed27)
	for range r.IntN(6) {
		select {
		case <-stop:
			return
		case <-time.After(r.upTo(4 * time.Second)):
		}
		ctx, cancel := context.WithTimeout(context.Background(), r.upTo(3*time.Second))
		switch name := fmt.Sprintf("s%d", r.IntN(len(w.sources))); {
		case last || r.one(2):
			e.Flush(ctx)
		default:
			if e.Remove(ctx, name) == nil && !r.one(4) {
				if err := e.Add(name, w.sources[name]); err != nil && !errors.Is(err, ErrClosed) {
					w.t.Errorf("Add after Remove: %v", err)
				}
			}
		}
		cancel()
	}
}

// config is a pipeline of the world's sources and sinks.
func (w *world) config() Config {
	cfg := Config{
		Sources:          map[string]source.Source{},
		Checkpoints:      w.cursors,
		CheckpointEvery:  time.Duration(w.rng.in(20, 900)) * time.Millisecond,
		MaxInFlightBytes: w.rng.in(1, 80) << 10,
		Grace:            w.rng.upTo(time.Second),
		Restart:          lifecycle.Restart{Min: 100 * time.Millisecond, Max: time.Second},
		Hooks: Hooks{
			Dropped: func(route, reason string, n int) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.told[route+" "+reason] += int64(n)
			},
			DeadLettered: func(route string, n int) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.told[route+" dead"] += int64(n)
			},
		},
	}
	for name, s := range w.sources {
		cfg.Sources[name] = s
	}
	cfg.Processors = w.processors()
	for _, r := range w.rigs {
		route := r.Route
		route.Sink = w.sinks[r.sink]
		if r.tries > 0 {
			route.Sink = sink.Retry(route.Sink, sink.RetryConfig{Tries: r.tries, Min: 50 * time.Millisecond})
		}
		if r.letters >= 0 {
			route.DeadLetter = w.sinks[r.letters]
		}
		route.Shaper = w.shaper()
		cfg.Routes = append(cfg.Routes, route)
	}
	return cfg
}

// checkClosed looks at a pipeline that has been closed.
func (w *world) checkClosed(e *Engine, err error, last bool) {
	t := w.t
	st := e.Stats()
	closes(t, st)
	if st.InFlightBytes != 0 || e.budget.waiters.Len() != 0 {
		t.Errorf("%d bytes of the budget were not given back, %d wait", st.InFlightBytes, e.budget.waiters.Len())
	}
	if n := e.haste.Load(); n != 0 {
		t.Errorf("%d are still in a hurry", n)
	}
	select {
	case <-e.Done():
	default:
		t.Error("closed, but not done")
	}
	var left *UndeliveredError
	errors.As(err, &left)
	for name, s := range st.Sources {
		if s.InFlight != 0 {
			t.Errorf("source %s: %d in flight after Close: %+v", name, s.InFlight, s)
		}
		if s.Undelivered > 0 || st.UnsavedCursors > 0 {
			w.repeated[name] = true
		}
		if left != nil && left.Sources[name] > s.Undelivered {
			t.Errorf("source %s: Close told of %d undelivered, the ledger of %d", name, left.Sources[name], s.Undelivered)
		}
	}
	if last && (err != nil || left != nil) {
		t.Errorf("the last Close: %v", err)
	}
	for _, r := range e.routes {
		if len(r.shards) != 0 || len(r.inbox.parts) != 0 || r.writing != 0 {
			t.Errorf("route %s was not cleaned up: %d shards, %d parts, %d writing", r.cfg.Name, len(r.shards), len(r.inbox.parts), r.writing)
		}
		if rs := st.Routes[r.cfg.Name]; rs.InFlight != 0 {
			t.Errorf("route %s: %d in flight", r.cfg.Name, rs.InFlight)
		}
	}
	w.checkHooks(st)
	for i, s := range w.sinks {
		s.checkClosed(t, i)
	}
	w.checkCursors()
}

// checkHooks compares what the hooks were told with the ledger.
func (w *world) checkHooks(st Stats) {
	want := map[string]int64{}
	for _, s := range st.Sources {
		for _, reason := range []string{DroppedFiltered, DroppedProcessor, DroppedUnrouted, reasonOdd, reasonJunk} {
			want[" "+reason] += s.Dropped[reason]
		}
	}
	for name, r := range st.Routes {
		for reason, n := range r.Dropped {
			want[name+" "+reason] += n
		}
		want[name+" dead"] += r.DeadLettered
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for k, n := range want {
		if w.told[k] != n {
			w.t.Errorf("hooks were told of %d %q, the ledger has %d", w.told[k], k, n)
		}
		delete(w.told, k)
	}
	for k, n := range w.told {
		w.t.Errorf("hooks were told of %d %q, the ledger has none", n, k)
	}
}
