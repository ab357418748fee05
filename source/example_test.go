package source_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/sourcetest"
)

// journal is a source over lines in memory. Its cursor is the number of the
// next line.
type journal struct{ lines []string }

func (j *journal) Run(ctx context.Context, out *source.Outlet) error {
	s, err := out.Open(ctx, "journal", batch.MustLabels("app", "shop"))
	if err != nil {
		return err
	}
	at, _ := strconv.Atoi(s.Cursor()) // "" at first: from the beginning
	for at < len(j.lines) {
		b := s.NewBatch()
		end := min(at+2, len(j.lines))
		for _, line := range j.lines[at:end] {
			b.Append(time.Time{}, []byte(line))
		}
		at = end
		if err := s.Send(ctx, b, strconv.Itoa(at)); err != nil {
			return err // run again, from the cursor
		}
	}
	return nil
}

// What runs a source is a pipeline. This one has only the parts that a source
// meets: one that receives, and one that keeps cursors.
func ExampleSource() {
	ctx := context.Background()
	checkpoints := source.MemCheckpoints()
	run := func(src source.Source) {
		saver, err := source.NewSaver(ctx, checkpoints)
		if err != nil {
			fmt.Println(err)
			return
		}
		super := lifecycle.New(lifecycle.Config{Name: "example"})
		received := new(sourcetest.Receiver)
		out := source.NewOutlet(source.OutletConfig{Name: "shop", Receiver: received, Saver: saver, Supervisor: super})
		err = errors.Join(out.Run(ctx, src), super.Close(ctx), saver.Save(ctx))
		fmt.Println(received.Lines(), err)
	}
	j := &journal{lines: []string{"one", "two", "three"}}
	run(j)
	j.lines = append(j.lines, "four")
	run(j) // a restart: it goes on where it was
	// Output:
	// [one two three] <nil>
	// [four] <nil>
}

// A helper is a goroutine that belongs to the run: it is told to stop when Run
// returns, and waited for.
func ExampleOutlet_Go() {
	src := source.Func(func(ctx context.Context, out *source.Outlet) error {
		found := make(chan string)
		out.Go("watch", func(ctx context.Context) error {
			select {
			case found <- "app.log":
			case <-ctx.Done():
			}
			return nil
		})
		select {
		case name := <-found:
			fmt.Println("found", name)
		case <-ctx.Done():
		}
		return nil
	})
	ctx := context.Background()
	super := lifecycle.New(lifecycle.Config{Name: "example"})
	saver, _ := source.NewSaver(ctx, nil)
	out := source.NewOutlet(source.OutletConfig{Name: "files", Receiver: new(sourcetest.Receiver), Saver: saver, Supervisor: super})
	fmt.Println(out.Run(ctx, src), super.Close(ctx))
	// Output:
	// found app.log
	// <nil> <nil>
}

// A stream that was lost is opened again, and goes on from its cursor. Other
// streams notice nothing.
func ExampleStream_Send() {
	received := new(sourcetest.Receiver)
	received.Hold()
	saver, _ := source.NewSaver(context.Background(), nil)
	super := lifecycle.New(lifecycle.Config{Name: "example"})
	defer super.Close(context.Background())
	out := source.NewOutlet(source.OutletConfig{Name: "files", Receiver: received, Saver: saver, Supervisor: super})

	ctx := context.Background()
	s, _ := out.Open(ctx, "app.log", batch.Labels{})
	for _, cursor := range []string{"100", "200", "300"} {
		s.Send(ctx, s.NewBatch(), cursor)
	}
	sent := received.Held()
	sent[2].Deliver()
	sent[1].Lose(nil)
	sent[0].Deliver()

	err := s.Send(ctx, s.NewBatch(), "400")
	fmt.Println(errors.Is(err, source.ErrStreamLost))
	s, _ = out.Open(ctx, "app.log", batch.Labels{})
	fmt.Println("goes on from", s.Cursor())
	// Output:
	// true
	// goes on from 100
}
