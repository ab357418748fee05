package container

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logferry/logferry/source/container/containertest"
)

// checkup is how often a drill inspects each container.
const checkup = 30 * time.Second

// A collector for containers once asked for the health of each every 30 s, through
// clients that nobody closed, and held two goroutines and a descriptor more for
// each time. This is what it did, for two days, with what breaks in that time.
func TestInspectedForDays(t *testing.T) {
	for _, c := range []struct {
		name         string
		containers   int
		span         time.Duration // without LOGFERRY_SOAK
		breaks       int
		soak         time.Duration
		breaksInSoak int
	}{
		{"8 containers", 8, 3 * time.Hour, 60, 48 * time.Hour, 500},
		{"50 containers", 50, 30 * time.Minute, 40, 48 * time.Hour, 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			if os.Getenv("LOGFERRY_SOAK") != "" {
				c.span, c.breaks = c.soak, c.breaksInSoak
			}
			bubble(t, containertest.Gen26, func(r *rig) {
				empty := r.holds()
				d := newDrill(r, c.containers)
				base := r.least()
				if want := 1 + c.containers; base.conns != want || base.streams != want {
					t.Errorf("%+v at first, want %d connections and as many streams", base, want)
				}
				var first memory
				for quarter := range 4 {
					d.run(c.span/4, c.breaks/4)
					if got := r.least(); got != base {
						t.Errorf("after %v: %+v are held, %+v at first", c.span/4*time.Duration(quarter+1), got, base)
					}
					if quarter == 0 {
						first = inUse()
					}
				}
				last := inUse()
				// The engine keeps the lines, and the tally does. A timer for each inspect
				// would be more than what a pool has, or has not, by chance.
				if more := last.objects - first.objects; more > int64(300+8*d.n) {
					t.Errorf("%d objects more in memory after %d inspects: %+v, then %+v", more, d.inspects, first, last)
				}
				d.judge()
				r.stop()
				if got := r.holds(); got != empty {
					t.Errorf("after the end %+v are held, %+v before the beginning", got, empty)
				}
				t.Logf("%v: %d inspects, %d breaks, %d lines, %+v held; memory went from %+v to %+v; %d bytes logged", c.span, d.inspects, d.breaks, d.n, base, first, last, r.logged.text.Len())
			})
		})
	}
}

// The drill finds a client that does as the one of then.
func TestDrillFindsLeak(t *testing.T) {
	bubble(t, containertest.Gen26, func(r *rig) {
		d := newDrill(r, 8)
		old := &forgetful{dial: r.engine.Dial}
		d.inspect = old.inspect
		base := r.least()
		d.run(10*time.Minute, 0)
		got := r.least()
		minutes := 10
		if n := got.conns - base.conns; n != 16*minutes {
			t.Errorf("%d connections more in %d minutes, want 16 in each", n, minutes)
		}
		// The engine is in this process as well: it has one for each connection.
		if n := got.goroutines - base.goroutines; n != (32+16)*minutes {
			t.Errorf("%d goroutines more in %d minutes, want 48 in each", n, minutes)
		}
		old.close()
	})
}

// A drill is a source that follows containers, which are inspected over and over.
type drill struct {
	*rig
	*tally
	all      []*containertest.Container
	inspect  func(ctx context.Context, id string) error
	n        int // lines
	inspects int
	breaks   int
}

// newDrill starts a source that follows n containers, and returns when it does.
func newDrill(r *rig, n int) *drill {
	d := &drill{rig: r, tally: newTally()}
	r.into = d.tally
	var asked engine
	r.connect = func(a *address) (_ engine, err error) {
		asked, err = newDocker(a)
		return asked, err
	}
	d.inspect = func(ctx context.Context, id string) error {
		_, err := asked.inspect(ctx, id)
		return err
	}
	for range n {
		d.all = append(d.all, r.run(containertest.Spec{}))
	}
	r.start()
	r.settle(10 * time.Second)
	return d
}

// run inspects for as long as span, in which so much breaks.
func (d *drill) run(span time.Duration, breaks int) {
	rounds := int(span / checkup)
	done := 0
	for i := range rounds {
		began := time.Now()
		d.round()
		if i%10 == 0 {
			d.write()
		}
		for done < breaks*(i+1)/rounds {
			time.Sleep(time.Second)
			d.sever(done)
			done++
		}
		time.Sleep(checkup - time.Since(began))
	}
	d.settle(2 * time.Minute) // what broke last has mended
}

// round inspects all containers, half of them at the same time.
func (d *drill) round() {
	var wg sync.WaitGroup
	look := func(c *containertest.Container) {
		if err := d.inspect(d.Context(), c.ID()); err != nil {
			d.Errorf("inspect: %v", err)
		}
	}
	for i, c := range d.all {
		d.inspects++
		if i%2 == 0 {
			wg.Go(func() { look(c) })
		} else {
			look(c)
		}
	}
	wg.Wait()
}

// write has one container say something.
func (d *drill) write() {
	d.n++
	write(d.all[d.n*7%len(d.all)], d.n, 1)
}

func (d *drill) sever(k int) {
	d.breaks++
	f := containertest.Fault{Do: containertest.Cut()}
	switch k % 4 {
	case 0:
		f.On = containertest.Events
	case 1:
		f.On = containertest.Follow
	case 2:
		f.On, f.Container = containertest.Follow, d.all[d.breaks%len(d.all)].ID()
	case 3:
		d.engine.Restart(true, 3*time.Second)
		return
	}
	d.engine.Strike(f)
}

// judge compares what was delivered with what the engine has.
func (d *drill) judge() {
	for _, c := range d.all {
		if got, want := d.of(c.ID()), retained(c); !slices.Equal(got, want) {
			d.Errorf("%s: %d lines delivered, want %d: %s", c.Name(), len(got), len(want), difference(got, want))
		}
	}
}

// forgetful inspects with a client of its own each time, and never closes it.
type forgetful struct {
	dial func(context.Context) (net.Conn, error)

	mu  sync.Mutex
	all []*http.Transport
}

func (o *forgetful) inspect(ctx context.Context, id string) error {
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return o.dial(ctx) }}
	o.mu.Lock()
	o.all = append(o.all, tr)
	o.mu.Unlock()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine/containers/"+id+"/json", nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

func (o *forgetful) close() {
	for _, tr := range o.all {
		tr.CloseIdleConnections()
	}
	synctest.Wait()
}
