package tail_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/tail"
)

// printer is what a pipeline does, in small: it takes batches and settles them.
type printer struct{}

func (printer) NewBatch(l batch.Labels) *batch.Batch { return batch.New(nil, l) }
func (printer) Hasten() func()                       { return func() {} }

func (printer) Receive(_ context.Context, b *batch.Batch, settled func(error)) error {
	for _, e := range b.Entries {
		fmt.Printf("%s %s\n", b.Labels, e.Line)
	}
	b.OnSettled(settled)
	b.Settle(nil)
	return nil
}

func ExampleNew() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "shop.log"), []byte("opened\nsold one\n"), 0o644); err != nil {
		panic(err)
	}

	src, err := tail.New(tail.Config{
		Paths:  []string{filepath.Join(dir, "*.log")},
		Once:   true, // a service that goes on following leaves it out
		Labels: func(path string) batch.Labels { return batch.MustLabels("file", filepath.Base(path)) },
	})
	if err != nil {
		panic(err)
	}

	// A pipeline does the rest; this is the least that can stand in for it.
	ctx := context.Background()
	saver, err := source.NewSaver(ctx, source.MemCheckpoints())
	if err != nil {
		panic(err)
	}
	sup := lifecycle.New(lifecycle.Config{})
	defer sup.Close(ctx)
	out := source.NewOutlet(source.OutletConfig{Name: "logs", Receiver: printer{}, Saver: saver, Supervisor: sup})
	if err := out.Run(ctx, src); err != nil {
		panic(err)
	}
	// Output:
	// {file="shop.log"} opened
	// {file="shop.log"} sold one
}
