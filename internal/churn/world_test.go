package churn

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logferry/logferry/internal/enginetest"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/container"
	"github.com/logferry/logferry/source/sourcetest"
)

// A world is an engine, and a source that follows its containers.
type world struct {
	testing.TB
	engine *enginetest.Engine
	config container.Config
	points source.Checkpoints

	restarts atomic.Int32 // of the engine, each counted as it begins and once more when it is over

	mu      sync.Mutex
	lives   map[string]*life // by the id of the container
	unknown int              // entries of other containers
	r       *sourcetest.Receiver
	session *sourcetest.Session
	clerk   func() // ends it
}

func newWorld(t *testing.T, version string) *world {
	t.Helper()
	w := &world{TB: t, engine: enginetest.Start(t, version), points: source.MemCheckpoints(), lives: map[string]*life{}}
	w.config.Host = w.engine.Host()
	return w
}

// start runs a source, from where the one before it was stopped.
func (w *world) start() {
	w.Helper()
	src, err := container.New(w.config)
	if err != nil {
		w.Fatal(err)
	}
	r := &sourcetest.Receiver{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	session := sourcetest.Start(w.TB, src, r, w.points)
	go func() { w.deliver(ctx, r); close(done) }()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.r, w.session = r, session
	w.clerk = func() { cancel(); <-done }
}

// stop ends the source as the end of the program does, and returns how long that took. What is in flight is lost.
func (w *world) stop() time.Duration {
	w.Helper()
	began := time.Now()
	if err := w.session.Stop(); err != nil {
		w.Error(err)
	}
	took := time.Since(began)
	for _, p := range w.r.Held() {
		p.Lose(nil)
	}
	w.clerk()
	for _, err := range w.session.Failures() {
		w.Errorf("Run failed: %v", err)
	}
	return took
}

// deliver takes in what arrives at r.
func (w *world) deliver(ctx context.Context, r *sourcetest.Receiver) {
	n := 0
	for {
		var settled []*sourcetest.Parcel
		look := func() bool {
			settled = nil
			for _, p := range r.Arrived()[n:] {
				if p.Fate() == sourcetest.Held {
					break
				}
				settled = append(settled, p)
			}
			return len(settled) > 0
		}
		if err := r.Wait(ctx, look); err != nil && !look() {
			return
		}
		for _, p := range settled {
			if p.Fate() == sourcetest.Delivered {
				w.take(p)
			}
		}
		n += len(settled)
	}
}

func (w *world) take(p *sourcetest.Parcel) {
	for i := range p.Entries {
		e := &p.Entries[i]
		w.mu.Lock()
		l := w.lives[attr(e, "container_id")]
		if l == nil {
			w.unknown++
		}
		w.mu.Unlock()
		if l == nil {
			continue
		}
		l.take(e, e.Labels)
		select {
		case l.arrived <- struct{}{}:
		default:
		}
	}
}

// stall makes the source wait now and then, for some seconds, until ctx is done.
func (w *world) stall(ctx context.Context, rng *rand.Rand) {
	for {
		free, held := time.Duration(500+rng.IntN(4000))*time.Millisecond, time.Duration(500+rng.IntN(3500))*time.Millisecond
		if !lifecycle.Sleep(ctx, free) {
			return
		}
		w.mu.Lock()
		r := w.r
		w.mu.Unlock()
		r.SetRoom(1 + rng.IntN(3))
		r.Hold()
		ok := lifecycle.Sleep(ctx, held)
		r.SetRoom(0)
		r.Release()
		if !ok {
			return
		}
	}
}

// patience is how long all of a log may take to arrive, on a machine that has other things to do.
const patience = 5 * time.Minute

// live is the life of one container, to its end.
func (w *world) live(l *life) {
	c := w.engine.Create(w, l.Spec)
	l.id = c.ID
	w.mu.Lock()
	w.lives[l.id] = l
	w.mu.Unlock()
	restarts := w.restarts.Load()
	for range l.runs {
		c.Start(w)
		if l.stopped > 0 {
			time.Sleep(l.stopped)
			c.Stop(w, time.Second)
		}
		c.Wait(w)
	}
	if l.complete() && restarts%2 == 0 && w.restarts.Load() == restarts {
		l.ledger.Expect(l.id, l.Script)
	}
	if !l.hasty {
		l.ledger.Retained(l.id, l.Tty, c.Retained(w))
		w.await(l)
	}
	c.Remove(w)
}

// await waits until all that was retained has arrived.
func (w *world) await(l *life) {
	late := time.NewTimer(patience)
	defer late.Stop()
	for l.ledger.Verdict().Lost > 0 {
		select {
		case <-l.arrived:
		case <-late.C:
			w.Errorf("%v after its end: %s: %v", patience, l.kind(), l.ledger.Verdict().Err())
			return
		}
	}
}

// A tally is what became of some lives.
type tally struct {
	containers, lines, lost, twice, disorder, strange, skipped int

	hasty, gone, torn int // containers that were removed at once, and what is missing of them
}

func (s *tally) String() string {
	return fmt.Sprintf("%d containers, %d lines: %d lost, %d twice, %d out of order, %d strange; %d rotated away before they were read; "+
		"%d containers removed at once: %d lines gone, %d of them torn", s.containers, s.lines, s.lost, s.twice, s.disorder,
		s.strange, s.skipped, s.hasty, s.gone, s.torn)
}

// judge adds up what became of l, and reports what must not.
func (s *tally) judge(t testing.TB, l *life) {
	v := l.ledger.Verdict()
	if l.hasty {
		// The line that was being written to the reader, of each output, is delivered as far as it came.
		torn := min(v.Strange, 2*l.runs)
		s.hasty++
		s.gone += v.Lost
		s.torn += torn
		v.Lost, v.Strange = 0, v.Strange-torn
	}
	s.containers++
	s.lines += v.Lines
	s.lost += v.Lost
	s.twice += v.Twice
	s.disorder += v.Disorder
	s.strange += v.Strange
	s.skipped += v.Skipped
	if err := v.Err(); err != nil {
		t.Errorf("%s: %v", l.kind(), err)
	}
	for _, wrong := range l.wrong {
		t.Errorf("%s: %s", l.kind(), wrong)
	}
}
