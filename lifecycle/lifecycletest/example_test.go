package lifecycletest_test

import (
	"context"
	"testing"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/lifecycle/lifecycletest"
)

var t *testing.T // the one that a test is given

func ExampleNoLeak() {
	lifecycletest.NoLeak(t) // first, so that it looks last

	s := lifecycle.New(lifecycle.Config{Name: "app"})
	t.Cleanup(func() { s.Close(context.Background()) })
	s.Go("reader", func(ctx context.Context) error { <-ctx.Done(); return nil })
}

// What has a Start and a Close, as a pipeline has, is put under stress as it is.
func ExampleStress() {
	lifecycletest.Stress(t, func() lifecycletest.Life {
		c := &component{tasks: lifecycle.New(lifecycle.Config{})}
		return lifecycletest.Life{Start: c.Start, Close: c.tasks.Close}
	})
}

// What only runs, as a source does, is made a task.
func ExampleStress_task() {
	run := func(ctx context.Context) error { <-ctx.Done(); return nil }
	lifecycletest.Stress(t, func() lifecycletest.Life {
		s := lifecycle.New(lifecycle.Config{})
		return lifecycletest.Life{
			Start: func(context.Context) error { return s.Go("source", run).Err() },
			Close: s.Close,
		}
	})
}
