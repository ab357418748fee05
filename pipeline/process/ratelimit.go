package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/logferry/logferry/batch"
)

// A RateLimitConfig says how many entries of a stream may pass. The zero
// RateLimitConfig lets pass 1,000 a second, and 5,000 at once.
type RateLimitConfig struct {
	// Rate is how many entries a second: 1,000.
	Rate float64
	// Burst is how many may come at once, after some that did not: five times Rate,
	// but at least one.
	Burst int
	// By is the name of a label or attribute: entries with the same value share a
	// limit, as do those without it. "": entries with the same labels do.
	By string
	// MaxStreams is how many limits there are: 10,000. What comes beyond shares
	// one.
	MaxStreams int
	// Always lets every entry pass that is that bad or worse, as its attribute or
	// label level, detected_level or severity says: see [Level]. Zero: none.
	Always Severity
	// Attr is the key of an attribute that the next entry gets which passes after
	// some have not: how many these were, unless the stream was silent for long and
	// there are MaxStreams of others. "": none.
	Attr string
}

const (
	defaultPerSecond  = 1000
	defaultBurst      = 5 // seconds
	defaultMaxStreams = 10_000
)

// A RateLimiter drops the entries of a stream that come too fast, for
// [DroppedRateLimited]. [RateLimit] makes one; all methods may be called concurrently.
//
// What counts is when entries were written: what was read late, after a restart or
// an outage, and so comes fast, is limited as it would have been in time. Where
// times stand still or go back, the clock counts.
type RateLimiter struct {
	cfg  RateLimitConfig
	seed maphash.Seed

	buckets roll[limitKey, *bucket]
	shared  *bucket // of what has none
}

// A limitKey is what has a limit of its own: labels, or the hash of a value, which is
// itself not kept.
type limitKey struct {
	labels batch.Labels
	value  uint64
}

// A bucket holds tokens, one for each entry that may pass.
type bucket struct {
	sync.Mutex
	full    time.Duration // it takes to fill it
	tokens  float64
	dropped int

	written time.Time // the latest time of an entry
	now     time.Time // the clock, then

	// How far both are behind the one that is ahead, as what is not positive. There
	// are tokens for how far that has come, and so once for both.
	byTimes, byClock time.Duration
}

// maxAhead is how far the times of entries and the clock may be apart: entries
// come after they were written. What is more, after an outage for instance, is
// forgotten, so that the one behind counts again before long.
const maxAhead = time.Minute

// RateLimit returns a RateLimiter. Its error names each field that makes no sense.
func RateLimit(cfg RateLimitConfig) (*RateLimiter, error) {
	errs := append(notNegative("RateLimit", number{"Burst", cfg.Burst}, number{"MaxStreams", cfg.MaxStreams}), isSeverity("RateLimit", "Always", cfg.Always)...)
	if !(cfg.Rate >= 0) || math.IsInf(cfg.Rate, 1) {
		errs = append(errs, fmt.Errorf("process: RateLimit: Rate: %v is no rate", cfg.Rate))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	cfg.Rate = cmp.Or(cfg.Rate, defaultPerSecond)
	cfg.Burst = cmp.Or(cfg.Burst, max(1, int(min(defaultBurst*cfg.Rate, math.MaxInt32))))
	cfg.MaxStreams = cmp.Or(cfg.MaxStreams, defaultMaxStreams)
	full := time.Duration(min(float64(cfg.Burst)/cfg.Rate*1e9, math.MaxInt64/2))
	fresh := func(now time.Time) *bucket { return &bucket{full: full, tokens: float64(cfg.Burst), now: now} }
	r := &RateLimiter{cfg: cfg, seed: maphash.MakeSeed(), shared: fresh(time.Now())}
	r.buckets.most, r.buckets.make = cfg.MaxStreams, fresh
	return r, nil
}

// Process is that of pipeline.Processor.
func (r *RateLimiter) Process(_ context.Context, b *batch.Batch) error {
	now := time.Now()
	var key limitKey
	var of *bucket // locked; of key
	b.Drop(DroppedRateLimited, func(e *batch.Entry) bool {
		l := labelsOf(b, e)
		if atLeast(r.cfg.Always, e, l) {
			return false
		}
		if k := r.key(e, l); of == nil || k != key {
			if of != nil {
				of.Unlock()
			}
			key, of = k, r.bucket(k, now)
			of.Lock()
		}
		if !of.take(e.Time, now, &r.cfg) {
			of.dropped++
			return true
		}
		if of.dropped > 0 && r.cfg.Attr != "" {
			addAttrs(b, e, batch.Attr{Key: r.cfg.Attr, Value: strconv.Itoa(of.dropped)})
		}
		of.dropped = 0
		return false
	})
	if of != nil {
		of.Unlock()
	}
	return nil
}

func (r *RateLimiter) key(e *batch.Entry, l batch.Labels) limitKey {
	if r.cfg.By == "" {
		return limitKey{labels: l}
	}
	return limitKey{value: maphash.String(r.seed, valueIn(e, l, r.cfg.By))}
}

// bucket returns that of a key, or the one that is shared.
func (r *RateLimiter) bucket(k limitKey, now time.Time) *bucket {
	if of, ok := r.buckets.get(k, now); ok {
		return of
	}
	return r.shared
}

// idle is part of state: it must be full by now. What it has dropped is not told any
// more: the stream may be gone.
func (k *bucket) idle(now time.Time) bool { return now.Sub(k.now) > k.full }

// take reports whether an entry that was written at t may pass, and takes a token
// if it may.
func (k *bucket) take(t, now time.Time, cfg *RateLimitConfig) bool {
	k.tokens = min(float64(cfg.Burst), k.tokens+k.advance(t, now).Seconds()*cfg.Rate)
	if k.tokens < 1 {
		return false
	}
	k.tokens--
	return true
}

// advance is the time since it was last called, by the times of entries or by the
// clock. A time to come does not count: there would be no other until then.
func (k *bucket) advance(t, now time.Time) time.Duration {
	if t.IsZero() || t.After(now) {
		t = now
	}
	if d := now.Sub(k.now); d > 0 {
		k.byClock += d
		k.now = now
	}
	if k.written.IsZero() {
		k.written = t
	} else if d := t.Sub(k.written); d > 0 {
		k.byTimes += d
		k.written = t
	}
	d := max(k.byTimes, k.byClock)
	k.byTimes, k.byClock = max(k.byTimes-d, -maxAhead), max(k.byClock-d, -maxAhead)
	return d
}
