package shaping

import (
	"math"
	"time"

	"github.com/logferry/logferry/batch"
)

// Vector returns a contender with batches of 1 MB or 1 s, as Vector's Loki sink
// has them by default, and a number in flight that follows the law of its
// adaptive_request_concurrency with its defaults: initial_concurrency 1,
// ewma_alpha 0.4, decrease_ratio 0.9, rtt_deviation_scale 2.5, at most 200.
// (Source: src/sinks/util/adaptive_concurrency/controller.rs of vectordotdev/vector.)
func Vector() Contender {
	return Contender{Name: "like Vector", MaxInFlight: 200, New: func() batch.Shaper { return &vector{limit: 1} }}
}

// vector averages round trips for as long as one takes on average, and compares
// them with those before.
type vector struct {
	limit          int
	mean, variance float64 // of earlier round trips, in seconds; a mean of zero: none yet
	sum            float64 // of those of this interval
	n              int
	due            time.Time // end of the interval
	reached        bool
	pressed        bool
}

func (v *vector) Limits(st batch.State) batch.Limits {
	v.reached = v.reached || st.InFlight >= v.limit
	return batch.Limits{MaxBytes: 1_000_000, MaxWait: time.Second, InFlight: v.limit}
}

func (v *vector) Observe(o batch.Outcome) {
	switch o.Class {
	case batch.Throttled, batch.Failed:
		v.pressed = true
	case batch.Delivered:
		v.sum += o.Took.Seconds()
		v.n++
	}
	if v.mean > 0 && o.Now.Before(v.due) || v.mean == 0 && v.n == 0 {
		return
	}
	v.adjust()
	v.due = o.Now.Add(time.Duration(v.mean * 1e9))
	v.sum, v.n, v.reached, v.pressed = 0, 0, false, false
}

func (v *vector) adjust() {
	now := 0.0
	if v.n > 0 {
		now = v.sum / float64(v.n)
	}
	switch {
	case v.mean == 0:
		v.mean = now
		return
	case v.limit < 200 && v.reached && !v.pressed && v.n > 0 && now <= v.mean:
		v.limit++
	case v.pressed || now >= v.mean+2.5*math.Sqrt(v.variance):
		v.limit = max(1, int(float64(v.limit)*0.9))
	}
	if v.n == 0 {
		return
	}
	const alpha = 0.4
	off := now - v.mean
	v.mean += alpha * off
	v.variance = (1 - alpha) * (v.variance + alpha*off*off)
}
