package slogsource

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
)

// A printer makes lines by means of one of slog's own handlers. Such a handler
// writes to what it was made with, and derives others that do: so each call that
// is under way has a copy for itself.
type printer struct {
	make func(io.Writer) slog.Handler
	idle atomic.Pointer[copyOf]
}

// A copyOf a handler writes to a buffer of its own.
type copyOf struct {
	bytes.Buffer
	slog.Handler
}

// newPrinter returns nil for Message.
func newPrinter(cfg *Config) *printer {
	// Without a Level: Handle does not ask for it.
	opts := &slog.HandlerOptions{AddSource: cfg.AddSource, ReplaceAttr: cfg.ReplaceAttr}
	switch cfg.Format {
	case Text:
		return &printer{make: func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, opts) }}
	case JSON:
		return &printer{make: func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, opts) }}
	}
	return nil
}

// line returns the line of r. If code of the host's panics, it is the message and
// what it panicked with.
func (p *printer) line(ctx context.Context, r slog.Record) string {
	c := p.idle.Swap(nil)
	if c == nil {
		c = new(copyOf)
	}
	var line string
	what := tried(func() {
		if c.Handler == nil {
			c.Handler = p.make(&c.Buffer)
		}
		c.Handle(ctx, r) // a Buffer does not fail
		line = string(bytes.TrimSuffix(c.Bytes(), []byte("\n")))
	})
	if what != "" {
		return r.Message + " " + what // and c, which may be anything now, is left
	}
	c.Reset()
	if c.Cap() <= maxScratch {
		p.idle.Store(c)
	}
	return line
}

func (p *printer) withAttrs(attrs []slog.Attr) *printer {
	attrs = slices.Clone(attrs)
	for i := range attrs {
		// Once, as it is done by handlers that are derived once.
		attrs[i].Value = attrs[i].Value.Resolve()
	}
	return &printer{make: func(w io.Writer) slog.Handler { return p.make(w).WithAttrs(slices.Clone(attrs)) }}
}

func (p *printer) withGroup(name string) *printer {
	return &printer{make: func(w io.Writer) slog.Handler { return p.make(w).WithGroup(name) }}
}
