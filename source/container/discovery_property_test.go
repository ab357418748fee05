package container

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A fate is a random run of the world, with events dropped, told twice and out of
// order, and with everything that can break breaking.
type fate struct {
	*rand.Rand
	w       *world
	ids     []string
	next    int
	changes int
	breaks  int
	held    []func() // events that come late
}

// dice may be thrown by several goroutines.
type dice struct {
	mu  sync.Mutex
	pcg *rand.PCG
}

func (d *dice) Uint64() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.pcg.Uint64()
}

func (f *fate) of(percent int) bool { return f.IntN(100) < percent }

// deliver is how events reach ears. The world is locked.
func (f *fate) deliver(e event, hear func(event)) {
	switch {
	case f.of(10): // lost
	case f.of(10):
		hear(e)
		hear(e)
	case f.of(20):
		f.held = append(f.held, func() { hear(e) })
		return
	default:
		hear(e)
	}
	f.release()
}

func (f *fate) release() {
	for _, late := range f.held {
		late()
	}
	f.held = nil
}

// tamper leaves a container out of a list. The world is locked.
func (f *fate) tamper(l []summary) []summary {
	if len(l) > 0 && f.of(5) {
		i := f.IntN(len(l))
		return slices.Delete(l, i, i+1)
	}
	return l
}

// live does one thing to some container.
func (f *fate) live() {
	f.changes++
	if len(f.ids) < 3 || f.of(20) && len(f.ids) < 40 {
		id := fmt.Sprint("c", f.next)
		f.next++
		f.ids = append(f.ids, id)
		f.w.create(id, id)
		if f.of(80) {
			f.w.start(id)
		}
		return
	}
	i := f.IntN(len(f.ids))
	id := f.ids[i]
	state := f.w.all[id].state
	switch {
	case f.of(10):
		f.w.rename(id, fmt.Sprint(id, "-", f.next, f.changes))
	case f.of(20) && state != "running":
		f.w.remove(id)
		f.ids = slices.Delete(f.ids, i, i+1)
	case state == "running":
		f.w.exit(id)
	default:
		f.w.start(id)
		if f.of(50) {
			f.w.exit(id)
		}
	}
}

// harm breaks or mends something.
func (f *fate) harm() {
	f.breaks++
	switch f.IntN(6) {
	case 0:
		f.w.breakEars(io.EOF, f.of(50))
	case 1:
		f.w.do(func() { f.w.down = flip(f.w.down) })
		f.w.breakEars(io.ErrUnexpectedEOF, true)
	case 2:
		f.w.do(func() { f.w.failList = flip(f.w.failList) })
	case 3:
		f.w.do(func() { f.w.failEars = flip(f.w.failEars) })
	case 4:
		f.w.do(func() { f.w.unopened = !f.w.unopened })
	case 5:
		d := time.Duration(f.IntN(40)) * time.Second
		f.w.do(func() { f.w.slow = func() { time.Sleep(d) } })
	}
}

func flip(err error) error {
	if err != nil {
		return nil
	}
	return errors.New("broken")
}

// TestDiscoveryProperty: whatever happens, in the end the roster knows the truth,
// of every run of every container, and was not woken for nothing all the time.
func TestDiscoveryProperty(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				f := &fate{Rand: rand.New(&dice{pcg: rand.NewPCG(seed, 7)}), w: w}
				w.deliver, w.tamper = f.deliver, f.tamper
				tr := explore(t, w, Config{})
				for range 600 {
					time.Sleep(time.Duration(f.ExpFloat64() * float64(2*time.Second)))
					f.live()
					if f.of(3) {
						f.harm()
					}
				}
				w.do(func() {
					f.release()
					w.deliver, w.tamper, w.slow = nil, nil, nil
					w.down, w.failList, w.failEars, w.unopened = nil, nil, nil, false
				})
				time.Sleep(5 * time.Minute)
				f.check(t, tr, false)
				time.Sleep(reminder) // if all that was told of one was lost, with the stream in good order
				f.check(t, tr, true)
				if most := w.told + 3*f.changes + 20*(w.calls["events"]+2); tr.wakes > most {
					t.Errorf("%d wakes, want no more than %d: %d events, %d changes, %d streams", tr.wakes, most, w.told, f.changes, w.calls["events"])
				}
				if n := len(tr.d.census.known); n != len(f.ids) {
					t.Errorf("discovery remembers %d containers, there are %d", n, len(f.ids))
				}
			})
		})
	}
}

// check compares the roster with the world.
func (f *fate) check(t *testing.T, tr *trial, all bool) {
	t.Helper()
	synctest.Wait()
	tr.book.mu.Lock()
	defer tr.book.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(f.w.all)) {
		want := f.w.all[id]
		if got, ok := tr.entries[id]; !ok || all && (got.name != want.name || got.state != want.state || got.runs != want.runs) {
			t.Errorf("knows %+v, the truth is %+v", got, want)
		}
	}
	for id := range tr.entries {
		if f.w.all[id] == nil {
			t.Errorf("%s is no more", id)
		}
	}
}
