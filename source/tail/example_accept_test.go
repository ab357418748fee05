package tail_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/tail"
)

// Files are found before it is known whose they are. They wait until then.
func ExampleConfig_accept() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "7f3a.log")
	if err := os.WriteFile(path, []byte("sold one umbrella\n"), 0o644); err != nil {
		panic(err)
	}

	var owners sync.Map // by path
	src, err := tail.New(tail.Config{
		Paths: []string{filepath.Join(dir, "*.log")},
		Accept: func(path string) bool {
			_, ok := owners.Load(path)
			return ok
		},
		Labels: func(path string) batch.Labels {
			owner, _ := owners.Load(path)
			return batch.MustLabels("owner", owner.(string))
		},
	})
	if err != nil {
		panic(err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	saver, err := source.NewSaver(ctx, nil)
	if err != nil {
		panic(err)
	}
	sup := lifecycle.New(lifecycle.Config{})
	defer sup.Close(context.Background())
	sold := make(chan string)
	out := source.NewOutlet(source.OutletConfig{Name: "shops", Receiver: teller{lines: sold}, Saver: saver, Supervisor: sup})
	run := sup.Go("run", func(context.Context) error { return out.Run(ctx, src) })

	owners.Store(path, "till")
	src.Reconsider(path)
	fmt.Println(<-sold)
	cancel()
	run.Wait(context.Background())
	// Output:
	// {owner="till"} sold one umbrella
}

// teller is a printer that hands over what it would print.
type teller struct {
	printer
	lines chan<- string
}

func (t teller) Receive(_ context.Context, b *batch.Batch, settled func(error)) error {
	for _, e := range b.Entries {
		t.lines <- fmt.Sprintf("%v %s", b.Labels, e.Line)
	}
	b.OnSettled(settled)
	b.Settle(nil)
	return nil
}
