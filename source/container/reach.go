package container

import (
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v4"
)

const (
	minPause = 100 * time.Millisecond
	maxPause = 30 * time.Second
)

// newPause returns how long to wait before an engine in trouble is asked again:
// longer each time until it is reset. It never gives up.
func newPause() *backoff.ExponentialBackOff {
	b := &backoff.ExponentialBackOff{
		InitialInterval:     minPause,
		RandomizationFactor: 0.3,
		Multiplier:          2,
		MaxInterval:         maxPause,
		Stop:                backoff.Stop,
		Clock:               backoff.SystemClock,
	}
	b.Reset()
	return b
}

// reach is whether the engine answers, and tells when that changes. It is for one
// goroutine.
type reach struct {
	log  *slog.Logger
	host string
	tell func(up bool, v apiVersion)

	version apiVersion // that the engine spoke last

	told      bool // whether it is up
	up        bool
	lostAt    time.Time
	deafness  bool
	blindness bool
}

// lost notes that the engine did not answer a question.
func (r *reach) lost(err error) {
	if r.told && !r.up {
		return
	}
	r.told, r.up, r.lostAt = true, false, time.Now()
	r.tell(false, r.version)
	r.log.Warn("container engine cannot be reached", slog.String("host", r.host), slog.Any("error", err))
}

// back notes that it did.
func (r *reach) back() {
	if r.told && r.up {
		return
	}
	again := r.told
	r.told, r.up = true, true
	r.tell(true, r.version)
	if again {
		r.log.Info("container engine answers again", slog.String("host", r.host),
			slog.Duration("away", time.Since(r.lostAt).Round(time.Millisecond)))
	}
}

// deaf notes that the engine answers, but does not tell of events for long.
func (r *reach) deaf(err error) {
	if r.deafness {
		return
	}
	r.deafness = true
	r.log.Warn("no events from the container engine, listing its containers instead",
		slog.String("host", r.host), slog.Any("error", err))
}

// hears notes that it does tell of events.
func (r *reach) hears() {
	if !r.deafness {
		return
	}
	r.deafness = false
	r.log.Info("container engine tells of events again", slog.String("host", r.host))
}

// blind notes that the engine answers, but does not list its containers.
func (r *reach) blind(err error) {
	if r.blindness {
		return
	}
	r.blindness = true
	r.log.Warn("the container engine does not list its containers, only events tell of new ones",
		slog.String("host", r.host), slog.Any("error", err))
}

// sees notes that it does list them.
func (r *reach) sees() {
	if !r.blindness {
		return
	}
	r.blindness = false
	r.log.Info("container engine lists its containers again", slog.String("host", r.host))
}
