package lifecycle

import "time"

// Restart says how a task that failed is run again. A task is restarted only if Min or Budget is positive, and never
// once its context is done: the wait before a restart ends as soon as the task is told to stop.
//
// The same goroutine does the waiting and the next run; the task stays in Running throughout.
type Restart struct {
	// Min is the wait before the first restart. It doubles with each further failure, up to Max. Zero: at once, every
	// time, which needs a Budget.
	Min time.Duration

	// Max bounds the wait; anything below Min means Min. A run that lasted Max or longer was a healthy one: the next
	// wait is Min again.
	Max time.Duration

	// Budget is how many restarts are allowed within any Window; the failure after that is final. Zero means no bound.
	Budget int

	// Window is the span Budget applies to. Zero means the task's whole life.
	Window time.Duration
}

// restarts keeps one task's account of its Restart policy. It is used by the task's goroutine only.
type restarts struct {
	policy Restart
	wait   time.Duration // the previous one; 0: none yet
	used   int           // restarts ever granted
	recent []time.Time   // when those within the last Window were granted, oldest first
}

// next grants a restart after a run that lasted ran and failed now, or refuses it.
func (r *restarts) next(ran time.Duration, now time.Time) (wait time.Duration, ok bool) {
	p := r.policy
	if p.Min <= 0 && p.Budget <= 0 {
		return 0, false
	}
	if p.Budget > 0 && !r.take(now) {
		return 0, false
	}
	r.used++
	longest := max(p.Min, p.Max)
	if r.wait == 0 || ran >= longest {
		r.wait = max(p.Min, 0)
	} else {
		r.wait = min(2*r.wait, longest)
	}
	return r.wait, true
}

// take uses up one unit of the budget if there is one left.
func (r *restarts) take(now time.Time) bool {
	p := r.policy
	if p.Window <= 0 {
		return r.used < p.Budget
	}
	old := 0
	for old < len(r.recent) && now.Sub(r.recent[old]) >= p.Window {
		old++
	}
	r.recent = append(r.recent[:0], r.recent[old:]...)
	if len(r.recent) >= p.Budget {
		return false
	}
	r.recent = append(r.recent, now)
	return true
}
