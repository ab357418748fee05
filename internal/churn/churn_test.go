package churn

import (
	"context"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/logferry/logferry/internal/enginetest"
)

// atOnce is how many containers live at the same time.
const atOnce = 10

// size returns how many waves of how many containers there are.
func size() (waves, containers int) {
	if os.Getenv("LOGFERRY_SOAK") == "1" {
		return 5, 60
	}
	return 2, 30
}

// TestChurn is what the package is about.
func TestChurn(t *testing.T) {
	for _, version := range enginetest.Need(t) {
		t.Run(version, func(t *testing.T) { churn(t, version) })
	}
}

func churn(t *testing.T, version string) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t, version)
	empty := rest(t)
	w.start()
	idle := rest(t)

	waves, containers := size()
	began := time.Now()
	var all []*life
	for wave := range waves {
		lives := make([]*life, containers)
		for i := range lives {
			lives[i] = random(rng, len(all)+i, version)
		}
		all = append(all, lives...)
		w.wave(lives, rand.New(rand.NewPCG(seed, uint64(wave+1))), func(half int) {
			switch {
			case half == 0 && (wave == 0 || wave == waves-1):
				w.restarts.Add(1)
				w.engine.Restart(t)
				w.restarts.Add(1)
			case half == 1:
				t.Logf("wave %d: the source was stopped in %v", wave, w.stop())
				w.start()
			}
		})
		t.Logf("wave %d: at rest again %v after its end: %v", wave, back(t, idle, "a wave"), idle)
	}
	t.Logf("wave %d: the source was stopped in %v after %v", waves, w.stop(), time.Since(began))
	back(t, empty, "the end")
	w.report(all)
}

// wave lets containers live, atOnce at a time, while the source is made to wait now and then. At two thirds of it, turn is
// called.
func (w *world) wave(lives []*life, rng *rand.Rand, turn func(int)) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	queue, over := make(chan *life), make(chan struct{})
	var workers, staller sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for l := range queue {
				func() {
					defer func() { over <- struct{}{} }() // also if the test has failed
					w.live(l)
				}()
			}
		})
	}
	staller.Go(func() { w.stall(ctx, rng) })
	go func() {
		for _, l := range lives {
			queue <- l
		}
		close(queue)
	}()
	for n := 1; n <= len(lives); n++ {
		<-over
		switch n {
		case len(lives) / 3:
			turn(0)
		case 2 * len(lives) / 3:
			turn(1)
		}
	}
	workers.Wait()
	cancel()
	staller.Wait()
}

// report prints what became of all, by driver.
func (w *world) report(all []*life) {
	w.Helper()
	sums := map[string]*tally{}
	for _, l := range all {
		s := sums[l.Driver]
		if s == nil {
			s = &tally{}
			sums[l.Driver] = s
		}
		s.judge(w, l)
	}
	for driver, s := range sums {
		w.Logf("engine %s, %s: %v", w.engine.Version(), driver, s)
	}
	if w.unknown > 0 {
		w.Errorf("%d entries of containers that nobody made", w.unknown)
	}
}
