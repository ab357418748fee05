package shaping

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/logferry/logferry/batch"
)

// A Contender is who is compared.
type Contender struct {
	Name        string
	MaxInFlight int                 // of its route
	New         func() batch.Shaper // a fresh one for a run
}

const (
	mostInFlight   = 64       // of the route of a shaper that chooses for itself
	budget         = 32 << 20 // pipeline.Config.MaxInFlightBytes
	requestTimeout = 10 * time.Second
	firstRetry     = 100 * time.Millisecond // sink.RetryConfig
	lastRetry      = 30 * time.Second
)

// epoch is the time at which a run begins, for the shaper.
var epoch = time.Unix(1_000_000_000, 0)

// A job is a batch under way or parked: the bytes from one number to another.
type job struct {
	from, to int64
	burst    int   // that from is in
	piece    int64 // where what is being written ends
	limit    int   // bytes of a piece; what failed for its size is sent in smaller ones
	failures int   // running
	refusals int   // for the rate, running
	due      time.Duration

	began  time.Duration
	n      int // under way when it began, itself included
	answer answer
}

// A route drives a shaper as package pipeline does.
type route struct {
	cfg     Contender
	shaper  batch.Shaper
	service *service
	entry   int64
	trace   *trace
	rng     *rand.Rand // for the jitter of retries

	now      time.Duration
	next     int             // burst to be admitted
	admitted []time.Duration // when each burst was
	head     int64           // bytes cut so far
	burst    int             // that head is in
	held     int64           // bytes of jobs
	writing  []*job          // by when they are answered, the last first
	parked   []*job          // by age
	spare    []*job
	begun    int64
	wake     time.Duration // when something is due without an event
	failing  bool          // the last Write failed

	score score
	watch func(Sample)
	last  batch.Limits
}

const never = time.Duration(math.MaxInt64)

// run goes on until that time.
func (r *route) run(until time.Duration) {
	for r.now < until {
		r.admit()
		r.dispatch()
		at := r.wake
		if r.next < len(r.trace.at) && !r.waiting() {
			at = min(at, r.trace.at[r.next])
		}
		if n := len(r.writing); n > 0 {
			at = min(at, r.writing[n-1].answer.at)
		}
		r.now = min(max(at, r.now), until)
		for n := len(r.writing); n > 0 && r.writing[n-1].answer.at <= r.now; n = len(r.writing) {
			j := r.writing[n-1]
			r.writing = r.writing[:n-1]
			r.complete(j)
		}
	}
}

// queued is how many bytes are gathered and in no job.
func (r *route) queued() int64 { return r.trace.start(r.next) - r.head }

// waiting reports whether a source is held back: its burst has come, and finds no
// room. One that is larger than the budget is admitted alone.
func (r *route) waiting() bool {
	if r.next == len(r.trace.at) || r.trace.at[r.next] > r.now {
		return false
	}
	held := r.queued() + r.held
	return held > 0 && held+r.trace.end[r.next]-r.trace.start(r.next) > budget
}

func (r *route) admit() {
	for r.next < len(r.trace.at) && r.trace.at[r.next] <= r.now && !r.waiting() {
		r.admitted[r.next] = r.now
		r.next++
	}
}

func (r *route) limits() batch.Limits {
	st := batch.State{Now: epoch.Add(r.now), InFlight: len(r.writing), Backlog: int(r.queued()), Begun: r.begun}
	if st.Backlog > 0 {
		st.Oldest = r.now - r.admitted[r.burst]
	}
	l := r.shaper.Limits(st)
	if l.MaxBytes <= 0 {
		l.MaxBytes = math.MaxInt
	}
	if l.MaxEntries > 0 {
		l.MaxBytes = min(l.MaxBytes, l.MaxEntries*int(r.entry))
	}
	if l.InFlight <= 0 || l.InFlight > r.cfg.MaxInFlight {
		l.InFlight = r.cfg.MaxInFlight
	}
	r.last = l
	return l
}

// dispatch begins what is due, and says when the next is.
func (r *route) dispatch() {
	for {
		r.wake = never
		l := r.limits()
		if l.Pause > 0 {
			r.wake = r.now + l.Pause
			return
		}
		if len(r.writing) >= l.InFlight {
			return
		}
		j := r.resend()
		if j == nil {
			j = r.cut(l)
		}
		if j == nil {
			return
		}
		r.begin(j, l)
	}
}

