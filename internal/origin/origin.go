// Package origin tells what a pipeline logs of itself from what its host logs.
//
// A pipeline may be given a logger whose records come back to it through a source. Each failure to deliver would then be
// one more entry to deliver, which fails as well. So the contexts of a pipeline's own work bear a mark, and a source that
// takes log records leaves those with the mark to the host's other handlers.
package origin

import "context"

type mark struct{}

// Mark returns ctx as that of a pipeline's own work. Pipelines call it.
func Mark(ctx context.Context) context.Context { return context.WithValue(ctx, mark{}, true) }

// Marked reports whether ctx, or one it comes from, bears the mark. A nil ctx, which a logger may be given, does not.
func Marked(ctx context.Context) bool { return ctx != nil && ctx.Value(mark{}) != nil }
