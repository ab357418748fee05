package lifecycle_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/logferry/logferry/lifecycle"
)

var seedFlag = flag.Uint64("seed", 0, "run the property tests with this seed only")

// seeds runs f with many seeds, or the one of the flag, in a subtest each that is named after it.
func seeds(t *testing.T, n int, f func(t *testing.T, r *rand.Rand)) {
	first := uint64(time.Now().UnixNano())
	if *seedFlag != 0 {
		first, n = *seedFlag, 1
	}
	for i := range n {
		seed := first + uint64(i)
		if !t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { f(t, rand.New(rand.NewPCG(seed, 0))) }) {
			t.Fatalf("run it again with -args -seed=%d", seed)
		}
	}
}

// around returns a duration of about d that no other call returns.
func around(r *rand.Rand, d time.Duration) time.Duration {
	return 1 + time.Duration(r.Int64N(int64(2*d)))
}

func randomScript(r *rand.Rand) script {
	sc := script{linger: around(r, time.Second), deaf: r.IntN(4) == 0, essential: r.IntN(12) == 0}
	if r.IntN(2) == 0 {
		sc.budget, sc.wait = 1+r.IntN(3), around(r, 2*time.Second)
	}
	for range 1 + r.IntN(3) {
		sc.runs = append(sc.runs, scriptedRun{around(r, 8*time.Second), how(r.IntN(4))})
	}
	return sc
}

// play returns the Task that follows the script, and counts its runs.
func (sc script) play(name string, runs *int) Task {
	return Task{Name: name, Essential: sc.essential, Restart: Restart{Min: sc.wait, Budget: sc.budget}, Run: func(ctx context.Context) error {
		run := sc.run(*runs)
		*runs++
		over := time.NewTimer(run.lasts)
		defer over.Stop()
		if sc.deaf {
			<-over.C
		} else {
			select {
			case <-over.C:
			case <-ctx.Done():
				time.Sleep(sc.linger)
				return ctx.Err()
			}
		}
		switch run.how {
		case errs:
			return errDisk
		case panics:
			panic("by the script")
		case goexits:
			runtime.Goexit()
		}
		return nil
	}}
}

// pair is a real thing and its model.
type pairedSup struct {
	real  *Supervisor
	model *modelSup
}

type pairedTask struct {
	handle *Handle
	model  *modelTask // nil: refused
	runs   *int
	ended  chan time.Duration
}

type pairedClose struct {
	model *modelClose
	err   error
	at    time.Duration
	done  chan struct{}
}

// world is a random tree next to its model.
type world struct {
	t     *testing.T
	r     *rand.Rand
	began time.Time
	m     *model
	sups  []pairedSup
	tasks []*pairedTask
	calls []*pairedClose
}

func newWorld(t *testing.T, r *rand.Rand) *world {
	limit := 0
	if r.IntN(3) == 0 {
		limit = 5 + r.IntN(10)
	}
	w := &world{t: t, r: r, began: time.Now(), m: &model{max: limit, root: &modelSup{}}}
	w.sups = []pairedSup{{New(Config{MaxTasks: limit}), w.m.root}}
	return w
}

// step lets time pass and does something.
func (w *world) step(i int) {
	time.Sleep(around(w.r, time.Second))
	synctest.Wait()
	w.m.advance(time.Since(w.began))
	s := w.sups[w.r.IntN(len(w.sups))]
	switch n := w.r.IntN(100); {
	case n < 60:
		w.start(s, fmt.Sprint("t", i))
	case n < 75:
		name := fmt.Sprint("c", i)
		w.sups = append(w.sups, pairedSup{s.real.Child(name), w.m.child(s.model, name)})
	case n < 85 && len(w.tasks) > 0:
		w.stop(w.tasks[w.r.IntN(len(w.tasks))])
	case n < 95 && s.model != w.m.root:
		w.close(s, around(w.r, 5*time.Second))
	}
	synctest.Wait()
	w.m.advance(w.m.now)
	if got, want := w.sups[0].real.Count(""), w.m.root.live(); got != want {
		w.t.Errorf("at %v Count = %d, want %d: %v\n%+v", w.m.now, got, want, w.sups[0].real.Running(), w.m.live())
	}
}

func (w *world) start(s pairedSup, name string) {
	sc := randomScript(w.r)
	p := &pairedTask{runs: new(int), ended: make(chan time.Duration, 1)}
	p.handle = s.real.Start(sc.play(name, p.runs))
	p.model = w.m.start(s.model, name, sc)
	if refused := errors.Is(p.handle.Err(), ErrClosed) || errors.Is(p.handle.Err(), ErrTooManyTasks); refused != (p.model == nil) {
		w.t.Errorf("at %v Start of %s: %v, in the model %v", w.m.now, name, p.handle.Err(), p.model)
	}
	if p.model != nil {
		w.tasks = append(w.tasks, p)
		go func() { <-p.handle.Done(); p.ended <- time.Since(w.began) }()
	}
}

func (w *world) stop(p *pairedTask) {
	p.handle.Stop()
	p.model.told = min(p.model.told, w.m.now)
}

func (w *world) close(s pairedSup, patience time.Duration) *pairedClose {
	p := &pairedClose{model: w.m.close(s.model, w.m.now+patience), done: make(chan struct{})}
	w.calls = append(w.calls, p)
	go func() {
		defer close(p.done)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		p.err, p.at = s.real.Close(ctx), time.Since(w.began)
	}()
	return p
}

