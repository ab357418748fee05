package sink

import (
	"context"

	"github.com/logferry/logferry/batch"
)

// Discard returns a Sink that takes every batch and keeps nothing of it.
func Discard() Sink { return discard{} }

type discard struct{}

func (discard) Write(context.Context, *batch.Batch) error { return nil }
func (discard) Close(context.Context) error               { return nil }
