package sink

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/logferry/logferry/batch"
)

// errUnreturned is the outcome of a Write that ended in a panic or in runtime.Goexit.
var errUnreturned = errors.New("sink: Write did not return")

// Observe returns a Sink that tells f the outcome of every Write of s, from the goroutine of that Write and so
// concurrently; f must not block. Where it stands in a stack decides what it sees: inside [Retry] every attempt,
// outside it every delivery. A Write that panics is observed too. Bytes is the batch's Size, which costs a look at
// every entry. Observe panics if s or f is nil.
func Observe(s Sink, f func(batch.Outcome)) Sink {
	mustSink("Observe", s)
	if f == nil {
		panic("sink: Observe: nil func")
	}
	return &observed{Sink: s, tell: f}
}

type observed struct {
	Sink
	tell     func(batch.Outcome)
	inFlight atomic.Int64
}

func (o *observed) Unwrap() []Sink { return []Sink{o.Sink} }

func (o *observed) Write(ctx context.Context, b *batch.Batch) error {
	out := batch.Outcome{
		Entries:  len(b.Entries),
		Bytes:    b.Size(),
		InFlight: int(o.inFlight.Add(1)),
		Err:      errUnreturned,
	}
	began := time.Now()
	defer func() {
		o.inFlight.Add(-1)
		out.Took = time.Since(began)
		o.tell(out)
	}()
	out.Err = o.Sink.Write(ctx, b)
	return out.Err
}