// check compares all that has happened.
func (w *world) check() {
	for _, p := range w.tasks {
		got := outcome{<-p.ended, p.handle.Err() != nil, *p.runs}
		if got != p.model.outcome {
			w.t.Errorf("task %s: got %v, want %v; %+v", p.model.name, got, p.model.outcome, p.model)
		}
	}
	for _, p := range w.calls {
		<-p.done
		var stuck *StuckError
		if errors.As(p.err, &stuck) != (p.model.stuck != nil) || p.at != p.model.at {
			w.t.Errorf("Close of %q at %v: %v; want it at %v, stuck on %q", p.model.sup.name, p.at, p.err, p.model.at, p.model.stuck)
			continue
		}
		if got, want := reported(p.err), w.expected(p.model); !slices.Equal(got, want) {
			w.t.Errorf("Close of %q names %q, want %q: %v", p.model.sup.name, got, want, p.err)
		}
	}
}

func (w *world) expected(c *modelClose) []string {
	if c.stuck != nil {
		return slices.Sorted(slices.Values(c.stuck))
	}
	return c.failures()
}

// reported returns the last parts of the names in an error of Close.
func reported(err error) (names []string) {
	var stuck *StuckError
	if errors.As(err, &stuck) {
		for _, r := range stuck.Running {
			names = append(names, r.Name[strings.LastIndex(r.Name, "/")+1:])
		}
	} else if err != nil {
		for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
			name := strings.Split(e.Error(), ": ")[1]
			names = append(names, name[strings.LastIndex(name, "/")+1:])
		}
	}
	slices.Sort(names)
	return names
}

// Random trees, random tasks and random calls of Close do what the model says, at the instant the model says.
func TestModel(t *testing.T) {
	seeds(t, 300, func(t *testing.T, r *rand.Rand) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, r)
			for i := range 10 + r.IntN(30) {
				w.step(i)
			}
			w.close(w.sups[0], around(r, 5*time.Second))
			for i := range 5 {
				w.step(100 + i)
			}
			w.close(w.sups[0], time.Hour)
			time.Sleep(30 * time.Minute)
			w.m.advance(time.Since(w.began))
			w.check()
			if n := w.sups[0].real.Count(""); n != 0 {
				t.Errorf("Count = %d at the end", n)
			}
		})
	})
}

// The same kind of tree in real time, driven by many goroutines at once: what cannot be predicted must still add up.
func TestChaos(t *testing.T) {
	seeds(t, 20, func(t *testing.T, r *rand.Rand) {
		var admitted, ran, inside, failed, lateEvents atomic.Int64
		var closed atomic.Bool
		root := New(Config{Name: "app", MaxTasks: 200, OnEvent: func(Event) {
			if closed.Load() {
				lateEvents.Add(1)
			}
		}})
		released := make(chan struct{})
		random := func(r *rand.Rand) func(context.Context) error {
			kind, spin := r.IntN(8), r.IntN(50)
			var once sync.Once
			return func(ctx context.Context) error {
				once.Do(func() { ran.Add(1) })
				inside.Add(1)
				defer inside.Add(-1)
				for range spin {
					runtime.Gosched()
				}
				switch kind {
				case 0:
					return nil
				case 1:
					return errDisk
				case 2:
					panic("chaos")
				case 3:
					runtime.Goexit()
				case 4:
					<-released
					return nil
				case 5:
					helpers := root.ChildContext(ctx, "helpers")
					helpers.Go("helper", untilDone)
					defer helpers.Close(context.Background())
				}
				<-ctx.Done()
				return ctx.Err()
			}
		}
		var wg sync.WaitGroup
		for range 8 {
			r := rand.New(rand.NewPCG(r.Uint64(), 1))
			wg.Go(func() {
				s := root
				for range 100 {
					switch n := r.IntN(20); {
					case n == 0:
						s = s.Child("c")
					case n == 1:
						ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.IntN(1000))*time.Microsecond)
						if s != root {
							s.Close(ctx)
						}
						cancel()
						s = root
					case n == 2:
						root.Running()
					default:
						task := Task{Name: "t", Run: random(r)}
						if r.IntN(2) == 0 {
							task.Restart = Restart{Min: time.Microsecond, Budget: 3}
						}
						h := s.Start(task)
						if err := h.Err(); errors.Is(err, ErrClosed) || errors.Is(err, ErrTooManyTasks) {
							continue
						}
						admitted.Add(1)
						if r.IntN(3) == 0 {
							h.Stop()
						}
						wg.Go(func() {
							<-h.Done()
							if h.Err() != nil {
								failed.Add(1)
							}
						})
					}
				}
			})
		}
		for range 1 + r.IntN(2000) {
			runtime.Gosched()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		root.Close(ctx)
		close(released)
		err := root.Close(t.Context())
		closed.Store(true)
		if n := inside.Load(); n != 0 {
			t.Errorf("%d tasks still run though Close has returned", n)
		}
		wg.Wait()
		if admitted.Load() != ran.Load() || root.Count("") != 0 || lateEvents.Load() != 0 {
			t.Errorf("%d admitted, %d ran, %d left, %d late events", admitted.Load(), ran.Load(), root.Count(""), lateEvents.Load())
		}
		if err != nil && failed.Load() == 0 {
			t.Errorf("Close = %v, though no task failed", err)
		}
	})
}
