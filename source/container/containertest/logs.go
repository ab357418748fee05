package containertest

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// logs answers with the log of a container.
func (x *exchange) logs(v version) error {
	q, err := x.query()
	if err != nil {
		return err
	}
	c, err := x.found()
	if err != nil {
		return err
	}
	if !c.readable() {
		return apiError{status: http.StatusNotImplemented, message: "configured logging driver does not support reading"}
	}
	contentType := ""
	if x.engine.config.Generation != Gen20 {
		contentType = "application/vnd.docker.raw-stream"
		if !c.spec.Tty && !v.less(version{1, 42}) {
			contentType = "application/vnd.docker.multiplexed-stream"
		}
	}
	r := x.read(c, q)
	defer x.unread(c, r)
	if err := x.begin(contentType); err != nil {
		return err
	}
	return x.send(r, c.spec.Tty)
}

// readable reports whether the container's log can be read.
func (c *Container) readable() bool {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	return c.log.driver.reads(c.spec.NoCache)
}

// query reads what is asked for.
func (x *exchange) query() (q query, err error) {
	form := x.r.FormValue
	q = query{stdout: truth(form("stdout")), stderr: truth(form("stderr")), follow: truth(form("follow")),
		stamped: truth(form("timestamps"))}
	if !q.stdout && !q.stderr {
		return q, badRequest("Bad parameters: you must choose at least one stream")
	}
	if q.tail, err = strconv.Atoi(form("tail")); err != nil {
		q.tail = -1 // all
	}
	if q.since, err = moment(form("since")); err != nil {
		return q, err
	}
	if form("until") != "0" {
		q.until, err = moment(form("until"))
	}
	return q, err
}

// moment reads a time as the API takes it: seconds, and up to nine digits behind a
// point.
func moment(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	whole, frac, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	var nsec int64
	if err == nil && frac != "" {
		nsec, err = strconv.ParseInt(frac, 10, 64)
		nsec = int64(float64(nsec) * math.Pow10(9-len(frac)))
	}
	if err != nil {
		return time.Time{}, internalError(err)
	}
	return time.Unix(sec, nsec), nil
}

// read begins the reading of a log.
func (x *exchange) read(c *Container, q query) *reading {
	x.engine.mu.Lock()
	defer x.engine.mu.Unlock()
	if q.follow {
		c.follows.begin(x)
		x.engine.stats.Follows++
	}
	return c.log.read(q, x.engine.config.ReadAhead, x.wake)
}

func (x *exchange) unread(c *Container, r *reading) {
	e := x.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	r.end()
	if r.query.follow {
		c.follows.end(x)
		e.stats.Follows--
		e.stats.MaxFollows = max(e.stats.MaxFollows, c.follows.most)
	}
}

// send sends what a reading gives until it has ended.
func (x *exchange) send(r *reading, tty bool) error {
	const some = 64 // messages, between which the engine is not asked
	var frame []byte
	for {
		x.engine.mu.Lock()
		list, finished := r.pending(some), r.finished()
		x.engine.mu.Unlock()
		for i, m := range list {
			frame = m.frame(frame[:0], tty, r.query.stamped)
			if len(frame) > 0 {
				if err := x.frame(frame); err != nil {
					return err
				}
			}
			x.engine.mu.Lock()
			r.sent(1)
			x.engine.mu.Unlock()
			if i == len(list)-1 {
				x.flush()
			}
		}
		if finished {
			return nil
		}
		if len(list) > 0 {
			continue
		}
		if err := x.rest(nil); err != nil {
			return err
		}
	}
}

// rest waits for something to send, to be struck by a fault, or for until.
func (x *exchange) rest(until <-chan time.Time) error {
	select {
	case <-x.wake:
		return x.due()
	case <-until:
		return errEnded
	case <-x.r.Context().Done():
		return x.r.Context().Err()
	}
}
