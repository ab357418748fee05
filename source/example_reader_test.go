package source_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// What another program writes, here a text that stands for it, is read to its end.
// For what os.Stdin leads to, source.NewReader(os.Stdin, source.ReaderConfig{}).
func ExampleNewReader() {
	in := strings.NewReader("order shipped\norder 7 is a very long one\nlast")
	src, err := source.NewReader(in, source.ReaderConfig{Labels: batch.MustLabels("input", "orders"), MaxLine: 20})
	if err != nil {
		panic(err)
	}
	p, err := pipeline.New(pipeline.Config{
		Sources: map[string]source.Source{"in": src},
		Routes: []pipeline.Route{{Sink: sink.Func(func(_ context.Context, b *batch.Batch) error {
			for i, e := range b.Entries {
				fmt.Printf("%v %s %v\n", b.LabelsOf(i), e.Line, e.Attrs)
			}
			return nil
		})}},
	})
	if err != nil {
		panic(err)
	}
	if err := p.Run(context.Background()); err != nil { // until there is no more
		panic(err)
	}
	// Output:
	// {input="orders"} order shipped []
	// {input="orders"} order 7 is a very lo [{truncated true}]
	// {input="orders"} last []
}
