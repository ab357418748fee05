package pipeline

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/logferry/logferry/internal/origin"
)

// A journal takes log records without ever making its caller wait, and hands
// them to the host's handler from a task of its own.
type journal struct {
	logger  *slog.Logger
	queue   chan note
	dropped atomic.Int64
}

type note struct {
	via    *journalHandler
	record slog.Record
}

// journalSize is how many records may wait for a slow handler.
const journalSize = 256

func newJournal(l *slog.Logger) *journal {
	if l == nil {
		l = slog.New(slog.DiscardHandler)
	}
	j := &journal{queue: make(chan note, journalSize)}
	j.logger = slog.New(&journalHandler{j: j, root: l.Handler(), to: l.Handler(), made: true})
	return j
}

// run is the task. What is queued when it is told to stop is still written.
func (j *journal) run(ctx context.Context) error {
	for {
		select {
		case n := <-j.queue:
			n.write()
		case <-ctx.Done():
			j.rest()
			return nil
		}
	}
}

func (j *journal) rest() {
	for {
		select {
		case n := <-j.queue:
			n.write()
		default:
			return
		}
	}
}

// write calls the host's handler, whose panics are its own. The handler may lead
// back to this pipeline: the ctx says whose record it is.
func (n note) write() {
	ctx := origin.Mark(context.Background())
	guard("Logger", func() error { return n.via.handler().Handle(ctx, n.record) })
}

// A journalHandler stands for a handler of the host's. What it is derived from
// the host's Logger by is done by the task, as everything else that may block;
// but not Enabled, which must not.
type journalHandler struct {
	j    *journal
	root slog.Handler
	from *journalHandler
	with func(slog.Handler) slog.Handler

	to   slog.Handler // the task's, once made
	made bool
}

// handler is for the task only.
func (h *journalHandler) handler() slog.Handler {
	if !h.made {
		h.to, h.made = h.with(h.from.handler()), true
	}
	return h.to
}

func (h *journalHandler) Enabled(ctx context.Context, l slog.Level) (yes bool) {
	guard("Logger", func() error { yes = h.root.Enabled(ctx, l); return nil })
	return yes
}

func (h *journalHandler) Handle(_ context.Context, r slog.Record) error {
	select {
	case h.j.queue <- note{h, r.Clone()}:
	default:
		h.j.dropped.Add(1)
	}
	return nil
}

func (h *journalHandler) WithAttrs(a []slog.Attr) slog.Handler {
	return h.derive(func(to slog.Handler) slog.Handler { return to.WithAttrs(a) })
}

func (h *journalHandler) WithGroup(name string) slog.Handler {
	return h.derive(func(to slog.Handler) slog.Handler { return to.WithGroup(name) })
}

func (h *journalHandler) derive(with func(slog.Handler) slog.Handler) slog.Handler {
	return &journalHandler{j: h.j, root: h.root, from: h, with: with}
}
