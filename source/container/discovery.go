package container

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/logferry/logferry/lifecycle"
)

// A discovery finds out which containers there are and what happens to them, and
// tells a roster. It is the goroutine of Run, with a helper that reads events
// and, now and then, one that lists.
type discovery struct {
	engine engine
	census *census
	reach  *reach
	relist time.Duration
	spawn  func(name string, run func(context.Context) error) *lifecycle.Handle

	since time.Time // for the next event stream, by the engine's clock
	short int       // how many event streams in a row broke early
}

const (
	// overlap is how far event streams reach back. The engine's clock may be
	// another, and it answers shortly before it takes note of a subscriber.
	overlap = 5 * time.Second
	// openWait is how long to wait for an event stream to open before listing
	// without it: there are proxies that answer with the first event.
	openWait = time.Second
	// steady is how long an event stream lasts if all is well. What breaks
	// sooner is opened again after ever longer pauses.
	steady = 10 * time.Second
)

// newDiscovery returns a discovery for one Run; spawn is Outlet.Go.
func newDiscovery(e engine, r roster, s *selector, log *slog.Logger,
	spawn func(string, func(context.Context) error) *lifecycle.Handle) *discovery {
	return &discovery{
		engine: e,
		census: newCensus(r, s.match),
		reach:  &reach{log: log, host: cmp.Or(s.plan.Host, dialed), tell: r.reached},
		relist: s.plan.Relist,
		spawn:  spawn,
		since:  time.Now().Add(-overlap),
	}
}

// run tells the roster until ctx is done, and returns nil then. It returns an
// error that wraps errVersionChanged if the engine is not the one it was.
func (d *discovery) run(ctx context.Context) error {
	pause := newPause()
	for {
		lasted, err := d.attend(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, errVersionChanged) {
			return err
		}
		if lasted >= steady {
			pause.Reset()
		}
		if !lifecycle.Sleep(ctx, next(pause)) {
			return nil
		}
	}
}

// attend asks whether the engine is there, and follows its events until they
// break. It returns how long that took.
func (d *discovery) attend(ctx context.Context) (time.Duration, error) {
	spoken, err := d.engine.ping(ctx)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, errVersionChanged) {
			d.reach.lost(err)
		}
		return 0, err
	}
	d.reach.version = spoken
	v := newVisit(d)
	defer v.end()
	err = v.run(ctx)
	return time.Since(v.began), err
}

// next is how long to wait, jitter included.
func next(b *backoff.ExponentialBackOff) time.Duration { return min(b.NextBackOff(), maxPause) }
