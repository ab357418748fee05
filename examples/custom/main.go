// Custom shows a source and a sink of one's own, each in a few lines: it counts
// down to standard output.
//
//	go run ./examples/custom
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/source"
)

// A feed sends the lines next returns, until there are no more. Its cursor is
// the number of lines sent.
type feed struct {
	next func(ctx context.Context, n int) (line string, ok bool)
}

func (f feed) Run(ctx context.Context, out *source.Outlet) error {
	s, err := out.Open(ctx, "feed", batch.MustLabels("app", "custom"))
	if err != nil {
		return err
	}
	n, _ := strconv.Atoi(s.Cursor()) // "" at first: from 0
	for line, ok := f.next(ctx, n); ok; line, ok = f.next(ctx, n) {
		n++
		b := s.NewBatch()
		b.Append(time.Time{}, []byte(line))
		if err := s.Send(ctx, b, strconv.Itoa(n)); err != nil {
			return err
		}
	}
	return nil
}

// A printer writes one line for each entry. The mutex of an *os.File makes it
// safe for concurrent use.
type printer struct{ to io.Writer }

func (p printer) Write(ctx context.Context, b *batch.Batch) error {
	var text []byte
	for i := range b.Entries {
		text = fmt.Appendf(text, "%v %s\n", b.LabelsOf(i), b.Entries[i].Line)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	_, err := p.to.Write(text)
	return err // not permanent, so after an error the batch is written again
}

func (printer) Close(context.Context) error { return nil }

func main() {
	countdown := feed{func(_ context.Context, n int) (string, bool) { return strconv.Itoa(3 - n), n <= 3 }}
	p, err := pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"countdown": countdown},
		Routes:  []pipeline.Route{{Sink: printer{os.Stdout}}},
	})
	if err == nil {
		err = p.Run(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "custom:", err)
		os.Exit(1)
	}
}
