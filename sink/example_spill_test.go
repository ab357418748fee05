package sink_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
)

// A queue on the disk outlives an outage. In a pipeline it is the Sink of a route, which starts and closes it.
func ExampleSpill() {
	dir, err := os.MkdirTemp("", "spill")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	var up atomic.Bool
	loki := sink.Func(func(_ context.Context, b *batch.Batch) error {
		if !up.Load() {
			return errors.New("connection refused")
		}
		fmt.Printf("Loki has %s\n", b.Entries[0].Line)
		return nil
	})
	queue, err := sink.Spill(sink.Retry(loki, sink.RetryConfig{Min: time.Millisecond}), sink.SpillConfig{Dir: filepath.Join(dir, "queue")})
	if err != nil {
		panic(err)
	}
	tasks := lifecycle.New(lifecycle.Config{})
	ctx := context.Background()
	if err := queue.Start(ctx, tasks); err != nil {
		panic(err)
	}
	b := batch.New(nil, batch.MustLabels("app", "shop"))
	b.Append(time.Now(), []byte("an order"))
	fmt.Println("Write:", queue.Write(ctx, b)) // the line is on the disk
	fmt.Println("queued:", queue.Stats().Entries)

	up.Store(true)
	fmt.Println("Drain:", queue.Drain(ctx))
	fmt.Println("Close:", errors.Join(queue.Close(ctx), tasks.Close(ctx)))
	// Output:
	// Write: <nil>
	// queued: 1
	// Loki has an order
	// Drain: <nil>
	// Close: <nil>
}
