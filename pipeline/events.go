package pipeline

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// hook calls one of the host's hooks.
func (e *Engine) hook(f func()) {
	if err := guard("Hooks", func() error { f(); return nil }); err != nil {
		e.log.logger.Error("a hook panicked", "error", err)
	}
}

// feedStatus is what is known of a source's task.
type feedStatus struct {
	mu sync.Mutex
	feedState
}

type feedState struct {
	restarts int
	err      error // the last failure
	down     bool  // waits to be run again, or never will be
}

func (s *feedStatus) failed(restarts int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.feedState = feedState{restarts, err, true}
}

func (s *feedStatus) began(restarts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restarts, s.down = restarts, false
}

func (s *feedStatus) get() feedState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.feedState
}

// onTask hears of every task of the tree.
func (e *Engine) onTask(ev lifecycle.Event) {
	name, source := strings.CutPrefix(ev.Task, "pipeline/sources/")
	if source && !strings.Contains(name, "/") {
		e.onSource(name, ev)
		return
	}
	if ev.Kind == lifecycle.Restarting || ev.Kind == lifecycle.Failed {
		e.log.logger.Error("a task failed", "task", ev.Task, "error", ev.Err, "event", ev.Kind.String())
	}
}

func (e *Engine) onSource(name string, ev lifecycle.Event) {
	status := &e.feedsByName()[name].status
	wait := ev.Wait
	switch ev.Kind {
	case lifecycle.Started:
		status.began(ev.Restarts)
		return
	case lifecycle.Restarting:
		e.log.logger.Error("source failed and is run again", "source", name, "error", ev.Err, "wait", wait)
	case lifecycle.Failed:
		wait = -1
		e.log.logger.Error("source failed for good", "source", name, "error", ev.Err)
	default:
		return
	}
	status.failed(ev.Restarts, ev.Err)
	if f := e.cfg.Hooks.SourceFailed; f != nil {
		e.hook(func() { f(name, ev.Err, wait) })
	}
}

// routeStatus is what is known of a route's Writes.
type routeStatus struct {
	mu      sync.Mutex
	writing int
	batches int64
	retries int64
	bytes   int64
	err     error
	failing bool // the last Write delivered nothing, for want of the destination
}

func (s *routeStatus) began(writing int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = writing
}

// ended notes the end of a Write that failed or delivered, and whether it is the
// first to deliver after some that did not.
func (s *routeStatus) ended(writing int, err error, failed bool) (recovered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = writing
	if err != nil {
		s.err = err
	} else {
		s.batches++
	}
	recovered = s.failing && !failed
	s.failing = failed
	return recovered
}

func (s *routeStatus) delivered(bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += int64(bytes)
}

func (s *routeStatus) retried() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retries++
}

// writeFailed tells of a Write that is repeated. The log has one line when it
// begins to fail and one when it ends, not one for each.
func (r *route) writeFailed(err error, wait time.Duration) {
	r.status.retried()
	if !r.complained && !errors.Is(err, sink.ErrBreakerOpen) {
		r.complained = true
		r.engine.log.logger.Warn("writing failed and is repeated", "route", r.cfg.Name, "error", err, "wait", wait)
	}
	if f := r.engine.cfg.Hooks.WriteFailed; f != nil {
		r.news = append(r.news, func() { r.engine.hook(func() { f(r.cfg.Name, err, wait) }) })
	}
}

// refused tells of entries a sink refuses for good.
func (e *Engine) refused(r *route, failed []sink.Failure) {
	e.log.logger.Error("entries refused", "route", r.cfg.Name, "entries", len(failed),
		"dead_letter", r.dead != nil, "error", failed[0].Err)
}

func (e *Engine) dropped(route, reason string, n int) {
	if f := e.cfg.Hooks.Dropped; f != nil && n > 0 {
		e.hook(func() { f(route, reason, n) })
	}
}

func (r *route) deadLettered(n int) {
	if f := r.engine.cfg.Hooks.DeadLettered; f != nil && n > 0 {
		r.news = append(r.news, func() { r.engine.hook(func() { f(r.cfg.Name, n) }) })
	}
}
