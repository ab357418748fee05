package pipeline

import (
	"context"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/logferry/logferry/batch"
)

// A labelReader notes the profiler labels of the ctx that its Writes get.
type labelReader struct {
	collector
	seen atomic.Pointer[string]
}

func (l *labelReader) Write(ctx context.Context, b *batch.Batch) error {
	label, _ := pprof.Label(ctx, "logferry")
	l.seen.Store(&label)
	return l.collector.Write(ctx, b)
}

// The ctx of a Write has the profiler labels of its goroutine, for a sink that
// changes those and has to find the way back.
func TestWriteKnowsItsLabels(t *testing.T) {
	out := &labelReader{}
	if err := mustNew(t, one(counter{total: 10}, Route{Sink: out})).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if seen := out.seen.Load(); seen == nil || !strings.HasSuffix(*seen, "/writer") {
		t.Errorf("labels %v", seen)
	}
}
