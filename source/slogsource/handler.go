package slogsource

import (
	"context"
	"log/slog"
	"strconv"

	"github.com/logferry/logferry/internal/origin"
)

// A handler is what Source.Handler returns, and what is derived from it. It does
// not change.
type handler struct {
	src    *Source
	prefix string   // of keys: the names of open groups, each with a dot
	groups []string // the same
	attrs  []byte   // of WithAttrs, packed
	count  int      // how many those are
	cut    bool     // there were more
	lines  *printer // nil: the line is the message
}

// Enabled is part of slog.Handler.
func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.src.cfg.Level.Level() }

// Handle is part of slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if origin.Marked(ctx) {
		h.src.queue.skip()
		return nil
	}
	d := h.src.draft()
	defer h.src.keep(d)
	h.compose(ctx, d, &r)
	return h.src.queue.push(d.buf, h.src.cfg.MaxWait)
}

// compose makes d the entry of r.
func (h *handler) compose(ctx context.Context, d *draft, r *slog.Record) {
	d.begin(h)
	d.cut = h.cut
	if h.lines != nil {
		d.open(r, h.lines.line(ctx, *r), h.src.cfg.MaxLine)
		d.replace = nil // in the line it was called
	} else {
		d.open(r, r.Message, h.src.cfg.MaxLine)
		d.preformatted(h.attrs, h.count)
		r.Attrs(func(a slog.Attr) bool { d.add(a); return true })
	}
	d.outside(keptBuiltin)
	if f := h.src.cfg.FromContext; f != nil {
		h.contextual(ctx, d, f)
	}
	d.outside(0)
	h.builtin(d, r)
	d.close()
}

// builtin adds what slog's own handlers have in front of the attributes. Here it
// comes last: where names must differ, as in Loki, the last one counts.
func (h *handler) builtin(d *draft, r *slog.Record) {
	if h.src.cfg.AddSource && h.lines == nil {
		if s := r.Source(); s != nil && d.replace != nil {
			d.add(slog.Any(slog.SourceKey, s))
		} else if s != nil {
			d.word = strconv.AppendInt(append(append(d.word[:0], s.File...), ':'), int64(s.Line), 10)
			put(d, slog.SourceKey, d.word)
		}
	}
	if h.src.cfg.LevelLabel {
		return
	}
	if d.replace != nil {
		d.add(slog.Any(slog.LevelKey, r.Level))
		return
	}
	put(d, slog.LevelKey, r.Level.String())
}

// contextual adds what the host's FromContext says of ctx. A slice it returns is
// kept for the next record only if it is the one that it was given: another may
// be the host's own.
func (h *handler) contextual(ctx context.Context, d *draft, from func(context.Context, []slog.Attr) []slog.Attr) {
	if d.extra == nil {
		d.extra = make([]slog.Attr, 0, usualExtra)
	}
	defer clear(d.extra[:cap(d.extra)]) // values may hold on to anything
	var extra []slog.Attr
	if what := tried(func() { extra = from(ctx, d.extra) }); what != "" {
		put(d, "from_context", what)
		return
	}
	for _, a := range extra {
		d.add(a)
	}
}

// usualExtra attributes of a ctx cost no allocation.
const usualExtra = 8

// WithAttrs is part of slog.Handler. The attributes are packed here, once.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	derived := *h
	if h.lines != nil {
		derived.lines = h.lines.withAttrs(attrs)
		return &derived
	}
	d := h.src.draft()
	defer h.src.keep(d)
	d.begin(h)
	d.cut = h.cut
	d.preformatted(h.attrs, h.count)
	for _, a := range attrs {
		d.add(a)
	}
	derived.attrs, derived.count, derived.cut = append([]byte(nil), d.buf...), d.count, d.cut
	return &derived
}

// WithGroup is part of slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	derived := *h
	if h.lines != nil {
		derived.lines = h.lines.withGroup(name)
		return &derived
	}
	derived.prefix = h.prefix + name + "."
	derived.groups = append(h.groups[:len(h.groups):len(h.groups)], name)
	return &derived
}
