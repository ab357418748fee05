package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/logferry/logferry/batch"
)

// A Concealer is a Processor that may say that nothing must leave the pipeline before it
// was there, such as one that removes secrets: process.Redactor does. If a Processor
// fails, the batch goes through the Concealers alone, in their order, on its way to the
// dead letter, as it was read. If one of them fails too, nobody is shown the batch: it is
// counted as [DroppedProcessor]. The text of the error goes through them as a line, before
// [DeadLetterReason] and the Logger have it. A Concealer that is hidden in a Processor of
// the application's, such as a [ProcessorFunc] that calls it, is not known.
type Concealer interface {
	Processor
	// Conceals reports whether that is so. It is called by New, once.
	Conceals() bool
}

// askProcessors reports which processors conceal something.
func (c *Config) askProcessors() (conceals []bool, errs []error) {
	conceals = make([]bool, len(c.Processors))
	for i, p := range c.Processors {
		x, ok := p.(Concealer)
		if !ok {
			continue
		}
		if err := guard("Conceals", func() error { conceals[i] = x.Conceals(); return nil }); err != nil {
			errs = append(errs, fmt.Errorf("pipeline: Processors[%d]: %w", i, err))
		}
	}
	return conceals, errs
}

// conceal runs the Concealers on a batch as it was read. After an error nobody may see it.
func (in *intake) conceal(ctx context.Context, a *account, b *batch.Batch) error {
	if !in.engine.concealing() {
		return nil
	}
	b.TakeDrops() // of processors that leave no trace
	return in.process(ctx, a, b, in.engine.conceals)
}

var errUntold = errors.New("a processor failed; what it said could not be concealed")

// told is err as the dead letter and the log may tell it, which may quote a line: its text
// has been through the Concealers.
func (in *intake) told(ctx context.Context, err error) error {
	e := in.engine
	if !e.concealing() {
		return err
	}
	b := batch.New(&e.pool, batch.Labels{})
	defer b.Settle(nil)
	b.Append(time.Now(), []byte(err.Error()))
	if _, _, failure := in.runProcessors(ctx, b, e.conceals); failure != nil || len(b.Entries) != 1 {
		return errUntold
	}
	if text := string(b.Entries[0].Line); text != err.Error() {
		return errors.New(text)
	}
	return err
}

func (e *Engine) concealing() bool { return slices.Contains(e.conceals, true) }
