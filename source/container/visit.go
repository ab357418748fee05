package container

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/logferry/logferry/lifecycle"
)

// A visit is what discovery does from a ping that was answered until the event
// stream breaks. Events are asked for first, then a list: so nothing happens
// between the two unseen.
type visit struct {
	*discovery
	began time.Time
	bell  *doorbell
	timer *time.Timer // until the next list
	pause *backoff.ExponentialBackOff

	stream *lifecycle.Handle
	broke  error // what ended the stream; read once it is done

	listing *lifecycle.Handle // nil: no list is being made
	all     []summary         // what came of it, once it is done
	err     error
	dead    bool // there was an err, and the engine does not even answer a ping
	again   bool // another list is to follow at once
	early   []*news

	lists   int  // that ended
	trouble bool // the last one failed
	fresh   bool // the next one is the first since the stream has opened
	heard   int  // events by the last one
}

var (
	errNotListed = errors.New("no list was made")
	errSilent    = errors.New("the event stream does not tell of changes")
	errAnew      = errors.New("the engine has failed meanwhile")
	errEnded     = errors.New("the event stream has ended")
)

func newVisit(d *discovery) *visit {
	v := &visit{discovery: d, began: time.Now(), bell: newDoorbell(), timer: time.NewTimer(openWait), pause: newPause(),
		broke: errEnded, fresh: true}
	since := d.since
	v.stream = d.spawn("events", func(ctx context.Context) error {
		v.broke = d.engine.events(ctx, since, v.bell.note)
		return nil
	})
	return v
}

// run returns why the engine is to be visited anew.
func (v *visit) run(ctx context.Context) error {
	stream := v.stream.Done()
	for ctx.Err() == nil {
		var listed <-chan struct{}
		if v.listing != nil {
			listed = v.listing.Done()
		}
		select {
		case <-ctx.Done():
		case <-v.bell.rung:
			v.hear()
		case <-v.timer.C:
			v.list()
		case <-listed:
			if err := v.reconcile(ctx); err != nil {
				return err
			}
		case <-stream:
			stream = nil
			v.list() // who cannot hear has to look
		}
		if stream == nil && v.listing == nil && ctx.Err() == nil {
			return v.broken()
		}
	}
	return context.Cause(ctx)
}

// hear passes on the news. Those that come before the first list of Run, some
// of which are from before it, wait for that: it says who was there when the
// source first looked.
func (v *visit) hear() {
	all, opened := v.bell.take()
	v.early = append(v.early, all...)
	if v.census.begun || v.lists > 0 {
		v.catchUp()
	}
	if opened {
		v.fresh = true
		v.list()
	}
}

func (v *visit) catchUp() {
	for _, n := range v.early {
		v.census.hear(n)
	}
	v.early = nil
}

// list asks for a list, or for another one if one is being made.
func (v *visit) list() {
	if v.listing != nil {
		v.again = true
		return
	}
	v.timer.Stop()
	v.census.begin()
	v.all, v.err = nil, errNotListed
	v.listing = v.spawn("list", func(ctx context.Context) error {
		if v.all, v.err = v.engine.list(ctx); v.err != nil {
			_, err := v.engine.ping(ctx)
			v.dead = err != nil
		}
		return nil
	})
}

// reconcile deals with a list that was made, or was not. An error asks for
// another visit.
func (v *visit) reconcile(ctx context.Context) error {
	v.listing = nil
	v.lists++
	if ctx.Err() != nil {
		return nil
	}
	defer v.catchUp()
	if v.err != nil {
		v.trouble, v.again = true, false
		if v.dead || !v.census.begun {
			v.reach.lost(v.err)
		} else {
			v.reach.back() // logs may be read all the same
			v.reach.blind(v.err)
		}
		v.timer.Reset(next(v.pause))
		return nil
	}
	surprises := v.census.take(v.all) // before anybody reads, it is known who was there
	v.all = nil
	v.reach.back()
	v.reach.sees()
	if v.trouble {
		return errAnew // the stream may be as dead as the engine was
	}
	v.pause.Reset()
	before := v.heard
	v.heard, _ = v.bell.heard()
	if surprises > 0 && v.heard == before && !v.fresh {
		return errSilent
	}
	v.fresh = v.again
	if time.Since(v.began) >= steady {
		v.short = 0
		v.reach.hears()
	}
	v.timer.Reset(v.relist)
	if v.again {
		v.again = false
		v.list()
	}
	return nil
}

// broken returns that the stream has, and why.
func (v *visit) broken() error {
	if v.broke == nil {
		v.broke = errEnded
	}
	if time.Since(v.began) >= steady {
		v.short = 0
	} else if v.short++; v.short > 2 && !v.trouble {
		v.reach.deaf(v.broke)
	}
	return v.broke
}

// end joins what the visit has started, and notes what the next one needs. What
// events told meanwhile is told again by the next stream, which reaches back.
func (v *visit) end() {
	v.timer.Stop()
	v.stream.Stop()
	if v.listing != nil {
		v.listing.Stop()
		v.listing.Wait(context.Background())
	}
	v.stream.Wait(context.Background())
	if _, last := v.bell.heard(); !last.IsZero() {
		v.since = last.Add(-overlap)
	}
	v.census.broke = time.Now()
}
