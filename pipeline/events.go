package pipeline

import (
	"errors"
	"strings"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// hook calls one of the host's hooks.
func (e *Engine) hook(f func()) {
	if err := guard("Hooks", func() error { f(); return nil }); err != nil {
		e.log.logger.Error("a hook panicked", "error", err)
	}
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

// writeFailed tells of a Write that is repeated. The log has a line when it
// begins to fail, one a minute, and one when it ends. That a breaker refuses
// says nothing new.
func (r *route) writeFailed(err error, wait time.Duration) {
	now := time.Now()
	if !errors.Is(err, sink.ErrBreakerOpen) && r.outage.worth(err, now) {
		r.engine.log.logger.Warn("writing failed and is repeated", "route", r.cfg.Name, "error", err,
			"wait", wait, "failing_for", now.Sub(r.outage.since))
	}
	r.repeated(err, wait)
}

// tooLarge tells of a Write that is repeated in pieces, once a second at most:
// the destination is well.
func (r *route) tooLarge(err error, o batch.Outcome) {
	if n, due := r.oversize.add(1, time.Now()); due {
		r.engine.log.logger.Info("a batch is too large for the destination and goes in pieces", "route", r.cfg.Name,
			"batches", n, "entries", o.Entries, "bytes", o.Bytes, "error", err)
	}
	r.repeated(err, 0)
}

// repeated counts a Write that is repeated, and has the hook told.
func (r *route) repeated(err error, wait time.Duration) {
	r.status.retried()
	if f := r.engine.cfg.Hooks.WriteFailed; f != nil {
		r.news = append(r.news, func() { r.engine.hook(func() { f(r.cfg.Name, err, wait) }) })
	}
}

// refused tells of entries the sink refuses for good, once a second at most.
func (r *route) refused(failed []sink.Failure) {
	if n, due := r.refusals.add(len(failed), time.Now()); due {
		r.engine.log.logger.Error("entries refused", "route", r.cfg.Name, "entries", n,
			"dead_letter", r.dead != nil, "error", failed[0].Err)
	}
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