// resend takes the oldest job that is due again.
func (r *route) resend() *job {
	for i, j := range r.parked {
		if j.due <= r.now {
			r.parked = slices.Delete(r.parked, i, i+1)
			return j
		}
		r.wake = min(r.wake, j.due)
	}
	return nil
}

// cut takes a batch off the queue if it is time to. A job parked keeps its
// place among as many as the route may have under way.
func (r *route) cut(l batch.Limits) *job {
	queued := r.queued()
	if queued == 0 || len(r.writing)+len(r.parked) >= r.cfg.MaxInFlight {
		return nil
	}
	due := r.admitted[r.burst] + max(0, l.MaxWait)
	if queued < int64(l.MaxBytes) && due > r.now && !r.waiting() {
		r.wake = min(r.wake, due)
		return nil
	}
	j := r.fresh()
	*j = job{from: r.head, burst: r.burst, limit: math.MaxInt}
	j.to = j.from + min(queued, r.whole(l.MaxBytes))
	r.held += j.to - j.from
	r.head = j.to
	for r.burst < r.next && r.trace.end[r.burst] <= r.head {
		r.burst++
	}
	return j
}

// whole is how many bytes of whole entries are in that many, at least of one.
func (r *route) whole(bytes int) int64 { return max(1, int64(bytes)/r.entry) * r.entry }

func (r *route) fresh() *job {
	if n := len(r.spare); n > 0 {
		j := r.spare[n-1]
		r.spare = r.spare[:n-1]
		return j
	}
	return new(job)
}

// begin writes what may go at once of a job.
func (r *route) begin(j *job, l batch.Limits) {
	size := min(j.to-j.from, r.whole(min(l.MaxBytes, j.limit)))
	j.piece = j.from + size
	j.began, j.n = r.now, len(r.writing)+1
	timeout := requestTimeout
	if l.Timeout > 0 {
		timeout = min(timeout, l.Timeout)
	}
	r.begun += size
	j.answer = r.service.request(r.now, int(size), j.n, timeout)
	at, _ := slices.BinarySearchFunc(r.writing, j, func(a, b *job) int {
		if a.answer.at > b.answer.at {
			return -1
		}
		return 1
	})
	r.writing = slices.Insert(r.writing, at, j)
}

// complete takes a job back.
func (r *route) complete(j *job) {
	size := int(j.piece - j.from)
	class := j.answer.class
	r.shaper.Observe(batch.Outcome{
		Entries: size / int(r.entry), Bytes: size, InFlight: j.n, Took: r.now - j.began,
		Class: class, RetryAfter: j.answer.retryAfter, Now: epoch.Add(r.now),
	})
	r.score.count(class)
	if r.watch != nil {
		r.watch(Sample{
			At: r.now, Class: class, Bytes: size, Latency: r.now - r.trace.at[j.burst], InFlight: j.n,
			Limits: r.last, Queued: int(r.queued()),
		})
	}
	if class == batch.Delivered {
		r.delivered(j)
	} else {
		r.failed(j, size)
	}
	if j.from == j.to {
		r.spare = append(r.spare, j)
		return
	}
	at, _ := slices.BinarySearchFunc(r.parked, j, func(a, b *job) int { return int(a.from - b.from) })
	r.parked = slices.Insert(r.parked, at, j)
}

// delivered scores what was written. If it is the first to go well after a
// failure, whatever waits for its own backoff waits no longer.
func (r *route) delivered(j *job) {
	if r.failing {
		r.failing = false
		for _, p := range r.parked {
			if p.answer.retryAfter == 0 {
				p.due = min(p.due, r.now)
			}
		}
	}
	r.held -= j.piece - j.from
	j.burst = r.trace.split(j.burst, j.from, j.piece, func(arrived time.Duration, n int64) {
		r.score.delivered(arrived, r.now, n)
	})
	j.from, j.due, j.failures, j.refusals = j.piece, r.now, 0, 0
}

func (r *route) failed(j *job, size int) {
	switch j.answer.class {
	case batch.TooLarge:
		j.limit, j.due = size/2, r.now
		return
	case batch.Failed:
		r.failing = true
	case batch.Throttled:
		if j.refusals++; j.refusals%4 == 0 {
			j.limit = size / 2
		}
	}
	wait := min(lastRetry, firstRetry<<min(j.failures, 20))
	wait = max(wait, j.answer.retryAfter)
	j.failures++
	j.due = r.now + wait + time.Duration(0.3*r.rng.Float64()*float64(wait))
}
