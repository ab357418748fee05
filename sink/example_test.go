package sink_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
)

// The recommended stack: every attempt at the far destination is timed and counted; while it is not there, entries go
// to the near one at once; only what neither takes waits.
func Example() {
	far := sink.Func(func(ctx context.Context, b *batch.Batch) error {
		return errors.New("connection refused")
	})
	near := sink.Writer(os.Stdout)

	s := sink.Retry(
		sink.Failover(
			sink.Breaker(
				sink.Timeout(far, 10*time.Second),
				sink.BreakerConfig{Failures: 3}),
			near),
		sink.RetryConfig{})
	defer s.Close(context.Background())

	b := batch.New(nil, batch.MustLabels("app", "shop"))
	b.Append(time.Now(), []byte("order 4711 paid"))
	if err := s.Write(context.Background(), b); err != nil {
		fmt.Println(err)
	}
	// Output: order 4711 paid
}

// A Sink can be a function. What it returns says what a retry could do.
func ExampleFunc() {
	var s sink.Sink = sink.Func(func(ctx context.Context, b *batch.Batch) error {
		p := &sink.PartialError{}
		for i, e := range b.Entries {
			switch {
			case bytes.HasPrefix(e.Line, []byte("secret")):
				p.Failures = append(p.Failures, sink.Failure{Index: i, Err: sink.Permanent(errors.New("not ours to keep"))})
			default:
				fmt.Printf("%s\n", e.Line)
			}
		}
		if len(p.Failures) > 0 {
			return p
		}
		return nil
	})

	b := batch.New(nil, batch.MustLabels("app", "shop"))
	b.Append(time.Now(), []byte("order 4711 paid"))
	b.Append(time.Now(), []byte("secret of 4711"))
	fmt.Println(s.Write(context.Background(), b))
	// Output:
	// order 4711 paid
	// sink: 1 entries failed: entry 1: not ours to keep
}

// A destination that takes small requests only: Retry halves what it is given until it fits.
func ExampleTooLarge() {
	small := sink.Func(func(ctx context.Context, b *batch.Batch) error {
		if b.Size() > 8 {
			return sink.TooLarge(fmt.Errorf("%d bytes, limit 8", b.Size()))
		}
		fmt.Printf("%d bytes from %q on\n", b.Size(), b.Entries[0].Line)
		return nil
	})
	b := batch.New(nil, batch.MustLabels("app", "shop"))
	for _, line := range []string{"one", "two", "three", "four", "fourteen and more"} {
		b.Append(time.Now(), []byte(line))
	}
	fmt.Println(sink.Retry(small, sink.RetryConfig{}).Write(context.Background(), b))
	// Output:
	// 6 bytes from "one" on
	// 5 bytes from "three" on
	// 4 bytes from "four" on
	// sink: 1 entries failed: entry 4: 17 bytes, limit 8
}

// What a batch.Shaper is told of a Write.
func ExampleClassOf() {
	ctx := context.Background()
	for _, err := range []error{
		nil,
		errors.New("connection refused"),
		sink.Permanent(errors.New("no such table")),
		sink.RetryAfter(errors.New("this stream is too fast"), time.Second),
		sink.Throttled(errors.New("all of you are too fast"), time.Second),
		sink.TooLarge(errors.New("1 MiB, limit 256 KiB")),
	} {
		class, after := sink.ClassOf(ctx, err, 100)
		fmt.Println(class, after)
	}
	// Output:
	// delivered 0s
	// failed 0s
	// delivered 0s
	// inconclusive 0s
	// throttled 1s
	// too large 0s
}

func ExampleWriterFunc() {
	s := sink.WriterFunc(os.Stdout, func(dst []byte, e *batch.Entry) []byte {
		dst = e.Time.AppendFormat(dst, time.TimeOnly)
		dst = append(dst, ' ')
		dst = e.Labels.Append(dst)
		dst = append(dst, ' ')
		return fmt.Appendf(dst, "%q\n", e.Line)
	})
	b := batch.New(nil, batch.MustLabels("app", "shop"))
	b.Append(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), []byte("order\t4711"))
	fmt.Println(s.Write(context.Background(), b))
	// Output:
	// 05:06:07 {app="shop"} "order\t4711"
	// <nil>
}

// Who waits otherwise than Retry does drives a Delivery.
func ExampleRetryConfig_Begin() {
	attempts := 0
	s := sink.Func(func(ctx context.Context, b *batch.Batch) error {
		if attempts++; attempts == 1 {
			return &sink.PartialError{Failures: []sink.Failure{{Index: 1, Err: errors.New("disk is busy")}}}
		}
		return nil
	})
	b := batch.New(nil, batch.MustLabels("app", "shop"))
	b.Append(time.Now(), []byte("one"))
	b.Append(time.Now(), []byte("two"))

	d := sink.RetryConfig{Min: time.Millisecond}.Begin(b)
	for again := true; again; {
		var wait time.Duration
		fmt.Printf("writing %d\n", len(d.Batch().Entries))
		wait, again = d.Done(s.Write(context.Background(), d.Batch()))
		time.Sleep(wait)
	}
	fmt.Println(d.Err())
	// Output:
	// writing 2
	// writing 1
	// <nil>
}

// A batch goes in pieces, and an entry of the first one is told to wait. What is of other streams than that need not wait
// with it.
func ExampleDelivery_Split() {
	b := batch.New(nil, batch.Labels{})
	for _, line := range []string{"a1", "b1", "a2", "b2"} {
		b.Append(time.Now(), []byte(line))
		b.Entries[len(b.Entries)-1].Labels = batch.MustLabels("stream", line[:1])
	}
	d := sink.RetryConfig{}.Begin(b)
	d.Limit(b.Entries[0].Size() + b.Entries[1].Size())
	said := sink.RetryAfter(errors.New("too many of stream a"), time.Minute)
	d.Done(&sink.PartialError{Failures: []sink.Failure{{Index: 0, Err: said}}})

	waits := map[batch.Labels]bool{}
	for _, f := range d.Held() {
		waits[b.LabelsOf(f.Index)] = true
	}
	others := d.Split(func(i int) bool { return !waits[b.LabelsOf(i)] })
	fmt.Printf("at once: %s\n", others.Batch().Entries[0].Line)
	fmt.Print("in a minute:")
	for _, f := range d.Pending() {
		fmt.Printf(" %s", b.Entries[f.Index].Line)
	}
	// Output:
	// at once: b2
	// in a minute: a1 a2
}

// A breaker's state, wherever in the stack it is.
func ExampleFind() {
	down := sink.Func(func(context.Context, *batch.Batch) error { return errors.New("connection refused") })
	s := sink.Failover(sink.Breaker(down, sink.BreakerConfig{Failures: 1}), sink.Discard())
	if b, ok := sink.Find[sink.BreakerStater](s); ok {
		fmt.Println(b.BreakerState())
		s.Write(context.Background(), batch.New(nil, batch.Labels{}))
		fmt.Println(b.BreakerState())
	}
	// Output:
	// closed
	// open
}
