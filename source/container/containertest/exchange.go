package containertest

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"
)

// An exchange is a request and the response to it, which goes through its faults.
type exchange struct {
	engine    *Engine
	w         http.ResponseWriter
	r         *http.Request
	conn      net.Conn
	endpoints []Endpoint // what it is about, by all its names
	name      string     // of the container it is about, as it says
	container *Container // that one, if there is one
	wake      chan struct{}

	armed []*armed // the engine's lock guards it
}

// An armed fault is one on its way to its place.
type armed struct {
	do            Action
	frames, after int // still to come before it
}

// errEnded ends a response in order.
var errEnded = errors.New("containertest: ended by a fault")

// arm adds a fault. The engine is locked.
func (x *exchange) arm(f Fault) {
	a := &armed{do: f.Do, frames: f.Frames, after: f.After}
	if f.Do.kind == status {
		a.frames, a.after = 0, BeforeHeaders
	}
	x.armed = append(x.armed, a)
	if f.Do.kind == cut && a.frames == 0 && a.after == 0 && x.started() {
		// The client may be the one that stalls.
		x.conn.Close()
	}
	notify(x.wake)
}

// started reports whether x has been counted as being answered.
func (x *exchange) started() bool { return x.engine.open[x] }

// disarm takes the first fault that stands before limit bytes of the current
// frame. What is left of the others' ways is counted from there.
func (x *exchange) disarm(ready func(*armed) bool) *armed {
	x.engine.mu.Lock()
	defer x.engine.mu.Unlock()
	best := -1
	for i, a := range x.armed {
		if a.frames == 0 && ready(a) && (best < 0 || a.after < x.armed[best].after) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	a := x.armed[best]
	x.armed = append(x.armed[:best], x.armed[best+1:]...)
	x.pass(max(0, a.after))
	return a
}

// pass counts bytes that were sent of a frame.
func (x *exchange) pass(n int) {
	for _, a := range x.armed {
		if a.frames == 0 && a.after >= 0 {
			a.after -= n
		}
	}
}

// before does what stands before the headers. It reports whether that was the
// answer.
func (x *exchange) before() (bool, error) {
	for {
		a := x.disarm(func(a *armed) bool { return a.after < 0 })
		if a == nil {
			return false, nil
		}
		if a.do.kind == status {
			return true, apiError{status: a.do.status, message: string(a.do.bytes)}
		}
		if _, err := x.act(a.do, nil); err != nil {
			return true, err
		}
	}
}

// begin sends the headers of a stream.
func (x *exchange) begin(contentType string) error {
	if contentType != "" {
		x.w.Header().Set("Content-Type", contentType)
	}
	x.w.WriteHeader(http.StatusOK)
	x.flush()
	return x.due()
}

// due does what stands exactly here.
func (x *exchange) due() error {
	for {
		a := x.disarm(func(a *armed) bool { return a.after == 0 && a.do.kind != corrupt })
		if a == nil {
			return nil
		}
		if _, err := x.act(a.do, nil); err != nil {
			return err
		}
	}
}

// frame sends what the engine sends as one.
func (x *exchange) frame(p []byte) error {
	if err := x.due(); err != nil {
		return err
	}
	for {
		a := x.disarm(func(a *armed) bool { return a.after >= 0 && a.after < len(p) })
		if a == nil {
			break
		}
		if err := x.write(p[:a.after]); err != nil {
			return err
		}
		rest, err := x.act(a.do, p[a.after:])
		if err != nil {
			return err
		}
		x.engine.mu.Lock()
		x.pass(len(p) - a.after - len(rest))
		x.engine.mu.Unlock()
		p = rest
	}
	if err := x.write(p); err != nil {
		return err
	}
	x.engine.mu.Lock()
	x.pass(len(p))
	for _, a := range x.armed {
		a.frames = max(0, a.frames-1)
	}
	x.engine.mu.Unlock()
	return x.due()
}

// act does what a fault does, before the rest of a frame, and returns what is left
// of that.
func (x *exchange) act(do Action, rest []byte) ([]byte, error) {
	switch do.kind {
	case insert:
		return rest, x.write(do.bytes)
	case corrupt:
		n := min(len(do.bytes), len(rest))
		return rest[n:], x.write(do.bytes[:n])
	case end:
		return nil, errEnded
	case stall:
		x.flush()
		return rest, sleep(x.r.Context(), do.wait)
	case silence:
		x.flush()
		<-x.r.Context().Done()
	case cut:
		x.flush()
	default:
		return rest, nil
	}
	x.conn.Close()
	panic(http.ErrAbortHandler)
}

func (x *exchange) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	_, err := x.w.Write(p)
	return err
}

// flush sends what was written so far. The header is all there is of the answer to a HEAD: if it was sent before the
// end, the connection would be used again at once, and its closing not be noticed any more.
func (x *exchange) flush() {
	if x.r.Method != http.MethodHead {
		x.w.(http.Flusher).Flush()
	}
}

// json answers with a value.
func (x *exchange) json(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	x.w.Header().Set("Content-Type", "application/json")
	return x.frame(append(b, '\n'))
}

// sleep waits, unless ctx is done before.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
