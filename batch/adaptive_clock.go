package batch

import "time"

// A clock turns the times an [Adaptive] is given into seconds that never go
// back. A route tells of Writes somewhat after they have ended: what is that
// little before the last time counts as that time. A clock that is set back
// stands still for one call and goes on from there, so that no pause becomes
// longer by it; one that is set forward ends pauses early and makes what has
// been learnt look old, which is harmless.
type clock struct {
	last time.Time
	now  float64
}

// late is how long after its end a route tells of a Write at most, however busy.
const late = time.Second

func (c *clock) tick(t time.Time) float64 {
	d := t.Sub(c.last)
	if d > 0 && !c.last.IsZero() {
		c.now += d.Seconds()
	}
	if d > 0 || d < -late {
		c.last = t
	}
	return c.now
}

// longestPause in seconds, whatever a destination asks for: it is asked again
// then.
const longestPause = 3600

// duration is at most an hour, and at least nothing.
func duration(seconds float64) time.Duration {
	return time.Duration(max(0, min(seconds, longestPause)) * 1e9)
}
