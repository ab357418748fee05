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
// dead letter, as it was read; and so does the text of the error, as a line, from which
// [DeadLetterReason] is made. If one of them fails too, or drops that line, nobody is shown
// the batch: it is counted as [DroppedProcessor]. One that is hidden in a Processor of the
// application's, such as a [ProcessorFunc] that calls it, is not known.
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

var errConcealed = errors.New("a Concealer dropped it")

// conceal runs the Concealers on a batch as it was read, and on the reason for which it
// goes to a dead letter, and returns that. After an error nobody may see the batch.
func (in *intake) conceal(ctx context.Context, a *account, b *batch.Batch, reason error) (error, error) {
	e := in.engine
	if !slices.Contains(e.conceals, true) {
		return reason, nil
	}
	b.TakeDrops() // of processors that leave no trace
	if err := in.process(ctx, a, b, e.conceals); err != nil {
		return nil, err
	}
	x := batch.New(&e.pool, b.Labels)
	defer x.Settle(nil)
	x.Append(time.Now(), []byte(reason.Error()))
	if _, _, err := in.runProcessors(ctx, x, e.conceals); err != nil {
		return nil, err
	}
	if len(x.Entries) != 1 {
		return nil, errConcealed
	}
	return errors.New(string(x.Entries[0].Line)), nil
}
