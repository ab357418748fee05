//go:build linux

package tailbench

import (
	"bufio"
	"context"
	"errors"
	"os"
	"time"

	nxtail "github.com/nxadm/tail"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/tail"
)

// bare is a process that does nothing: what the others take beside is theirs.
type bare struct{}

func (bare) follow(order, func([]byte)) error { return nil }
func (bare) read(order, func([]byte)) error   { return errors.ErrUnsupported }

// logferry is the source of this library.
type logferry struct{ noWatch bool }

func (l logferry) follow(o order, line func([]byte)) error {
	src, err := tail.New(tail.Config{Paths: []string{o.Pattern}, NoWatch: l.noWatch})
	if err != nil {
		return err
	}
	out, _, err := outlet(line)
	if err != nil {
		return err
	}
	go out.Run(context.Background(), src) // ends with the process
	for !allIdle(src.Stats(), len(o.Paths)) {
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

func allIdle(stats []tail.FileStats, n int) bool {
	for _, st := range stats {
		// Nothing is read of a file that is empty, and it stays as it was.
		if st.State != tail.Idle && st.Size > 0 {
			return false
		}
	}
	return len(stats) == n
}

func (l logferry) read(o order, line func([]byte)) error {
	src, err := tail.New(tail.Config{Paths: o.Paths[:1], Once: true})
	if err != nil {
		return err
	}
	out, sup, err := outlet(line)
	if err != nil {
		return err
	}
	return errors.Join(out.Run(context.Background(), src), sup.Close(context.Background()))
}

// outlet returns one that delivers everything to line at once.
func outlet(line func([]byte)) (*source.Outlet, *lifecycle.Supervisor, error) {
	saver, err := source.NewSaver(context.Background(), nil)
	if err != nil {
		return nil, nil, err
	}
	sup := lifecycle.New(lifecycle.Config{})
	return source.NewOutlet(source.OutletConfig{Name: "tail", Receiver: &receiver{line: line}, Saver: saver, Supervisor: sup}), sup, nil
}

// A receiver has everything delivered at once.
type receiver struct {
	pool batch.Pool
	line func([]byte)
}

func (r *receiver) NewBatch(l batch.Labels) *batch.Batch { return batch.New(&r.pool, l) }
func (r *receiver) Hasten() func()                       { return func() {} }

func (r *receiver) Receive(_ context.Context, b *batch.Batch, settled func(error)) error {
	for i := range b.Entries {
		r.line(b.Entries[i].Line)
	}
	b.OnSettled(settled)
	b.Settle(nil)
	return nil
}

// nxadm is github.com/nxadm/tail, one for each file.
type nxadm struct{ poll bool }

func (n nxadm) open(path string) (*nxtail.Tail, error) {
	return nxtail.TailFile(path, nxtail.Config{Follow: true, ReOpen: true, Poll: n.poll, Logger: nxtail.DiscardingLogger})
}

func (n nxadm) follow(o order, line func([]byte)) error {
	for _, path := range o.Paths {
		t, err := n.open(path)
		if err != nil {
			return err
		}
		go func() { // ends with the process
			for l := range t.Lines {
				line([]byte(l.Text))
			}
		}()
	}
	return nil
}

func (n nxadm) read(o order, line func([]byte)) error {
	t, err := n.open(o.Paths[0])
	if err != nil {
		return err
	}
	for range o.Lines {
		line([]byte((<-t.Lines).Text))
	}
	return t.Stop()
}

// scanner is the plainest way to read a file of lines. It follows nothing.
type scanner struct{}

func (scanner) follow(order, func([]byte)) error { return errors.ErrUnsupported }

func (scanner) read(o order, line func([]byte)) error {
	f, err := os.Open(o.Paths[0])
	if err != nil {
		return err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		line(s.Bytes())
	}
	return s.Err()
}
