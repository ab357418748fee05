package process_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/pipeline/process"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// A batch on which a processor fails goes to the dead letter as it was read, but that
// its secrets are gone, also from what the error says.
func ExampleRedact_deadLetter() {
	in, err := source.NewReader(strings.NewReader("Accepted password=hunter2 for fztu from 119.137.62.142 port 49116 ssh2\n"), source.ReaderConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	broken := pipeline.ProcessorFunc(func(_ context.Context, b *batch.Batch) error {
		return fmt.Errorf("no such field in %q", b.Entries[0].Line)
	})
	letters := sink.Func(func(_ context.Context, b *batch.Batch) error {
		for _, e := range b.Entries {
			fmt.Printf("%s\n%s: %s\n", e.Line, e.Attrs[0].Key, e.Attrs[0].Value)
		}
		return nil
	})
	p, err := pipeline.New(pipeline.Config{
		Sources:    map[string]source.Source{"sshd": in},
		Processors: []pipeline.Processor{broken, process.Must(process.Redact(process.RedactConfig{}))},
		Routes:     []pipeline.Route{{Sink: sink.Func(func(context.Context, *batch.Batch) error { return nil }), DeadLetter: letters}},
		Logger:     slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := p.Run(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// Accepted password=[redacted:credential] for fztu from 119.137.62.142 port 49116 ssh2
	// dead_letter_reason: no such field in "Accepted password=[redacted:credential] for fztu from 119.137.62.142 port 49116 ssh2"
}
