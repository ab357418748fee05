//go:build linux

package nxtail_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/nxtail"
)

// printer is what a pipeline does, in small: it takes batches and settles them.
type printer struct{ last func() }

func (printer) NewBatch(l batch.Labels) *batch.Batch { return batch.New(nil, l) }
func (printer) Hasten() func()                       { return func() {} }

func (p printer) Receive(_ context.Context, b *batch.Batch, settled func(error)) error {
	for _, e := range b.Entries {
		fmt.Printf("%s %s\n", b.Labels, e.Line)
		if string(e.Line) == "closed" {
			p.last()
		}
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
	path := filepath.Join(dir, "shop.log")
	if err := os.WriteFile(path, []byte("opened\nsold one\nclosed\n"), 0o644); err != nil {
		panic(err)
	}

	// Where a service had tail.TailFile(path, tail.Config{Follow: true, ReOpen: true, Poll: true}).
	src, err := nxtail.New(nxtail.Config{
		Paths:  []string{path},
		Labels: func(path string) batch.Labels { return batch.MustLabels("file", filepath.Base(path)) },
	})
	if err != nil {
		panic(err)
	}

	// A pipeline does the rest; this is the least that can stand in for it.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	saver, err := source.NewSaver(ctx, source.MemCheckpoints())
	if err != nil {
		panic(err)
	}
	sup := lifecycle.New(lifecycle.Config{})
	defer sup.Close(context.Background())
	out := source.NewOutlet(source.OutletConfig{Name: "logs", Receiver: printer{cancel}, Saver: saver, Supervisor: sup})
	if err := out.Run(ctx, src); err != nil {
		panic(err)
	}
	// Output:
	// {file="shop.log"} opened
	// {file="shop.log"} sold one
	// {file="shop.log"} closed
}
