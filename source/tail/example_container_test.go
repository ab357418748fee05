package tail_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/record"
	"github.com/logferry/logferry/source/tail"
)

// The files of a Kubernetes node: lines as a CRI runtime writes them, stack traces
// of any language in one entry each, labels from the path.
func ExampleConfig_containers() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	folder := filepath.Join(dir, "pods", "shop_till_0b1c", "open")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		panic(err)
	}
	const stamp = "2006-01-02T15:04:05.000000000Z"
	if err := os.WriteFile(filepath.Join(folder, "0.log"), []byte(
		stamp+" stdout P sold one umbrella and \n"+
			stamp+" stderr F panic: no such drawer\n"+
			stamp+" stdout F a hat\n"+
			stamp+" stderr F \n"+
			stamp+" stderr F goroutine 1 [running]:\n"), 0o644); err != nil {
		panic(err)
	}

	src, err := tail.New(tail.Config{
		Paths:     []string{filepath.Join(dir, "pods/*/*/*.log")}, // usually /var/log/pods/*/*/*.log
		Format:    record.CRI,
		Multiline: tail.Multiline{Rule: record.Traces()},
		Labels:    tail.PodLabels,
		Once:      true,
	})
	if err != nil {
		panic(err)
	}

	ctx := context.Background()
	saver, err := source.NewSaver(ctx, nil)
	if err != nil {
		panic(err)
	}
	sup := lifecycle.New(lifecycle.Config{})
	defer sup.Close(ctx)
	out := source.NewOutlet(source.OutletConfig{Name: "pods", Receiver: quoter{}, Saver: saver, Supervisor: sup})
	if err := out.Run(ctx, src); err != nil {
		panic(err)
	}
	// Output:
	// {container="open", namespace="shop", pod="till"} stdout "sold one umbrella and a hat"
	// {container="open", namespace="shop", pod="till"} stderr "panic: no such drawer\n\ngoroutine 1 [running]:"
}

// quoter is a printer that shows line ends and the attribute stream.
type quoter struct{ printer }

func (quoter) Receive(_ context.Context, b *batch.Batch, settled func(error)) error {
	for _, e := range b.Entries {
		fmt.Printf("%s %s %q\n", b.Labels, e.Attrs[0].Value, e.Line)
	}
	b.OnSettled(settled)
	b.Settle(nil)
	return nil
}
