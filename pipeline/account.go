package pipeline

import (
	"sync"

	"github.com/logferry/logferry/batch"
)

// An account follows one source batch from Send to its last Settle. Its batch
// carries it as its tag.
type account struct {
	in      *intake
	settled func(error) // the stream's ledger
	memory  int         // bytes taken from the budget; 0: none were
	entries int         // those whose fate is open; fixed before the batch is shared

	drops []batch.Dropped // before routing, for a hook to be told of; of the goroutine in Send

	flight

	mu    sync.Mutex
	fates map[int32]fate // of the entries that were not simply delivered
}

// mark notes that entry i has another fate than delivery.
func (a *account) mark(i int, f fate) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if old, ok := a.fates[int32(i)]; ok {
		f = worse(old, f)
	}
	if a.fates == nil {
		a.fates = map[int32]fate{}
	}
	a.fates[int32(i)] = f
}

// markOrigin marks entry i of a merged batch in the account of the source batch
// it came from. Copies of best-effort routes have none.
func markOrigin(b *batch.Batch, i int, f fate) {
	for {
		from, j := b.Origin(i)
		if from == b {
			break
		}
		b, i = from, j
	}
	if a, ok := b.Tag().(*account); ok {
		a.mark(i, f)
	}
}

// settle is the batch's OnSettled. The cursor moves first, so that a Flush that
// returns has it moved.
func (a *account) settle(err error) {
	in := a.in
	a.settled(err)
	if err != nil {
		in.ledger.giveBack(a.entries)
	} else {
		in.ledger.settle(a.entries, a.fates)
	}
	if a.memory > 0 {
		in.engine.budget.give(in.share, a.memory)
	}
	in.engine.flights.remove(&a.flight, err != nil)
}
