package shaping

import (
	"math"
	"time"

	"github.com/logferry/logferry/batch"
)

// A Result is what came of a run.
type Result struct {
	Goodput    float64       // bytes delivered a second, within the measured time
	P50, P99   time.Duration // from arrival to delivery, of what arrived in the measured time
	Unfinished float64       // share of that which was not delivered by the end
	Writes     [5]int        // in the whole run, by batch.Class
}

// Finished reports whether at most one entry in a hundred was not delivered.
func (r Result) Finished() bool { return r.Unfinished <= 0.01 }

// perOctave buckets of a histogram of latencies make it right to 1 %.
const (
	bits      = 6
	perOctave = 1 << bits
	octaves   = 40
)

// A score counts what is delivered.
type score struct {
	all       int64 // bytes
	bytes     int64 // of them within the measured time
	latencies [perOctave * octaves]int64
	writes    [5]int
}

func (s *score) count(c batch.Class) { s.writes[c]++ }

func (s *score) delivered(arrived, now time.Duration, bytes int64) {
	s.all += bytes
	if measured(now) {
		s.bytes += bytes
	}
	if measured(arrived) {
		s.latencies[bucket(now-arrived)] += bytes
	}
}

// measured reports whether a time is one that counts.
func measured(at time.Duration) bool { return at >= WarmUp && at < WarmUp+Measured }

// bucket is where a latency counts: the bits after the leading one of its
// nanoseconds, as a float has them.
func bucket(d time.Duration) int {
	f := math.Float64bits(float64(max(1, d)))
	return min(int(f>>(52-bits))-1023<<bits, perOctave*octaves-1)
}

func (s *score) percentile(share float64) time.Duration {
	var all, sum int64
	for _, n := range s.latencies {
		all += n
	}
	want := int64(math.Ceil(share * float64(all)))
	for i, n := range s.latencies {
		if sum += n; sum >= want && n > 0 {
			return time.Duration(math.Float64frombits(uint64(i+1023<<bits)<<(52-bits) + 1<<(51-bits)))
		}
	}
	return 0
}

// result adds what is left to the score of a run that has ended.
func (r *route) result() Result {
	var left, all int64
	for i, at := range r.trace.at {
		if measured(at) {
			all += r.trace.end[i] - r.trace.start(i)
		}
	}
	late := func(burst int, from, to int64) {
		r.trace.split(burst, from, to, func(arrived time.Duration, n int64) {
			if measured(arrived) {
				left += n
				r.score.latencies[bucket(r.now-arrived)] += n
			}
		})
	}
	for _, j := range r.writing {
		late(j.burst, j.from, j.to)
	}
	for _, j := range r.parked {
		late(j.burst, j.from, j.to)
	}
	late(r.burst, r.head, r.trace.start(len(r.trace.at)))
	res := Result{Goodput: float64(r.score.bytes) / Measured.Seconds(), Writes: r.score.writes}
	res.P50, res.P99 = r.score.percentile(0.5), r.score.percentile(0.99)
	if all > 0 {
		res.Unfinished = float64(left) / float64(all)
	}
	return res
}
